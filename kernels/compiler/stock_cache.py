"""The disk cache of the stock way: Numba's own, in a folder inside ours, so that its files are stale when the sources change.

Numba numbers its files, and two processes that compile different dtypes of one kernel at once would write the same one: so one
process at a time compiles a kernel, and the others wait and load it. Numba executes what it finds: so each kernel has a folder
of its own, with a list of checksums, and a folder that is not as its list says is emptied.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numba
from numba import njit

from .cache import DAMAGED, cache_folder

# Of checksums, in the folder of a kernel.
LIST = "checksums.json"


def compiled_or_loaded(function: Callable[..., Any], options: dict[str, Any], args: tuple[Any, ...], kept: bool) -> Any:
    """A compiled function for arguments of exactly these types. kept: whether it is looked for on disk, and kept there."""
    # Numba tells closures apart by what they hold, which is another thing in each process.
    folder = cache_folder() if kept and function.__closure__ is None else None
    if folder is not None:
        with one_process_at_a_time(folder / f"{function.__name__}.lock") as alone:
            if alone:
                return _loaded(function, options, args, folder / "stock" / f"{function.__module__}.{function.__name__}")
    return _compiled(njit(**options)(function), args)


def _loaded(function: Callable[..., Any], options: dict[str, Any], args: tuple[Any, ...], folder: Path) -> Any:
    """From the cache, or compiled and kept there. A cache with a damaged file is emptied."""
    try:
        _remove_damaged(folder)
        dispatcher = _dispatcher(function, options, folder)
        compiled = _compiled(dispatcher, args)
        if dispatcher.stats.cache_misses:
            _write_checksums(folder)
    except (*DAMAGED, OSError, RuntimeError):  # RuntimeError: no place for Numba's files
        shutil.rmtree(folder, ignore_errors=True)
        return _compiled(njit(**options)(function), args)
    return compiled


def _dispatcher(function: Callable[..., Any], options: dict[str, Any], folder: Path) -> Any:
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(folder)
    try:
        return njit(cache=True, **options)(function)
    finally:
        numba.config.CACHE_DIR = before


def _checksums(folder: Path) -> dict[str, str]:
    """SHA-256 of each of Numba's files, by its path in the folder."""
    files = sorted(path for path in folder.rglob("*.nb?") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _remove_damaged(folder: Path) -> None:
    """Remove a folder whose files are not those that its list names, byte for byte."""
    listed = {}
    with contextlib.suppress(OSError, ValueError):
        listed = json.loads((folder / LIST).read_bytes())
    if _checksums(folder) != listed:
        shutil.rmtree(folder, ignore_errors=True)


def _write_checksums(folder: Path) -> None:
    """Cut short by a crash, the list counts as damaged."""
    (folder / LIST).write_text(json.dumps(_checksums(folder)), encoding="ascii")


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
