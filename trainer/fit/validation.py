"""The loss on rows that are not trained on, taken after each epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...kernels import loss_and_grad, make_workspace
from ..errors import InputError
from ..model import Model
from ..sparse_inputs import SparseInputs
from ..threads.long_calls import answering
from .fingerprints import Data

# Rows that its workspace has room for; more are worked through in blocks.
VALIDATION_ROWS = 4096

# Takes the validation loss.
Validate = Callable[[], float]


def validation_of(model: Model, data: tuple[Any, ...] | None) -> tuple[Validate | None, Data]:
    """A function that takes the validation loss, or None without validation data; and these by their names."""
    names = "validation_data's X", "validation_data's T", "validation_data's sample_weight"
    if data is None:
        return None, dict.fromkeys(names)
    if not isinstance(data, (tuple, list)) or len(data) not in (2, 3):
        raise InputError("validation_data must be (X, T) or (X, T, sample_weight)")
    plan, X, T, weight = model.prepared(data[0], data[1], data[2] if len(data) == 3 else None, "validation_data's ")
    no_gradient = np.empty(0, model.dtype)
    arrays: Data = dict(zip(names, (X, T, weight if weight.size else None), strict=True))
    if isinstance(X, SparseInputs):
        sparse, seconds = X, len(X) * model.seconds_a_row
        return lambda: sparse.loss_and_grad(plan, model.theta, T, weight, no_gradient, seconds), arrays
    work = make_workspace(plan, min(len(X), VALIDATION_ROWS), model.dtype)

    def validate() -> float:
        return answering(len(X) * model.seconds_a_row, work, loss_and_grad, plan, model.theta, X, T, weight, no_gradient)

    return validate, arrays
