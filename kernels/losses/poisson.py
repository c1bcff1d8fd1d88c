"""Half the Poisson deviance. In a network delta is y - t, which is its derivative through exp."""

from __future__ import annotations

import numpy as np
from numpy import float64

from ..compiler.jit import kernel, leaf
from ..llvm.row_kernels import loss_row_kernel
from ..numerics.double_double import dd_multiply, dd_scale, two_quotient, two_sum
from ..numerics.exponential import LN2_HI, LN2_LO, log_series, log_split
from .codes import POISSON
from .differences import difference_tangents
from .entry import Loss
from .rows import derivative_for, row_count, sum_of, weight_of

TINY, HUGE = np.finfo(float64).tiny, np.finfo(float64).max


@leaf
def dd_nearly_equal(d, y, t):
    """t log(t / y) - t + y as a double-double, for a y within a factor of sqrt(2) of t, and d = y - t exactly.

    With s = (y - t) / (y + t) and R(s^2) = log(y / t) / s - 2 it is s (d - t R): the terms that would cancel are gone.
    """
    total, lost = two_sum(y, t)
    s, low = two_quotient(d, total)
    low -= s * lost / total
    return dd_multiply((s, low), two_sum(d, -t * log_series(s * s)))


@leaf
def dd_poisson(y, t):
    """t log(t / y) - t + y, as a double-double; infinite where t / y is beyond the largest number."""
    y, t = float64(y), float64(t)
    if t == float64(0.0):
        return y, float64(0.0)
    d = y - t
    if abs(d) < float64(0.17) * (y + t):
        return dd_nearly_equal(d, y, t)
    ratio = y / t
    if ratio < float64(TINY) or ratio > float64(HUGE):
        return (float64(np.inf) if y < t else y), float64(0.0)
    # t (r - log r - 1) with r = 2^k m: (r - m) - k log 2 + (m - log m - 1), the last of which never cancels.
    ratio, rest = two_quotient(y, t)
    k, m = log_split(ratio)
    last, low = dd_nearly_equal(m - float64(1.0), m, float64(1.0))
    low += rest * (float64(1.0) - float64(1.0) / ratio) - k * LN2_LO
    total, lost = two_sum(ratio, -m)
    low += lost
    for term in (-k * LN2_HI, last):
        total, lost = two_sum(total, term)
        low += lost
    return dd_scale(t, two_sum(total, low))


@leaf
def poisson_slope(y, t):
    """1 - t / y, of which the last digit is right; minus infinity where t / y is infinite."""
    y, t = float64(y), float64(t)
    if t == float64(0.0):
        return y - y + float64(1.0)
    d, lost = two_sum(y, -t)
    if not abs(d / y) < float64(np.inf):
        return d / y
    quotient, rest = two_quotient(d, y)
    return quotient + (rest + lost / y)


sum_of_deviances = sum_of(dd_poisson, "sum_of_deviances")


@kernel(elementwise=True)
def poisson(Y, T):
    """Compute half the Poisson deviance: the sum over the outputs of t log(t / y) - t + y, averaged over the rows.

    Parameters
    ----------
    Y : array_like
        Outputs, positive; a 1-D array holds one output for each row.
    T : array_like
        Targets, of the same shape: counts, at least 0.

    Returns
    -------
    float
        Mean loss of the rows.

    Raises
    ------
    ValueError
        If shapes differ.

    Examples
    --------
    >>> from tileprop.kernels import poisson
    >>> round(poisson([1.0, 2.0, 3.0], [1.0, 3.0, 0.0]), 4)
    1.0721
    """
    total = sum_of_deviances(Y, T)
    return total / row_count(Y)


@kernel(elementwise=True)
def poisson_backward(Y, T, out=None):
    """Compute the gradient of `poisson` to the outputs: (1 - t / y) / n.

    Parameters
    ----------
    Y : array_like
        Outputs, positive; a 1-D array holds one output for each row.
    T : array_like
        Targets, of the same shape: counts, at least 0.
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
    >>> from tileprop.kernels import poisson_backward
    >>> poisson_backward([1.0, 2.0, 3.0], [1.0, 3.0, 0.0]).round(4)
    array([ 0.    , -0.1667,  0.3333])
    """
    dY = derivative_for(Y, T, out)
    for i in range(Y.size):
        dY.flat[i] = poisson_slope(Y.flat[i], T.flat[i]) / row_count(Y)
    return dY


@loss_row_kernel
def poisson_rows(rows):
    """See `row_kernels.py`."""
    Y, D, T = rows.Y, rows.D, rows.T
    total = float64(0.0)
    for r in range(Y.shape[0]):
        row_weight = weight_of(rows.weight, r)
        slope = D.dtype.type(row_weight * rows.scale)
        value = float64(0.0)
        for j in range(rows.n_out):
            D[r, j] = (Y[r, j] - T[r, j]) * slope
            value += dd_poisson(Y[r, j], T[r, j])[0]
        total += row_weight * value
    return total


@loss_row_kernel
def poisson_targets(rows):
    """See `row_kernels.py`: log(t / y), minus infinity where t is 0."""
    Y, D, T = rows.Y, rows.D, rows.T
    for r in range(Y.shape[0]):
        factor = weight_of(rows.weight, r) * rows.scale
        for j in range(rows.n_out):
            t = float64(T[r, j])
            slope = np.log(t / float64(Y[r, j])) if t != float64(0.0) else -float64(np.inf)
            D[r, j] = slope * factor if factor != float64(0.0) else float64(0.0)
    return float64(0.0)


_row_kernels = poisson_rows, difference_tangents, poisson_targets
ENTRIES = (Loss("poisson", POISSON, poisson, poisson_backward, *_row_kernels, needs="exp", gives_delta=True),)
