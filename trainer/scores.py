"""How good predictions are: accuracy of classes, R2 of numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .errors import InputError
from .intervals import middle
from .model import Model

# Outputs that are probabilities of a class, or of a label.
PROBABILITIES = ("sigmoid", "softmax")
HALF = 0.5


def score(model: Model, X: ArrayLike, T: ArrayLike, sample_weight: ArrayLike | None) -> float:
    """See `Network.score`."""
    plan, X, T, weight = model.prepared(X, T, sample_weight)
    Y, w = model.outputs(X), weight if weight.size else None
    if plan.loss != "log_loss":
        return _r2(middle(model.plan, Y).astype(np.float64), T.astype(np.float64), w)
    found = decided(model, Y)
    if model.plan.activations[-1] == "softmax":
        right = found == (T[:, 0] if T.shape[1] == 1 else T.argmax(axis=1))
    else:
        right = (found == (T > HALF)).all(axis=1)
    return float(np.average(right, weights=w))


def decided(model: Model, Y: np.ndarray) -> np.ndarray:
    """The number of the class (n,) for softmax outputs Y (n, n_out); for sigmoid outputs 0 or 1 for each, (n, n_out)."""
    name = model.plan.activations[-1]
    if name not in PROBABILITIES:
        raise InputError(
            f"predict_classes needs outputs that are probabilities; this network's are of {name!r}. Give Network(..., "
            "output_activation='softmax', loss='log_loss'), or use predict"
        )
    return Y.argmax(axis=1) if name == "softmax" else (Y > HALF).astype(np.int64)


def predicted_classes(model: Model, Y: np.ndarray) -> np.ndarray:
    """See `Network.predict_classes`, for outputs Y (n, n_out)."""
    numbers = decided(model, Y)
    if numbers.ndim == 2 and numbers.shape[1] == 1:
        numbers = numbers[:, 0]
    return numbers if model.classes is None else np.array(model.classes)[numbers]


def _r2(Y: np.ndarray, T: np.ndarray, w: np.ndarray | None) -> float:
    """1 - squared errors / squared distances from the mean, averaged over the columns. Of equal targets 1 where met, or 0."""
    if len(T) < 2:
        raise InputError("score needs at least two rows where it is R2")
    errors = np.average((T - Y) ** 2, axis=0, weights=w)
    spread = np.average((T - np.average(T, axis=0, weights=w)) ** 2, axis=0, weights=w)
    equal = spread == 0.0
    columns = np.where(equal, np.where(errors == 0.0, 1.0, 0.0), 1.0 - errors / np.where(equal, 1.0, spread))
    return float(columns.mean())
