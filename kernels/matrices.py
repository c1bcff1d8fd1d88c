"""Matrix products on the register tile, and the panels that weights are packed into for it.

A matrix of n columns is kept `padded_width(n)` wide, in panels of up to three vectors of columns, each panel's rows one
after the other; the panel of columns c, c + 1, ... begins `rows * c` elements into the matrix. Padding is zero, and stays so.
A single panel of few columns is half or a quarter of a vector wide.

Every sum runs over its terms in order, by one thread, so its bits depend on nothing but the operands.
"""

from __future__ import annotations

import numpy as np

from .compiler.jit import REORDERED, leaf
from .llvm import copy, lanes_of, panel, span, transpose_block

# A row stride that stands for the width of each panel.
IN_PANELS = -1
# Rows of deltas whose part of a panel, 24 KiB, fits the first-level cache beside the inputs.
ROWS_AT_A_TIME = 128


def padded_width(n: int, lanes: int) -> int:
    """Columns that a matrix of n columns takes in panels, `lanes` being the elements of a vector."""
    for part in (4, 2):
        if lanes // part > 1 and n <= lanes // part:
            return lanes // part
    return -(-n // lanes) * lanes


@leaf
def panel_width(columns, lanes):
    """Columns of the first panel where `columns` of padded width are left: of 4 vectors 2, since 3 + 1 fill tiles worse."""
    vectors = columns // lanes
    if vectors == 0:
        return columns
    if vectors == 3 or vectors > 4:
        return 3 * lanes
    return 2 * lanes if vectors > 1 else lanes


@leaf(read_only="A")
def product(
    A, a_at, a_row, a_step, S, b_at, b_row, b_column, init_at, init_row, init_column, c_at, c_row, c_column,
    first, last, columns, depth, block, alpha,
):  # fmt: skip
    """Rows first to last - 1 of C = Init + alpha A B, with A (rows, depth) in the vector A, and B, C, Init in the vector S.

    columns: a padded width. x_at: where the operand begins; x_row: from one row to the next; a_step: from one column of A to
    the next; x_column: from one column to the next, for the first of each panel. A row stride of `IN_PANELS` and a column
    stride of the operand's rows stand for an operand in panels, a row stride of 0 for one row in place of all. Terms are added
    up `block` at a time: B's part of a panel then stays in the first-level cache for all rows.
    """
    lanes = lanes_of(S)
    column = 0
    while column < columns:
        width = panel_width(columns - column, lanes)
        b_ld = width if b_row < 0 else b_row
        init_ld = width if init_row < 0 else init_row
        c_ld = width if c_row < 0 else c_row
        init, c = init_at + column * init_column + first * init_ld, c_at + column * c_column + first * c_ld
        for k in range(0, depth, block):
            panel(
                A, a_at + first * a_row + k * a_step, a_row, a_step, S, b_at + column * b_column + k * b_ld, b_ld,
                init, init_ld, c, c_ld, last - first, width, min(block, depth - k), alpha,
            )  # fmt: skip
            init, init_ld = c, c_ld
        column += width


@leaf
def pack(vector, vector_at, n_in, n_out, S, at, rows, columns, back):
    """A matrix (n_in, n_out) of `vector`, row by row there, into panels of `rows` rows in S; the way back where `back`."""
    lanes = lanes_of(S)
    for k in range(n_in):
        column = 0
        while column < columns:
            width = panel_width(columns - column, lanes)
            here, there = at + rows * column + k * width, vector_at + k * n_out + column
            count = min(width, n_out - column)
            if back:
                copy(vector, there, S, here, count)
            else:
                copy(S, here, vector, there, count)
            column += width


@leaf(fastmath=REORDERED)
def weigh(S, at, n_in, n_out, rows, columns, l2, l1):
    """l2 times the sum of squares plus l1 times that of magnitudes, in float64, of a matrix (n_in, n_out) in panels of `rows`
    rows in S.
    """
    lanes = lanes_of(S)
    total = np.float64(0.0)
    column = 0
    while column < columns:
        width = panel_width(columns - column, lanes)
        # A panel without padding is one stretch.
        whole = width <= n_out - column
        for k in range(1 if whole else n_in):
            entries = span(S, at + rows * column + k * width, n_in * width if whole else n_out - column)
            for i in range(entries.size):
                size = np.abs(np.float64(entries[i]))
                total += l2 * size * size + l1 * size
        column += width
    return total


@leaf
def pack_transposed(S, at, first_row, last_row, rows, columns, n_out, transposed_at, transposed_rows):
    """Rows first_row to last_row - 1 of a packed matrix (panels of `rows` rows at `at`, `columns` wide, n_out of them in use)
    into the packed transpose (panels of `transposed_rows` rows, `rows` columns). first_row is a multiple of the lanes.
    """
    lanes = lanes_of(S)
    column = 0
    while column < columns:
        width = panel_width(columns - column, lanes)
        source = at + rows * column
        first = 0
        while first < last_row:
            height = panel_width(rows - first, lanes)
            target = transposed_at + transposed_rows * first
            if width >= lanes and height >= lanes:
                for row in range(max(first, first_row), min(first + height, last_row), lanes):
                    for j in range(0, width, lanes):
                        transpose_block(
                            S, source + row * width + j, width, target + (column + j) * height + (row - first), height
                        )
            else:
                for j in range(min(width, n_out - column)):
                    for row in range(max(first, first_row), min(first + height, last_row)):
                        S[target + (column + j) * height + (row - first)] = S[source + row * width + j]
            first += height
        column += width
