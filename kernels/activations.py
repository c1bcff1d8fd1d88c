"""Activations, each a pair: the scalar formula first, then the element loop.

    y = sigmoid(x), sigmoid(x, out)              any shape and layout; out may be x itself
    dx = sigmoid_backward(y, dy), (y, dy, out)   dx = dy * f'(x), from the output y; out may be dy or y

float32 or float64. At most 2 units in the last place from the exact value wherever that is a normal number, and finite for
every finite input, exp excepted; NaN passes through. softmax works along the last axis; its input may hold minus infinity.

A plan names an activation by its integer code. `activate` and `activate_backward` are the branch on it, outside the loops.
"""

from __future__ import annotations

import math

import numpy as np

from .checks import check_same_shape
from .errorfree import product_error, sum_error
from .exponential import LOWEST_SINGLE, exp_parts, exp_scalar, exp_split, is_single, largest_split
from .jit import REORDERED, kernel, leaf
from .llvm import span

IDENTITY, SIGMOID, TANH, RELU, SOFTMAX, EXP = range(6)
CODES = {"identity": IDENTITY, "sigmoid": SIGMOID, "tanh": TANH, "relu": RELU, "softmax": SOFTMAX, "exp": EXP}

_d = np.float64


# Scalars -------------------------------------------------------------------------------------------------------------------


@leaf
def sigmoid_scalar(x):
    """1 / (1 + exp(-x)), subnormal where x is far below 0.

    With exp(-x) = scale (1 + tail), 1 + scale is exact, or what it loses is put back, so that the sum is rounded once.
    """
    one, farthest = type(x)(1.0), largest_split(x)
    x = -farthest if -farthest > x else x  # in this form a minimum and a maximum, which pass NaN through
    x = farthest if farthest < x else x
    tail, scale = exp_split(-x)
    sum_ = one + scale
    lost = one - (sum_ - scale)
    return one / (sum_ + (scale * tail + lost))


@leaf
def sigmoid_slope(y):
    """y (1 - y); for smaller y as a difference, in which 1 - y is not rounded."""
    return y - y * y if y < type(y)(0.5) else y * (type(y)(1.0) - y)


@leaf
def tanh_scalar(x):
    """(1 - e) / (1 + e), e = exp(-2|x|) = scale (1 + tail): 1 - e without e itself, which would cancel for small x."""
    real = type(x)
    one = real(1.0)
    magnitude = abs(x)
    # tanh(20) rounds to 1 in both precisions; 2|x| could overflow.
    magnitude = real(20.0) if real(20.0) < magnitude else magnitude
    tail, scale = exp_split(real(-2.0) * magnitude)
    return real(math.copysign(((scale - one) + scale * tail) / ((scale + one) + scale * tail), x))


@leaf
def tanh_slope(y):
    """1 - y^2; for larger |y| from d = 1 - |y|, which is exact there, as 2 d - d^2, which does not cancel."""
    one = type(y)(1.0)
    d = one - abs(y)
    return one - y * y if d > type(y)(0.5) else d + d - d * d


@leaf
def relu_scalar(x):
    return type(x)(0.0) if x < type(x)(0.0) else x


@leaf
def relu_slope(y):
    return type(y)(1.0) if y > type(y)(0.0) else type(y)(0.0)


# Element loops, in place ---------------------------------------------------------------------------------------------------
# `.flat[i]` is plain pointer arithmetic on a C-contiguous array and right for any other layout. Loops with it over one array
# vectorise; over two they do not, and take eight times longer: the backward loops take vectors.


@leaf
def sigmoid_loop(y):
    for i in range(y.size):
        y.flat[i] = sigmoid_scalar(y.flat[i])


@leaf
def sigmoid_backward_loop(y, dy):
    for i in range(y.size):
        dy[i] *= sigmoid_slope(y[i])


@leaf
def tanh_loop(y):
    for i in range(y.size):
        y.flat[i] = tanh_scalar(y.flat[i])


@leaf
def tanh_backward_loop(y, dy):
    for i in range(y.size):
        dy[i] *= tanh_slope(y[i])


@leaf
def relu_loop(y):
    for i in range(y.size):
        y.flat[i] = relu_scalar(y.flat[i])


@leaf
def relu_backward_loop(y, dy):
    for i in range(y.size):
        dy[i] *= relu_slope(y[i])


@leaf
def exp_loop(y):
    for i in range(y.size):
        y.flat[i] = exp_scalar(y.flat[i])


@leaf
def exp_backward_loop(y, dy):
    for i in range(y.size):
        dy[i] *= y[i]


