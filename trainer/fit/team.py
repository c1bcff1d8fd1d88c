"""Threads that make a call together, or one that makes it while the caller's thread answers Ctrl-C."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from types import TracebackType
from typing import Any

from ...kernels import Workspace
from ...kernels.interrupts import HeldSignals

# Longer work runs in threads of its own, so that the caller's can answer Ctrl-C. Handing over takes some 50 us.
WORTH_A_THREAD = 0.05  # seconds
# Some systems answer Ctrl-C only between two waits.
PATIENCE = 0.1  # seconds
# What is written to `Workspace.control[0].stop` to end an epoch.
INTERRUPTED = 2


class Team:
    """Threads that make calls together. Use in a `with` statement.

    Where the system starts fewer threads than asked for, or none, the caller's own thread does the work, alone: `size` is 1.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._workers: list[_Worker] = []
        # Also where an interrupt keeps `__exit__` from being reached.
        self._end = weakref.finalize(self, _end_all, self._workers)

    def __enter__(self) -> Team:
        try:
            if self.size > 1 and not self._start(self.size):
                self.size = 1
        except BaseException:  # an interrupt: `__exit__` will not be called
            self._end()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with HeldSignals():  # an interrupt within would be taken for the end
            self._end()

    def run(self, call: Callable[[Workspace], float], work: Workspace, expected: float) -> float:
        """What `call` returns, made by all members together, each with its workspace. expected: seconds that it may take.

        Ctrl-C ends it after a whole step, and so does all else that a signal handler raises; no thread is at work any more
        when that is raised, unless it came twice, a second or more apart.
        """
        control = work.control[0]
        control.stop = control.arrivals = control.decision = 0
        if self.size == 1 and (expected < WORTH_A_THREAD or not self._start(1)):
            return float(call(work.member(0, 1)))

        def stop() -> None:
            control.stop = INTERRUPTED

        with HeldSignals(stop) as signals:
            for number, worker in enumerate(self._workers):
                worker.give(call, work.member(number, self.size))
            waiting = list(self._workers)
            while waiting and not signals.impatient:
                if waiting[-1].has_ended(PATIENCE):
                    waiting.pop()
        for worker in self._workers:
            if worker.error is not None:
                raise worker.error
        return self._workers[0].result

    def _start(self, size: int) -> bool:
        """Whether so many threads are there, or could be started: the others would wait for one that is not for ever."""
        try:
            with HeldSignals():  # cut in two, a start leaves a thread that Python counts for ever
                while len(self._workers) < size:
                    self._workers.append(_Worker())
                    self._workers[-1].start()
        except RuntimeError:  # by the limits of the system, or because the interpreter ends
            _end_all(self._workers)
            return False
        return True


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
        self._thread = threading.Thread(target=self._serve, name="tileprop", daemon=True)
        self.result = 0.0
        self.error: BaseException | None = None

    def start(self) -> None:
        """Raises RuntimeError where the system starts no further thread."""
        self._thread.start()

    def give(self, call: Callable[[Workspace], float], work: Workspace) -> None:
        self._task, self.error = (call, work), None
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
                self.result = float(call(work))
            except BaseException as error:
                self.error = error
            finally:
                self._task = task = call = work = None
                self._ended.release()
