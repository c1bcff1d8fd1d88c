"""The disk cache of compiled kernels: where it is.

Compiled kernels live in a per-user folder named after a hash of this package's code and the vector instructions in use, so an
edit anywhere gives a new, empty folder. Where there is no code to hash, nothing is kept. `TILEPROP_CACHE` moves the folder (a
path) or switches the cache off (`0`). A place that cannot be written is passed over: first a private temporary folder, then no
cache at all.
"""

from __future__ import annotations

import contextlib
import functools
import os
import pickle
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numba

from .stamp import source_hash

# What unpickling a file that a crash or a full disk cut short can raise.
DAMAGED = (
    pickle.UnpicklingError, EOFError, AttributeError, ImportError, IndexError, KeyError, MemoryError, OverflowError, TypeError,
    ValueError,
)  # fmt: skip
# Folders of other versions that no process has used for so long are removed when a new one is made.
UNUSED = 30 * 24 * 3600.0  # seconds


@functools.cache
def cache_folder() -> Path | None:
    """The folder that compiled kernels are kept in, or None where caching is off, or impossible, which is warned of once."""
    wanted, stamp = os.environ.get("TILEPROP_CACHE", ""), source_hash()
    if wanted == "0" or not stamp:
        return None
    for parent in _cache_parents(wanted):
        with contextlib.suppress(OSError):
            folder = parent / f"kernels-{stamp}"
            new = not folder.exists()
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
            os.utime(folder)  # used now
            if new:
                _remove_unused(parent)
            return folder
    warnings.warn(
        "tileprop has no folder for compiled kernels, so each process compiles them again, for several seconds; "
        "set TILEPROP_CACHE to a writable folder, or to 0 to silence this warning",
        stacklevel=2,
    )
    return None


def _remove_unused(parent: Path) -> None:
    for folder in parent.glob("kernels-*"):
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime > UNUSED:
                shutil.rmtree(folder, ignore_errors=True)


def _cache_parents(wanted: str) -> Iterator[Path]:
    if wanted:
        yield Path(wanted)
        return
    if numba.config.CACHE_DIR:
        yield Path(numba.config.CACHE_DIR) / "tileprop"
    with contextlib.suppress(RuntimeError):  # no home folder
        yield _user_cache() / "tileprop"
    with contextlib.suppress(OSError):
        user = str(os.getuid()) if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
        folder = Path(tempfile.gettempdir()) / f"tileprop-{user}"
        folder.mkdir(mode=0o700, exist_ok=True)
        # Cached code is executed: a folder that another user owns, or can write to, is not ours to trust.
        status = folder.lstat()
        if not hasattr(os, "getuid") or (status.st_uid == os.getuid() and not status.st_mode & 0o022):
            yield folder


def _user_cache() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
