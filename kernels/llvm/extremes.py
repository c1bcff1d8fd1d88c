"""The smaller and the larger of two integers.

Numba's own `min` and `max` compile a function at each place that they are called from, which takes 15 ms.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import types
from numba.core.errors import TypingError
from numba.extending import intrinsic

from ..compiler.jit import JIT_DISABLED


def _choice(comparison: str, name: str) -> Callable[..., Any]:
    """The intrinsic that gives the one of two integers that stands so to the other."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        a, b = arguments
        return builder.select(builder.icmp_signed(comparison, a, b), a, b)

    def typed(typing: Any, a: Any, b: Any) -> Any:
        if not (isinstance(a, types.Integer) and isinstance(b, types.Integer)):
            raise TypingError(f"{name} takes integers, not {a} and {b}")
        return types.int64(types.int64, types.int64), build

    typed.__name__ = typed.__qualname__ = name
    return intrinsic(typed)


# minimum(a, b), maximum(a, b): of integers, int64.
minimum = min if JIT_DISABLED else _choice("<", "minimum")
maximum = max if JIT_DISABLED else _choice(">", "maximum")
