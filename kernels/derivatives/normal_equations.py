"""The normal equations of a network's residuals: J^T J and J^T r, from rows of J that are never all there."""

from __future__ import annotations

import numpy as np

from ..checks import check_kept, check_normal, check_rows, check_workspace
from ..compiler.jit import kernel, leaf
from ..compiler.processor import SIMD
from ..layout import CACHE_LINE, aligned_zeros
from ..llvm import lanes_of, minimum, span, unowned
from ..matrices import ByRows, add_gram, padded_columns, padded_width
from ..passes import Block, Net, backward_rows, inputs_of, multiply_by_slopes, refresh_all_transposed
from ..training.barrier import abandoned
from ..training.dropout import no_dropout
from .row_gradients import take_row_gradients

# Rows of J at a time: with 300 parameters they stay in the second-level cache, a panel of them in the first.
JACOBIAN_ROWS = 128


def make_normal_equations(n_parameters: int) -> np.ndarray:
    """Memory for networks with so many parameters, float64: the normal matrix, rows of J.

    Rows are an odd number of cache lines apart: they then fall on all of the cache's sets.
    """
    line = CACHE_LINE // 8
    lines = -(-padded_width(n_parameters + 1, SIMD.vector_bytes // 8) // line)
    rows, stride = n_parameters + 1 + JACOBIAN_ROWS, (lines + 1 - lines % 2) * line
    return aligned_zeros(rows * stride, np.dtype(np.float64)).reshape(rows, stride)


@leaf
def seed_residuals(net, targets, unit, block, N, R):
    """Residuals sqrt(scale weight) (y - t) of a block's rows for one output, into the last column of R; and their deltas.

    targets: T and weight from the block's first row on, and scale. R: rows of J with their residuals, ByRows in N OUT.
    """
    last, memory = net.layers[net.header.n_layers - 1], net.memory
    T, weight, scale, column = targets
    for r in range(block.rows):
        row = block.first + r
        root = np.sqrt(scale * weight[row] if weight.size else scale)
        deltas = span(memory, last.deltas + row * last.stride, last.n_out)
        deltas[:] = 0.0
        deltas[unit] = root
        residual = root * (memory[last.activations + row * last.stride + unit] - T[row, unit])
        N[R.at + r * R.stride + column] = residual
    multiply_by_slopes(net, last, block, last.deltas)
    backward_rows(net, block, no_dropout())


@kernel(read_only="X T weight", written="N")
def add_normal_equations(plan, X, T, weight, scale, N, work):
    """After `forward` with this X and `work`: N, upper triangle, += (J r)^T (J r), of `make_normal_equations`.

    r = sqrt(scale weight) (Y - T), all outputs of all rows, J its derivatives to the P parameters: then J^T J is N[:P, :P],
    J^T r is N[:P, P], and r^T r is N[P, P]. X (n, n_in), T (n, n_out), weight (n) or empty. `work` is made with
    derivatives=True.
    """
    net = Net(work.header[0], unowned(work.layers), unowned(work.numbers))
    check_workspace(plan, net)
    size = net.header.n_parameters
    check_rows(net, X, T, weight)
    check_kept(X.shape[0], net.header.chunk_rows)
    check_normal(N, size, JACOBIAN_ROWS, padded_columns(size + 1, lanes_of(work.numbers)))
    flat, stride = span(N, 0, N.size), N.shape[1]
    refresh_all_transposed(net, 1)
    for start in range(0, X.shape[0], JACOBIAN_ROWS):
        block = Block(0, start, minimum(JACOBIAN_ROWS, X.shape[0] - start))
        R = ByRows((size + 1) * stride, stride, block.rows)
        for unit in range(net.layers[net.header.n_layers - 1].n_out):
            if abandoned(net):
                return
            seed_residuals(net, (T, weight, scale, size), unit, block, flat, R)
            take_row_gradients(net, inputs_of(net, X, start), block, start, flat, R.at, stride)
            add_gram(flat, R, size + 1)
