"""Further derivatives that several losses share: those whose delta, or whose own difference, is y - t."""

from __future__ import annotations

import numpy as np

from ..compiler.jit import leaf
from ..llvm import matrix
from ..llvm.routines import loss_routine
from .codes import GAUSSIAN_NLL

_d = np.float64


@leaf(read_only="weight")
def scale_rows(D, first, weight, scale):
    """D (rows, stride) OUT: each row times its weight, from `first` on, where there are weights, and `scale`."""
    for r in range(D.shape[0]):
        factor = D.dtype.type((_d(weight[first + r]) if weight.size else _d(1.0)) * scale)
        for j in range(D.shape[1]):
            D[r, j] *= factor


@loss_routine
def difference_curvature(code, S, y, d, rows, stride, n_out, T, first, weight, scale, parameters):
    """See `routines.py`; for losses whose delta is y - t."""
    scale_rows(matrix(S, d, rows, stride), first, weight, scale)
    return _d(0.0)


@loss_routine
def difference_targets(code, S, y, d, rows, stride, n_out, T, first, weight, scale, parameters):
    """See `routines.py`; for losses of y - t. Outputs for one target are T's columns apart; in gaussian_nll means count."""
    columns, D = T.shape[1], matrix(S, d, rows, stride)
    last = columns if code == GAUSSIAN_NLL else n_out
    for r in range(rows):
        for j in range(columns):
            total = _d(0.0)
            for k in range(j, last, columns):
                total -= _d(D[r, k])
            D[r, j] = total
    return _d(0.0)
