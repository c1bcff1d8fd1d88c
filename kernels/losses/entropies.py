"""Cross-entropies: of one distribution over the outputs (after softmax), or of one for each output (after sigmoid).

Outputs are clipped to [eps, 1 - eps], eps of their dtype, before a logarithm, as scikit-learn does. In a network delta is
y - t, which is their derivative through softmax and sigmoid.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import float64

from ..compiler.jit import kernel, leaf
from ..llvm import maximum
from ..llvm.row_kernels import loss_row_kernel
from ..numerics.double_double import dd_scale, two_product, two_sum
from ..numerics.exponential import dd_log, dd_log1m, is_single
from .codes import BINARY_LOG_LOSS, LABEL_LOG_LOSS, LOG_LOSS
from .differences import difference_tangents
from .entry import Loss
from .rows import derivative_for, row_count, sum_of, weight_of


@leaf
def clipped(y):
    """y kept inside [eps, 1 - eps], eps of y's own dtype, as a float64."""
    eps = type(y)(2.0**-23) if is_single(y) else type(y)(2.0**-52)
    one = type(y)(1.0)
    return float64(eps if y < eps else (one - eps if y > one - eps else y))


@leaf
def dd_log_loss(y, t):
    """-t log y, as a double-double."""
    return dd_scale(-float64(t), dd_log(clipped(y)))


@leaf
def dd_binary_log_loss(y, t):
    """-(t log y + (1 - t) log(1 - y)), as a double-double."""
    p = clipped(y)
    rest = float64(1.0) - float64(t)
    first, first_low = dd_scale(-float64(t), dd_log(p))
    second, second_low = dd_scale(-rest, dd_log1m(p))
    result, lost = two_sum(first, second)
    lost -= ((float64(1.0) - rest) - float64(t)) * dd_log1m(p)[0]
    return result, lost + (first_low + second_low)


sum_of_log_losses = sum_of(dd_log_loss, "sum_of_log_losses")
sum_of_binary_log_losses = sum_of(dd_binary_log_loss, "sum_of_binary_log_losses")


