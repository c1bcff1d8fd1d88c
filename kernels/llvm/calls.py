"""Calls of routines whose address is known at run time: activations and losses, which are compiled apart (`routines.py`).

Arrays travel as pointers to their first elements: whole, each would be seven words, and a call took twice as long.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import intrinsic

from ..compiler.addresses import call_address
from ..compiler.jit import JIT_DISABLED
from .emit import check_one_dtype, data_pointer
from .views import build_view

# With the jit off, an address is a place in this list, from 1 on, and arrays travel as they are.
plain_routines: list[Any] = [None]


def activation_types(real: Any) -> tuple[Any, ...]:
    """The types of an activation's routine: S, x, y, d, rows, stride, width, backward."""
    return types.CPointer(real), *[types.int64] * 6, types.boolean


def loss_types(real: Any) -> tuple[Any, ...]:
    """The types of a loss's routine: code, S, y, d, rows, stride, n_out, T, columns, weight, weights, first, scale, parameters.

    columns: of T. weights: how many there are.
    """
    pointer, i = types.CPointer(real), types.int64
    return i, pointer, *[i] * 5, pointer, i, pointer, i, i, types.float64, i


def curvature_types(real: Any) -> tuple[Any, ...]:
    """The types of an activation's curvature: S, x, y, d, tangents, rows, stride, width, backward."""
    return types.CPointer(real), *[types.int64] * 7, types.boolean


@intrinsic
def _compiled_activation(
    typing: Any, address: Any, S: Any, x: Any, y: Any, d: Any, rows: Any, stride: Any, width: Any, backward: Any
) -> Any:
    kinds = activation_types(S.dtype)

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address, vector, *rest = arguments
        values = [data_pointer(context, builder, S, vector), *rest]
        return call_address(context, builder, types.none, kinds, address, values)

    return types.none(types.int64, S, *kinds[1:]), build


@intrinsic
def _compiled_curvature(
    typing: Any, address: Any, S: Any, x: Any, y: Any, d: Any, tangents: Any, rows: Any, stride: Any, width: Any, backward: Any
) -> Any:
    kinds = curvature_types(S.dtype)

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address, vector, *rest = arguments
        values = [data_pointer(context, builder, S, vector), *rest]
        return call_address(context, builder, types.none, kinds, address, values)

    return types.none(types.int64, S, *kinds[1:]), build


@intrinsic
def _compiled_loss(
    typing: Any, address: Any, code: Any, S: Any, y: Any, d: Any, rows: Any, stride: Any, n_out: Any, T: Any, columns: Any,
    weight: Any, weights: Any, first: Any, scale: Any, parameters: Any,
) -> Any:  # fmt: skip
    check_one_dtype(S, T, weight)
    kinds = loss_types(S.dtype)
    given = [types.int64, *kinds]
    given[2], given[8], given[10] = S, T, weight

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address, *values = arguments
        for place, kind in ((1, S), (7, T), (9, weight)):
            values[place] = data_pointer(context, builder, kind, values[place])
        return call_address(context, builder, types.float64, kinds, address, values)

    return types.float64(*given), build


def _plain_call(address: int, *arguments: Any) -> Any:
    return plain_routines[address](*arguments)


call_activation = _plain_call if JIT_DISABLED else _compiled_activation
call_curvature = _plain_call if JIT_DISABLED else _compiled_curvature
call_loss = _plain_call if JIT_DISABLED else _compiled_loss


# On the other side -----------------------------------------------------------------------------------------------------------


def _viewer(readonly: bool, axes: int) -> Any:
    """An intrinsic that makes an array of a pointer and a shape."""

    def typed(pointer: Any, shape: tuple[Any, ...]) -> Any:
        result = types.Array(pointer.dtype, axes, "C", readonly=readonly)

        def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            data, *extents = arguments
            return build_view(context, builder, result, data, extents)

        return result(pointer, *[types.intp] * axes), build

    if axes == 1:
        return intrinsic(lambda typing, pointer, count: typed(pointer, (count,)))
    return intrinsic(lambda typing, pointer, rows, columns: typed(pointer, (rows, columns)))


def _plain_vector(array: Any, count: int) -> Any:
    return array


def _plain_matrix(array: Any, rows: int, columns: int) -> Any:
    return array


vector_at = _plain_vector if JIT_DISABLED else _viewer(False, 1)
read_only_vector_at = _plain_vector if JIT_DISABLED else _viewer(True, 1)
read_only_matrix_at = _plain_matrix if JIT_DISABLED else _viewer(True, 2)
