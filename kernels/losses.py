"""Losses, averaged over the rows. Each a pair: `loss(Y, T)` a float, `loss_backward(Y, T)` the array dL/dY.

mse               mean over outputs and rows of (y - t)^2
squared_error     half of that
sum_squared_error half the sum over outputs of (y - t)^2, averaged over the rows: what scikit-learn's MLPRegressor descends
log_loss          - sum_j t_j log y_j over the last axis (cross-entropy; Y from softmax), averaged over the rows
binary_log_loss   - sum_j t_j log y_j + (1 - t_j) log(1 - y_j) (Y from sigmoid), averaged over the rows
poisson           sum over outputs of t log(t / y) - t + y, half the Poisson deviance (Y from exp), averaged over the rows

Y is clipped to [eps, 1 - eps], eps of its dtype, before a logarithm, as scikit-learn does. Sums run in float64; for float64
they carry their rounding errors along.

In a plan a loss has an integer code. `output_loss` computes, over rows that are in cache, the loss and delta at the output;
the log losses and the Poisson loss go straight to y - t, which is their derivative through softmax, sigmoid and exp.
"""

from __future__ import annotations

import numpy as np

from .activations import activate_backward
from .checks import check_same_shape
from .errorfree import product_error, sum_error
from .exponential import LN2_HI, LN2_LO, is_single, log1m_parts, log_parts, log_series, log_split
from .jit import kernel, leaf

MSE, SQUARED_ERROR, LOG_LOSS, LABEL_LOG_LOSS, BINARY_LOG_LOSS, SUM_SQUARED_ERROR, POISSON = range(7)
# The log losses have one name; which one it is follows from the outputs and the targets.
CODES = {"mse": MSE, "squared_error": SQUARED_ERROR, "sum_squared_error": SUM_SQUARED_ERROR, "poisson": POISSON}

_d = np.float64
TINY, HUGE = np.finfo(_d).tiny, np.finfo(_d).max


# Scalars -------------------------------------------------------------------------------------------------------------------


@leaf
def clipped(y):
    """y kept inside [eps, 1 - eps], eps of y's own dtype, as a float64."""
    eps = type(y)(2.0**-23) if is_single(y) else type(y)(2.0**-52)
    one = type(y)(1.0)
    return _d(eps if y < eps else (one - eps if y > one - eps else y))


@leaf
def weighted(factor, parts):
    """factor times a number in two parts, again in two parts."""
    product = factor * parts[0]
    return product, product_error(factor, parts[0], product) + factor * parts[1]


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


@leaf
def divided(a, b):
    """a / b in two parts, for a finite quotient."""
    quotient = a / b
    product = quotient * b
    return quotient, ((a - product) - product_error(quotient, b, product)) / b


@leaf
def nearly_equal_parts(d, y, t):
    """t log(t / y) - t + y in two parts, for a y within a factor of sqrt(2) of t, and d = y - t exactly.

    With s = (y - t) / (y + t) and R(s^2) = log(y / t) / s - 2 it is s (d - t R): the terms that would cancel are gone.
    """
    total = y + t
    s, low = divided(d, total)
    low -= s * sum_error(y, t, total) / total
    higher = -t * log_series(s * s)
    factor = d + higher
    product = s * factor
    return product, product_error(s, factor, product) + (s * sum_error(d, higher, factor) + low * factor)


@leaf
def poisson_parts(y, t):
    """t log(t / y) - t + y, in two parts; infinite where t / y is beyond the largest number."""
    y, t = _d(y), _d(t)
    if t == _d(0.0):
        return y, _d(0.0)
    d = y - t
    if abs(d) < _d(0.17) * (y + t):
        return nearly_equal_parts(d, y, t)
    ratio = y / t
    if ratio < _d(TINY) or ratio > _d(HUGE):
        return (_d(np.inf) if y < t else y), _d(0.0)
    # t (r - log r - 1) with r = 2^k m: (r - m) - k log 2 + (m - log m - 1), the last of which never cancels.
    ratio, rest = divided(y, t)
    k, m = log_split(ratio)
    last, low = nearly_equal_parts(m - _d(1.0), m, _d(1.0))
    low += rest * (_d(1.0) - _d(1.0) / ratio) - k * LN2_LO
    total = ratio - m
    low += sum_error(ratio, -m, total)
    for term in (-k * LN2_HI, last):
        previous = total
        total = previous + term
        low += sum_error(previous, term, total)
    high = total + low
    return weighted(t, (high, sum_error(total, low, high)))


@leaf
def poisson_slope(y, t):
    """1 - t / y, of which the last digit is right; minus infinity where t / y is infinite."""
    y, t = _d(y), _d(t)
    if t == _d(0.0):
        return y - y + _d(1.0)
    d = y - t
    if not abs(d / y) < _d(np.inf):
        return d / y
    quotient, rest = divided(d, y)
    return quotient + (rest + sum_error(y, -t, d) / y)


@leaf
def halved_difference(y, t):
    """(y - t) / 2 in float64; unlike y - t it cannot overflow."""
    return _d(0.5) * _d(y) - _d(0.5) * _d(t)