@leaf
def shifted_exp(x, largest):
    """exp(x - largest) in two parts. The difference is exact: rounded, it would cost |x - largest| / 2 ulp of the result."""
    z, shift = _d(x), -_d(largest)
    difference = z + shift
    return exp_parts(difference, sum_error(z, shift, difference))


@leaf
def wide_exp_of_difference(x, largest):
    """exp(x - largest) for float32, in float64 but no better than float32's polynomial; 0 below the smallest normal float32."""
    shift = -largest
    difference = x + shift
    lost = sum_error(x, shift, difference)
    least = type(x)(LOWEST_SINGLE)
    vanishes = difference < least
    tail, scale = exp_split(least if vanishes else difference)
    tail += lost + lost * tail
    return _d(0.0) if vanishes else _d(scale) + _d(scale) * _d(tail)


@leaf(fastmath=REORDERED)
def sum_of_exps(y, largest):
    """sum_i exp(y_i - largest), in float64."""
    total = _d(0.0)
    for i in range(y.size):
        total += wide_exp_of_difference(y[i], largest)
    return total


@leaf
def softmax_single(y):
    """One row of float32, in place: float64 holds the sum and the quotients as well as needs be."""
    largest = y[0]
    for i in range(1, y.size):
        largest = y[i] if y[i] > largest else largest
    factor = _d(1.0) / sum_of_exps(y, largest)
    for i in range(y.size):
        y[i] = wide_exp_of_difference(y[i], largest) * factor


@leaf
def leading_part(x, grid):
    """x rounded to a multiple of the last place of 1.5 `grid`, a power of 2 above |x|."""
    shift = _d(1.5) * grid
    return (x + shift) - shift


@leaf
def exact_difference(x, y):
    """x - y, kept from being reordered."""
    return x - y


@leaf(fastmath=REORDERED)
def parts_of_sum_of_exps(y, largest):
    """sum_i exp(y_i - largest), in two parts.

    The first is a sum of so few bits of each number that no order rounds it; so it may be vectorised.
    """
    grid = _d(4096.0)
    while grid < y.size:
        grid *= _d(2.0)
    total, rest = _d(0.0), _d(0.0)
    for i in range(y.size):
        e, low = shifted_exp(y[i], largest)
        leading = leading_part(e, grid)
        total += leading
        rest += exact_difference(e, leading) + low
    return total, rest


@leaf
def softmax_double(y):
    """One row of float64, in place, carried in two parts."""
    largest = y[0]
    for i in range(1, y.size):
        largest = y[i] if y[i] > largest else largest
    total, rest = parts_of_sum_of_exps(y, largest)
    high = total + rest
    error = sum_error(total, rest, high)
    for i in range(y.size):
        # Divided with its remainder: two roundings, and those of e and the sum, would reach 2.5 ulp.
        e, low = shifted_exp(y[i], largest)
        quotient = e / high
        product = quotient * high
        remainder = (e - product) - product_error(quotient, high, product) + (low - quotient * error)
        y[i] = quotient + remainder / high


