"""Threads that do one task after another. One that fails does not disturb the others, and Ctrl-C ends all after a step."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

from ...kernels.interrupts import HeldSignals
from ..threads.team import SecondInterrupt, Team

# The caller's thread looks this often at how far the others are.
PATIENCE = 0.1  # seconds
# A task, done by the thread that calls it, as a team of one.
Task = Callable[[Team], None]


class Workers:
    """Does the tasks, in this order, by several threads, none of which is at work when `run` ends.

    errors: of the tasks that have failed, by their numbers. interrupted: whether Ctrl-C has ended the work. out_of_time:
    whether its time was up.
    """

    def __init__(self, tasks: Iterable[Task], n_threads: int) -> None:
        self.errors: dict[int, BaseException] = {}
        self.interrupted = self.out_of_time = False
        self._waiting, self._n_threads = deque(enumerate(tasks)), n_threads
        self._running: dict[int, Team] = {}
        self._stopped = False

    def run(self, look: Callable[[], None], ends: float = math.inf) -> None:
        """Do the tasks. look: called now and then. ends: when all are to stop, by `time.monotonic`."""
        signals = HeldSignals(self._stop)
        threads: list[threading.Thread] = []
        try:
            with signals:
                try:
                    self._start(threads)
                    for thread in threads:
                        while thread.is_alive() and not signals.impatient:
                            thread.join(PATIENCE if self._stopped else min(PATIENCE, max(0.0, ends - time.monotonic())))
                            look()
                            if time.monotonic() >= ends and not self._stopped:
                                self.out_of_time = True
                                self._stop()
                except BaseException:  # no thread trains on behind the caller's back
                    self._stop()
                    for thread in threads:
                        while thread.is_alive() and not signals.impatient:
                            thread.join(PATIENCE)
                    raise
        except KeyboardInterrupt as first:
            if signals.impatient:
                raise SecondInterrupt from first
            self.interrupted, self.out_of_time = True, False

    def _start(self, threads: list[threading.Thread]) -> None:
        """Start the threads, or those that the system lets start. Without any, the tasks are done here."""
        try:
            for _ in range(min(self._n_threads, len(self._waiting))):
                thread = threading.Thread(target=self._serve, name="tileprop", daemon=True)
                thread.start()
                threads.append(thread)
        except RuntimeError:  # by the limits of the system, or because the interpreter ends
            if not threads:
                self._serve()

    def _stop(self) -> None:
        """Begin no further task, and end those under way after a step."""
        self._stopped = True
        for team in list(self._running.values()):
            team.stop()

    def _serve(self) -> None:
        while not self._stopped:
            try:
                number, task = self._waiting.popleft()
            except IndexError:
                return
            with Team(1, here=True) as team:
                self._running[number] = team
                if self._stopped:
                    team.stop()
                try:
                    task(team)
                except BaseException as error:  # of a callback, or of memory that is short
                    self.errors[number] = error
                finally:
                    del self._running[number]
