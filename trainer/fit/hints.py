"""Warnings of fits that cannot succeed, or have not: what is wrong, and what to change. They change no bit of a fit."""

from __future__ import annotations

import math
import warnings

import numpy as np

from ...kernels import Plan
from ..errors import TrainingWarning
from ..model import Model
from .history import History

# Between which bounds outputs lie. Those that are not here reach every number.
RANGES = {
    "sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "relu": (0.0, math.inf),
    "exp": (0.0, math.inf),
    "softplus": (0.0, math.inf),
    "elu": (-1.0, math.inf),
    "silu": (-0.2785, math.inf),
    "gelu": (-0.17, math.inf),
}
# Targets may be so far outside, as a part of the largest of them.
SLACK = 1e-3
# After fewer epochs or steps a loss says little; and while it still falls by this part in the second half of the epochs.
LEAST_EPOCHS, LEAST_STEPS, STILL_FALLS = 20, 500, 0.1
# A column counts as standardised where its mean is at most this many standard deviations, and these lie within the bounds.
STANDARDISED = 5.0, 0.1, 10.0
# Rows that are looked at at once, and rows that say whether columns are standardised.
ROWS, SAMPLE = 4096, 1024
# From `warnings.warn` to the caller of `Network.fit`: through two functions here, `fit.fitting.fit`, `Network.fit`, and what
# looks at its keywords.
CALLER = 6


def warn_of_unreachable(model: Model, T: np.ndarray) -> bool:
    """Warn where targets T (n, n_targets) lie outside of what the output activation gives; returns whether."""
    name, loss = model.plan.activations[-1], model.plan.loss
    if name not in RANGES or loss in ("log_loss", "poisson"):  # whose targets have been checked
        return False
    (low, high), least, most = RANGES[name], float(T.min()), float(T.max())
    slack = SLACK * max(abs(least), abs(most))
    if low - slack <= least and most <= high + slack:
        return False
    between = f"are at least {low:g}" if high == math.inf else f"lie between {low:g} and {high:g}"
    _warn(
        f"the targets range from {least:g} to {most:g}, and outputs of {name!r} {between}, so the network cannot reach them; "
        "give Network(..., output_activation='identity') and standardise the targets, or scale them to this range"
    )
    return True


def warn_of_constant(
    model: Model, plan: Plan, X: np.ndarray, T: np.ndarray, weight: np.ndarray, history: History, batch_size: int
) -> None:
    """Warn where the loss on the training rows is not below that of the best constant prediction, and no longer falls.

    plan, X, T and weight as the fit had them, weight empty for none. Silent after few epochs or steps, and for losses whose
    best constant has no short formula.
    """
    epochs, steps = history.epochs, history.epochs * math.ceil(len(X) / batch_size)
    if epochs < LEAST_EPOCHS or steps < LEAST_STEPS or history.stopped not in ("epochs", "callback"):
        return
    if history.loss[-1] < (1.0 - STILL_FALLS) * history.loss[epochs // 2 - 1]:
        return
    constant = constant_loss(model, T, weight)
    if constant is None or constant <= 0.0 or history.loss[-1] < constant:
        return
    # The epoch's loss is of steps, with dropout, and of parameters that may not be those kept.
    loss = model.mean_loss(plan, X, T, weight)
    if loss < constant:
        return
    unscaled = [name for name, values in (("X", X), ("the targets", T)) if not _standardised(values)]
    if model.plan.loss == "log_loss" and "the targets" in unscaled:
        unscaled.remove("the targets")
    remedy = "try"
    if unscaled:
        remedy = f"standardise {' and '.join(unscaled)} (mean 0, standard deviation 1), or try"
    _warn(
        f"after {epochs} epochs the training loss is {loss:.6g}, which is no better than {constant:.6g}, that of always "
        f"predicting the same; {remedy} a smaller or larger learning rate"
    )


def constant_loss(model: Model, T: np.ndarray, weight: np.ndarray) -> float | None:
    """The lowest loss of one prediction for all rows, or None where this has no short formula."""
    w = weight.astype(np.float64) if weight.size else None
    loss = model.plan.loss
    if loss == "log_loss":
        softmax, n_out = model.plan.activations[-1] == "softmax", model.plan.sizes[-1]
        if softmax and T.shape[1] == 1 and n_out > 1:
            counts = np.bincount(T[:, 0].astype(np.int64), w, n_out)
            shares = counts / counts.sum()
        else:
            shares = np.average(T, axis=0, weights=w)
        return float(_entropy(shares).sum() + (0.0 if softmax else _entropy(1.0 - shares).sum()))
    if loss == "mae" and w is None:
        return float(np.abs(T - np.median(T, axis=0)).mean(dtype=np.float64))
    if loss not in ("mse", "squared_error", "sum_squared_error"):
        return None
    variances = _variances(T, w)
    if loss == "sum_squared_error":
        return float(variances.sum()) / 2
    return float(variances.mean()) / (2 if loss == "squared_error" else 1)


def _variances(T: np.ndarray, w: np.ndarray | None) -> np.ndarray:
    """Of the columns of T (n, n_targets), with weights w (n)."""
    total = np.zeros(T.shape[1])
    mean = np.average(T, axis=0, weights=w) if w is not None else T.mean(axis=0, dtype=np.float64)
    for start in range(0, len(T), ROWS):  # so that this takes no memory to speak of
        rows = slice(start, start + ROWS)
        squares = (T[rows] - mean) ** 2
        total += squares.sum(axis=0) if w is None else w[rows] @ squares
    variances: np.ndarray = total / (len(T) if w is None else w.sum())
    return variances


def _entropy(shares: np.ndarray) -> np.ndarray:
    """-p log p, and 0 for 0."""
    shares = np.asarray(shares, np.float64)
    values: np.ndarray = -shares * np.log(np.where(shares > 0.0, shares, 1.0))
    return values


def _standardised(values: np.ndarray) -> bool:
    """By some of the rows: of all of them NumPy's standard deviation would take a copy in float64."""
    if len(values) > SAMPLE:
        values = values[np.random.default_rng(0).integers(0, len(values), SAMPLE)]
    mean, spread = values.mean(axis=0, dtype=np.float64), values.std(axis=0, dtype=np.float64)
    farthest, least, most = STANDARDISED
    varies = spread > 0.0
    good = (np.abs(mean) <= farthest * spread) & (spread >= least) & (spread <= most)
    return bool(good[varies].all())


def _warn(message: str) -> None:
    warnings.warn(message, TrainingWarning, stacklevel=CALLER)
