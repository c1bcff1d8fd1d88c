"""The disk cache of compiled kernels: where it is, its stamp, and what Numba is told of it.

Compiled kernels live in a per-user folder named after a hash of every source file of this package and the vector
instructions in use, so an edit anywhere gives a new, empty folder. `TILEPROP_CACHE` moves it (a path) or switches it off
(`0`). A place that cannot be written is passed over: first a private temporary folder, then no cache at all.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import pickle
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numba
from numba.core.caching import CompileResultCacheImpl, FunctionCache, IndexDataCacheFile, _CacheLocator

from .processor import SIMD


@functools.cache
def source_hash() -> str:
    """Hash of every source file of this package and the vectors chosen: the stamp of everything compiled from it."""
    digest = hashlib.sha256(SIMD.name.encode())
    package = Path(__file__).parents[1]
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


@functools.cache
def cache_folder() -> Path | None:
    """The folder that compiled kernels are kept in, or None where caching is off or impossible."""
    wanted = os.environ.get("TILEPROP_CACHE", "")
    if wanted == "0":
        return None
    for parent in _cache_parents(wanted):
        with contextlib.suppress(OSError):
            folder = parent / f"kernels-{source_hash()}"
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
            return folder
    return None


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


class _StampedLocator(_CacheLocator):
    """Puts every kernel into the stamped folder."""

    def __init__(self, folder: Path, py_func: Any, py_file: str) -> None:
        self._folder = folder
        self._py_file = py_file
        self._lineno = py_func.__code__.co_firstlineno

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> _StampedLocator | None:
        folder = cache_folder()
        return None if folder is None else cls(folder, py_func, py_file)

    def get_cache_path(self) -> str:
        return str(self._folder)

    def get_source_stamp(self) -> str:
        return source_hash()

    def get_disambiguator(self) -> str:
        return str(self._lineno)


class _KernelCacheImpl(CompileResultCacheImpl):
    def __init__(self, py_func: Any) -> None:
        self._locator_classes = [_StampedLocator]
        super().__init__(py_func)


# What unpickling a file that a crash or a full disk cut short can raise.
_DAMAGED = (pickle.UnpicklingError, EOFError, AttributeError, ImportError, IndexError, TypeError, ValueError)


class _KernelCacheFile(IndexDataCacheFile):
    """Names each data file after its content's key, and takes damaged files as missing ones.

    Numba numbers them, so two processes that start cold and compile different dtypes at once would both write number 1, and
    the index could then hand out the other dtype's code.
    """

    def _load_index(self) -> dict[Any, str]:
        try:
            return super()._load_index()
        except _DAMAGED:
            return {}

    def load(self, key: Any) -> Any:
        try:
            return super().load(key)
        except _DAMAGED:
            return None

    def save(self, key: Any, data: Any) -> None:
        name = self._data_name_pattern.replace("{number:d}", hashlib.sha256(repr(key).encode()).hexdigest()[:16])
        self._save_data(name, data)
        overloads = self._load_index()
        overloads[key] = name
        self._save_index(overloads)


class KernelCache(FunctionCache):
    _impl_class = _KernelCacheImpl

    def __init__(self, py_func: Any) -> None:
        super().__init__(py_func)
        self._cache_file: Any = _KernelCacheFile(self._cache_path, self._impl.filename_base, source_hash())

    def _index_key(self, sig: Any, codegen: Any) -> Any:
        # Numba adds a hash of a closure's cells, which is another one in each process. The folder's name says enough.
        return sig, codegen.magic_tuple()

    def save_overload(self, sig: Any, data: Any) -> None:
        with contextlib.suppress(OSError):  # a disk that filled up, or a folder removed meanwhile, costs only speed
            super().save_overload(sig, data)
