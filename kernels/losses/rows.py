"""What losses of several kinds share: the shapes of rows, their weights, and sums over all elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..checks import check_same_shape
from ..compiler.jit import leaf
from ..numerics.double_double import dd_accumulate, dd_round
from ..registry import named

_d = np.float64


@leaf
def row_count(Y):
    """How many rows Y has: a 1-D array holds one output for each row."""
    return Y.size if Y.ndim == 1 else Y.size // max(Y.shape[-1], 1)


@leaf(read_only="weight")
def weight_of(weight, r):
    """Row r's weight in float64; 1 where there are none."""
    return _d(weight[r]) if weight.size else _d(1.0)


@leaf
def derivative_for(Y, T, out):
    """`out`, checked, or a new array like Y."""
    check_same_shape(Y, T)
    if out is None:
        return np.empty_like(Y)
    check_same_shape(Y, out)
    return out


@leaf
def halved_difference(y, t):
    """(y - t) / 2 in float64; unlike y - t it cannot overflow."""
    return _d(0.5) * _d(y) - _d(0.5) * _d(t)


def sum_of(term: Callable[..., Any], name: str) -> Any:
    """A leaf, name(Y, T): the sum of term(y, t), double-doubles, over all elements, rounded once."""

    def total_of(Y, T):
        check_same_shape(Y, T)
        total = _d(0.0), _d(0.0)
        for i in range(Y.size):
            total = dd_accumulate(total, term(Y.flat[i], T.flat[i]))
        return dd_round(total)

    return leaf(named(total_of, name))
