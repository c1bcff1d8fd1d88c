"""Views of stretches of a vector, that count no reference to the memory's owner.

Numba's own slices count one with an atomic operation each, and take longer to compile. The owner must outlive these: they
never leave a kernel. `held_matrix` does count one, for what a kernel returns.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import from_dtype, types
from numba.core import cgutils
from numba.extending import intrinsic

from ..compiler.jit import JIT_DISABLED
from .emit import DOUBLE, check_one_dtype, data_pointer


def _plain_span(array: Any, start: int, count: int) -> Any:
    return array.reshape(-1)[start : start + count]


def _plain_matrix(vector: Any, start: int, rows: int, columns: int) -> Any:
    return vector[start : start + rows * columns].reshape((rows, columns))


def size_of(dtype: Any) -> int:
    """Bytes of an element, a number or a record (a Numba type)."""
    return int(dtype.size) if isinstance(dtype, types.Record) else int(dtype.bitwidth) // 8


def build_view(context: Any, builder: Any, result: Any, data: Any, shape: list[Any], owner: Any = None) -> Any:
    """An array of type `result` at a pointer, C-contiguous; with a reference to its owner, a meminfo, where that is given."""
    from numba.np.arrayobj import make_array, populate_array

    view = make_array(result)(context, builder)
    itemsize = context.get_constant(types.intp, size_of(result.dtype))
    strides = [itemsize]
    for extent in reversed(shape[1:]):
        strides.insert(0, builder.mul(strides[0], extent))
    populate_array(view, data=data, shape=shape, strides=strides, itemsize=itemsize, meminfo=owner)
    if owner is not None:
        context.nrt.incref(builder, result, view._getvalue())
    return view._getvalue()


@intrinsic
def _compiled_span(typing: Any, array: Any, start: Any, count: Any) -> Any:
    result = types.Array(array.dtype, 1, "C", readonly=not array.mutable)

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, start, count = arguments
        data = builder.gep(data_pointer(context, builder, array, value), [start])
        return build_view(context, builder, result, data, [count])

    return result(array, types.intp, types.intp), build


def _type_matrix(vector: Any, held: bool) -> Any:
    from numba.np.arrayobj import make_array

    result = types.Array(vector.dtype, 2, "C", readonly=not vector.mutable)

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, start, rows, columns = arguments
        array = make_array(vector)(context, builder, value)
        data = builder.gep(array.data, [start])
        return build_view(context, builder, result, data, [rows, columns], array.meminfo if held else None)

    return result(vector, types.intp, types.intp, types.intp), build


@intrinsic
def _compiled_matrix(typing: Any, vector: Any, start: Any, rows: Any, columns: Any) -> Any:
    return _type_matrix(vector, False)


@intrinsic
def _compiled_held_matrix(typing: Any, vector: Any, start: Any, rows: Any, columns: Any) -> Any:
    return _type_matrix(vector, True)


@intrinsic
def _compiled_doubles(typing: Any, vector: Any, start: Any, count: Any) -> Any:
    result = types.Array(types.float64, 1, "C")

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, start, count = arguments
        data = builder.gep(data_pointer(context, builder, vector, value), [start])
        return build_view(context, builder, result, builder.bitcast(data, DOUBLE.as_pointer()), [count])

    return result(vector, types.intp, types.intp), build


def _plain_doubles(vector: Any, start: int, count: int) -> Any:
    return vector[start : start + count * 8 // vector.itemsize].view(np.float64)


def record_view(kind: np.dtype[Any]) -> Any:
    """A function view(vector, start): (1,), a record of this type in a vector's memory, from its entry `start` on."""

    def plain_view(vector: Any, start: int) -> Any:
        return vector[start : start + kind.itemsize // vector.itemsize].view(kind).view(np.recarray)

    if JIT_DISABLED:
        return plain_view
    result = types.Array(from_dtype(kind), 1, "C")

    @intrinsic
    def compiled_view(typing: Any, vector: Any, start: Any) -> Any:
        def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            value, start = arguments
            data = builder.gep(data_pointer(context, builder, vector, value), [start])
            pointer = context.get_data_type(result.dtype).as_pointer()
            return build_view(context, builder, result, builder.bitcast(data, pointer), [context.get_constant(types.intp, 1)])

        return result(vector, types.intp), build

    return compiled_view


@intrinsic
def _compiled_unowned(typing: Any, array: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        from numba.np.arrayobj import make_array

        view = make_array(array)(context, builder, arguments[0])
        view.meminfo = ir.Constant(view.meminfo.type, None)
        view.parent = ir.Constant(view.parent.type, None)
        return view._getvalue()

    return array(array), build


def _plain_unowned(array: Any) -> Any:
    return array


@intrinsic
def _compiled_empty_integers(typing: Any) -> Any:
    result = types.Array(types.int64, 1, "C", readonly=True)

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        nowhere = context.get_constant_null(types.CPointer(types.int64))
        return build_view(context, builder, result, nowhere, [context.get_constant(types.intp, 0)])

    return result(), build


def _plain_empty_integers() -> Any:
    return np.empty(0, np.int64)


# span(array, start, count): (count,), entries of a C-contiguous array of any number of dimensions, from `start` on. They may be
# records.
span = _plain_span if JIT_DISABLED else _compiled_span
# matrix(vector, start, rows, columns): (rows, columns), C-contiguous, entries of a vector from `start` on.
matrix = _plain_matrix if JIT_DISABLED else _compiled_matrix
# doubles(vector, start, count): (count,), float64, in a vector's memory from its entry `start` on, 8 bytes each.
doubles = _plain_doubles if JIT_DISABLED else _compiled_doubles
# unowned(array): the same array, without a reference to the memory's owner.
unowned = _plain_unowned if JIT_DISABLED else _compiled_unowned
# empty_integers(): (0,), int64, read-only, without memory.
empty_integers = _plain_empty_integers if JIT_DISABLED else _compiled_empty_integers
# As `matrix`, with a reference to the memory's owner.
held_matrix = _plain_matrix if JIT_DISABLED else _compiled_held_matrix


def _plain_copy(target: Any, to: int, source: Any, start: int, count: int) -> None:
    target[to : to + count] = source[start : start + count]


@intrinsic
def _compiled_copy(typing: Any, target: Any, to: Any, source: Any, start: Any, count: Any) -> Any:
    check_one_dtype(target, source)

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        target_, to, source_, start, count = arguments
        there = builder.gep(data_pointer(context, builder, target, target_), [to])
        here = builder.gep(data_pointer(context, builder, source, source_), [start])
        cgutils.raw_memcpy(builder, there, here, count, target.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(target, types.intp, source, types.intp, types.intp), build


# copy(target, to, source, start, count): numbers of one vector to another. A loop would be compiled into ten times the code.
copy = _plain_copy if JIT_DISABLED else _compiled_copy
