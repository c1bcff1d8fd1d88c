"""softmax of one row after another, and its backward half, to the accuracy that the other activations have.

float32 goes through float64; float64 through double-doubles (`double_double.py`), and is vectorised nevertheless.
"""

from __future__ import annotations

import numpy as np
from numpy import float64

from ..arrays import assign, in_place, result_for
from ..checks import check_same_shape
from ..compiler.jit import REORDERED, kernel, leaf
from ..llvm import lanes_of, minimum
from ..llvm.row_kernels import activation_row_kernel
from ..llvm.views import matrix, span
from ..numerics.double_double import two_product, two_sum
from ..numerics.exponential import LOWEST_SINGLE, dd_exp, exp_split, is_single
from .codes import SOFTMAX
from .entry import Activation


@leaf
def shifted_exp(x, largest):
    """exp(x - largest), a double-double. The difference is exact: rounded, it would cost |x - largest| / 2 ulp."""
    return dd_exp(two_sum(float64(x), -float64(largest)))


@leaf
def wide_exp_of_difference(x, largest):
    """exp(x - largest) for float32, in float64 but no better than float32's polynomial; 0 below the smallest normal float32."""
    difference, lost = two_sum(x, -largest)
    least = type(x)(LOWEST_SINGLE)
    vanishes = difference < least
    tail, scale = exp_split(least if vanishes else difference)
    tail += lost + lost * tail
    return float64(0.0) if vanishes else float64(scale) + float64(scale) * float64(tail)


@leaf(fastmath=REORDERED)
def sum_of_exps(y, width, largest):
    """sum_i exp(y_i - largest) over the first `width` entries, in float64."""
    total = float64(0.0)
    for i in range(y.size):
        e = wide_exp_of_difference(y[i], largest)
        total += e if i < width else float64(0.0)
    return total


@leaf
def largest_of(y, width):
    """The largest of the first `width` entries."""
    largest = y[0]
    for i in range(1, width):
        largest = y[i] if y[i] > largest else largest
    return largest


@leaf
def softmax_single(y, width):
    """One row of float32, in place: float64 holds the sum and the quotients as well as needs be."""
    largest = largest_of(y, width)
    factor = float64(1.0) / sum_of_exps(y, width, largest)
    for i in range(y.size):
        e = wide_exp_of_difference(y[i], largest)
        y[i] = e * factor if i < width else float64(y[i])


@leaf
def leading_part(x, grid):
    """x rounded to a multiple of the last place of 1.5 `grid`, a power of 2 above |x|."""
    shift = float64(1.5) * grid
    return (x + shift) - shift


@leaf
def exact_difference(x, y):
    """x - y, kept from being reordered."""
    return x - y


@leaf(fastmath=REORDERED)
def dd_sum_of_exps(y, width, largest):
    """sum_i exp(y_i - largest) over the first `width` entries, as two numbers, which may overlap.

    The first is a sum of so few bits of each number that no order rounds it; so it may be vectorised.
    """
    grid = float64(4096.0)
    while grid < y.size:
        grid *= float64(2.0)
    total, rest = float64(0.0), float64(0.0)
    for i in range(y.size):
        e, low = shifted_exp(y[i], largest)
        e, low = (e, low) if i < width else (float64(0.0), float64(0.0))
        leading = leading_part(e, grid)
        total += leading
        rest += exact_difference(e, leading) + low
    return total, rest


@leaf
def softmax_double(y, width):
    """One row of float64, in place, by double-doubles."""
    largest = largest_of(y, width)
    total, rest = dd_sum_of_exps(y, width, largest)
    high, error = two_sum(total, rest)
    for i in range(y.size):
        # Divided with its remainder: two roundings, and those of e and the sum, would reach 2.5 ulp.
        e, low = shifted_exp(y[i], largest)
        quotient = e / high
        product, lost = two_product(quotient, high)
        remainder = (e - product) - lost + (low - quotient * error)
        y[i] = quotient + remainder / high if i < width else y[i]


