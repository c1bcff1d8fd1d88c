"""Matrices, the panels that weights are packed into, and the products on the register tile.

A matrix of n columns is kept `padded_width(n)` wide, in panels of up to three vectors of columns, each panel's rows one
after the other; the panel of columns c, c + 1, ... begins `rows * c` elements into the matrix. Padding is zero, and stays so.
A single panel of few columns is half or a quarter of a vector wide.

Every sum runs over its terms in order, by one thread, so its bits depend on nothing but the operands.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .compiler.jit import leaf
from .llvm import add_norms, add_norms_of_rows, copy, lanes_of, maximum, minimum, panel, panel_width, span, transpose_block

# Terms of a sum that are added up at a time, where the rows of deltas are many: a panel's part of so many, 24 KiB, fits the
# first-level cache beside the inputs.
TERMS_AT_A_TIME = 128


class Operand(NamedTuple):
    """A matrix that is only read: entry (i, j) is at place `at + i row + j step` of a vector."""

    vector: np.ndarray
    at: int
    row: int
    step: int


class ByRows(NamedTuple):
    """A matrix in the workspace, row after row, from place `at` on, `stride` apart; a stride of 0 repeats one row."""

    at: int
    stride: int
    rows: int


class Panels(NamedTuple):
    """A matrix in the workspace in panels of `rows` rows, from place `at` on, `width` padded columns."""

    at: int
    rows: int
    width: int


def padded_width(n: int, lanes: int) -> int:
    """Columns that a matrix of n columns takes in panels, `lanes` being the elements of a vector."""
    for part in (4, 2):
        if lanes // part > 1 and n <= lanes // part:
            return lanes // part
    return -(-n // lanes) * lanes


@leaf(read_only="vector")
def read_only(vector):
    """The same vector, for arguments that are declared read-only."""
    return span(vector, 0, vector.size)


@leaf
def transposed(A):
    """The transpose of an Operand."""
    return Operand(A.vector, A.at, A.step, A.row)


# Products ------------------------------------------------------------------------------------------------------------------


@leaf
def multiply(memory, X, W, init, out, depth, alpha):
    """out = init + alpha X W: X (rows, depth) an Operand, W (depth, columns) Panels, init and out (rows, columns) ByRows."""
    lanes, width, rows = lanes_of(memory), W.width, out.rows
    column = 0
    while column < width:
        columns = panel_width(width - column, lanes)
        if depth > 0:
            panel(
                X.vector, X.at, X.row, X.step, memory, W.at + column * W.rows, columns,
                init.at + column, init.stride, out.at + column, out.stride, rows, columns, depth, alpha,
            )  # fmt: skip
        column += columns


@leaf
def multiply_into_panels(net, X, D, out, first, last, alpha, accumulate):
    """Rows first to last - 1 of out, Panels, = alpha X D, or += that: X (rows, D.rows) an Operand, D ByRows."""
    memory, zeros = net.memory, net.header.zeros
    lanes, width = lanes_of(memory), out.width
    column = 0
    while column < width:
        columns = panel_width(width - column, lanes)
        c = out.at + column * out.rows + first * columns
        init, init_stride = (c, columns) if accumulate else (zeros, 0)
        panel(
            X.vector, X.at + first * X.row, X.row, X.step, memory, D.at + column, D.stride,
            init, init_stride, c, columns, last - first, columns, D.rows, alpha,
        )  # fmt: skip
        column += columns


@leaf
def set_product_panel(memory, A, D, out, columns, alpha, zeros):
    """out = alpha A D, a single panel of `columns` columns: A (out.rows, D.rows) an Operand, D and out ByRows.

    Terms are added up `TERMS_AT_A_TIME`, each such sum being rounded to the numbers' precision.
    """
    init, init_stride = zeros, 0
    for k in range(0, D.rows, TERMS_AT_A_TIME):
        panel(
            A.vector, A.at + k * A.step, A.row, A.step, memory, D.at + k * D.stride, D.stride,
            init, init_stride, out.at, out.stride, out.rows, columns, minimum(TERMS_AT_A_TIME, D.rows - k), alpha,
        )  # fmt: skip
        init, init_stride = out.at, out.stride


@leaf
def add_gram(N, R, count):
    """The upper triangle of N[:count, :count] += R^T R, R (R.rows, count) ByRows, a stride of it that of N, all in vector N."""
    lanes, column, stride = lanes_of(N), 0, R.stride
    width = padded_columns(count, lanes)
    while column < width:
        columns = panel_width(width - column, lanes)
        panel(
            read_only(N), R.at, 1, stride, N, R.at + column, stride, column, stride, column, stride,
            minimum(column + columns, count), columns, R.rows, N.dtype.type(1.0),
        )  # fmt: skip
        column += columns


# As a leaf: `padded_width` itself is for Python.
padded_columns = leaf(padded_width)


# In and out of panels ------------------------------------------------------------------------------------------------------


@leaf
def pack(memory, panels, source, at, n_in, n_out):
    """A matrix (n_in, n_out), row by row in the vector source from place `at` on, into panels OUT."""
    lanes = lanes_of(memory)
    for k in range(n_in):
        column = 0
        while column < panels.width:
            columns = panel_width(panels.width - column, lanes)
            here = panels.at + panels.rows * column + k * columns
            copy(memory, here, source, at + k * n_out + column, minimum(columns, n_out - column))
            column += columns


@leaf
def unpack(memory, panels, target, at, n_in, n_out):
    """The way back: the vector target OUT."""
    lanes = lanes_of(memory)
    for k in range(n_in):
        column = 0
        while column < panels.width:
            columns = panel_width(panels.width - column, lanes)
            here = panels.at + panels.rows * column + k * columns
            copy(target, at + k * n_out + column, memory, here, minimum(columns, n_out - column))
            column += columns


@leaf
def weighted_norms(memory, panels, n_in, n_out, l2, l1):
    """l2 times the sum of squares plus l1 times that of magnitudes, in float64, of a matrix (n_in, n_out) in panels."""
    lanes = lanes_of(memory)
    total = np.float64(0.0)
    column = 0
    while column < panels.width:
        columns = panel_width(panels.width - column, lanes)
        at, used = panels.at + panels.rows * column, n_out - column
        if columns <= used:  # a panel without padding is one stretch
            total = add_norms(total, memory, at, n_in * columns, l2, l1)
        else:
            total = add_norms_of_rows(total, memory, at, n_in, columns, used, l2, l1)
        column += columns
    return total


@leaf
def pack_transposed(memory, source, target, n_out, first_row, last_row):
    """Rows first_row to last_row - 1 of `source`, n_out columns of it in use, into `target`, its transpose; both Panels.

    first_row is a multiple of the lanes. The width of `target` is the number of rows of `source`'s panels.
    """
    lanes = lanes_of(memory)
    column = 0
    while column < source.width:
        width = panel_width(source.width - column, lanes)
        from_ = source.at + source.rows * column
        first = 0
        while first < last_row:
            height = panel_width(target.width - first, lanes)
            to = target.at + target.rows * first
            if width >= lanes and height >= lanes:
                for row in range(maximum(first, first_row), minimum(first + height, last_row), lanes):
                    for j in range(0, width, lanes):
                        transpose_block(
                            memory, from_ + row * width + j, width, to + (column + j) * height + (row - first), height
                        )
            else:
                for j in range(minimum(width, n_out - column)):
                    for row in range(maximum(first, first_row), minimum(first + height, last_row)):
                        memory[to + (column + j) * height + (row - first)] = memory[from_ + row * width + j]
            first += height
        column += width
