"""Cross-entropies: of one distribution over the outputs (after softmax), or of one for each output (after sigmoid).

Outputs are clipped to [eps, 1 - eps], eps of their dtype, before a logarithm, as scikit-learn does. In a network delta is
y - t, which is their derivative through softmax and sigmoid.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..numerics.error_free import product_error, sum_error
from ..numerics.exponential import is_single, log1m_parts, log_parts
from ..compiler.jit import kernel, leaf
from ..llvm import matrix
from ..llvm.routines import loss_routine
from .codes import BINARY_LOG_LOSS, LABEL_LOG_LOSS, LOG_LOSS
from .differences import difference_curvature
from .entry import Loss
from .sums import derivative_for, row_count, sum_of, weighted

_d = np.float64


@leaf
def clipped(y):
    """y kept inside [eps, 1 - eps], eps of y's own dtype, as a float64."""
    eps = type(y)(2.0**-23) if is_single(y) else type(y)(2.0**-52)
    one = type(y)(1.0)
    return _d(eps if y < eps else (one - eps if y > one - eps else y))


@leaf
def log_loss_parts(y, t):
    """-t log y, in two parts."""
    return weighted(-_d(t), log_parts(clipped(y)))


@leaf
def binary_log_loss_parts(y, t):
    """-(t log y + (1 - t) log(1 - y)), in two parts."""
    p = clipped(y)
    rest = _d(1.0) - _d(t)
    first, first_low = weighted(-_d(t), log_parts(p))
    second, second_low = weighted(-rest, log1m_parts(p))
    result = first + second
    lost = sum_error(first, second, result) - ((_d(1.0) - rest) - _d(t)) * log1m_parts(p)[0]
    return result, lost + (first_low + second_low)


sum_of_log_losses = sum_of(log_loss_parts, "sum_of_log_losses")
sum_of_binary_log_losses = sum_of(binary_log_loss_parts, "sum_of_binary_log_losses")


@kernel(elementwise=True)
def log_loss(Y, T):
    """Cross-entropy of probabilities Y against T (one-hot, or any distribution) along the last axis, averaged over the rows."""
    total = sum_of_log_losses(Y, T)
    return total / (Y.size // max(Y.shape[-1], 1))


@kernel(elementwise=True)
def log_loss_backward(Y, T, out=None):
    """dL/dY = -t / y / rows."""
    dY = derivative_for(Y, T, out)
    rows = Y.size // max(Y.shape[-1], 1)
    for i in range(Y.size):
        dY.flat[i] = -(_d(T.flat[i]) / clipped(Y.flat[i])) / rows
    return dY


@kernel(elementwise=True)
def binary_log_loss(Y, T):
    """Cross-entropy of independent probabilities Y against T in [0, 1], summed over outputs, averaged over the rows."""
    total = sum_of_binary_log_losses(Y, T)
    return total / row_count(Y)


@kernel(elementwise=True)
def binary_log_loss_backward(Y, T, out=None):
    """dL/dY = (y - t) / (y (1 - y)) / rows."""
    dY = derivative_for(Y, T, out)
    rows = _d(row_count(Y))
    one = _d(1.0)
    for i in range(Y.size):
        y, t = clipped(Y.flat[i]), -_d(T.flat[i])
        d = y + t
        complement = one - y
        product = y * complement
        # The divisor and its rounding error; five rounded operations in a row could be 3 ulp off.
        divisor = product * rows
        low = product_error(y, complement, product) + y * ((one - complement) - y)
        low = low * rows + product_error(product, rows, divisor)
        quotient = d / divisor
        dY.flat[i] = quotient + (sum_error(y, t, d) - quotient * low) / divisor
    return dY


@leaf
def log_scalar(y):
    """log of y clipped, in float64."""
    return log_parts(clipped(y))[0]


@loss_routine
def entropy_routine(code, S, y, d, rows, stride, n_out, T, first, weight, scale, parameters):
    """See `routines.py`; for both, and for classes as one column of indices: an index that is none makes the loss NaN."""
    real = S.dtype.type
    Y, D = matrix(S, y, rows, stride), matrix(S, d, rows, stride)
    total = _d(0.0)
    for r in range(rows):
        row_weight = _d(weight[first + r]) if weight.size else _d(1.0)
        slope = real(row_weight * scale)
        label = np.int64(T[first + r, 0])
        value = _d(0.0)
        for j in range(n_out):
            p = Y[r, j]
            t = real(j == label) if code == LABEL_LOG_LOSS else T[first + r, j]
            D[r, j] = (p - t) * slope
            if t != 0:
                value -= _d(t) * log_scalar(p)
            if code == BINARY_LOG_LOSS:
                value -= (_d(1.0) - _d(t)) * log1m_parts(clipped(p))[0]
        if code == LABEL_LOG_LOSS and not 0 <= label < n_out:
            value = _d(np.nan)
        total += row_weight * value
    return total


@loss_routine
def entropy_targets(code, S, y, d, rows, stride, n_out, T, first, weight, scale, parameters):
    """See `routines.py`: -log y, less -log(1 - y) where outputs are apart."""
    Y, D = matrix(S, y, rows, stride), matrix(S, d, rows, stride)
    for r in range(rows):
        factor = (_d(weight[first + r]) if weight.size else _d(1.0)) * scale
        for j in range(n_out):
            rest = log1m_parts(clipped(Y[r, j]))[0] if code == BINARY_LOG_LOSS else _d(0.0)
            D[r, j] = (rest - log_scalar(Y[r, j])) * factor
    return _d(0.0)


def _log_loss(code: int, value: Any, backward: Any, needs: str) -> Loss:
    targets = None if code == LABEL_LOG_LOSS else entropy_targets
    return Loss("log_loss", code, value, backward, entropy_routine, difference_curvature, targets, needs, through=True)


LOSSES = (
    _log_loss(LOG_LOSS, log_loss, log_loss_backward, "softmax"),
    _log_loss(LABEL_LOG_LOSS, log_loss, log_loss_backward, "softmax"),
    _log_loss(BINARY_LOG_LOSS, binary_log_loss, binary_log_loss_backward, "sigmoid"),
)
