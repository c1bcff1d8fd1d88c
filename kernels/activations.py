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
from .exponential import exp_scalar, exp_split, largest_split
from .jit import kernel, leaf
from .llvm import span
from .softmax import softmax_backward_loop, softmax_loop

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
