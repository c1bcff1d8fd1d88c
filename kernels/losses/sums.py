"""What losses are summed with: pairs of numbers that carry their rounding error along, and the shapes of rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..checks import check_same_shape
from ..numerics.error_free import product_error, sum_error
from ..compiler.jit import leaf
from ..registry import named

_d = np.float64


@leaf
def row_count(Y):
    """How many rows Y has: a 1-D array holds one output for each row."""
    return Y.size if Y.ndim == 1 else Y.size // max(Y.shape[-1], 1)


@leaf
def derivative_for(Y, T, out):
    """`out`, checked, or a new array like Y."""
    check_same_shape(Y, T)
    if out is None:
        return np.empty_like(Y)
    check_same_shape(Y, out)
    return out


@leaf
def added(total, parts):
    """A sum in two parts and one more number in two parts; the second part gathers what the first loses."""
    result = total[0] + parts[0]
    return result, total[1] + (sum_error(total[0], parts[0], result) + parts[1])


@leaf
def rounded(total):
    """A number in two parts as one; an overflow is infinite, not NaN."""
    return total[0] + total[1] if abs(total[0]) < _d(np.inf) else total[0]


@leaf
def difference(y, t):
    """y - t in two parts."""
    y, t = _d(y), -_d(t)
    result = y + t
    return result, sum_error(y, t, result)


@leaf
def times(a, b):
    """The product of two numbers in two parts, again in two parts."""
    product = a[0] * b[0]
    return product, product_error(a[0], b[0], product) + (a[0] * b[1] + a[1] * b[0])


@leaf
def weighted(factor, parts):
    """factor times a number in two parts, again in two parts."""
    product = factor * parts[0]
    return product, product_error(factor, parts[0], product) + factor * parts[1]


@leaf
def divided(a, b):
    """a / b in two parts, for a finite quotient."""
    quotient = a / b
    product = quotient * b
    return quotient, ((a - product) - product_error(quotient, b, product)) / b


@leaf
def halved_difference(y, t):
    """(y - t) / 2 in float64; unlike y - t it cannot overflow."""
    return _d(0.5) * _d(y) - _d(0.5) * _d(t)


def sum_of(parts: Callable[..., Any], name: str) -> Any:
    """A leaf, name(Y, T): the sum of parts(y, t), numbers in two parts, over all elements, with rounding errors carried."""

    def total_of(Y, T):
        check_same_shape(Y, T)
        total = _d(0.0), _d(0.0)
        for i in range(Y.size):
            total = added(total, parts(Y.flat[i], T.flat[i]))
        return rounded(total)

    return leaf(named(total_of, name))
