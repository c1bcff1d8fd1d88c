"""Signals whose answer waits: so that what must not be cut in two is not, and nothing that a handler raises is lost."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

# Ctrl-C's first, and put back last. A handler of the user's own may raise for any of them.
_SIGNALS = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGALRM", "SIGUSR1", "SIGUSR2", "SIGQUIT", "SIGBREAK")
    if hasattr(signal, name)
]
# Signals that come closer together are one: a wrapper passes the terminal's Ctrl-C on, within a millisecond.
TOGETHER = 1.0  # seconds


_outermost: HeldSignals | None = None  # the block that holds signals now


class HeldSignals:
    """For the time of a `with` block of the main thread: what signal handlers raise is raised at its end, the first of it.

    Handlers run as ever, when their signals come. The default one for Ctrl-C raises KeyboardInterrupt; a user's own may raise
    SystemExit or TimeoutError. stop: called when one has raised, to end what the block waits for. `impatient`: whether one has
    raised again, a second or more later, so that the block should wait no longer. In other threads nothing is held, since no
    handler runs there, and within another such block, which holds them already. `holds`: whether this one does now.
    """

    def __init__(self, stop: Callable[[], None] | None = None) -> None:
        self._stop = stop
        self._handlers: dict[int, Any] = {}
        self._raised: BaseException | None = None
        self._since = 0.0
        self.impatient = self.holds = False
        self.thread = threading.current_thread()

    def __enter__(self) -> Self:
        global _outermost
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                handler = signal.getsignal(number)
                owner = getattr(handler, "__self__", None)
                if isinstance(owner, HeldSignals):
                    if owner.holds:
                        continue
                    handler = owner._handlers[number]  # left behind, see `_answer`
                if callable(handler):
                    self._handlers[number] = handler  # before it is replaced: an interrupt in between must find it
                    signal.signal(number, self._answer)
            if self._handlers:
                _outermost = self
                self.holds = True
        return self

    def _answer(self, number: int, frame: FrameType | None) -> None:
        if not self.holds:
            # The handler of one signal raised while those of others were being replaced, or put back: this one is left behind.
            signal.signal(number, self._handlers[number])
            self._handlers[number](number, frame)
            return
        try:
            self._handlers[number](number, frame)
        except BaseException as error:
            if self._raised is None:
                self._raised, self._since = error, time.monotonic()
            elif time.monotonic() - self._since > TOGETHER:
                self.impatient = True
            if self._stop is not None:
                self._stop()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        global _outermost
        if self.holds:
            self.holds, _outermost = False, None
            for number in reversed(self._handlers):
                signal.signal(number, self._handlers[number])
        raised, self._raised = self._raised, None
        try:
            if raised is not None:
                raise raised
        finally:
            del raised  # otherwise it would hold this frame, and this frame it


def _in_a_child() -> None:
    """After a fork. Another thread's block does not end there, and would hold signals for ever."""
    if _outermost is not None and _outermost.thread is not threading.current_thread():
        _outermost.holds = False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_a_child)
