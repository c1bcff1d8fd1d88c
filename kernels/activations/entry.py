"""What an activation is made of, and how two formulas of one number become one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..checks import check_same_shape
from ..compiler.jit import kernel, leaf
from ..llvm import copy, span
from ..registry import named
from ..llvm.routines import activation_routine, curvature_routine


@dataclass(frozen=True, eq=False)
class Activation:
    """forward(x, out=None) and backward(y, dy, out=None): kernels for arrays; routine, curvature: see `routines.py`.

    from_input: whether the derivative is taken from the input, so that backward is backward(x, dy, out=None).
    """

    name: str
    code: int
    forward: Callable[..., Any]
    backward: Callable[..., Any]
    routine: Callable[..., Any] | None
    curvature: Callable[..., Any] | None = None
    from_input: bool = False


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


def elementwise(
    name: str,
    code: int,
    value: Callable[..., Any],
    slope: Callable[..., Any],
    bend: Any,
    *,
    from_input: bool = False,
    text: str = "",
    backward_text: str = "",
    users: bool = False,
) -> Activation:
    """An activation of single numbers: y = value(x), dy/dx = slope(y), or slope(x) where `from_input`. Both compiled.

    bend: the derivative of slope, of the same variable; None where second derivatives are not known.
    text, backward_text: docstrings of the kernels. users: the formulas are a user's: neither kept in the disk cache, nor
    trusted with the zeros in the padding of rows.
    """

    # `.flat[i]` is plain pointer arithmetic on a C-contiguous array and right for any other layout. Loops with it over one
    # array vectorise; over two they do not, and take eight times longer: the routine has vectors.
    def loop(y):
        for i in range(y.size):
            y.flat[i] = value(y.flat[i])

    loop = leaf(named(loop, f"{name}_loop"))

    def forward(x, out=None):
        y = result_for(x, out)
        if in_place(x, y):
            loop(y)
        else:
            for i in range(x.size):
                y.flat[i] = value(x.flat[i])
        return y

    def backward(y, dy, out=None):
        check_same_shape(y, dy)
        dx = result_for(dy, out)
        for i in range(y.size):
            dx.flat[i] = slope(y.flat[i]) * dy.flat[i]
        return dx

    def routine(S, x, y, d, rows, stride, width, backward):
        count = rows * stride
        if backward:
            source, deltas = span(S, x, count), span(S, d, count)
            for i in range(count):
                deltas[i] *= slope(source[i])
        else:
            if x != y:
                copy(S, y, S, x, count)
            loop(span(S, y, count))
        if users:
            for row in range(rows):
                padding = span(S, (d if backward else y) + row * stride + width, stride - width)
                padding[:] = 0

    def curvature(S, x, y, d, tangents, rows, stride, width, backward):
        count = rows * stride
        source = span(S, x, count)
        if backward:
            moves, deltas, result = span(S, tangents + x, count), span(S, d, count), span(S, tangents + d, count)
            for i in range(count):
                result[i] = slope(source[i]) * result[i] + bend(source[i]) * moves[i] * deltas[i]
        else:
            if x != y:
                copy(S, tangents + y, S, tangents + x, count)
            result = span(S, tangents + y, count)  # with a third span, which may be this one, the loop does not vectorise
            for i in range(count):
                result[i] *= slope(source[i])
        if users:
            for row in range(rows):
                padding = span(S, tangents + (d if backward else y) + row * stride + width, stride - width)
                padding[:] = 0

    return Activation(
        name,
        code,
        kernel(named(forward, name, text), elementwise=True, cached=not users),
        kernel(named(backward, f"{name}_backward", backward_text), elementwise=True, cached=not users),
        activation_routine(named(routine, f"{name}_routine"), cached=not users),
        curvature_routine(named(curvature, f"{name}_curvature"), cached=not users) if bend else None,
        from_input,
    )
