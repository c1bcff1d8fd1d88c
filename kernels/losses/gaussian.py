"""The negative logarithm of a normal density, whose mean and variance are both learned."""

from __future__ import annotations

from numpy import float64

from ..compiler.jit import leaf
from ..llvm import maximum
from ..numerics.double_double import dd_accumulate, dd_multiply, dd_round, two_difference
from ..numerics.exponential import dd_exp
from .codes import GAUSSIAN_NLL
from .differences import difference_targets
from .docstrings import loss_texts
from .entry import RowFormulas, row_loss

# A smaller variance than exp of this counts as this: without a floor, one row that is met exactly makes the loss -infinity.
LEAST_LOG_VARIANCE = -30.0


@leaf
def half_residual(m, t, deviation):
    """(m - t) / 2 times `deviation`, a double-double; halved, the difference cannot overflow."""
    return dd_multiply(two_difference(float64(0.5) * float64(m), float64(0.5) * float64(t)), deviation)


@leaf
def inverse_deviation(log_variance):
    """exp(-s / 2), a double-double; for an s up to 1416, beyond which it is 0."""
    return dd_exp((float64(-0.5) * maximum(float64(log_variance), float64(LEAST_LOG_VARIANCE)), float64(0.0)))


@leaf
def gaussian_value(y, t, p):
    columns, total = t.size, (float64(0.0), float64(0.0))
    for j in range(columns):
        log_variance = y[columns + j]
        z = half_residual(y[j], t[j], inverse_deviation(log_variance))
        square, low = dd_multiply(z, z)
        total = dd_accumulate(total, (float64(0.5) * maximum(float64(log_variance), float64(LEAST_LOG_VARIANCE)), float64(0.0)))
        total = dd_accumulate(total, (float64(2.0) * square, float64(2.0) * low))
    return total


@leaf
def gaussian_gradient(y, t, p, dy):
    columns = t.size
    for j in range(columns):
        log_variance = y[columns + j]
        deviation = inverse_deviation(log_variance)
        z = half_residual(y[j], t[j], deviation)
        square, low = dd_multiply(z, z)
        dy[j] = float64(2.0) * dd_round(dd_multiply(z, deviation))
        at_floor = float64(log_variance) < float64(LEAST_LOG_VARIANCE)
        difference = dd_accumulate((float64(0.5), float64(0.0)), (float64(-2.0) * square, float64(-2.0) * low))
        dy[columns + j] = float64(0.0) if at_floor else dd_round(difference)


@leaf
def gaussian_hessian_product(y, t, p, u):
    columns = t.size
    for j in range(columns):
        log_variance = y[columns + j]
        at_floor = float64(log_variance) < float64(LEAST_LOG_VARIANCE)
        deviation = inverse_deviation(log_variance)[0]
        z = float64(2.0) * dd_round(half_residual(y[j], t[j], inverse_deviation(log_variance)))
        u_m, u_s = float64(u[j]), float64(0.0) if at_floor else float64(u[columns + j])
        u[j] = deviation * (deviation * u_m - z * u_s)
        u[columns + j] = float64(0.0) if at_floor else z * (float64(0.5) * z * u_s - deviation * u_m)


_FORMULAS = (
    RowFormulas(
        "gaussian_nll",
        GAUSSIAN_NLL,
        gaussian_value,
        gaussian_gradient,
        gaussian_hessian_product,
        difference_targets,
        needs="identity",
        outputs_per_target=2,
        **loss_texts(
            "gaussian_nll",
            summary="Compute minus the log-density of a normal distribution, less a constant: (s + (t - m)^2 exp(-s)) / 2.",
            formula="(m - t) exp(-s) / n to the means, (1 - (t - m)^2 exp(-s)) / 2 / n to the logarithms",
            example=("[[0.0, 0.0], [1.0, 0.0]], [1.0, 3.0]", "1.25", "array([[-0.5 ,  0.  ],\n           [-1.  , -0.75]])"),
            outputs="Outputs (n, 2 n_targets): the means m, then the logarithms s of the variances.",
            targets="Targets (n, n_targets); a 1-D array holds one target for each row.",
            note="Summed over the targets, averaged over the rows. An s below -30 counts as -30. Nix and Weigend (1994).",
        ),
    ),
)

ENTRIES = tuple(map(row_loss, _FORMULAS))
