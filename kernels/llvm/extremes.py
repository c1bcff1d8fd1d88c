"""The smaller and the larger of two numbers.

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
    """The intrinsic that gives the second of two numbers where it stands so to the first, and the first otherwise."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        a, b = arguments
        compare = builder.icmp_signed if isinstance(signature.return_type, types.Integer) else builder.fcmp_ordered
        return builder.select(compare(comparison, b, a), b, a)

    def typed(typing: Any, a: Any, b: Any) -> Any:
        if isinstance(a, types.Integer) and isinstance(b, types.Integer):
            return types.int64(types.int64, types.int64), build
        if isinstance(a, types.Float) and a == b:
            return a(a, a), build
        raise TypingError(f"{name} takes two integers or two floats of one type, not {a} and {b}")

    typed.__name__ = typed.__qualname__ = name
    return intrinsic(typed)


# minimum(a, b), maximum(a, b): of integers, int64; of floats, of their type, and a where a comparison has no answer (NaN).
minimum = min if JIT_DISABLED else _choice("<", "minimum")
maximum = max if JIT_DISABLED else _choice(">", "maximum")
