"""Half the Poisson deviance. In a network delta is y - t, which is its derivative through exp."""

from __future__ import annotations

import numpy as np

from ..numerics.error_free import product_error, sum_error
from ..numerics.exponential import LN2_HI, LN2_LO, log_series, log_split
from ..compiler.jit import kernel, leaf
from ..llvm import matrix
from ..llvm.routines import loss_routine
from .codes import POISSON
from .differences import difference_curvature
from .entry import Loss
from .sums import derivative_for, divided, row_count, sum_of, weighted

_d = np.float64
TINY, HUGE = np.finfo(_d).tiny, np.finfo(_d).max


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


sum_of_deviances = sum_of(poisson_parts, "sum_of_deviances")


@kernel(elementwise=True)
def poisson(Y, T):
    """Half the Poisson deviance of positive Y against counts T >= 0, summed over the last axis, averaged over the rows."""
    total = sum_of_deviances(Y, T)
    return total / row_count(Y)


@kernel(elementwise=True)
def poisson_backward(Y, T, out=None):
    """dL/dY = (1 - t / y) / rows."""
    dY = derivative_for(Y, T, out)
    for i in range(Y.size):
        dY.flat[i] = poisson_slope(Y.flat[i], T.flat[i]) / row_count(Y)
    return dY


@loss_routine
def poisson_routine(code, S, y, d, rows, stride, n_out, T, first, weight, scale, parameters):
    """See `routines.py`."""
    Y, D = matrix(S, y, rows, stride), matrix(S, d, rows, stride)
    total = _d(0.0)
    for r in range(rows):
        row_weight = _d(weight[first + r]) if weight.size else _d(1.0)
        slope = S.dtype.type(row_weight * scale)
        value = _d(0.0)
        for j in range(n_out):
            D[r, j] = (Y[r, j] - T[first + r, j]) * slope
            value += poisson_parts(Y[r, j], T[first + r, j])[0]
        total += row_weight * value
    return total


@loss_routine
def poisson_targets(code, S, y, d, rows, stride, n_out, T, first, weight, scale, parameters):
    """See `routines.py`: log(t / y), minus infinity where t is 0."""
    Y, D = matrix(S, y, rows, stride), matrix(S, d, rows, stride)
    for r in range(rows):
        factor = (_d(weight[first + r]) if weight.size else _d(1.0)) * scale
        for j in range(n_out):
            t = _d(T[first + r, j])
            slope = np.log(t / _d(Y[r, j])) if t != _d(0.0) else -_d(np.inf)
            D[r, j] = slope * factor if factor != _d(0.0) else _d(0.0)
    return _d(0.0)


_routines = poisson_routine, difference_curvature, poisson_targets
LOSSES = (Loss("poisson", POISSON, poisson, poisson_backward, *_routines, needs="exp", through=True),)
