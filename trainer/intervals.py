"""What a network says of the spread of its targets: intervals, and the middle of them."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from ..kernels import Plan
from ..kernels.losses.gaussian import LEAST_LOG_VARIANCE
from .bounds import as_float
from .errors import InputError

COVERAGE = 0.9


def middle(plan: Plan, Y: np.ndarray) -> np.ndarray:
    """Of outputs Y (n, n_out) those (n, n_targets) that predict the targets: gaussian_nll's means, the middle quantile.

    Of an even number of quantiles, the upper one of the two in the middle.
    """
    k, loss = plan.n_targets, plan.loss
    first = (len(plan.loss_parameters) // 2) * k if loss == "quantile" else 0
    return Y[:, first : first + k] if loss in ("quantile", "gaussian_nll") else Y


def deviation(plan: Plan, Y: np.ndarray) -> np.ndarray:
    """Standard deviations (n, n_targets), in the targets' unit, of outputs Y (n, n_out) that gaussian_nll has trained."""
    return np.exp(np.maximum(Y[:, plan.n_targets :], LEAST_LOG_VARIANCE) / 2)


def interval(plan: Plan, Y: np.ndarray, coverage: float | None) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper bounds (n, n_targets) of intervals with `coverage` of the targets; see `Network.predict_interval`."""
    k = plan.n_targets
    if coverage is not None and not (0.0 < as_float(coverage) < 1.0):
        raise InputError(f"coverage is {coverage!r}; it must be a number above 0 and below 1")
    if plan.loss == "gaussian_nll":
        coverage = COVERAGE if coverage is None else float(coverage)
        deviations = NormalDist().inv_cdf(0.5 + 0.5 * coverage)
        half = Y.dtype.type(deviations) * deviation(plan, Y)
        return Y[:, :k] - half, Y[:, :k] + half
    if plan.loss != "quantile" or len(plan.loss_parameters) < 2:
        raise InputError(
            "this network's loss gives no intervals; train with loss='gaussian_nll', or loss='quantile' with several levels"
        )
    learned = float(plan.loss_parameters[-1] - plan.loss_parameters[0])
    if coverage is not None and abs(coverage - learned) > 1e-9:
        raise InputError(
            f"coverage is {coverage!r}; the outermost trained quantiles contain {learned:g} of the targets; leave coverage out"
        )
    # Learned apart, quantiles may cross: put in order they are never worse (Chernozhukov et al. 2010).
    quantiles = Y.reshape(len(Y), len(plan.loss_parameters), k)
    return quantiles.min(axis=1), quantiles.max(axis=1)
