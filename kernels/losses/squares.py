"""Squared differences, averaged over the outputs or summed."""

from __future__ import annotations

import numpy as np

from ..compiler.jit import kernel, leaf
from ..llvm import matrix
from ..llvm.routines import loss_routine
from .codes import MSE, SQUARED_ERROR, SUM_SQUARED_ERROR
from .differences import difference_targets, scale_rows
from .entry import Loss
from .sums import derivative_for, difference, halved_difference, row_count, sum_of, times

_d = np.float64


@leaf
def square_parts(y, t):
    """(y - t)^2, in two parts."""
    d = difference(y, t)
    return times(d, d)


sum_of_squares = sum_of(square_parts, "sum_of_squares")


@kernel(elementwise=True)
def mse(Y, T):
    """Mean over all elements of (y - t)^2. Y, T arrays of one shape."""
    return sum_of_squares(Y, T) / Y.size


@kernel(elementwise=True)
def mse_backward(Y, T, out=None):
    """dL/dY = 2 (y - t) / size."""
    dY = derivative_for(Y, T, out)
    for i in range(Y.size):
        dY.flat[i] = _d(4.0) * (halved_difference(Y.flat[i], T.flat[i]) / Y.size)
    return dY


@kernel(elementwise=True)
def squared_error(Y, T):
    """Half the mean over all elements of (y - t)^2. Y, T arrays of one shape."""
    return sum_of_squares(Y, T) / Y.size / 2


@kernel(elementwise=True)
def squared_error_backward(Y, T, out=None):
    """dL/dY = (y - t) / size."""
    dY = derivative_for(Y, T, out)
    for i in range(Y.size):
        dY.flat[i] = _d(2.0) * (halved_difference(Y.flat[i], T.flat[i]) / Y.size)
    return dY


@kernel(elementwise=True)
def sum_squared_error(Y, T):
    """Half the sum over the last axis of (y - t)^2, averaged over the rows."""
    return sum_of_squares(Y, T) / row_count(Y) / 2


@kernel(elementwise=True)
def sum_squared_error_backward(Y, T, out=None):
    """dL/dY = (y - t) / rows."""
    dY = derivative_for(Y, T, out)
    for i in range(Y.size):
        dY.flat[i] = _d(2.0) * (halved_difference(Y.flat[i], T.flat[i]) / row_count(Y))
    return dY


@loss_routine
def squares_routine(code, S, y, d, rows, stride, n_out, T, first, weight, scale, parameters):
    """See `routines.py`; for all three."""
    Y, D = matrix(S, y, rows, stride), matrix(S, d, rows, stride)
    outputs = _d(2.0) if code == SUM_SQUARED_ERROR else _d(n_out if code == MSE else 2 * n_out)
    total = _d(0.0)
    for r in range(rows):
        row_weight = _d(weight[first + r]) if weight.size else _d(1.0)
        slope = S.dtype.type(row_weight * scale * (_d(2.0) / outputs))
        value = _d(0.0)
        for j in range(n_out):
            difference = Y[r, j] - T[first + r, j]
            D[r, j] = difference * slope
            value += _d(difference) * _d(difference)
        total += row_weight * value
    return total / outputs


@loss_routine
def squares_curvature(code, S, y, d, rows, stride, n_out, T, first, weight, scale, parameters):
    """See `routines.py`; for all three."""
    outputs = _d(2.0) if code == SUM_SQUARED_ERROR else _d(n_out if code == MSE else 2 * n_out)
    scale_rows(matrix(S, d, rows, stride), first, weight, scale * (_d(2.0) / outputs))
    return _d(0.0)


_routines = squares_routine, squares_curvature, difference_targets
LOSSES = (
    Loss("mse", MSE, mse, mse_backward, *_routines),
    Loss("squared_error", SQUARED_ERROR, squared_error, squared_error_backward, *_routines),
    Loss("sum_squared_error", SUM_SQUARED_ERROR, sum_squared_error, sum_squared_error_backward, *_routines),
)
