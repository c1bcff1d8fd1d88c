"""What scikit-learn's fit keeps count of after each epoch, and how a checkpoint holds it."""

from __future__ import annotations

import json
import warnings
from functools import partial
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network._stochastic_optimizers import SGDOptimizer

from ..errors import InputError
from ..fit.callbacks import RunningFit
from ..fit.checkpoints import bits_of
from ..fit.fingerprints import fingerprints
from .inputs import as_rows
from .orders import Orders
from .validation import Validation

# Of the estimator; those that are None are not kept.
COUNTS = ("n_iter_", "t_", "_no_improvement_count")
NUMBERS = ("loss_", "best_loss_", "best_validation_score_")
CURVES = ("loss_curve_", "validation_scores_", "validation_loss_curve_")
# Arguments that a fit may go on with others of.
FREE = {"n_threads", "verbose", "checkpoint", "callbacks", "warm_start", "random_state"}


class Bookkeeping:
    """The callback of one fit of an estimator.

    before: the state of the random generator before rows were set aside. n: rows to train on. validates: whether
    there is a validation loss. losses_only: see `fit/callbacks.py`.
    """

    def __init__(
        self,
        estimator: Any,
        before: str,
        orders: Orders,
        n: int,
        validation: Validation | None,
        validates: bool,
        incremental: bool,
    ) -> None:
        self._estimator, self._before, self._orders, self._n = estimator, before, orders, n
        self._validation, self._validates, self._incremental = validation, validates, incremental
        self.losses_only = False
        estimator.n_iter_ = 0
        self._first = {name: len(getattr(estimator, name, None) or ()) for name in CURVES}
        self._rows_before = estimator.t_
        self._fixed: dict[str, Any] = {}

    def __call__(self, running: RunningFit) -> bool:
        estimator, history = self._estimator, running.history
        estimator.n_iter_ += 1
        estimator.loss_ = estimator._total_loss(history.batch_loss[-1], history.penalty[-1])
        estimator.t_ += self._n
        estimator.loss_curve_.append(estimator.loss_)
        if estimator.verbose:
            print(f"Iteration {estimator.n_iter_}, loss = {estimator.loss_:.8f}")
        if self._validates:
            estimator.validation_loss_curve_.append(estimator._total_loss(history.val_loss[-1], 0.0))
        X_val, y_val, weight_val = self._validation[:3] if self._validation else (None, None, None)
        estimator._update_no_improvement_count(estimator.early_stopping, X_val, y_val, weight_val)
        estimator._optimizer.iteration_ends(estimator.t_)
        stops = estimator._no_improvement_count > estimator.n_iter_no_change and estimator._stops()
        if isinstance(estimator._optimizer, SGDOptimizer) and estimator.schedule is None:
            running.learning_rate = estimator._optimizer.learning_rate
        stops = estimator._tasks.end_epoch() or stops or self._incremental
        if stops:
            return True
        if estimator.n_iter_ < estimator.max_iter:
            estimator._tasks.begin_epoch()
        else:
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({estimator.max_iter}) reached and the optimization hasn't "
                "converged yet.",
                ConvergenceWarning,
                stacklevel=7,
            )
        return False

    def settle(self) -> None:
        """After an interrupt: an epoch counts where all that belongs to it is there."""
        estimator = self._estimator
        curves = {name: getattr(estimator, name, None) for name in CURVES}
        if not estimator.early_stopping:
            curves["validation_scores_"] = None
        if not self._validates:
            curves["validation_loss_curve_"] = None
        present = {name: curve for name, curve in curves.items() if curve is not None}
        epochs = min(len(curve) - self._first[name] for name, curve in present.items())
        for name, curve in present.items():
            del curve[self._first[name] + epochs :]
        estimator.n_iter_, estimator.t_ = epochs, self._rows_before + epochs * self._n
        estimator.loss_ = estimator.loss_curve_[-1] if estimator.loss_curve_ else np.inf

    # Checkpoints -----------------------------------------------------------------------------------------------------------

    def remembered(self) -> dict[str, Any]:
        """See `Checkpoints`."""
        estimator = self._estimator
        if not self._fixed:
            self._fixed = {"before": self._before, "arguments": arguments_of(estimator), "validation": self._fingerprint()}
        kept: dict[str, Any] = {name: getattr(estimator, name) for name in COUNTS}
        kept |= {name: bits_of([getattr(estimator, name)]) for name in NUMBERS if getattr(estimator, name, None) is not None}
        curves = {name: getattr(estimator, name, None) for name in CURVES}
        kept |= {name: partial(_first, curve, len(curve)) for name, curve in curves.items() if curve is not None}
        kept["rate"] = bits_of([estimator._optimizer.learning_rate])
        kept["random"] = partial(_as_json, estimator._random_state.get_state(legacy=False))
        if self._orders.rows is not None:
            kept["rows"] = self._orders.rows
        if estimator.early_stopping:
            kept["best"] = np.concatenate([a.ravel() for a in (*estimator._best_coefs, *estimator._best_intercepts)])
        return {**kept, **self._fixed}

    def recall(self, kept: dict[str, Any]) -> None:
        """Be as when `remembered` gave this. Raises InputError where the estimator's arguments or data are other ones."""
        estimator = self._estimator
        for name, value in arguments_of(estimator).items():
            if kept["arguments"].get(name) != value:
                raise InputError(f"{name} is {value}; the fit in {estimator.checkpoint} has {kept['arguments'].get(name)}")
        if self._fingerprint() != kept["validation"]:
            raise InputError(f"the validation data are not those of the fit in {estimator.checkpoint}")
        for name in COUNTS:
            setattr(estimator, name, kept[name])
        for name in NUMBERS:
            if name in kept:
                setattr(estimator, name, float(kept[name].view(np.float64)[0]))
        for name in CURVES:
            if name in kept:
                setattr(estimator, name, kept[name].view(np.float64).tolist())
        estimator._optimizer.learning_rate = float(kept["rate"].view(np.float64)[0])
        set_state(estimator._random_state, kept["random"])
        self._orders.rows = kept.get("rows")
        if estimator.early_stopping:
            at = 0
            for array in (*estimator._best_coefs, *estimator._best_intercepts):
                array.flat = kept["best"][at : at + array.size]
                at += array.size

    def _fingerprint(self) -> dict[str, Any]:
        if self._validation is None:
            return {}
        X, _, weight, targets = self._validation
        return fingerprints({"X": as_rows(X), "targets": np.asarray(targets), "weight": weight})


