"""Activations, each a pair: the scalar formula first, then the element loop.

    y = sigmoid(x), sigmoid(x, out)              any shape and layout; out may be x itself
    dx = sigmoid_backward(y, dy), (y, dy, out)   dx = dy * f'(x), from the output y; out may be dy or y

float32 or float64. At most 2 units in the last place from the exact value wherever that is a normal number, and finite for
every finite input; NaN passes through. softmax works along the last axis; its input may hold minus infinity.

A plan names an activation by its integer code. `activate` and `activate_backward` are the branch on it, outside the loops.
"""

from __future__ import annotations

import math

import numpy as np

from .checks import check_same_shape
from .errorfree import product_error, sum_error
from .exponential import exp_nonpositive, exp_parts, is_single
from .jit import kernel, leaf

IDENTITY, SIGMOID, TANH, RELU, SOFTMAX = range(5)
CODES = {"identity": IDENTITY, "sigmoid": SIGMOID, "tanh": TANH, "relu": RELU, "softmax": SOFTMAX}

_d = np.float64


# Scalars -------------------------------------------------------------------------------------------------------------------


@leaf
def sigmoid_scalar(x):
    """1 / (1 + exp(-x)), from e = exp(-|x|): 1/(1+e) for x >= 0; e/(1+e), and for small e e - e^2/(1+e), for x < 0.

    The last form keeps the rounding of 1 + e out of the leading term; without it some float32 results are 2.4 ulp off.
    """
    one = type(x)(1.0)
    e = exp_nonpositive(-abs(x))
    small = e < type(x)(0.4)
    quotient = (one if x >= type(x)(0.0) else (e * e if small else e)) / (one + e)
    return e - quotient if x < type(x)(0.0) and small else quotient


@leaf
def sigmoid_slope(y):
    """y (1 - y); for smaller y as a difference, in which 1 - y is not rounded."""
    return y - y * y if y < type(y)(0.5) else y * (type(y)(1.0) - y)


@leaf
def tanh_scalar(x):
    """1 - 2 e/(1+e) with e = exp(-2|x|) from 0.625 on; below, x + x^3 P(x^2)/Q(x^2) (coefficients of Cephes' tanh.c)."""
    real = type(x)
    one = real(1.0)
    magnitude = abs(x)
    # tanh(20) rounds to 1 in both precisions; 2|x| could overflow.
    magnitude = real(20.0) if magnitude > real(20.0) else magnitude
    e = exp_nonpositive(real(-2.0) * magnitude)
    z = magnitude * magnitude
    if is_single(x):
        p = (((real(-5.70498872745e-3) * z + real(2.06390887954e-2)) * z + real(-5.37397155531e-2)) * z) + real(
            1.33314422036e-1
        )
        p = magnitude * z * (p * z + real(-3.33332819422e-1))
        q = one
    else:
        p = (real(-9.64399179425052238628e-1) * z + real(-9.92877231001918586564e1)) * z + real(-1.61468768441708447952e3)
        p = magnitude * z * p
        q = ((z + real(1.12811678491632931402e2)) * z + real(2.23548839060100448583e3)) * z + real(4.84406305325125486048e3)
    central = magnitude < real(0.625)
    outer_p, outer_q = real(-2.0) * e, one + e
    p = p if central else outer_p
    q = q if central else outer_q
    y = (magnitude if central else one) + p / q
    return real(math.copysign(y, x))


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
# `.flat[i]` is plain pointer arithmetic on a C-contiguous array (these loops vectorise) and right for any other layout. Over
# two arrays that turn out to be one, a loop would fall back to single elements, 20 times slower; so they work in place.


@leaf
def sigmoid_loop(y):
    for i in range(y.size):
        y.flat[i] = sigmoid_scalar(y.flat[i])


@leaf
def sigmoid_backward_loop(y, dy):
    for i in range(y.size):
        dy.flat[i] *= sigmoid_slope(y.flat[i])


