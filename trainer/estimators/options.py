"""What arguments may be, of those that scikit-learn's estimators do not have, or not so."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from os import PathLike
from typing import Any

from sklearn.metrics import get_scorer_names
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

from ...kernels.activations import activation_registry
from ...kernels.losses import loss_registry
from ..fit.optimizers import SGD, Adam, Nadam, RMSprop, Rprop
from ..scikit_learn_names import ACTIVATIONS
from ..solvers import LBFGS, LevenbergMarquardt


class Registered(StrOptions):  # type: ignore[misc]
    """Names among those that `names` gives when a value is checked, so that users' own, by `register`, are among them."""

    def __init__(self, names: Callable[[], set[str]], register: str) -> None:
        self._names, self._register = names, register
        super().__init__(names())

    def is_satisfied_by(self, value: Any) -> bool:
        """See `StrOptions`."""
        self.options = self._names()
        return bool(super().is_satisfied_by(value))

    def __str__(self) -> str:
        own = f"one of your own, which {self._register} made known in this process (what it returns is known in others, too)"
        return f"a str among {{{', '.join(map(repr, sorted(self.options)))}}}, or {own}"


def _hidden_activations() -> set[str]:
    return {*ACTIVATIONS, *activation_registry} - {"softmax"}


def regression_losses() -> set[str]:
    """All losses but those of classification, and squared_error by its other names."""
    return {*loss_registry} - {"log_loss", "mse", "sum_squared_error"}


CONSTRAINTS: dict[str, list[Any]] = {
    "activation": [Registered(_hidden_activations, "register_activation"), list, tuple],
    "optimizer": [SGD, Adam, Nadam, RMSprop, Rprop, LBFGS, LevenbergMarquardt, None],
    "l1": [Interval(Real, 0, None, closed="left")],
    "weight_decay": [Interval(Real, 0, None, closed="left")],
    "clip_norm": [Interval(Real, 0, None, closed="neither"), None],
    "frozen_layers": [list, tuple, None],
    "dropout": [Interval(Real, 0, 1, closed="left"), list, tuple],
    "scoring": [StrOptions({*get_scorer_names(), "loss"}), callable, None],
    "schedule": [HasMethods("factor"), None],
    "keep_optimizer": ["boolean"],
    "callbacks": [list, tuple, None],
    "dtype": [StrOptions({"float32", "float64"}), None],
    "n_threads": [Interval(Integral, 1, None, closed="left"), None],
    "checkpoint": [str, PathLike, None],
}
