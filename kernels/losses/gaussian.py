"""The negative logarithm of a normal density, whose mean and variance are both learned."""

from __future__ import annotations

import numpy as np

from ..numerics.exponential import exp_parts
from ..compiler.jit import leaf
from .codes import GAUSSIAN_NLL
from .differences import difference_targets
from .entry import row_loss
from .sums import added, difference, rounded, times

_d = np.float64

# A smaller variance than exp of this counts as this: without a floor, one row that is met exactly makes the loss -infinity.
LEAST_LOG_VARIANCE = -30.0


@leaf
def half_residual(m, t, deviation):
    """(m - t) / 2 times `deviation`, in two parts; halved, the difference cannot overflow."""
    return times(difference(_d(0.5) * _d(m), _d(0.5) * _d(t)), deviation)


@leaf
def inverse_deviation(log_variance):
    """exp(-s / 2), in two parts; for an s up to 1416, beyond which it is 0."""
    return exp_parts(_d(-0.5) * max(_d(log_variance), _d(LEAST_LOG_VARIANCE)), _d(0.0))


@leaf
def gaussian_value(y, t, p):
    columns, total = t.size, (_d(0.0), _d(0.0))
    for j in range(columns):
        log_variance = y[columns + j]
        z = half_residual(y[j], t[j], inverse_deviation(log_variance))
        square, low = times(z, z)
        total = added(total, (_d(0.5) * max(_d(log_variance), _d(LEAST_LOG_VARIANCE)), _d(0.0)))
        total = added(total, (_d(2.0) * square, _d(2.0) * low))
    return total


@leaf
def gaussian_gradient(y, t, p, dy):
    columns = t.size
    for j in range(columns):
        log_variance = y[columns + j]
        deviation = inverse_deviation(log_variance)
        z = half_residual(y[j], t[j], deviation)
        square, low = times(z, z)
        dy[j] = _d(2.0) * rounded(times(z, deviation))
        at_floor = _d(log_variance) < _d(LEAST_LOG_VARIANCE)
        dy[columns + j] = _d(0.0) if at_floor else rounded(added((_d(0.5), _d(0.0)), (_d(-2.0) * square, _d(-2.0) * low)))


@leaf
def gaussian_bend(y, t, p, u):
    columns = t.size
    for j in range(columns):
        log_variance = y[columns + j]
        at_floor = _d(log_variance) < _d(LEAST_LOG_VARIANCE)
        deviation = inverse_deviation(log_variance)[0]
        z = _d(2.0) * rounded(half_residual(y[j], t[j], inverse_deviation(log_variance)))
        along, across = _d(u[j]), _d(0.0) if at_floor else _d(u[columns + j])
        u[j] = deviation * (deviation * along - z * across)
        u[columns + j] = _d(0.0) if at_floor else z * (_d(0.5) * z * across - deviation * along)


LOSSES = (
    row_loss(
        "gaussian_nll",
        GAUSSIAN_NLL,
        gaussian_value,
        gaussian_gradient,
        gaussian_bend,
        difference_targets,
        needs="identity",
        heads=2,
        text=(
            "Sum over targets of (s + (t - m)^2 exp(-s)) / 2, averaged over rows (Nix, Weigend 1994, less a constant).\n\n"
            "    Y (n, 2 n_targets): the means m, then the logarithms s of the variances; an s below -30 counts as -30."
        ),
        backward_text="dL/dm = (m - t) exp(-s) / rows, dL/ds = (1 - (t - m)^2 exp(-s)) / 2 / rows.",
    ),
)
