"""Calls of row kernels, whose address is known only at run time: activations and losses, compiled apart (`row_kernels.py`).

Arrays travel as pointers to their first elements: whole, each would be seven words, and a call took twice as long.

    call_activation(address, memory, x, y, d, tangents, rows, stride, width, backward)
    call_loss(address, code, memory, y, d, rows, stride, n_out, T, columns, weight, weights, first, scale, parameters) -> float

memory is the workspace's vector; x, y, d, parameters are places in it. T (n, columns) and weight (`weights` of them, n or 0):
the rows from `first` on count. What each kernel makes of them: see `row_kernels.py`.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import intrinsic

from ..compiler.addresses import call_address
from ..compiler.jit import JIT_DISABLED
from .emit import check_one_dtype, data_pointer

# With the jit off, an address is a place in this list, from 1 on, and arrays travel as they are.
plain_row_kernels: list[Any] = [None]


def activation_types(real: Any) -> tuple[Any, ...]:
    """Of an activation's row kernel: memory, x, y, d, tangents, rows, stride, width, backward."""
    return types.CPointer(real), *[types.int64] * 7, types.boolean


def loss_types(real: Any) -> tuple[Any, ...]:
    """Of a loss's: code, memory, y, d, rows, stride, n_out, T, columns, weight, weights, first, scale, parameters."""
    pointer, i = types.CPointer(real), types.int64
    return i, pointer, *[i] * 5, pointer, i, pointer, i, i, types.float64, i


TYPES = {"activation": activation_types, "loss": loss_types}


@intrinsic
def _compiled_activation(
    typing: Any,
    address: Any,
    memory: Any,
    x: Any,
    y: Any,
    d: Any,
    tangents: Any,
    rows: Any,
    stride: Any,
    width: Any,
    backward: Any,
) -> Any:
    kinds = activation_types(memory.dtype)

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address, vector, *rest = arguments
        values = [data_pointer(context, builder, memory, vector), *rest]
        return call_address(context, builder, types.none, kinds, address, values)

    return types.none(types.int64, memory, *kinds[1:]), build


@intrinsic
def _compiled_loss(
    typing: Any, address: Any, code: Any, memory: Any, y: Any, d: Any, rows: Any, stride: Any, n_out: Any, T: Any, columns: Any,
    weight: Any, weights: Any, first: Any, scale: Any, parameters: Any,
) -> Any:  # fmt: skip
    check_one_dtype(memory, T, weight)
    kinds = loss_types(memory.dtype)
    given = [types.int64, *kinds]
    given[2], given[8], given[10] = memory, T, weight

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address, *values = arguments
        for place, kind in ((1, memory), (7, T), (9, weight)):
            values[place] = data_pointer(context, builder, kind, values[place])
        return call_address(context, builder, types.float64, kinds, address, values)

    return types.float64(*given), build


def _plain_call(address: int, *arguments: Any) -> Any:
    return plain_row_kernels[address](*arguments)


call_activation = _plain_call if JIT_DISABLED else _compiled_activation
call_loss = _plain_call if JIT_DISABLED else _compiled_loss
