"""The stamp of all that is compiled from this package: a hash of its version and of its code, wherever that is kept."""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.metadata
import pkgutil
from collections.abc import Iterable, Iterator
from types import CodeType, ModuleType
from typing import Any

from .processor import SIMD


@functools.cache
def source_hash() -> str:
    """Hash of the version, of every module of this package, and of the vector instructions in use; or "" if it has no code.

    A module counts by its source, or by its bytecode where there is no source: in a zip file, in a folder of .pyc files, or in
    a frozen program.
    """
    return hash_of(importlib.import_module(__package__.rpartition(".")[0]))


def hash_of(package: ModuleType) -> str:
    """See `source_hash`."""
    digest = hashlib.sha256(f"{SIMD.name}\0{_version()}".encode())
    modules = list(_modules(package.__path__, package.__name__))
    for name, content in [(package.__name__, _content(package.__spec__, package.__name__)), *modules]:
        digest.update(name.encode() + b"\0" + content + b"\0")
    return digest.hexdigest()[:16] if any(content for _, content in modules) else ""


def _version() -> str:
    try:
        return importlib.metadata.version("tileprop")
    except importlib.metadata.PackageNotFoundError:  # copied, or frozen
        return ""


def _modules(path: Iterable[str], package: str) -> Iterator[tuple[str, bytes]]:
    """All modules below a package, by name, with what they are stamped by. Nothing is imported."""
    for finder, name, is_package in sorted(pkgutil.iter_modules(path), key=lambda module: module.name):
        module = f"{package}.{name}"
        spec: Any = finder.find_spec(module, None)
        yield module, _content(spec, module)
        if is_package:
            yield from _modules(spec.submodule_search_locations, module)


def _content(spec: Any, module: str) -> bytes:
    """A module's source, or its bytecode; empty where its loader gives neither."""
    loader: Any = getattr(spec, "loader", None)
    source = loader.get_source(module) if hasattr(loader, "get_source") else None
    if source is not None:
        return str(source).encode()
    code = loader.get_code(module) if hasattr(loader, "get_code") else None
    return b"" if code is None else repr(_parts(code)).encode()


def _parts(code: CodeType) -> tuple[Any, ...]:
    """What a code object does, without where it lies: `marshal` writes the same code in more than one way."""
    constants = [_parts(value) if isinstance(value, CodeType) else _in_order(value) for value in code.co_consts]
    return code.co_name, code.co_code, constants, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars


def _in_order(value: Any) -> Any:
    """A set lists its members in another order in each process."""
    return sorted(map(repr, value)) if isinstance(value, frozenset) else value
