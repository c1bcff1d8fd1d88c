"""Threads that make a call together, or one that makes it while the caller's thread answers Ctrl-C."""

from __future__ import annotations

import atexit
import math
import os
import threading
import time
import weakref
from collections.abc import Callable, Set
from types import TracebackType
from typing import Any

import numpy as np

from ...kernels import Workspace
from ...kernels.interrupts import HeldSignals
from .placement import keep_off, set_free, with_this_processor

# Longer work runs in threads of its own, so that the caller's can answer Ctrl-C. Handing over takes some 50 us.
WORTH_A_THREAD = 0.05  # seconds
# Some systems answer Ctrl-C only between two waits.
PATIENCE = 0.1  # seconds
# The interpreter's exit waits so long for fits in daemon threads, which it would otherwise end in the midst of a step.
PATIENCE_AT_EXIT = 2.0  # seconds

# Those in a `with` statement, by their `id`.
_entered: weakref.WeakValueDictionary[int, Team] = weakref.WeakValueDictionary()


class SecondInterrupt(KeyboardInterrupt):
    """Ctrl-C came again, a second or more after the first, which was still waited for: threads may be at work."""


class Team:
    """Threads that make calls together, at most `most` of them. Use in a `with` statement.

    Where the system starts fewer threads than asked for, or none, the caller's own thread does the work, alone: `most` is
    then 1.
    here: whether the caller's own thread makes each call of one member, however long, as another one answers Ctrl-C. stopped:
    whether `stop` was called.
    """

    def __init__(self, most: int, here: bool = False) -> None:
        self.most, self.stopped, self._here = most, False, here
        self._flag = np.zeros(1, np.int64)
        self._workers: list[_Worker] = []
        self._shared: _Shared | None = None
        # Of the call under way. Stays where an interrupt leaves threads at work.
        self._control: Any = None
        # Also where an interrupt keeps `__exit__` from being reached.
        self._end = weakref.finalize(self, _end_all, self._workers)

    def __enter__(self) -> Team:
        _entered[id(self)] = self
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with HeldSignals():  # an interrupt within would be taken for the end
            _entered.pop(id(self), None)
            self._end()

    @property
    def at_work(self) -> bool:
        """Whether a call is under way."""
        return self._control is not None

    def stop(self) -> None:
        """End the call that is under way after its step, and so each later one. From any thread."""
        self.stopped = True  # first: a call that begins now looks at this after it has set its own flag back
        self._flag[0] = 1
        self.cut()

    def cut(self) -> None:
        """End the call that is under way after its step. From any thread."""
        control = self._control
        if control is not None:
            control.stop = 1

    @property
    def flag(self) -> np.ndarray:
        """(1) int64, not 0 after `stop`, for calls that are not made by `run`."""
        return self._flag

    def run(
        self,
        call: Callable[[Workspace], float],
        work: Workspace,
        expected: float,
        size: int = 1,
        limit: float | None = None,
        leaves: bool = False,
    ) -> float:
        """What `call` returns, made by `size` members together, each with its workspace.

        expected: seconds that it may take. limit: after so many seconds it is ended, as by `stop`. Ctrl-C ends it between two
        blocks of rows, and so does all else that a signal handler raises: training is then after a whole step. No thread is at
        work any more when that is raised, unless it came twice, a second or more apart; or, with `leaves`, for a call that
        looks at no flag and writes to nothing that is used again.
        """
        if self._shared is None or self._shared.header is not work.header:
            self._shared = _Shared(work)
        shared = self._shared
        shared.flags[...] = 0
        control = self._control = shared.control
        if self.stopped:
            control.stop = 1
        size = min(size, self.most)
        watched = (expected >= WORTH_A_THREAD and not self._here) or (limit is not None and expected > limit)
        if not ((size > 1 or watched) and self._start(size)):
            try:
                return float(call(shared.member(work, 0, 1)))
            finally:
                self._control = None

        def stop() -> None:
            control.stop = control.abandon = 1

        signals = HeldSignals(stop)
        try:
            with signals:
                ends = math.inf if limit is None else time.monotonic() + limit
                working = self._workers[:size]
                for number, worker in enumerate(working):
                    worker.give(call, shared.member(work, number, size), working[number + 1 : number + 2])
                working[0].wake()
                waiting = list(working)
                while waiting and not (signals.impatient or (leaves and control.abandon)):
                    left = ends - time.monotonic()
                    if left <= 0.0:
                        control.stop = 1
                    if waiting[-1].has_ended(min(PATIENCE, left) if left > 0.0 else PATIENCE):
                        waiting.pop()
                if not waiting:
                    self._control = None
        except KeyboardInterrupt as first:
            if signals.impatient:
                raise SecondInterrupt from first
            raise
        for worker in working:
            if worker.error is not None:
                raise worker.error
        return working[0].result

    def _start(self, size: int) -> bool:
        """Whether so many threads are there, or could be started: the others would wait for one that is not for ever."""
        try:
            with HeldSignals():  # cut in two, a start leaves a thread that Python counts for ever
                while len(self._workers) < size:
                    self._workers.append(_Worker())
                    self._workers[-1].start()
        except RuntimeError:  # by the limits of the system, or because the interpreter ends
            _end_all(self._workers)
            self.most = 1
            return False
        return True


