"""Further derivatives that several losses share: those whose delta, or whose own difference, is y - t."""

from __future__ import annotations

from numpy import float64

from ..compiler.jit import leaf
from ..llvm.row_kernels import loss_row_kernel
from .codes import GAUSSIAN_NLL
from .rows import weight_of


@leaf(read_only="weight")
def scale_rows(D, weight, scale):
    """D (rows, stride) OUT: each row times its weight, where there are weights, and `scale`."""
    for r in range(D.shape[0]):
        factor = D.dtype.type(weight_of(weight, r) * scale)
        for j in range(D.shape[1]):
            D[r, j] *= factor


@loss_row_kernel
def difference_tangents(rows):
    """See `row_kernels.py`; for losses whose delta is y - t."""
    scale_rows(rows.D, rows.weight, rows.scale)
    return float64(0.0)


@loss_row_kernel
def difference_targets(rows):
    """See `row_kernels.py`; for losses of y - t. Outputs for one target are T's columns apart; in gaussian_nll means count."""
    columns, D = rows.T.shape[1], rows.D
    last = columns if rows.code == GAUSSIAN_NLL else rows.n_out
    for r in range(D.shape[0]):
        for j in range(columns):
            total = float64(0.0)
            for k in range(j, last, columns):
                total -= float64(D[r, k])
            D[r, j] = total
    return float64(0.0)
