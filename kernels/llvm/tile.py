"""The register tile, and the transpose of a block: what keeps its numbers in vector registers.

A twin of the tile rounds each product and each sum; with fused multiply-adds a sum of n terms differs from it by at most n
units in the last place of the largest partial sum. The transposes agree to the last bit.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import typeof, types
from numba.extending import intrinsic

from ..compiler.jit import JIT_DISABLED, leaf
from ..compiler.processor import SIMD
from .emit import (
    INDEX,
    INT,
    check_one_dtype,
    data_pointer,
    horizontal_sum,
    load,
    multiply_add,
    not_unrolled,
    splat,
    store,
    vector_type,
)


@leaf
def panel_width(columns, lanes):
    """Columns of the first panel where `columns` of padded width are left: of 4 vectors 2, since 3 + 1 fill tiles worse."""
    vectors = columns // lanes
    if vectors == 0:
        return columns
    if vectors == 3 or vectors > 4:
        return 3 * lanes
    return 2 * lanes if vectors > 1 else lanes


# Full-width vectors in a panel, and what a vector's lanes are divided by, of all the panels that there are.
PANEL_KINDS = ((3, 1), (2, 1), (1, 1), (1, 2), (1, 4))


def make_tile(rows: int, vectors: int, fraction: int = 1) -> Callable[..., None]:
    """A tile of `rows` x (`vectors` x lanes) sums held in registers, lanes a full register's divided by `fraction`:

        tile(X, x_at, x_row, x_step, memory, b_at, b_row, init_at, init_row, c_at, c_row, depth, alpha)
        memory[c_at + i c_row + j] =
            memory[init_at + i init_row + j] + alpha sum_k X[x_at + i x_row + k x_step] memory[b_at + k b_row + j]

    for k from 0 to depth - 1, in this order, depth at least 1; X and memory 1-D arrays of one dtype. Nothing is checked.
    """

    def plain_tile(
        X: Any, x_at: int, x_row: int, x_step: int, memory: Any, b_at: int, b_row: int,
        init_at: int, init_row: int, c_at: int, c_row: int, depth: int, alpha: Any,
    ) -> None:  # fmt: skip
        width = vectors * max(1, SIMD.vector_bytes // memory.itemsize // fraction)
        _plain_panel(X, x_at, x_row, x_step, memory, b_at, b_row, init_at, init_row, c_at, c_row, rows, width, depth, alpha)

    if JIT_DISABLED:
        return plain_tile

    @intrinsic
    def compiled_tile(
        typing: Any, X: Any, x_at: Any, x_row: Any, x_step: Any, memory: Any, b_at: Any, b_row: Any,
        init_at: Any, init_row: Any, c_at: Any, c_row: Any, depth: Any, alpha: Any,
    ) -> Any:  # fmt: skip
        i = types.intp

        def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            X_, x_at, x_row, x_step, S_, b_at, b_row, init_at, init_row, c_at, c_row, depth, alpha = arguments
            a, s = data_pointer(context, builder, X, X_), data_pointer(context, builder, memory, S_)
            factors = (a, x_at, x_row, x_step, b_at, b_row, depth, alpha)
            _emit_tile(builder, rows, vectors, vector_type(memory, fraction), s, factors, (init_at, init_row, c_at, c_row))
            return context.get_dummy_value()

        return types.void(X, i, i, i, memory, i, i, i, i, i, i, i, memory.dtype), build

    return compiled_tile


def _emit_tile(builder: Any, rows: int, vectors: int, vector: ir.VectorType, s: Any, factors: Any, places: Any) -> None:
    """One tile. factors: a, x_at, x_row, x_step, b_at, b_row, depth, alpha; places: init_at, init_row, c_at, c_row."""
    a, x_at, x_row, x_step, b_at, b_row, depth, alpha = factors
    init_at, init_row, c_at, c_row = places
    a = builder.gep(a, [x_at])
    a_rows = [builder.gep(a, [builder.mul(x_row, INDEX(r))]) for r in range(rows)]
    b = builder.gep(s, [b_at])
    columns = [INDEX(v * vector.count) for v in range(vectors)]

    before, loop, after = builder.basic_block, builder.append_basic_block("k"), builder.append_basic_block("end")
    builder.branch(loop)
    builder.position_at_end(loop)
    k = builder.phi(INDEX)
    k.add_incoming(INDEX(0), before)
    sums = [[builder.phi(vector) for _ in columns] for _ in a_rows]
    for total in itertools.chain(*sums):
        total.add_incoming(ir.Constant(vector, [0.0] * vector.count), before)
    b_here = builder.gep(b, [builder.mul(k, b_row)])
    loaded = [load(builder, builder.gep(b_here, [column]), vector) for column in columns]
    a_here = builder.mul(k, x_step)
    results = []
    for pointer, row_sums in zip(a_rows, sums, strict=True):
        factor = splat(builder, builder.load(builder.gep(pointer, [a_here])), vector)
        results.append([multiply_add(builder, factor, x, y) for x, y in zip(loaded, row_sums, strict=True)])
    following = builder.add(k, INDEX(1))
    k.add_incoming(following, loop)
    for total, result in zip(itertools.chain(*sums), itertools.chain(*results), strict=True):
        total.add_incoming(result, loop)
    latch = builder.cbranch(builder.icmp_signed("<", following, depth), loop, after)
    latch.set_metadata("llvm.loop", not_unrolled(builder.module))

    builder.position_at_end(after)
    scale = splat(builder, alpha, vector)
    for r, row_results in enumerate(results):
        init = builder.gep(s, [builder.add(init_at, builder.mul(init_row, INDEX(r)))])
        c = builder.gep(s, [builder.add(c_at, builder.mul(c_row, INDEX(r)))])
        for column, result in zip(columns, row_results, strict=True):
            value = multiply_add(builder, scale, result, load(builder, builder.gep(init, [column]), vector))
            store(builder, value, builder.gep(c, [column]))


def _plain_panel(
    X: Any, x_at: int, x_row: int, x_step: int, memory: Any, b_at: int, b_row: int,
    init_at: int, init_row: int, c_at: int, c_row: int, rows: int, width: int, depth: int, alpha: Any,
) -> None:  # fmt: skip
    lanes, row = np.arange(width), np.arange(rows)[:, None]
    total = np.zeros((rows, width), memory.dtype)
    for k in range(depth):
        total += X[x_at + row * x_row + k * x_step] * memory[b_at + k * b_row + lanes]
    memory[c_at + row * c_row + lanes] = memory[init_at + row * init_row + lanes] + memory.dtype.type(alpha) * total


@intrinsic
def _compiled_panel(
    typing: Any, X: Any, x_at: Any, x_row: Any, x_step: Any, memory: Any, b_at: Any, b_row: Any,
    init_at: Any, init_row: Any, c_at: Any, c_row: Any, rows: Any, width: Any, depth: Any, alpha: Any,
) -> Any:  # fmt: skip
    i = types.intp
    check_one_dtype(X, memory)

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        X_, x_at, x_row, x_step, S_, b_at, b_row, init_at, init_row, c_at, c_row, rows, width, depth, alpha = arguments
        a, s = data_pointer(context, builder, X, X_), data_pointer(context, builder, memory, S_)
        done = builder.append_basic_block("panel")
        for vectors, fraction in PANEL_KINDS:
            if fraction > 1 and vector_type(memory).count // fraction < 2:
                continue  # `padded_width` makes no panel of a single column
            vector = vector_type(memory, fraction)
            fits = builder.icmp_signed("==", width, INDEX(vectors * vector.count))
            here, other = builder.append_basic_block("width"), builder.append_basic_block("other")
            builder.cbranch(fits, here, other)
            builder.position_at_end(here)
            row = INDEX(0)
            for height in (SIMD.tile_rows, SIMD.tile_rows // 2, 1):
                row = _emit_rows(
                    builder, height, vectors, vector, s, (a, x_at, x_row, x_step, b_at, b_row, depth, alpha),
                    (init_at, init_row, c_at, c_row), row, rows,
                )  # fmt: skip
            builder.branch(done)
            builder.position_at_end(other)
        builder.branch(done)
        builder.position_at_end(done)
        return context.get_dummy_value()

    return types.void(X, i, i, i, memory, i, i, i, i, i, i, i, i, i, memory.dtype), build


def _emit_rows(
    builder: Any, height: int, vectors: int, vector: ir.VectorType, s: Any, factors: Any, places: Any, first: Any, rows: Any
) -> Any:
    """Tiles of `height` rows from row `first` on, as long as whole ones fit; the first row that is left."""
    a, x_at, x_row, *rest = factors
    init_at, init_row, c_at, c_row = places
    before = builder.basic_block
    check, body, after = (builder.append_basic_block(name) for name in ("check", "tile", "after"))
    builder.branch(check)
    builder.position_at_end(check)
    row = builder.phi(INDEX)
    row.add_incoming(first, before)
    following = builder.add(row, INDEX(height))
    builder.cbranch(builder.icmp_signed("<=", following, rows), body, after)
    builder.position_at_end(body)
    here = (a, builder.add(x_at, builder.mul(row, x_row)), x_row, *rest)
    starts = (builder.add(at, builder.mul(row, stride)) for at, stride in ((init_at, init_row), (c_at, c_row)))
    init_here, c_here = starts
    _emit_tile(builder, height, vectors, vector, s, here, (init_here, init_row, c_here, c_row))
    row.add_incoming(following, builder.basic_block)
    builder.branch(check)
    builder.position_at_end(after)
    return row


_panel = _plain_panel if JIT_DISABLED else _compiled_panel


@leaf(read_only="X")
def panel(X, x_at, x_row, x_step, memory, b_at, b_row, init_at, init_row, c_at, c_row, rows, width, depth, alpha):
    """As a tile, for any number of rows and a width of one of `PANEL_KINDS`: tiles of as many rows as the registers hold, then
    of one. A leaf, so that a kernel has one copy of all the tiles.
    """
    _panel(X, x_at, x_row, x_step, memory, b_at, b_row, init_at, init_row, c_at, c_row, rows, width, depth, alpha)


def _plain_dots(memory: Any, d_at: int, w_at: int, panel_rows: int, columns: int, rows: int, to: int) -> None:
    lanes = SIMD.vector_bytes // memory.itemsize
    memory[to : to + rows] = 0
    column = 0
    while column < columns:
        width = panel_width(columns - column, lanes)
        at = w_at + panel_rows * column
        memory[to : to + rows] += (
            memory[at : at + rows * width].reshape(rows, width) @ memory[d_at + column : d_at + column + width]
        )
        column += width


@intrinsic
def _compiled_dots(typing: Any, memory: Any, d_at: Any, w_at: Any, panel_rows: Any, columns: Any, rows: Any, to: Any) -> Any:
    i = types.intp
    width_type = typeof(panel_width)
    width_signature = typing.resolve_function_type(width_type, (i, i), {})

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, d_at, w_at, panel_rows, columns, rows, to = arguments
        s = data_pointer(context, builder, memory, array)
        function = context.get_function(width_type, width_signature)
        row = INDEX(0)
        for height in (SIMD.tile_rows, 1):
            places = (d_at, w_at, panel_rows, columns, to)
            row = _emit_dot_rows(builder, height, vector_type(memory), (s, function), places, row, rows)
        return context.get_dummy_value()

    return types.void(memory, i, i, i, i, i, i), build


def _emit_dot_rows(builder: Any, height: int, vector: ir.VectorType, given: Any, places: Any, first: Any, rows: Any) -> Any:
    """Dot products with `height` rows at a time, from row `first` on, as long as so many are left; the first that is left."""
    s, function = given
    d_at, w_at, panel_rows, columns, to = places
    lanes = INDEX(vector.count)
    before = builder.basic_block
    names = ("check", "panel", "vector", "panel.end", "rows.end", "after")
    check, panel_block, vector_block, panel_end, rows_end, after = (builder.append_basic_block(name) for name in names)
    builder.branch(check)
    builder.position_at_end(check)
    row = builder.phi(INDEX)
    row.add_incoming(first, before)
    following = builder.add(row, INDEX(height))
    builder.cbranch(builder.icmp_signed("<=", following, rows), panel_block, after)

    builder.position_at_end(panel_block)
    zero = ir.Constant(vector, [0.0] * vector.count)
    column = builder.phi(INDEX)
    column.add_incoming(INDEX(0), check)
    sums = [builder.phi(vector) for _ in range(height)]
    for total in sums:
        total.add_incoming(zero, check)
    width = function(builder, (builder.sub(columns, column), lanes))
    panel = builder.add(builder.add(w_at, builder.mul(panel_rows, column)), builder.mul(row, width))
    found = builder.basic_block  # the call has blocks of its own
    builder.branch(vector_block)

    builder.position_at_end(vector_block)
    j = builder.phi(INDEX)
    j.add_incoming(INDEX(0), found)
    inner = [builder.phi(vector) for _ in range(height)]
    results = []
    d = load(builder, builder.gep(s, [builder.add(d_at, builder.add(column, j))]), vector)
    for r, total in enumerate(inner):
        total.add_incoming(sums[r], found)
        at = builder.add(builder.add(panel, builder.mul(width, INDEX(r))), j)
        results.append(multiply_add(builder, load(builder, builder.gep(s, [at]), vector), d, total))
        total.add_incoming(results[r], vector_block)
    further = builder.add(j, lanes)
    j.add_incoming(further, vector_block)
    latch = builder.cbranch(builder.icmp_signed("<", further, width), vector_block, panel_end)
    latch.set_metadata("llvm.loop", not_unrolled(builder.module))

    builder.position_at_end(panel_end)
    next_column = builder.add(column, width)
    column.add_incoming(next_column, panel_end)
    for total, result in zip(sums, results, strict=True):
        total.add_incoming(result, panel_end)
    latch = builder.cbranch(builder.icmp_signed("<", next_column, columns), panel_block, rows_end)
    latch.set_metadata("llvm.loop", not_unrolled(builder.module))

    builder.position_at_end(rows_end)
    for r, result in enumerate(results):
        value = horizontal_sum(builder, result)
        builder.store(value, builder.gep(s, [builder.add(to, builder.add(row, INDEX(r)))]))
    row.add_incoming(following, rows_end)
    builder.branch(check)
    builder.position_at_end(after)
    return row


# dots(memory, d_at, w_at, panel_rows, columns, rows, to): memory[to + i] = the dot product of row i of a matrix in panels of
# whole vectors, from w_at on, with the vector from d_at on, for i below `rows`.
dots = _plain_dots if JIT_DISABLED else _compiled_dots


def _plain_transpose(memory: Any, source_at: int, source_row: int, target_at: int, target_row: int) -> None:
    lanes = np.arange(SIMD.vector_bytes // memory.itemsize)
    across, down = lanes[None, :], lanes[:, None]
    memory[target_at + down * target_row + across] = memory[source_at + across * source_row + down]


@intrinsic
def _compiled_transpose(typing: Any, memory: Any, source_at: Any, source_row: Any, target_at: Any, target_row: Any) -> Any:
    vector = vector_type(memory)
    count = vector.count

    def mask(step: int, low: bool) -> ir.Constant:
        """Lanes of the pair (first, second): entries of one 2 x 2 block change places across its diagonal."""
        picked = [
            (lane + count - step if lane & step else lane) if low else (lane + count if lane & step else lane + step)
            for lane in range(count)
        ]
        return ir.Constant(ir.VectorType(INT, count), picked)

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, source_at, source_row, target_at, target_row = arguments
        data = data_pointer(context, builder, memory, array)

        def row(at: Any, stride: Any, number: int) -> Any:
            return builder.gep(data, [builder.add(at, builder.mul(stride, INDEX(number)))])

        rows = [load(builder, row(source_at, source_row, r), vector) for r in range(count)]
        step = 1
        while step < count:
            for r in range(count):
                if not r & step:
                    first, second = rows[r], rows[r + step]
                    rows[r] = builder.shuffle_vector(first, second, mask(step, True))
                    rows[r + step] = builder.shuffle_vector(first, second, mask(step, False))
            step *= 2
        for r, value in enumerate(rows):
            store(builder, value, row(target_at, target_row, r))
        return context.get_dummy_value()

    i = types.intp
    return types.void(memory, i, i, i, i), build


# Transpose a block of lanes x lanes entries: memory[target_at + j target_row + i] = memory[source_at + i source_row + j].
transpose_block = _plain_transpose if JIT_DISABLED else _compiled_transpose


def _plain_lanes(memory: Any) -> int:
    return SIMD.vector_bytes // memory.itemsize


@intrinsic
def _compiled_lanes(typing: Any, memory: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return INDEX(vector_type(memory).count)

    return types.intp(memory), build


# Elements of the array memory in a full vector register.
lanes_of = _plain_lanes if JIT_DISABLED else _compiled_lanes