@leaf
def softmax_loop(y, width):
    """Rows of a C-contiguous array, `width` entries of each in use."""
    stride = y.shape[-1]
    for row in range(y.size // stride if width else 0):
        entries = span(y, row * stride, width)
        if is_single(entries[0]):
            softmax_single(entries)
        else:
            softmax_double(entries)


@leaf
def softmax_backward_loop(y, dy, width):
    stride = y.shape[-1]
    rows = y.size // stride if width else 0
    half = _d(0.5)  # with halves, dy - sum cannot overflow
    for row in range(rows):
        start = row * stride
        # The sum in three parts: where nearly all of y is in one entry, its difference to dy cancels twice over.
        total, error, tail = _d(0.0), _d(0.0), _d(0.0)
        for i in range(start, start + width):
            a, b = _d(y.flat[i]), half * _d(dy.flat[i])
            p = a * b
            previous, total = total, total + p
            lost = sum_error(previous, p, total)
            previous, error = error, error + lost
            tail += sum_error(previous, lost, error) + product_error(a, b, p)
        for i in range(start, start + width):
            b = half * _d(dy.flat[i])
            difference = b - total
            rest = sum_error(b, -total, difference)
            correction = rest - error
            low = sum_error(rest, -error, correction) - tail
            dy.flat[i] = _d(2.0) * (_d(y.flat[i]) * (difference + (correction + low)))


# Over whole arrays ---------------------------------------------------------------------------------------------------------


@leaf
def result_for(x, out):
    """`out`, checked, or a new array like x."""
    if out is None:
        return np.empty_like(x)
    check_same_shape(x, out)
    return out


@leaf
def in_place(x, y):
    """Whether y begins where x does."""
    return x.ctypes.data == y.ctypes.data


@kernel(elementwise=True)
def exp(x, out=None):
    """exp(x), element by element. 0 where the result would be subnormal, infinite where it would be too large."""
    y = result_for(x, out)
    y[...] = x
    exp_loop(y)
    return y


@kernel(elementwise=True)
def exp_backward(y, dy, out=None):
    """dx = dy y, y = exp(x)."""
    check_same_shape(y, dy)
    dx = result_for(dy, out)
    for i in range(y.size):
        dx.flat[i] = y.flat[i] * dy.flat[i]
    return dx


@kernel(elementwise=True)
def identity(x, out=None):
    """x itself, element by element."""
    y = result_for(x, out)
    y[...] = x
    return y


@kernel(elementwise=True)
def identity_backward(y, dy, out=None):
    """dx = dy."""
    check_same_shape(y, dy)
    dx = result_for(dy, out)
    dx[...] = dy
    return dx


@kernel(elementwise=True)
def sigmoid(x, out=None):
    """1 / (1 + exp(-x)), element by element."""
    y = result_for(x, out)
    if in_place(x, y):
        sigmoid_loop(y)
    else:
        for i in range(x.size):
            y.flat[i] = sigmoid_scalar(x.flat[i])
    return y


@kernel(elementwise=True)
def sigmoid_backward(y, dy, out=None):
    """dx = dy y (1 - y), y = sigmoid(x)."""
    check_same_shape(y, dy)
    dx = result_for(dy, out)
    for i in range(y.size):
        dx.flat[i] = sigmoid_slope(y.flat[i]) * dy.flat[i]
    return dx


@kernel(elementwise=True)
def tanh(x, out=None):
    """tanh(x), element by element."""
    y = result_for(x, out)
    if in_place(x, y):
        tanh_loop(y)
    else:
        for i in range(x.size):
            y.flat[i] = tanh_scalar(x.flat[i])
    return y


@kernel(elementwise=True)
def tanh_backward(y, dy, out=None):
    """dx = dy (1 - y^2), y = tanh(x)."""
    check_same_shape(y, dy)
    dx = result_for(dy, out)
    for i in range(y.size):
        dx.flat[i] = tanh_slope(y.flat[i]) * dy.flat[i]
    return dx


@kernel(elementwise=True)
def relu(x, out=None):
    """max(x, 0), element by element."""
    y = result_for(x, out)
    if in_place(x, y):
        relu_loop(y)
    else:
        for i in range(x.size):
            y.flat[i] = relu_scalar(x.flat[i])
    return y


@kernel(elementwise=True)
def relu_backward(y, dy, out=None):
    """dx = dy where y > 0, else 0, y = relu(x)."""
    check_same_shape(y, dy)
    dx = result_for(dy, out)
    for i in range(y.size):
        dx.flat[i] = relu_slope(y.flat[i]) * dy.flat[i]
    return dx


@kernel(elementwise=True)
def softmax(x, out=None):
    """exp(x_j) / sum_k exp(x_k) along the last axis."""
    y = result_for(x, out)
    work = np.empty(x.shape, x.dtype)  # C-contiguous, unlike y perhaps
    work[...] = x
    softmax_loop(work, x.shape[-1])
    y[...] = work
    return y


@kernel(elementwise=True)
def softmax_backward(y, dy, out=None):
    """dx_j = y_j (dy_j - sum_k y_k dy_k) along the last axis, y = softmax(x)."""
    check_same_shape(y, dy)
    dx = result_for(dy, out)
    kept = y.copy() if in_place(y, dx) else y
    dx[...] = dy
    softmax_backward_loop(kept, dx, kept.shape[-1])
    return dx


# In the chain --------------------------------------------------------------------------------------------------------------


@leaf
def activate(code, Z, width):
    """Z (rows, stride) pre-activations, `width` of them in use, overwritten by the activations."""
    if code == SIGMOID:
        sigmoid_loop(Z)
    elif code == TANH:
        tanh_loop(Z)
    elif code == RELU:
        relu_loop(Z)
    elif code == SOFTMAX:
        softmax_loop(Z, width)
    elif code == EXP:
        exp_loop(Z)


@leaf
def activate_backward(code, A, D, width):
    """D (rows, stride) holds dL/da, overwritten by delta = dL/dz; A (rows, stride) the activations; `width` are in use."""
    a, d = span(A, 0, A.size), span(D, 0, D.size)
    if code == SIGMOID:
        sigmoid_backward_loop(a, d)
    elif code == TANH:
        tanh_backward_loop(a, d)
    elif code == RELU:
        relu_backward_loop(a, d)
    elif code == SOFTMAX:
        softmax_backward_loop(A, D, width)
    elif code == EXP:
        exp_backward_loop(a, d)
