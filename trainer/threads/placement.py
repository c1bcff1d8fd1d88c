"""Threads that work together are kept on different processors.

Linux often starts a thread on the processor of the one that wakes it, although another is idle, or moves it there when
something else runs for a moment, and leaves both there for 20 ms: two threads that wait for each other then take turns. So a
thread is kept off the processors of those that were woken before it, for as long as they work.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Set


def _found() -> Callable[[], int] | None:
    """The function of the C library that says which processor the calling thread is on; None where threads cannot be moved."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    try:
        function: Callable[[], int] = ctypes.PyDLL(None).sched_getcpu
    except (OSError, AttributeError):
        return None
    return function


_processor = _found()


def with_this_processor(taken: Set[int]) -> Set[int]:
    """`taken`, and the processor that the calling thread is on."""
    return taken if _processor is None else taken | {_processor()}


def keep_off(thread: int | None, taken: Set[int]) -> Set[int]:
    """Keep a thread, which sleeps, off some processors, where others are left for it.

    thread: its `native_id`. Returns the processors that it could use before, for `set_free`; none where nothing was changed.
    """
    if _processor is None or thread is None or not taken:
        return frozenset()
    try:
        before = os.sched_getaffinity(thread)
        left = before - taken
        if not left or left == before:
            return frozenset()
        os.sched_setaffinity(thread, left)
    except OSError:  # a sandbox may forbid it
        return frozenset()
    return before


def set_free(before: Set[int]) -> None:
    """Let the calling thread use these processors again. before: what `keep_off` returned."""
    if before:
        try:
            os.sched_setaffinity(0, before)
        except OSError:  # some of them were taken from this process meanwhile; then the system has set what is left
            return
