"""Calls of compiled functions by their address, for code that is written in LLVM.

Machine code from the private way has Numba's own calling convention; from the stock way it has C's, the only one that Numba
gives out.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from .jit import STOCK


def call_address(context: Any, builder: Any, result: Any, kinds: Any, address: Any, values: Any) -> Any:
    """Emit a call of the machine code at `address`, which takes arguments of the types `kinds`, plain numbers and pointers.

    result: its type, none or a float's. A function that raised, which can only be a user's, has given no result: it is NaN.
    """
    if STOCK:
        return _call_as_c_does(context, builder, result, kinds, address, values)
    return _call_as_numba_does(context, builder, result, kinds, address, values)


def _call_as_c_does(context: Any, builder: Any, result: Any, kinds: Any, address: Any, values: Any) -> Any:
    """Truth values travel as int64, as `StockKernel.address` takes them. NaN is its doing, too."""
    given = [
        builder.zext(value, ir.IntType(64)) if kind == types.boolean else value
        for kind, value in zip(kinds, values, strict=True)
    ]
    returned = ir.VoidType() if result == types.none else context.get_value_type(result)
    function = ir.FunctionType(returned, [value.type for value in given])
    outcome = builder.call(builder.inttoptr(address, function.as_pointer()), given)
    return context.get_dummy_value() if result == types.none else outcome


def _call_as_numba_does(context: Any, builder: Any, result: Any, kinds: Any, address: Any, values: Any) -> Any:
    """Places for the result and for an exception, then the arguments, unpacked."""
    kind = context.call_conv.get_function_type(result, kinds)
    places = [cgutils.alloca_once(builder, place.pointee) for place in kind.args[:2]]
    packed = context.get_arg_packer(kinds).as_arguments(builder, values)
    code = builder.call(builder.inttoptr(address, kind.as_pointer()), [*places, *packed])
    if result == types.none:
        return context.get_dummy_value()
    failed = builder.icmp_signed("!=", code, ir.Constant(code.type, 0))
    return builder.select(failed, context.get_constant(result, float("nan")), builder.load(places[0]))
