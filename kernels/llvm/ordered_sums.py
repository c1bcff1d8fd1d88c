"""Long sums in vectors, in an order that is written down.

Left to the compiler, the order would be one that it chooses anew in each kernel. Here it is: as long as enough terms are left,
several vectors of terms go to as many sums, which are added up in pairs, and halves to halves; then one vector at a time; then
one term at a time. What came before goes to the first element of the first sum.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ..compiler.jit import JIT_DISABLED
from .emit import DOUBLE, INDEX, INT, check_one_dtype, data_pointer, horizontal_sum, load, multiply_add, splat

# Vectors go to so many sums by turns: an addition waits three or four cycles for the one before.
CHAINS = 4
# Numbers of a vector, where they are float64 or become it.
LANES = 8

# Of a sum of vectors, a place within its terms, and how many terms go in at a time: the sum with these terms.
_Term = Callable[[Any, Any], Any]


def _emit_sum(builder: Any, count: Any, total: Any, vectors: tuple[int, int], term: _Term) -> Any:
    """total + `count` terms; vectors: how many terms one holds at first, and when fewer are left."""
    done: Any = INDEX(0)
    for chains, lanes in ((CHAINS, vectors[0]), (1, vectors[1]), (1, 1)):
        done, total = _emit_stretch(builder, done, count, total, chains, lanes, term)
    return total


def _emit_stretch(builder: Any, first: Any, count: Any, total: Any, chains: int, lanes: int, term: _Term) -> tuple[Any, Any]:
    """Terms from `first` on, `chains` times `lanes` at a time as long as they last: the first that is left, and the total."""
    zero = ir.Constant(ir.VectorType(total.type, lanes), [0.0] * lanes)
    starts = [builder.insert_element(zero, total, INT(0)), *[zero] * (chains - 1)]
    before = builder.basic_block
    check, body, after = (builder.append_basic_block(name) for name in ("check", "terms", "after"))
    builder.branch(check)
    builder.position_at_end(check)
    here, sums = builder.phi(INDEX), [builder.phi(zero.type) for _ in starts]
    here.add_incoming(first, before)
    following = builder.add(here, INDEX(chains * lanes))
    builder.cbranch(builder.icmp_signed("<=", following, count), body, after)
    builder.position_at_end(body)
    for chain, (sum_, start) in enumerate(zip(sums, starts, strict=True)):
        sum_.add_incoming(start, before)
        sum_.add_incoming(term(builder.add(here, INDEX(chain * lanes)), sum_), body)
    here.add_incoming(following, body)
    builder.branch(check)
    builder.position_at_end(after)
    while len(sums) > 1:
        sums = [builder.fadd(a, b) for a, b in zip(sums[::2], sums[1::2], strict=True)]
    return here, horizontal_sum(builder, sums[0])


def _element(array: Any) -> Any:
    return ir.FloatType() if array.dtype == types.float32 else DOUBLE


# Norms -----------------------------------------------------------------------------------------------------------------------


def _plain_add_norms(total: Any, memory: Any, at: int, count: int, l2: float, l1: float) -> Any:
    for entry in memory[at : at + count]:
        size = np.abs(np.float64(entry))
        total += l2 * size * size + l1 * size
    return total


@intrinsic
def _compiled_add_norms(typing: Any, total: Any, memory: Any, at: Any, count: Any, l2: Any, l1: Any) -> Any:
    i, real = types.intp, types.float64

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        total, array, at, count, l2, l1 = arguments
        source = builder.gep(data_pointer(context, builder, memory, array), [at])

        def term(place: Any, sum_: Any) -> Any:
            kind = ir.VectorType(_element(memory), sum_.type.count)
            entries = load(builder, builder.gep(source, [place]), kind)
            return _emit_norms(builder, entries, splat(builder, l2, sum_.type), splat(builder, l1, sum_.type), sum_)

        return _emit_sum(builder, count, total, (LANES, 4), term)

    return real(real, memory, i, i, real, real), build


def _emit_norms(builder: Any, entries: Any, l2: Any, l1: Any, sum_: Any) -> Any:
    """sum_ + l2 entry^2 + l1 |entry|, all float64 but the entries."""
    kind = entries.type
    narrow = kind.element == ir.FloatType()
    name = f"llvm.fabs.v{kind.count}{'f32' if narrow else 'f64'}"
    sizes = builder.call(cgutils.get_or_insert_function(builder.module, ir.FunctionType(kind, [kind]), name), [entries])
    if narrow:
        sizes = builder.fpext(sizes, sum_.type)
    return multiply_add(builder, multiply_add(builder, l2, sizes, l1), sizes, sum_)


# add_norms(total, memory, at, count, l2, l1): total + the sum of l2 x^2 + l1 |x| over memory[at : at + count], in float64.
add_norms = _plain_add_norms if JIT_DISABLED else _compiled_add_norms


def _plain_add_norms_of_rows(total: Any, memory: Any, at: int, rows: int, stride: int, count: int, l2: float, l1: float) -> Any:
    for row in range(rows):
        total = _plain_add_norms(total, memory, at + row * stride, count, l2, l1)
    return total


@intrinsic
def _compiled_add_norms_of_rows(
    typing: Any, total: Any, memory: Any, at: Any, rows: Any, stride: Any, count: Any, l2: Any, l1: Any
) -> Any:
    i, real = types.intp, types.float64

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        total, array, at, rows, stride, count, l2, l1 = arguments
        source = builder.gep(data_pointer(context, builder, memory, array), [at])
        kind, wide = ir.VectorType(_element(memory), LANES), ir.VectorType(DOUBLE, LANES)
        zeros = ir.Constant(kind, [0.0] * LANES)
        places = ir.Constant(ir.VectorType(INDEX, LANES), list(range(LANES)))
        factors = splat(builder, l2, wide), splat(builder, l1, wide)
        start = builder.insert_element(ir.Constant(wide, [0.0] * LANES), total, INT(0))
        sum_ = cgutils.alloca_once_value(builder, start)
        with cgutils.for_range(builder, rows) as row:
            here = builder.gep(source, [builder.mul(row.index, stride)])
            with cgutils.for_range_slice(builder, INDEX(0), count, INDEX(LANES), INDEX) as (first, _):
                left = splat(builder, builder.sub(count, first), places.type)
                used = builder.icmp_signed("<", places, left)
                entries = builder.select(used, load(builder, builder.gep(here, [first]), kind), zeros)
                builder.store(_emit_norms(builder, entries, *factors, builder.load(sum_)), sum_)
        return horizontal_sum(builder, builder.load(sum_))

    return real(real, memory, i, i, i, i, real, real), build


# add_norms_of_rows(total, memory, at, rows, stride, count, l2, l1): the same over the first `count` numbers of each row. The
# numbers that make up the last vector of a row are read, and may be anything.
add_norms_of_rows = _plain_add_norms_of_rows if JIT_DISABLED else _compiled_add_norms_of_rows


# Scalar products -------------------------------------------------------------------------------------------------------------


def _plain_dot(A: Any, a_at: int, memory: Any, d_at: int, count: int) -> Any:
    total = memory.dtype.type(0.0)
    for j in range(count):
        total += A[a_at + j] * memory[d_at + j]
    return total


@intrinsic
def _compiled_dot(typing: Any, A: Any, a_at: Any, memory: Any, d_at: Any, count: Any) -> Any:
    i = types.intp
    check_one_dtype(A, memory)

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        A_, a_at, memory_, d_at, count = arguments
        a = builder.gep(data_pointer(context, builder, A, A_), [a_at])
        d = builder.gep(data_pointer(context, builder, memory, memory_), [d_at])

        def term(place: Any, sum_: Any) -> Any:
            left, right = (load(builder, builder.gep(source, [place]), sum_.type) for source in (a, d))
            return multiply_add(builder, left, right, sum_)

        element = _element(memory)
        return _emit_sum(builder, count, element(0.0), (32 * 8 // memory.dtype.bitwidth, 4), term)

    return memory.dtype(A, i, memory, i, i), build


# dot(A, a_at, memory, d_at, count): the sum of A[a_at + j] memory[d_at + j] over j below `count`.
dot = _plain_dot if JIT_DISABLED else _compiled_dot
