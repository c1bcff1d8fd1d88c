"""What an activation is made of, and how formulas of one number become one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..arrays import in_place, result_for
from ..checks import check_same_shape
from ..compiler.jit import kernel, leaf
from ..llvm.row_kernels import activation_row_kernel
from ..llvm.views import copy, span
from ..registry import named


@dataclass(frozen=True, eq=False)
class Activation:
    """forward(x, out=None) and backward(y, dy, out=None): kernels for arrays. row_kernel, tangent_kernel: see `row_kernels.py`.

    No row kernel: the activation is the identity. No tangent kernel: its second derivative is not known.
    from_input: whether the derivative is taken from the input, so that backward is backward(x, dy, out=None).
    """

    name: str
    code: int
    forward: Callable[..., Any]
    backward: Callable[..., Any]
    row_kernel: Callable[..., Any] | None
    tangent_kernel: Callable[..., Any] | None = None
    from_input: bool = False


@dataclass(frozen=True)
class ScalarFormulas:
    """An activation of single numbers: y = value(x), and dy/dx = slope(y), or slope(x) where `from_input`; compiled functions.

    slope_derivative: the derivative of slope, of the same variable; None where it is not known.
    text, backward_text: docstrings of the kernels. from_user: the formulas are a user's: neither kept in the disk cache, nor
    trusted with the zeros in the padding of rows.
    """

    name: str
    code: int
    value: Callable[..., Any]
    slope: Callable[..., Any]
    slope_derivative: Any
    from_input: bool = False
    text: str = ""
    backward_text: str = ""
    from_user: bool = False


@leaf
def clear_padding(memory, begin, rows, stride, width):
    """Zeros after the first `width` numbers of each row."""
    for row in range(rows):
        padding = span(memory, begin + row * stride + width, stride - width)
        padding[:] = 0


def elementwise(formulas: ScalarFormulas) -> Activation:
    """The activation of these formulas."""
    name, value, slope, slope_derivative = formulas.name, formulas.value, formulas.slope, formulas.slope_derivative
    from_user = formulas.from_user

    # `.flat[i]` is plain pointer arithmetic on a C-contiguous array and right for any other layout. Loops with it over one
    # array vectorise; over two they do not, and take eight times longer: the row kernel has vectors.
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

    def rows(memory, places, backward):
        count = places.rows * places.stride
        if backward:
            source, deltas = span(memory, places.x, count), span(memory, places.d, count)
            for i in range(count):
                deltas[i] *= slope(source[i])
        else:
            if places.x != places.y:
                copy(memory, places.y, memory, places.x, count)
            loop(span(memory, places.y, count))
        if from_user:
            clear_padding(memory, places.d if backward else places.y, places.rows, places.stride, places.width)

    def tangents(memory, places, backward):
        count = places.rows * places.stride
        source = span(memory, places.x, count)
        if backward:
            moves, deltas = span(memory, places.tangents + places.x, count), span(memory, places.d, count)
            result = span(memory, places.tangents + places.d, count)
            for i in range(count):
                result[i] = slope(source[i]) * result[i] + slope_derivative(source[i]) * moves[i] * deltas[i]
        else:
            if places.x != places.y:
                copy(memory, places.tangents + places.y, memory, places.tangents + places.x, count)
            result = span(
                memory, places.tangents + places.y, count
            )  # with a third span, which may be this one, the loop does not vectorise
            for i in range(count):
                result[i] *= slope(source[i])
        if from_user:
            clear_padding(
                memory, places.tangents + (places.d if backward else places.y), places.rows, places.stride, places.width
            )

    cached = not from_user
    tangent_kernel = None
    if slope_derivative is not None:
        tangent_kernel = activation_row_kernel(named(tangents, f"{name}_tangents"), cached)
    return Activation(
        name,
        formulas.code,
        kernel(named(forward, name, formulas.text), elementwise=True, cached=cached),
        kernel(named(backward, f"{name}_backward", formulas.backward_text), elementwise=True, cached=cached),
        activation_row_kernel(named(rows, f"{name}_rows"), cached),
        tangent_kernel,
        formulas.from_input,
    )
