"""The bits of a number as an integer of its width, and back.

Numba's own `x.view(dtype)` compiles a function at each place that it is called from, which takes 15 ms.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.core.errors import TypingError
from numba.extending import intrinsic

from ..compiler.jit import JIT_DISABLED

_INTEGERS = {types.float32: types.int32, types.float64: types.int64}
_REALS = {integer: real for real, integer in _INTEGERS.items()}


def _plain_bits_of(x: Any) -> Any:
    return x.view(np.int32 if isinstance(x, np.float32) else np.int64)


def _plain_from_bits(bits: Any) -> Any:
    return bits.view(np.float32 if isinstance(bits, np.int32) else np.float64)


def _build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    return builder.bitcast(arguments[0], context.get_value_type(signature.return_type))


@intrinsic
def _compiled_bits_of(typing: Any, x: Any) -> Any:
    if x not in _INTEGERS:
        raise TypingError(f"bits_of takes float32 and float64, not {x}")
    return _INTEGERS[x](x), _build


@intrinsic
def _compiled_from_bits(typing: Any, bits: Any) -> Any:
    if bits not in _REALS:
        raise TypingError(f"from_bits takes int32 and int64, not {bits}")
    return _REALS[bits](bits), _build


# bits_of(x): the int32 or int64 with the bits of x. from_bits(bits): the float32 or float64 with these bits.
bits_of = _plain_bits_of if JIT_DISABLED else _compiled_bits_of
from_bits = _plain_from_bits if JIT_DISABLED else _compiled_from_bits
