"""Bounds on what a block of code may take; a block that exceeds one fails its test, whatever it catches itself."""

from __future__ import annotations

import gc
import signal
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

# Where there is no such timer (Windows), a block is judged when it ends.
TIMER = getattr(signal, "ITIMER_PROF", None)


class ExceededError(BaseException):
    """A block took too much."""


@contextmanager
def at_most_bytes(most: int) -> Iterator[None]:
    """Raises ExceededError where Python and NumPy hold more than `most` bytes at once that they did not hold before."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    if peak > most:
        raise ExceededError(f"it took {peak} bytes; {most} are allowed")


@contextmanager
def at_most_seconds(most: float) -> Iterator[None]:
    """Raises ExceededError for more processor time than `most`, which does not depend on what else the machine does."""

    def ring(*_: object) -> None:
        raise ExceededError(f"it takes more than {most} s")

    # A collection looks at what the block makes, and not at all that the tests before it have left: that takes a second.
    gc.freeze()
    begun = time.process_time()
    if TIMER is not None:
        before = signal.signal(signal.SIGPROF, ring)
        signal.setitimer(TIMER, most)
    try:
        yield
    finally:
        if TIMER is not None:
            signal.setitimer(TIMER, 0)
            signal.signal(signal.SIGPROF, before)
        took = time.process_time() - begun
        gc.unfreeze()
    if took > most:
        raise ExceededError(f"it took {took:.2f} s; {most} are allowed")
