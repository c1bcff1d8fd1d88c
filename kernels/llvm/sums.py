"""Sums over rows: what the gradients of biases are."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ..compiler.jit import JIT_DISABLED
from .emit import INDEX, data_pointer, load, multiply_add, splat, store, vector_type

# Rows go to so many sums by turns: an addition waits three or four cycles for the one before.
CHAINS = 4


def _plain_column_sums(
    memory: Any, d_at: int, d_row: int, rows: int, columns: int, init_at: int, c_at: int, alpha: Any
) -> None:
    totals = np.zeros((CHAINS, columns), memory.dtype)
    by_turns = rows // CHAINS * CHAINS
    for row in range(rows):
        totals[row % CHAINS if row < by_turns else 0] += memory[d_at + row * d_row :][:columns]
    total = (totals[0] + totals[1]) + (totals[2] + totals[3])
    memory[c_at : c_at + columns] = memory[init_at : init_at + columns] + memory.dtype.type(alpha) * total


@intrinsic
def _compiled_column_sums(
    typing: Any, memory: Any, d_at: Any, d_row: Any, rows: Any, columns: Any, init_at: Any, c_at: Any, alpha: Any
) -> Any:
    i = types.intp

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, d_at, d_row, rows, columns, init_at, c_at, alpha = arguments
        s = data_pointer(context, builder, memory, array)
        column = INDEX(0)
        for fraction in (1, 2, 4):
            vector = vector_type(memory, fraction)
            if vector.count > 1:  # `padded_width` makes no panel of a single column
                column = _emit_columns(builder, vector, s, (d_at, init_at, c_at), d_row, rows, column, columns, alpha)
        return context.get_dummy_value()

    return types.void(memory, i, i, i, i, i, i, memory.dtype), build


def _emit_columns(
    builder: Any, vector: ir.VectorType, s: Any, places: Any, d_row: Any, rows: Any, first: Any, columns: Any, alpha: Any
) -> Any:
    """A vector of columns at a time, from column `first` on, as long as whole ones fit; the first column that is left."""
    before = builder.basic_block
    check, body, after = (builder.append_basic_block(name) for name in ("check", "columns", "after"))
    builder.branch(check)
    builder.position_at_end(check)
    column = builder.phi(INDEX)
    column.add_incoming(first, before)
    following = builder.add(column, INDEX(vector.count))
    builder.cbranch(builder.icmp_signed("<=", following, columns), body, after)
    builder.position_at_end(body)
    d, init, c = (builder.gep(s, [builder.add(at, column)]) for at in places)
    total = _emit_sum(builder, vector, d, d_row, rows)
    store(builder, multiply_add(builder, splat(builder, alpha, vector), total, load(builder, init, vector)), c)
    column.add_incoming(following, builder.basic_block)
    builder.branch(check)
    builder.position_at_end(after)
    return column


def _emit_sum(builder: Any, vector: ir.VectorType, d: Any, d_row: Any, rows: Any) -> Any:
    """The sum of the vectors that begin at d, d + d_row, ...: `rows` of them."""
    zero = ir.Constant(vector, [0.0] * vector.count)
    row: Any = INDEX(0)
    sums: list[Any] = [zero] * CHAINS
    for height in (CHAINS, 1):
        before = builder.basic_block
        check, body, after = (builder.append_basic_block(name) for name in ("check", "rows", "after"))
        builder.branch(check)
        builder.position_at_end(check)
        here, totals = builder.phi(INDEX), [builder.phi(vector) for _ in range(height)]
        here.add_incoming(row, before)
        following = builder.add(here, INDEX(height))
        builder.cbranch(builder.icmp_signed("<=", following, rows), body, after)
        builder.position_at_end(body)
        for turn, total in enumerate(totals):
            at = builder.mul(builder.add(here, INDEX(turn)), d_row)
            added = builder.fadd(total, load(builder, builder.gep(d, [at]), vector))
            total.add_incoming(sums[turn], before)
            total.add_incoming(added, body)
        here.add_incoming(following, body)
        builder.branch(check)
        builder.position_at_end(after)
        row, sums = here, [*totals, *sums[height:]]
    first, second, third, fourth = sums
    return builder.fadd(builder.fadd(first, second), builder.fadd(third, fourth))


# column_sums(memory, d_at, d_row, rows, columns, init_at, c_at, alpha): memory[c_at + j] = memory[init_at + j] + alpha times
# the sum over `rows` rows of memory[d_at + row d_row + j], for j below `columns`, a padded width.
column_sums = _plain_column_sums if JIT_DISABLED else _compiled_column_sums