class _Shared:
    """Of one workspace, what each call needs: made once, since with cold caches it takes 100 us."""

    def __init__(self, work: Workspace) -> None:
        self.header, self.control, self.flags = work.header, work.control[0], work.control.view(np.ndarray)
        self._headers: dict[tuple[int, int], Any] = {}

    def member(self, work: Workspace, number: int, size: int) -> Workspace:
        """`work.member`. work: the workspace, for any number of epochs."""
        if (number, size) not in self._headers:
            self._headers[number, size] = work.member(number, size).header
        return work._replace(header=self._headers[number, size])


@atexit.register
def _stop_all() -> None:
    """End what daemon threads train, after a step; the others have ended by themselves when this is called."""
    teams = [team for reference in _entered.valuerefs() if (team := reference()) is not None]
    for team in teams:
        team.stop()
    ends = time.monotonic() + PATIENCE_AT_EXIT
    while time.monotonic() < ends and any(id(team) in _entered for team in teams):
        time.sleep(0.001)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_entered.clear)  # the threads of those fits are not in the child


def _end_all(workers: list[_Worker]) -> None:
    with HeldSignals():
        while workers:
            workers.pop().end()


class _Worker:
    """A thread that makes one call after another. A daemon: it is no reason for the interpreter to go on."""

    def __init__(self) -> None:
        self._wanted, self._ended = threading.Lock(), threading.Lock()
        self._wanted.acquire()
        self._ended.acquire()
        self._task: tuple[Callable[[Workspace], float], Workspace] | None = None
        self._following: list[_Worker] = []
        self._taken: Set[int] = frozenset()  # processors of the threads that were woken before this one
        self._before: Set[int] = frozenset()  # processors that this one may use again afterwards
        self._thread = threading.Thread(target=self._serve, name="tileprop", daemon=True)
        self.result = 0.0
        self.error: BaseException | None = None

    def start(self) -> None:
        """Raises RuntimeError where the system starts no further thread."""
        self._thread.start()

    def give(self, call: Callable[[Workspace], float], work: Workspace, following: list[_Worker]) -> None:
        """Have the call made once this thread is woken. following: the one that it wakes then, or none.

        The caller, who still runs, would be in the way of all but the first; see `placement.py`.
        """
        self._task, self._following, self.error = (call, work), following, None

    def wake(self, taken: Set[int] = frozenset()) -> None:
        """The thread makes the call that it was given. taken: processors of those that make it already."""
        self._taken, self._before = taken, keep_off(self._thread.native_id, taken)
        self._wanted.release()

    def has_ended(self, seconds: float) -> bool:
        """Whether the call that was given last has ended, once, within so many seconds."""
        return self._ended.acquire(timeout=seconds)

    def end(self) -> None:
        """The thread ends: now, or after the call that it is at."""
        at_work = self._task is not None
        self._task = None
        self._wanted.release()
        if not at_work and self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _serve(self) -> None:
        while True:
            self._wanted.acquire()
            task: Any = self._task
            if task is None:
                return
            call, work = task
            try:
                for worker in self._following:
                    worker.wake(with_this_processor(self._taken))
                self.result = float(call(work))
            except BaseException as error:
                self.error = error
            finally:
                self._task = task = call = work = None
                set_free(self._before)
                self._ended.release()
