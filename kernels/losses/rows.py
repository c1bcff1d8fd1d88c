"""What losses of several kinds share: the shapes of rows, their weights, and sums over all elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy import float64

from ..arrays import result_for
from ..checks import check_same_shape
from ..compiler.jit import leaf
from ..llvm import maximum
from ..numerics.double_double import dd_accumulate, dd_round
from ..registry import named


@leaf
def row_count(Y):
    """How many rows Y has: a 1-D array holds one output for each row."""
    return Y.size if Y.ndim == 1 else Y.size // maximum(Y.shape[-1], 1)


@leaf(read_only="weight")
def weight_of(weight, r):
    """Row r's weight in float64; 1 where there are none."""
    return float64(weight[r]) if weight.size else float64(1.0)


@leaf
def derivative_for(Y, T, out):
    """`out`, checked, or a new array like Y."""
    check_same_shape(Y, T)
    return result_for(Y, out)


@leaf
def halved_difference(y, t):
    """(y - t) / 2 in float64; unlike y - t it cannot overflow."""
    return float64(0.5) * float64(y) - float64(0.5) * float64(t)


def sum_of(term: Callable[..., Any], name: str) -> Any:
    """A leaf, name(Y, T): the sum of term(y, t), double-doubles, over all elements, rounded once."""

    def total_of(Y, T):
        check_same_shape(Y, T)
        total = float64(0.0), float64(0.0)
        for i in range(Y.size):
            total = dd_accumulate(total, term(Y.flat[i], T.flat[i]))
        return dd_round(total)

    return leaf(named(total_of, name))
