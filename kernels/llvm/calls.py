"""Calls of routines whose address is known at run time: activations and losses, which are compiled apart (`routines.py`)."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ..jit import JIT_DISABLED
from .emit import check_one_dtype

# With the jit off, an address is a place in this list, from 1 on.
plain_routines: list[Any] = [None]


def activation_types(real: Any) -> tuple[Any, ...]:
    """The types of an activation's routine: S, x, y, d, rows, stride, width, backward."""
    return types.Array(real, 1, "C"), *[types.int64] * 6, types.boolean


def loss_types(real: Any) -> tuple[Any, ...]:
    """The types of a loss's routine: code, S, y, d, rows, stride, n_out, T, first, weight, scale, parameters."""
    targets, weight = types.Array(real, 2, "C", readonly=True), types.Array(real, 1, "C", readonly=True)
    vector = types.Array(real, 1, "C")
    return types.int64, vector, *[types.int64] * 5, targets, types.int64, weight, types.float64, types.int64


def curvature_types(real: Any) -> tuple[Any, ...]:
    """The types of an activation's curvature: S, x, y, d, tangents, rows, stride, width, backward."""
    return types.Array(real, 1, "C"), *[types.int64] * 7, types.boolean


def _plain_call(address: int, *arguments: Any) -> Any:
    return plain_routines[address](*arguments)


def _call(context: Any, builder: Any, result: Any, signature: Any, arguments: Any) -> Any:
    """Numba's own calling convention: places for the result and for an exception, then the arguments, unpacked.

    A routine that raised, which can only be a user's, has given no result; the loss is then NaN.
    """
    address, *values = arguments
    kind = context.call_conv.get_function_type(result, signature.args[1:])
    places = [cgutils.alloca_once(builder, place.pointee) for place in kind.args[:2]]
    packed = context.get_arg_packer(signature.args[1:]).as_arguments(builder, values)
    code = builder.call(builder.inttoptr(address, kind.as_pointer()), [*places, *packed])
    if result == types.none:
        return context.get_dummy_value()
    failed = builder.icmp_signed("!=", code, ir.Constant(code.type, 0))
    return builder.select(failed, context.get_constant(result, float("nan")), builder.load(places[0]))


@intrinsic
def _compiled_activation(
    typing: Any, address: Any, S: Any, x: Any, y: Any, d: Any, rows: Any, stride: Any, width: Any, backward: Any
) -> Any:
    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _call(context, builder, types.none, signature, arguments)

    return types.none(types.int64, *activation_types(S.dtype)), build


@intrinsic
def _compiled_loss(
    typing: Any, address: Any, code: Any, S: Any, y: Any, d: Any, rows: Any, stride: Any, n_out: Any, T: Any, first: Any,
    weight: Any, scale: Any, parameters: Any,
) -> Any:  # fmt: skip
    check_one_dtype(S, T, weight)

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _call(context, builder, types.float64, signature, arguments)

    return types.float64(types.int64, *loss_types(S.dtype)), build


@intrinsic
def _compiled_curvature(
    typing: Any, address: Any, S: Any, x: Any, y: Any, d: Any, tangents: Any, rows: Any, stride: Any, width: Any, backward: Any
) -> Any:
    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _call(context, builder, types.none, signature, arguments)

    return types.none(types.int64, *curvature_types(S.dtype)), build


call_activation = _plain_call if JIT_DISABLED else _compiled_activation
call_curvature = _plain_call if JIT_DISABLED else _compiled_curvature
call_loss = _plain_call if JIT_DISABLED else _compiled_loss
