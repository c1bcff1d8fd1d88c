"""For the time of a compilation: no other thread compiles kernels, no garbage is collected, and Ctrl-C and forks wait.

Cut in two, a compilation leaves Numba in a state in which later ones fail, or the process ends. A child that is forked
meanwhile would have half of one, and a lock that nobody frees.
"""

from __future__ import annotations

import contextlib
import gc
import os
import threading
from collections.abc import Iterator

from ..interrupts import HeldSignals

try:  # Numba's own lock, so that a thread that holds it and comes to a kernel waits for nobody
    from numba.core.compiler_lock import global_compiler_lock as compiler_lock
except ImportError:
    compiler_lock = threading.RLock()  # type: ignore[assignment]


def _hold() -> None:
    """Before a fork, in the thread that forks. Python prints what a signal handler raises meanwhile, and goes on."""
    with HeldSignals():
        compiler_lock.acquire()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_hold, after_in_parent=compiler_lock.release, after_in_child=compiler_lock.release)


_others_froze = False


def _to_the_oldest_generation() -> None:
    """All objects, without a look at each, which the next collection would take: 0.1 s.

    Not in a program that has frozen objects itself, as they would thaw. They are counted once: it takes up to 0.04 s.
    """
    global _others_froze
    _others_froze = _others_froze or gc.get_freeze_count() > 0
    if not _others_froze:
        gc.freeze()
        gc.unfreeze()


@contextlib.contextmanager
def compiling() -> Iterator[None]:
    """Around a compilation, and around those within it."""
    with HeldSignals(), compiler_lock:
        collects = gc.isenabled()
        # The compiler makes millions of objects that live on: there is nothing to collect in them, but to look through.
        gc.disable()
        try:
            yield
        finally:
            if collects:
                _to_the_oldest_generation()
                gc.enable()
