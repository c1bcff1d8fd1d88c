"""What arguments may be, of those that scikit-learn's estimators do not have, or not so."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

from sklearn.metrics import get_scorer_names
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

from ...kernels.activations import CODES
from ..optimizers import SGD, Adam, RMSprop, Rprop

# scikit-learn's words, and ours.
ACTIVATIONS = {"logistic": "sigmoid"}

CONSTRAINTS: dict[str, list[Any]] = {
    "activation": [StrOptions({*ACTIVATIONS, *CODES} - {"softmax"}), list, tuple],
    "optimizer": [SGD, Adam, RMSprop, Rprop, None],
    "l1": [Interval(Real, 0, None, closed="left")],
    "weight_decay": [Interval(Real, 0, None, closed="left")],
    "clip_norm": [Interval(Real, 0, None, closed="neither"), None],
    "frozen_layers": [list, tuple, None],
    "scoring": [StrOptions({*get_scorer_names(), "loss"}), callable, None],
    "schedule": [HasMethods("factor"), None],
    "keep_optimizer": ["boolean"],
    "callbacks": [list, tuple, None],
    "dtype": [StrOptions({"float32", "float64"}), None],
    "n_threads": [Interval(Integral, 1, None, closed="left"), None],
}