@leaf
def softmax_loop(y, width):
    """Rows of a C-contiguous array, `width` entries of each in use.

    What else fills the last vector is computed with them, and left as it was: of 10 entries, 2 took as long as the other 8.
    """
    stride, lanes = y.shape[-1], lanes_of(y)
    whole = minimum(stride, (width + lanes - 1) // lanes * lanes)
    for row in range(y.size // stride if width else 0):
        entries = span(y, row * stride, whole)
        if is_single(entries[0]):
            softmax_single(entries, width)
        else:
            softmax_double(entries, width)


@leaf
def softmax_backward_loop(y, dy, width):
    stride = y.shape[-1]
    rows = y.size // stride if width else 0
    half = float64(0.5)  # with halves, dy - sum cannot overflow
    for row in range(rows):
        start = row * stride
        # The sum in three parts: where nearly all of y is in one entry, its difference to dy cancels twice over.
        total, error, tail = float64(0.0), float64(0.0), float64(0.0)
        for i in range(start, start + width):
            product, product_lost = two_product(float64(y.flat[i]), half * float64(dy.flat[i]))
            total, lost = two_sum(total, product)
            error, lost = two_sum(error, lost)
            tail += lost + product_lost
        for i in range(start, start + width):
            b = half * float64(dy.flat[i])
            difference, rest = two_sum(b, -total)
            correction, low = two_sum(rest, -error)
            dy.flat[i] = float64(2.0) * (float64(y.flat[i]) * (difference + (correction + (low - tail))))


@kernel(elementwise=True)
def softmax(x, out=None):
    """Apply softmax along the last axis: exp(x_j) / sum_k exp(x_k).

    Parameters
    ----------
    x : array_like
        Pre-activations, of any shape and memory layout; may hold minus infinity.
    out : ndarray, optional
        Array of the same shape for the result; may be `x` itself.

    Returns
    -------
    ndarray
        Probabilities, of the shape of `x`.

    Raises
    ------
    ValueError
        If `out` has another shape.

    Examples
    --------
    >>> from tileprop.kernels import softmax
    >>> softmax([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]]).round(4)
    array([[0.09  , 0.2447, 0.6652],
           [0.3333, 0.3333, 0.3333]])
    """
    y = result_for(x, out)
    work = np.empty(x.shape, x.dtype)  # C-contiguous, unlike y perhaps
    assign(work, x)
    softmax_loop(work, x.shape[-1])
    assign(y, work)
    return y


@kernel(elementwise=True)
def softmax_backward(y, dy, out=None):
    """Multiply derivatives by those of softmax: dx_j = y_j (dy_j - sum_k y_k dy_k), along the last axis.

    Parameters
    ----------
    y : array_like
        Outputs of softmax.
    dy : array_like
        Derivatives of a loss to the outputs, of the same shape.
    out : ndarray, optional
        Array of the same shape for the result; may be `dy` or `y` itself.

    Returns
    -------
    ndarray
        Derivatives of the loss to the inputs of softmax.

    Raises
    ------
    ValueError
        If shapes differ.

    Examples
    --------
    >>> from tileprop.kernels import softmax, softmax_backward
    >>> softmax_backward(softmax([1.0, 2.0, 3.0]), [0.0, 0.0, 1.0]).round(4)
    array([-0.0599, -0.1628,  0.2227])
    """
    check_same_shape(y, dy)
    dx = result_for(dy, out)
    kept = y.copy() if in_place(y, dx) else y
    assign(dx, dy)
    softmax_backward_loop(kept, dx, kept.shape[-1])
    return dx


@activation_row_kernel
def softmax_rows(memory, places, backward):
    """See `row_kernels.py`."""
    Y = matrix(memory, places.y, places.rows, places.stride)
    if backward:
        softmax_backward_loop(Y, matrix(memory, places.d, places.rows, places.stride), places.width)
    else:
        softmax_loop(Y, places.width)


@activation_row_kernel
def softmax_tangents(memory, places, backward):
    """See `row_kernels.py`. Of dx_j = y_j (g_j - sum_k y_k g_k), with tangents of y, of g, or of both."""
    Y, Y_tangents = (
        matrix(memory, places.y, places.rows, places.stride),
        matrix(memory, places.tangents + places.y, places.rows, places.stride),
    )
    if not backward:
        softmax_backward_loop(Y, Y_tangents, places.width)
        return
    D, result = (
        matrix(memory, places.d, places.rows, places.stride),
        matrix(memory, places.tangents + places.d, places.rows, places.stride),
    )
    softmax_backward_loop(Y, result, places.width)
    for r in range(places.rows):
        mean, change = float64(0.0), float64(0.0)
        for j in range(places.width):
            mean += float64(Y[r, j]) * float64(D[r, j])
            change += float64(Y_tangents[r, j]) * float64(D[r, j])
        for j in range(places.width):
            result[r, j] += Y_tangents[r, j] * (float64(D[r, j]) - mean) - Y[r, j] * change


ENTRY = Activation("softmax", SOFTMAX, softmax, softmax_backward, softmax_rows, softmax_tangents)
