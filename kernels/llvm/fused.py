"""A product and a sum in one rounding, where a sum of two products leaves open which of the two is rounded first.

Left to the compiler, `a b + c d` would be one thing in one kernel and another in the next, a last place apart.
"""

from __future__ import annotations

from typing import Any

from numba.extending import intrinsic

from ..compiler.jit import JIT_DISABLED
from . import emit


def _plain_multiply_add(a: Any, b: Any, c: Any) -> Any:
    return a * b + c


@intrinsic
def _compiled_multiply_add(typing: Any, a: Any, b: Any, c: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return emit.multiply_add(builder, *arguments)

    return a(a, a, a), build


# multiply_add(a, b, c): a b + c, all of one dtype; the product is not rounded where the processor has an instruction for that.
multiply_add = _plain_multiply_add if JIT_DISABLED else _compiled_multiply_add
