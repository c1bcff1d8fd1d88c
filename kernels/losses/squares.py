"""Squared differences, averaged over the outputs or summed."""

from __future__ import annotations

from numpy import float64

from ..compiler.jit import kernel, leaf
from ..llvm.row_kernels import loss_row_kernel
from ..numerics.double_double import dd_multiply, two_difference
from .codes import MSE, SQUARED_ERROR, SUM_SQUARED_ERROR
from .differences import difference_targets, scale_rows
from .entry import Loss
from .rows import derivative_for, halved_difference, row_count, sum_of, weight_of


@leaf
def dd_square(y, t):
    """(y - t)^2, as a double-double."""
    d = two_difference(y, t)
    return dd_multiply(d, d)


sum_of_squares = sum_of(dd_square, "sum_of_squares")


@kernel(elementwise=True)
def mse(Y, T):
    """Compute the mean squared error: the mean over outputs and rows of (y - t)^2.

    Parameters
    ----------
    Y : array_like
        Outputs of any shape; a 1-D array holds one output for each row.
    T : array_like
        Targets, of the same shape.

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
    >>> from tileprop.kernels import mse
    >>> round(mse([[1.0, 2.0], [3.0, 4.0]], [[1.0, 0.0], [3.0, 5.0]]), 4)
    1.25
    """
    return sum_of_squares(Y, T) / Y.size


@kernel(elementwise=True)
def mse_backward(Y, T, out=None):
    """Compute the gradient of `mse` to the outputs: 2 (y - t) / (n n_out).

    Parameters
    ----------
    Y : array_like
        Outputs of any shape; a 1-D array holds one output for each row.
    T : array_like
        Targets, of the same shape.
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
    >>> from tileprop.kernels import mse_backward
    >>> mse_backward([[1.0, 2.0], [3.0, 4.0]], [[1.0, 0.0], [3.0, 5.0]]).round(4)
    array([[ 0. ,  1. ],
           [ 0. , -0.5]])
    """
    dY = derivative_for(Y, T, out)
    for i in range(Y.size):
        dY.flat[i] = float64(4.0) * (halved_difference(Y.flat[i], T.flat[i]) / Y.size)
    return dY


@kernel(elementwise=True)
def squared_error(Y, T):
    """Compute half the mean squared error: half the mean over outputs and rows of (y - t)^2.

    Parameters
    ----------
    Y : array_like
        Outputs of any shape; a 1-D array holds one output for each row.
    T : array_like
        Targets, of the same shape.

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
    >>> from tileprop.kernels import squared_error
    >>> round(squared_error([[1.0, 2.0], [3.0, 4.0]], [[1.0, 0.0], [3.0, 5.0]]), 4)
    0.625
    """
    return sum_of_squares(Y, T) / Y.size / 2


@kernel(elementwise=True)
def squared_error_backward(Y, T, out=None):
    """Compute the gradient of `squared_error` to the outputs: (y - t) / (n n_out).

    Parameters
    ----------
    Y : array_like
        Outputs of any shape; a 1-D array holds one output for each row.
    T : array_like
        Targets, of the same shape.
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
    >>> from tileprop.kernels import squared_error_backward
    >>> squared_error_backward([[1.0, 2.0], [3.0, 4.0]], [[1.0, 0.0], [3.0, 5.0]]).round(4)
    array([[ 0.  ,  0.5 ],
           [ 0.  , -0.25]])
    """
    dY = derivative_for(Y, T, out)
    for i in range(Y.size):
        dY.flat[i] = float64(2.0) * (halved_difference(Y.flat[i], T.flat[i]) / Y.size)
    return dY


@kernel(elementwise=True)
def sum_squared_error(Y, T):
    """Compute half the sum over the outputs of (y - t)^2, averaged over the rows.

    Parameters
    ----------
    Y : array_like
        Outputs of any shape; a 1-D array holds one output for each row.
    T : array_like
        Targets, of the same shape.

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
    >>> from tileprop.kernels import sum_squared_error
    >>> round(sum_squared_error([[1.0, 2.0], [3.0, 4.0]], [[1.0, 0.0], [3.0, 5.0]]), 4)
    1.25
    """
    return sum_of_squares(Y, T) / row_count(Y) / 2


@kernel(elementwise=True)
def sum_squared_error_backward(Y, T, out=None):
    """Compute the gradient of `sum_squared_error` to the outputs: (y - t) / n.

    Parameters
    ----------
    Y : array_like
        Outputs of any shape; a 1-D array holds one output for each row.
    T : array_like
        Targets, of the same shape.
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
    >>> from tileprop.kernels import sum_squared_error_backward
    >>> sum_squared_error_backward([[1.0, 2.0], [3.0, 4.0]], [[1.0, 0.0], [3.0, 5.0]]).round(4)
    array([[ 0. ,  1. ],
           [ 0. , -0.5]])
    """
    dY = derivative_for(Y, T, out)
    for i in range(Y.size):
        dY.flat[i] = float64(2.0) * (halved_difference(Y.flat[i], T.flat[i]) / row_count(Y))
    return dY


@leaf
def divisor(code, n_out):
    """What the sum over the outputs of (y - t)^2 is divided by."""
    if code == SUM_SQUARED_ERROR:
        return float64(2.0)
    return float64(n_out if code == MSE else 2 * n_out)


@loss_row_kernel
def squares_rows(rows):
    """See `row_kernels.py`; for all three."""
    Y, D, T, outputs = rows.Y, rows.D, rows.T, divisor(rows.code, rows.n_out)
    total = float64(0.0)
    for r in range(Y.shape[0]):
        row_weight = weight_of(rows.weight, r)
        slope = D.dtype.type(row_weight * rows.scale * (float64(2.0) / outputs))
        value = float64(0.0)
        for j in range(rows.n_out):
            difference = Y[r, j] - T[r, j]
            D[r, j] = difference * slope
            value += float64(difference) * float64(difference)
        total += row_weight * value
    return total / outputs


@loss_row_kernel
def squares_tangents(rows):
    """See `row_kernels.py`; for all three."""
    scale_rows(rows.D, rows.weight, rows.scale * (float64(2.0) / divisor(rows.code, rows.n_out)))
    return float64(0.0)


_row_kernels = squares_rows, squares_tangents, difference_targets
ENTRIES = (
    Loss("mse", MSE, mse, mse_backward, *_row_kernels),
    Loss("squared_error", SQUARED_ERROR, squared_error, squared_error_backward, *_row_kernels),
    Loss("sum_squared_error", SUM_SQUARED_ERROR, sum_squared_error, sum_squared_error_backward, *_row_kernels),
)
