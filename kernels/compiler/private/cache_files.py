"""The disk cache of the private way: what Numba is told of our folder, and of files that are damaged."""

from __future__ import annotations

import contextlib
import hashlib
import pickle
from pathlib import Path
from typing import Any

from numba.core.caching import CompileResultCacheImpl, FunctionCache, IndexDataCacheFile, _CacheLocator

from ..cache import DAMAGED, cache_folder
from ..stamp import source_hash


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


class _KernelCacheFile(IndexDataCacheFile):
    """Names each data file after its content's key, and takes damaged files as missing ones.

    Numba numbers them, so two processes that start cold and compile different dtypes at once would both write number 1, and
    the index could then hand out the other dtype's code.
    """

    def _load_index(self) -> dict[Any, str]:
        try:
            return super()._load_index()
        except Exception:  # an index is unpickled as it is, and one that is damaged may raise anything
            return {}

    def load(self, key: Any) -> Any:
        try:
            return super().load(key)
        except DAMAGED:
            return None

    def _save_data(self, name: str, data: Any) -> None:
        """With a checksum: machine code of which a bit is wrong would end the process, in every process that loads it."""
        content = self._dump(data)
        super()._save_data(name, (checksum(content), content))

    def _load_data(self, name: str) -> Any:
        found, content = super()._load_data(name)
        if found != checksum(content):
            raise ValueError(f"{name} is damaged")
        return pickle.loads(content)

    def save(self, key: Any, data: Any) -> None:
        name = self._data_name_pattern.replace("{number:d}", hashlib.sha256(repr(key).encode()).hexdigest()[:16])
        self._save_data(name, data)
        overloads = self._load_index()
        overloads[key] = name
        self._save_index(overloads)


def checksum(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()


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
