"""The negative logarithm of a normal density, whose mean and variance are both learned."""

from __future__ import annotations

import numpy as np

from ..exponential import exp_scalar
from ..jit import leaf
from .entry import GAUSSIAN_NLL, row_loss

_d = np.float64

# A smaller variance than exp of this counts as this: without a floor, one row that is met exactly makes the loss -infinity.
LEAST_LOG_VARIANCE = -30.0


@leaf
def gaussian_value(y, t, p):
    columns, total = t.size, _d(0.0)
    for j in range(columns):
        log_variance = max(_d(y[columns + j]), _d(LEAST_LOG_VARIANCE))
        d = _d(t[j]) - _d(y[j])
        total += _d(0.5) * (log_variance + d * d * exp_scalar(-log_variance))
    return total


@leaf
def gaussian_gradient(y, t, p, dy):
    columns = t.size
    for j in range(columns):
        log_variance = max(_d(y[columns + j]), _d(LEAST_LOG_VARIANCE))
        precision = exp_scalar(-log_variance)
        d = _d(y[j]) - _d(t[j])
        dy[j] = d * precision
        at_floor = _d(y[columns + j]) < _d(LEAST_LOG_VARIANCE)
        dy[columns + j] = _d(0.0) if at_floor else _d(0.5) * (_d(1.0) - d * d * precision)


@leaf
def gaussian_bend(y, t, p, u):
    columns = t.size
    for j in range(columns):
        log_variance = max(_d(y[columns + j]), _d(LEAST_LOG_VARIANCE))
        precision = exp_scalar(-log_variance)
        d = _d(y[j]) - _d(t[j])
        at_floor = _d(y[columns + j]) < _d(LEAST_LOG_VARIANCE)
        mixed = _d(0.0) if at_floor else -d * precision
        along, across = _d(u[j]), _d(u[columns + j])
        u[j] = precision * along + mixed * across
        u[columns + j] = _d(0.0) if at_floor else mixed * along + _d(0.5) * d * d * precision * across


LOSSES = (
    row_loss(
        "gaussian_nll",
        GAUSSIAN_NLL,
        gaussian_value,
        gaussian_gradient,
        gaussian_bend,
        needs="identity",
        heads=2,
        text=(
            "Sum over targets of (s + (t - m)^2 exp(-s)) / 2, averaged over rows (Nix, Weigend 1994, less a constant).\n\n"
            "    Y (n, 2 n_targets): the means m, then the logarithms s of the variances; an s below -30 counts as -30."
        ),
        backward_text="dL/dm = (m - t) exp(-s) / rows, dL/ds = (1 - (t - m)^2 exp(-s)) / 2 / rows.",
    ),
)