@leaf
def tanh_loop(y):
    for i in range(y.size):
        y.flat[i] = tanh_scalar(y.flat[i])


@leaf
def tanh_backward_loop(y, dy):
    for i in range(y.size):
        dy.flat[i] *= tanh_slope(y.flat[i])


@leaf
def relu_loop(y):
    for i in range(y.size):
        y.flat[i] = relu_scalar(y.flat[i])


@leaf
def relu_backward_loop(y, dy):
    for i in range(y.size):
        dy.flat[i] *= relu_slope(y.flat[i])


@leaf
def shifted_exp(x, largest):
    """exp(x - largest) in two parts. The difference is exact: rounded, it would cost |x - largest| / 2 ulp of the result."""
    z, shift = _d(x), -_d(largest)
    difference = z + shift
    return exp_parts(difference, sum_error(z, shift, difference))


@leaf
def softmax_loop(y):
    width = y.shape[-1]
    rows = y.size // width if width else 0
    for row in range(rows):
        start = row * width
        largest = y.flat[start]
        for i in range(start + 1, start + width):
            largest = y.flat[i] if y.flat[i] > largest else largest
        total, error = _d(0.0), _d(0.0)
        for i in range(start, start + width):
            e, low = shifted_exp(y.flat[i], largest)
            previous, total = total, total + e
            error += sum_error(previous, e, total) + low
        high = total + error
        error = sum_error(total, error, high)
        for i in range(start, start + width):
            # Divided with its remainder: two roundings, and those of e and the sum, would reach 2.5 ulp.
            e, low = shifted_exp(y.flat[i], largest)
            quotient = e / high
            product = quotient * high
            remainder = (e - product) - product_error(quotient, high, product) + (low - quotient * error)
            y.flat[i] = quotient + remainder / high


@leaf
def softmax_backward_loop(y, dy):
    width = y.shape[-1]
    rows = y.size // width if width else 0
    half = _d(0.5)  # with halves, dy - sum cannot overflow
    for row in range(rows):
        start = row * width
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
    if in_place(dy, dx):
        sigmoid_backward_loop(y, dx)
    else:
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
    if in_place(dy, dx):
        tanh_backward_loop(y, dx)
    else:
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
    if in_place(dy, dx):
        relu_backward_loop(y, dx)
    else:
        for i in range(y.size):
            dx.flat[i] = relu_slope(y.flat[i]) * dy.flat[i]
    return dx


@kernel(elementwise=True)
def softmax(x, out=None):
    """exp(x_j) / sum_k exp(x_k) along the last axis."""
    y = result_for(x, out)
    y[...] = x
    softmax_loop(y)
    return y


@kernel(elementwise=True)
def softmax_backward(y, dy, out=None):
    """dx_j = y_j (dy_j - sum_k y_k dy_k) along the last axis, y = softmax(x)."""
    check_same_shape(y, dy)
    dx = result_for(dy, out)
    kept = y.copy() if in_place(y, dx) else y
    dx[...] = dy
    softmax_backward_loop(kept, dx)
    return dx


# In the chain --------------------------------------------------------------------------------------------------------------


@leaf
def activate(code, Z):
    """Z (rows, n) pre-activations, overwritten by the activations."""
    if code == SIGMOID:
        sigmoid_loop(Z)
    elif code == TANH:
        tanh_loop(Z)
    elif code == RELU:
        relu_loop(Z)
    elif code == SOFTMAX:
        softmax_loop(Z)


@leaf(read_only="A")
def activate_backward(code, A, D):
    """D (rows, n) holds dL/da, overwritten by delta = dL/dz; A (rows, n) the activations."""
    if code == SIGMOID:
        sigmoid_backward_loop(A, D)
    elif code == TANH:
        tanh_backward_loop(A, D)
    elif code == RELU:
        relu_backward_loop(A, D)
    elif code == SOFTMAX:
        softmax_backward_loop(A, D)
