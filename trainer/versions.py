"""The versions that a result depends on."""

from __future__ import annotations

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
    # In a copy of the path: where another thread changes it, as workers of Dask do that end, a search would skip places.
    found = next(iter(metadata.distributions(name=name, path=list(sys.path))), None)
    return None if found is None else found.version
