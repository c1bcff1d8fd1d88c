"""Names for functions that are made by functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def named(function: Callable[..., Any], name: str, text: str = "") -> Callable[..., Any]:
    """`function` with a name of its own, by which it is known in the disk cache and in listings, and a docstring."""
    function.__name__ = function.__qualname__ = name
    function.__doc__ = text or None
    return function