def arguments_of(estimator: Any) -> dict[str, str]:
    """Those that decide about the result, as text."""
    return {name: _text(value) for name, value in estimator.get_params(deep=False).items() if name not in FREE}


def _text(value: Any) -> str:
    if hasattr(value, "item") and np.ndim(value) == 0:
        value = value.item()
    text = repr(value)
    return text if " at 0x" not in text else getattr(value, "__qualname__", type(value).__qualname__)


def state_of(random_state: np.random.RandomState) -> str:
    """As JSON."""
    return _as_json(random_state.get_state(legacy=False))


def set_state(random_state: np.random.RandomState, kept: str) -> None:
    """As when `state_of` gave this."""
    random_state.set_state(json.loads(kept))


def with_state(given: Any, kept: str) -> np.random.RandomState:
    """A generator in this state: the user's own, where that is one of its kind."""
    state = json.loads(kept)
    own = isinstance(given, np.random.RandomState) and given.get_state(legacy=False)["bit_generator"] == state["bit_generator"]
    generator = given if own else np.random.RandomState(getattr(np.random, state["bit_generator"])())
    set_state(generator, kept)
    return generator


def _as_json(state: Any) -> str:
    return json.dumps(state, default=np.ndarray.tolist)


def _first(curve: list[float], count: int) -> np.ndarray:
    return bits_of(curve[:count])
