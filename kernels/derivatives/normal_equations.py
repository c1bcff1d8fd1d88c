"""The normal equations of a network's residuals: J^T J and J^T r, from rows of J that are never all there."""

from __future__ import annotations

import numpy as np

from ..checks import check_kept, check_normal, check_rows, check_workspace
from ..training.dropout import KEEP_ALL
from ..compiler.jit import kernel, leaf
from ..llvm import lanes_of, span
from ..passes import activate, backward_rows, read_only
from ..plan import N_LAYERS, N_OUT, N_PARAMETERS
from ..compiler.processor import SIMD
from ..matrices import padded_width, panel_width, product
from ..workspace import ACTIVATIONS, CHUNK, DELTAS, STRIDE
from .chain import transpose
from .jacobians import take_row_gradients

# Rows of J at a time: with 300 parameters they stay in the second-level cache, a panel of them in the first.
JACOBIAN_ROWS = 128
_LINE_BYTES = 64

_padded = leaf(padded_width)


def make_normal_equations(n_parameters: int) -> np.ndarray:
    """Memory for networks with so many parameters, float64: the normal matrix, rows of J.

    Rows are an odd number of cache lines apart: they then fall on all of the cache's sets.
    """
    line = _LINE_BYTES // 8
    lines = -(-padded_width(n_parameters + 1, SIMD.vector_bytes // 8) // line)
    rows, stride = n_parameters + 1 + JACOBIAN_ROWS, (lines + 1 - lines % 2) * line
    memory = np.zeros(rows * stride + line)
    start = -memory.ctypes.data % _LINE_BYTES // 8
    return memory[start : start + rows * stride].reshape(rows, stride)


@leaf(read_only="T weight")
def seed_residuals(table, layout, S, T, weight, start, scale, unit, rows, N, at, stride):
    """Residuals sqrt(scale weight) (y_unit - t_unit) of rows from `start` on, into a column of N; and their deltas."""
    last = table[0, N_LAYERS]
    n_out, step = table[last, N_OUT], layout[last, STRIDE]
    for r in range(rows):
        row = start + r
        root = np.sqrt(scale * weight[row] if weight.size else scale)
        deltas = span(S, layout[last, DELTAS] + row * step, n_out)
        deltas[:] = 0.0
        deltas[unit] = root
        N[at + r * stride] = root * (S[layout[last, ACTIVATIONS] + row * step + unit] - T[row, unit])
    activate(layout, S, last, 0, start, rows, n_out, True)
    backward_rows(table, layout, S, 0, start, rows, KEEP_ALL, 0)


@leaf
def add_squares(N, stride, at, rows, count):
    """The upper triangle of N[:count, :count] += R^T R, R (rows, count) the rows from place `at` on."""
    lanes, column = lanes_of(N), 0
    width = _padded(count, lanes)
    while column < width:
        columns = panel_width(width - column, lanes)
        product(
            read_only(N), at, 1, stride, N, at + column, stride, 1, column, stride, 1, column, stride, 1,
            0, min(column + columns, count), columns, rows, rows, N.dtype.type(1.0),
        )  # fmt: skip
        column += columns


@kernel(read_only="X T weight", written="N")
def add_normal_equations(plan, X, T, weight, scale, N, work):
    """After `forward` with this X and `work`: N, upper triangle, += (J r)^T (J r), of `make_normal_equations`.

    r = sqrt(scale weight) (Y - T), all outputs of all rows, J its derivatives to the P parameters: then J^T J is N[:P, :P],
    J^T r is N[:P, P], and r^T r is N[P, P]. X (n, n_in), T (n, n_out), weight (n) or empty. `work` is made with
    derivatives=True.
    """
    table, layout, size = plan.table, work.layout, plan.table[0, N_PARAMETERS]
    check_workspace(table, layout)
    check_rows(table, X, T, weight)
    check_kept(X.shape[0], layout[0, CHUNK])
    check_normal(N, size, JACOBIAN_ROWS, _padded(size + 1, lanes_of(work.numbers)))
    S, inputs, flat = span(work.numbers, 0, work.numbers.size), span(X, 0, X.size), span(N, 0, N.size)
    transpose(table, layout, S, 2)
    n_in, stride = X.shape[1], N.shape[1]
    at = (size + 1) * stride
    for start in range(0, X.shape[0], JACOBIAN_ROWS):
        rows = min(JACOBIAN_ROWS, X.shape[0] - start)
        for unit in range(table[table[0, N_LAYERS], N_OUT]):
            seed_residuals(table, layout, S, T, weight, start, scale, unit, rows, flat, at + size, stride)
            take_row_gradients(table, layout, S, inputs, start * n_in, start, start, rows, flat, at, stride)
            add_squares(flat, stride, at, rows, size + 1)