@kernel(elementwise=True)
def log_loss(Y, T):
    """Compute the cross-entropy of probabilities: minus the sum over the last axis of t log y, averaged over the rows.

    Parameters
    ----------
    Y : array_like
        Outputs of softmax: probabilities that sum to 1 along the last axis.
    T : array_like
        Targets, of the same shape: one-hot, or any distribution.

    Returns
    -------
    float
        Mean loss of the rows.

    Raises
    ------
    ValueError
        If shapes differ.

    Notes
    -----
    Outputs are clipped to [eps, 1 - eps] before the logarithm, eps of their dtype, as scikit-learn does.

    Examples
    --------
    >>> from tileprop.kernels import log_loss
    >>> round(log_loss([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1]], [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), 4)
    0.4581
    """
    total = sum_of_log_losses(Y, T)
    return total / (Y.size // maximum(Y.shape[-1], 1))


@kernel(elementwise=True)
def log_loss_backward(Y, T, out=None):
    """Compute the gradient of `log_loss` to the outputs: -t / y / n.

    Parameters
    ----------
    Y : array_like
        Outputs of softmax: probabilities that sum to 1 along the last axis.
    T : array_like
        Targets, of the same shape: one-hot, or any distribution.
    out : ndarray, optional
        Array of the shape of `Y` for the result.

    Returns
    -------
    ndarray
        Derivatives of the mean loss to the outputs, of the shape of `Y`.

    Raises
    ------
    ValueError
        If shapes differ.

    Examples
    --------
    >>> from tileprop.kernels import log_loss_backward
    >>> log_loss_backward([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1]], [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]).round(4)
    array([[-1.   , -0.   , -0.   ],
           [-0.   , -0.625, -0.   ]])
    """
    dY = derivative_for(Y, T, out)
    rows = Y.size // maximum(Y.shape[-1], 1)
    for i in range(Y.size):
        dY.flat[i] = -(float64(T.flat[i]) / clipped(Y.flat[i])) / rows
    return dY


@kernel(elementwise=True)
def binary_log_loss(Y, T):
    """Compute the cross-entropy of independent probabilities: summed over the outputs, averaged over the rows.

    Parameters
    ----------
    Y : array_like
        Outputs of sigmoid: a probability for each label; a 1-D array holds one output for each row.
    T : array_like
        Targets, of the same shape, from 0 to 1.

    Returns
    -------
    float
        Mean loss of the rows.

    Raises
    ------
    ValueError
        If shapes differ.

    Notes
    -----
    Outputs are clipped to [eps, 1 - eps] before the logarithm, eps of their dtype, as scikit-learn does.

    Examples
    --------
    >>> from tileprop.kernels import binary_log_loss
    >>> round(binary_log_loss([[0.5, 0.25], [0.1, 0.8]], [[1.0, 0.0], [0.0, 1.0]]), 4)
    0.6547
    """
    total = sum_of_binary_log_losses(Y, T)
    return total / row_count(Y)


@kernel(elementwise=True)
def binary_log_loss_backward(Y, T, out=None):
    """Compute the gradient of `binary_log_loss` to the outputs: (y - t) / (y (1 - y)) / n.

    Parameters
    ----------
    Y : array_like
        Outputs of sigmoid: a probability for each label; a 1-D array holds one output for each row.
    T : array_like
        Targets, of the same shape, from 0 to 1.
    out : ndarray, optional
        Array of the shape of `Y` for the result.

    Returns
    -------
    ndarray
        Derivatives of the mean loss to the outputs, of the shape of `Y`.

    Raises
    ------
    ValueError
        If shapes differ.

    Examples
    --------
    >>> from tileprop.kernels import binary_log_loss_backward
    >>> binary_log_loss_backward([[0.5, 0.25], [0.1, 0.8]], [[1.0, 0.0], [0.0, 1.0]]).round(4)
    array([[-1.    ,  0.6667],
           [ 0.5556, -0.625 ]])
    """
    dY = derivative_for(Y, T, out)
    rows = float64(row_count(Y))
    one = float64(1.0)
    for i in range(Y.size):
        y, t = clipped(Y.flat[i]), -float64(T.flat[i])
        d, d_lost = two_sum(y, t)
        complement = one - y
        product, lost = two_product(y, complement)
        # The divisor and its rounding error; five rounded operations in a row could be 3 ulp off.
        divisor, divisor_lost = two_product(product, rows)
        low = lost + y * ((one - complement) - y)
        low = low * rows + divisor_lost
        quotient = d / divisor
        dY.flat[i] = quotient + (d_lost - quotient * low) / divisor
    return dY


@leaf
def log_scalar(y):
    """log of y clipped, in float64."""
    return dd_log(clipped(y))[0]


@loss_row_kernel
def entropy_rows(rows):
    """See `row_kernels.py`; for both, and for classes as one column of indices: an index that is none makes the loss NaN."""
    Y, D, T, code = rows.Y, rows.D, rows.T, rows.code
    real = D.dtype.type
    total = float64(0.0)
    for r in range(Y.shape[0]):
        row_weight = weight_of(rows.weight, r)
        slope = real(row_weight * rows.scale)
        label = np.int64(T[r, 0])
        value = float64(0.0)
        for j in range(rows.n_out):
            p = Y[r, j]
            t = real(j == label) if code == LABEL_LOG_LOSS else T[r, j]
            D[r, j] = (p - t) * slope
            if t != 0:
                value -= float64(t) * log_scalar(p)
            if code == BINARY_LOG_LOSS:
                value -= (float64(1.0) - float64(t)) * dd_log1m(clipped(p))[0]
        if code == LABEL_LOG_LOSS and not 0 <= label < rows.n_out:
            value = float64(np.nan)
        total += row_weight * value
    return total


@loss_row_kernel
def entropy_targets(rows):
    """See `row_kernels.py`: -log y, less -log(1 - y) where outputs are apart."""
    Y, D = rows.Y, rows.D
    for r in range(Y.shape[0]):
        factor = weight_of(rows.weight, r) * rows.scale
        for j in range(rows.n_out):
            rest = dd_log1m(clipped(Y[r, j]))[0] if rows.code == BINARY_LOG_LOSS else float64(0.0)
            D[r, j] = (rest - log_scalar(Y[r, j])) * factor
    return float64(0.0)


def _log_loss(code: int, value: Any, backward: Any, needs: str) -> Loss:
    targets = None if code == LABEL_LOG_LOSS else entropy_targets
    return Loss("log_loss", code, value, backward, entropy_rows, difference_tangents, targets, needs, gives_delta=True)


ENTRIES = (
    _log_loss(LOG_LOSS, log_loss, log_loss_backward, "softmax"),
    _log_loss(LABEL_LOG_LOSS, log_loss, log_loss_backward, "softmax"),
    _log_loss(BINARY_LOG_LOSS, binary_log_loss, binary_log_loss_backward, "sigmoid"),
)
