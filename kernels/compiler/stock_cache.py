"""The disk cache of the stock way: Numba's own, in a folder inside ours, so that its files are stale when the sources change.

Numba numbers its files, and two processes that compile different dtypes of one kernel at once would write the same one: so one
process at a time compiles a kernel, and the others wait and load it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numba
from numba import njit

from .cache import DAMAGED, cache_folder


def compiled_or_loaded(function: Callable[..., Any], options: dict[str, Any], args: tuple[Any, ...], kept: bool) -> Any:
    """A compiled function for arguments of exactly these types. kept: whether it is looked for on disk, and kept there."""
    # Numba tells closures apart by what they hold, which is another thing in each process.
    folder = cache_folder() if kept and function.__closure__ is None else None
    if folder is not None:
        with one_process_at_a_time(folder / f"{function.__name__}.lock") as alone:
            if alone:
                return _loaded(function, options, args, folder / "stock")
    return _compiled(njit(**options)(function), args)


def _loaded(function: Callable[..., Any], options: dict[str, Any], args: tuple[Any, ...], folder: Path) -> Any:
    """From the cache, or compiled and kept there. A cache with a damaged file is emptied."""
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(folder)
    try:
        dispatcher = njit(cache=True, **options)(function)
    except (OSError, RuntimeError):  # no place for its files
        dispatcher = njit(**options)(function)
    finally:
        numba.config.CACHE_DIR = before
    try:
        return _compiled(dispatcher, args)
    except (*DAMAGED, OSError):
        shutil.rmtree(folder, ignore_errors=True)
        return _compiled(njit(**options)(function), args)


def _compiled(dispatcher: Any, args: tuple[Any, ...]) -> Any:
    dispatcher.compile(args)
    dispatcher.disable_compile()
    return dispatcher


@contextlib.contextmanager
def one_process_at_a_time(path: Path) -> Iterator[bool]:
    """Hold a lock that the system frees when a process ends. Gives False where there can be none."""
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("ab"))
            _lock(file.fileno())
        except OSError:
            yield False
            return
        yield True


def _lock(file: int) -> None:
    """Wait for the lock; closing the file frees it."""
    if os.name == "nt":
        import msvcrt

        while True:
            with contextlib.suppress(OSError):  # after ten seconds
                os.lseek(file, 0, os.SEEK_SET)
                msvcrt.locking(file, msvcrt.LK_LOCK, 1)  # type: ignore[attr-defined, unused-ignore]
                return
    import fcntl

    fcntl.flock(file, fcntl.LOCK_EX)