# Over whole arrays ---------------------------------------------------------------------------------------------------------


@leaf
def row_count(Y):
    """How many rows Y has: a 1-D array holds one output for each row."""
    return Y.size if Y.ndim == 1 else Y.size // max(Y.shape[-1], 1)


@leaf
def sum_of_squares(Y, T):
    """sum (y - t)^2 in float64, with the rounding errors carried along."""
    check_same_shape(Y, T)
    total, error = _d(0.0), _d(0.0)
    for i in range(Y.size):
        y, t = _d(Y.flat[i]), -_d(T.flat[i])
        d = y + t
        p = d * d
        previous = total
        total = previous + p
        error += sum_error(previous, p, total) + (product_error(d, d, p) + _d(2.0) * d * sum_error(y, t, d))
    return total + error if total < _d(np.inf) else total  # an overflow is infinite, not NaN


@leaf
def sum_of_parts(code, Y, T):
    """The sum of a loss that comes in two parts over all elements, with the rounding errors carried along."""
    check_same_shape(Y, T)
    total, error = _d(0.0), _d(0.0)
    for i in range(Y.size):
        y, t = Y.flat[i], T.flat[i]
        if code == LOG_LOSS:
            p, low = log_loss_parts(y, t)
        elif code == BINARY_LOG_LOSS:
            p, low = binary_log_loss_parts(y, t)
        else:
            p, low = poisson_parts(y, t)
        previous, total = total, total + p
        error += sum_error(previous, p, total) + low
    return total + error if total < _d(np.inf) else total  # an overflow is infinite, not NaN


@leaf
def derivative_for(Y, T, out):
    """`out`, checked, or a new array like Y."""
    check_same_shape(Y, T)
    if out is None:
        return np.empty_like(Y)
    check_same_shape(Y, out)
    return out


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
def log_loss(Y, T):
    """Cross-entropy of probabilities Y against T (one-hot, or any distribution) along the last axis, averaged over the rows."""
    total = sum_of_parts(LOG_LOSS, Y, T)
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
    total = sum_of_parts(BINARY_LOG_LOSS, Y, T)
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


@kernel(elementwise=True)
def poisson(Y, T):
    """Half the Poisson deviance of positive Y against counts T >= 0, summed over the last axis, averaged over the rows."""
    total = sum_of_parts(POISSON, Y, T)
    return total / row_count(Y)


@kernel(elementwise=True)
def poisson_backward(Y, T, out=None):
    """dL/dY = (1 - t / y) / rows."""
    dY = derivative_for(Y, T, out)
    for i in range(Y.size):
        dY.flat[i] = poisson_slope(Y.flat[i], T.flat[i]) / row_count(Y)
    return dY


# In the chain --------------------------------------------------------------------------------------------------------------


@leaf
def log_scalar(y):
    """log of y clipped, in float64."""
    return log_parts(clipped(y))[0]


@leaf(read_only="T weight")
def output_loss(code, activation, Y, n_out, T, first, weight, scale, D):
    """Weighted sum of the rows' losses, and delta at the output.

    Y (rows, stride) outputs, n_out of them in use; T (n, n_targets), of which the rows from `first` on count; weight (n) or
    empty; D (rows, stride) OUT: delta, each row times its weight and `scale`. For `LABEL_LOG_LOSS` T holds one column of
    class indices.
    """
    real = Y.dtype.type
    squares = code == MSE or code == SQUARED_ERROR or code == SUM_SQUARED_ERROR
    outputs = _d(1.0)
    if squares:
        outputs = _d(2.0) if code == SUM_SQUARED_ERROR else _d(n_out if code == MSE else 2 * n_out)
    total = _d(0.0)
    for r in range(Y.shape[0]):
        row_weight = _d(weight[first + r]) if weight.size else _d(1.0)
        factor = row_weight * scale * (_d(2.0) / outputs if squares else _d(1.0))
        slope = real(factor)
        value = _d(0.0)
        if squares:
            for j in range(n_out):
                d = Y[r, j] - T[first + r, j]
                D[r, j] = d * slope
                value += _d(d) * _d(d)
        elif code == POISSON:
            for j in range(n_out):
                y, t = Y[r, j], T[first + r, j]
                D[r, j] = (y - t) * slope
                value += poisson_parts(y, t)[0]
        else:
            label = np.int64(T[first + r, 0])
            for j in range(n_out):
                y = Y[r, j]
                t = real(j == label) if code == LABEL_LOG_LOSS else T[first + r, j]
                D[r, j] = (y - t) * slope
                if t != 0:
                    value -= _d(t) * log_scalar(y)
                if code == BINARY_LOG_LOSS:
                    p = clipped(y)
                    value -= (_d(1.0) - _d(t)) * log1m_parts(p)[0]
            if code == LABEL_LOG_LOSS and not 0 <= label < n_out:
                value = _d(np.nan)
        total += row_weight * value
    if squares:
        activate_backward(activation, Y, D, n_out)
    return total / outputs
