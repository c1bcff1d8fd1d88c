"""Losses of the difference of output and target that are not its square: absolute, Huber's, and of quantiles (pinball)."""

from __future__ import annotations

import numpy as np

from ..jit import leaf
from .entry import HUBER, MAE, QUANTILE, Parameter, row_loss

_d = np.float64


@leaf
def mae_value(y, t, p):
    total = _d(0.0)
    for j in range(y.size):
        total += abs(_d(y[j]) - _d(t[j]))
    return total / y.size


@leaf
def mae_gradient(y, t, p, dy):
    one = y.dtype.type(1.0)
    part = one / y.dtype.type(y.size)
    for j in range(y.size):
        dy[j] = part if y[j] > t[j] else (-part if y[j] < t[j] else one - one)


@leaf
def huber_value(y, t, p):
    delta, total = _d(p[0]), _d(0.0)
    for j in range(y.size):
        d = abs(_d(y[j]) - _d(t[j]))
        total += _d(0.5) * d * d if d <= delta else delta * (d - _d(0.5) * delta)
    return total / y.size


@leaf
def huber_gradient(y, t, p, dy):
    for j in range(y.size):
        dy[j] = min(max(y[j] - t[j], -p[0]), p[0]) / y.dtype.type(y.size)


@leaf
def quantile_value(y, t, p):
    columns, total = t.size, _d(0.0)
    for j in range(y.size):
        level = _d(p[j // columns])
        d = _d(t[j % columns]) - _d(y[j])
        total += level * d if d > _d(0.0) else (level - _d(1.0)) * d
    return total / y.size


@leaf
def quantile_gradient(y, t, p, dy):
    columns, one = t.size, y.dtype.type(1.0)
    for j in range(y.size):
        level, above = p[j // columns], y[j] - t[j % columns]
        slope = one - level if above > 0 else (-level if above < 0 else one - one)
        dy[j] = slope / y.dtype.type(y.size)


@leaf
def straight_bend(y, t, p, u):
    """Of what is made of straight pieces."""
    u[:] = y.dtype.type(0.0)


@leaf
def huber_bend(y, t, p, u):
    for j in range(y.size):
        u[j] = u[j] / y.dtype.type(y.size) if abs(y[j] - t[j]) <= p[0] else y.dtype.type(0.0)


LOSSES = (
    row_loss(
        "mae",
        MAE,
        mae_value,
        mae_gradient,
        straight_bend,
        text="Mean over outputs and rows of |y - t|. Y, T arrays of one shape; 1-D ones hold one output for each row.",
        backward_text="dL/dY = sign(y - t) / size, 0 where y = t.",
    ),
    row_loss(
        "huber",
        HUBER,
        huber_value,
        huber_gradient,
        huber_bend,
        parameter=Parameter("delta", 1.0, 0.0, np.inf),
        text="Mean over outputs and rows of d^2 / 2, or delta (d - delta / 2) where d = |y - t| > delta (Huber 1964).",
        backward_text="dL/dY = y - t, kept between -delta and delta, / size.",
    ),
    row_loss(
        "quantile",
        QUANTILE,
        quantile_value,
        quantile_gradient,
        straight_bend,
        heads=0,
        parameter=Parameter("quantile", 0.5, 0.0, 1.0, many=True),
        text=(
            "Mean over outputs and rows of q (t - y), or (1 - q) (y - t) where y > t, least for the q-quantile (Koenker and\n"
            "    Bassett 1978). For several levels q, Y (n, levels * n_targets) has all targets for the first, then the next."
        ),
        backward_text="dL/dY = -q, or 1 - q where y > t, / outputs / rows; 0 where y = t.",
    ),
)
