"""How commands end: statuses as shells know them, what SIGTERM raises, and lines on the standard error."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

from ..printable import printable

# After an error; after Ctrl-C, after SIGTERM and after a pipe whose reader has left: 128 and the signal's number.
ERROR, INTERRUPTED, TERMINATED, BROKEN_PIPE = 2, 130, 143, 141
# A message may quote from a file.
LONGEST = 2000


class Terminated(KeyboardInterrupt):
    """SIGTERM, which batch systems and containers send: answered like Ctrl-C."""


def status_of(error: BaseException) -> int:
    """The exit status of a command that an error ended."""
    if not isinstance(error, KeyboardInterrupt):
        return ERROR
    return TERMINATED if isinstance(error, Terminated) else INTERRUPTED


def say(text: str) -> None:
    """One line on the standard error."""
    line = printable(" ".join(text.split()))
    print("tileprop:", line if len(line) <= LONGEST else line[:LONGEST] + "...", file=sys.stderr)


@contextlib.contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """In the main thread, where signals are answered."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated


def show_cursor() -> None:
    """Where an interrupt has kept rich from it."""
    if "rich.console" in sys.modules and sys.stderr.isatty():
        from rich.console import Console

        Console(stderr=True).show_cursor()
