"""Losses of the difference of output and target that are not its square: absolute, Huber's, and of quantiles (pinball)."""

from __future__ import annotations

import numpy as np
from numpy import float64

from ..compiler.jit import leaf
from ..llvm import maximum, minimum
from ..numerics.double_double import dd_accumulate, dd_multiply, two_difference
from .codes import HUBER, MAE, QUANTILE
from .differences import difference_targets
from .docstrings import loss_texts
from .entry import Parameter, RowFormulas, row_loss


@leaf
def distance(y, t):
    """|y - t| as a double-double."""
    high, low = two_difference(y, t)
    return (-high, -low) if high < float64(0.0) else (high, low)


@leaf
def mae_value(y, t, p):
    total = float64(0.0), float64(0.0)
    for j in range(y.size):
        total = dd_accumulate(total, distance(y[j], t[j]))
    return total


@leaf
def mae_gradient(y, t, p, dy):
    one = y.dtype.type(1.0)
    for j in range(y.size):
        dy[j] = one if y[j] > t[j] else (-one if y[j] < t[j] else y[j] - t[j])


@leaf
def huber_value(y, t, p):
    delta, total = float64(p[0]), (float64(0.0), float64(0.0))
    for j in range(y.size):
        d = distance(y[j], t[j])
        half = float64(0.5) * d[0], float64(0.5) * d[1]
        if d[0] > delta:
            beyond, low = two_difference(d[0], float64(0.5) * delta)
            total = dd_accumulate(total, dd_multiply((delta, float64(0.0)), (beyond, low + d[1])))
        else:
            total = dd_accumulate(total, dd_multiply(d, half))
    return total


@leaf
def huber_gradient(y, t, p, dy):
    for j in range(y.size):
        dy[j] = minimum(maximum(y[j] - t[j], -p[0]), p[0])


@leaf
def quantile_value(y, t, p):
    columns, total = t.size, (float64(0.0), float64(0.0))
    for j in range(y.size):
        level = float64(p[j // columns])
        d = two_difference(y[j], t[j % columns])
        if d[0] < float64(0.0):
            total = dd_accumulate(total, dd_multiply((-level, float64(0.0)), d))
        else:
            total = dd_accumulate(total, dd_multiply(two_difference(float64(1.0), level), d))
    return total


@leaf
def quantile_gradient(y, t, p, dy):
    columns, one = t.size, y.dtype.type(1.0)
    for j in range(y.size):
        level, d = p[j // columns], y[j] - t[j % columns]
        dy[j] = one - level if d > 0 else (-level if d < 0 else d)


@leaf
def zero_hessian_product(y, t, p, u):
    """Of what is made of straight pieces."""
    u[:] = y.dtype.type(0.0)


@leaf
def huber_hessian_product(y, t, p, u):
    for j in range(y.size):
        u[j] = u[j] if abs(y[j] - t[j]) <= p[0] else y.dtype.type(0.0)


_FORMULAS = (
    RowFormulas(
        "mae",
        MAE,
        mae_value,
        mae_gradient,
        zero_hessian_product,
        difference_targets,
        mean_over_outputs=True,
        **loss_texts(
            "mae",
            summary="Compute the mean absolute error: the mean over outputs and rows of ``|y - t|``.",
            formula="sign(y - t) / (n n_out), 0 where y = t",
            example=(
                "[[1.0, 2.0], [3.0, 4.0]], [[1.0, 0.0], [3.0, 5.0]]",
                "0.75",
                "array([[ 0.  ,  0.25],\n           [ 0.  , -0.25]])",
            ),
        ),
    ),
    RowFormulas(
        "huber",
        HUBER,
        huber_value,
        huber_gradient,
        huber_hessian_product,
        difference_targets,
        mean_over_outputs=True,
        parameter=Parameter("delta", 1.0, 0.0, np.inf),
        **loss_texts(
            "huber",
            summary="Compute the Huber loss: the mean of d^2 / 2, or delta (d - delta / 2) where ``d = |y - t|`` > delta.",
            formula="y - t, clipped to [-delta, delta], / (n n_out)",
            example=("[1.0, 5.0], [0.0, 2.0], 1.0", "1.5", "array([0.5, 0.5])"),
            parameter="float\nThe distance delta from which on the loss is linear, above 0.",
            note="Huber (1964).",
        ),
    ),
    RowFormulas(
        "quantile",
        QUANTILE,
        quantile_value,
        quantile_gradient,
        zero_hessian_product,
        difference_targets,
        mean_over_outputs=True,
        outputs_per_target=None,
        parameter=Parameter("quantile", 0.5, 0.0, 1.0, many=True),
        **loss_texts(
            "quantile",
            summary="Compute the pinball loss: the mean of q (t - y), or (1 - q) (y - t) where y > t.",
            formula="-q, or 1 - q where y > t, / (n n_out); 0 where y = t",
            example=(
                "[[0.0, 2.0], [1.0, 5.0]], [1.0, 4.0], [0.1, 0.9]",
                "0.15",
                "array([[-0.025,  0.025],\n           [-0.025,  0.025]])",
            ),
            outputs="Outputs (n, levels n_targets): all targets at the first level, then all at the next.",
            targets="Targets (n, n_targets); a 1-D array holds one target for each row.",
            parameter="float or array_like\nThe level q between 0 and 1, or several.",
            note="Koenker and Bassett (1978). It is least where y is the q-quantile of t.",
        ),
    ),
)

ENTRIES = tuple(map(row_loss, _FORMULAS))
