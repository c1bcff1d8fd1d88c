"""The settings that a sweep tries: all of a grid, or random draws; and the networks that they stand for."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from ...kernels.validation import heads_of, positive_integer
from ..errors import InputError
from ..fit.optimizers import OPTIMIZERS, Optimizer
from ..fit.options import optimizer_named
from ..frames import as_array
from ..labels import is_text
from ..network import Network
from ..other_names import refuse_unknown
from ..solvers import Solver
from .arguments import COMMON

# Arguments of `Network` besides its sizes, which follow from the data and from `hidden`.
OF_NETWORK = ("activation", "output_activation", "bias", "dtype", "initial", "quantile", "delta")
OF_FIT = (*COMMON, "epochs", "batch_size", "schedule")
SETTINGS = ("hidden", *OF_NETWORK, "optimizer", "learning_rate", *OF_FIT)
OUTPUTS = {"log_loss": "softmax", "binary_log_loss": "sigmoid", "poisson": "exp"}

Setting = dict[str, Any]


def candidates(settings: Any, draws: int | None, random_state: Any) -> list[Setting]:
    """The settings to try. Raises InputError for values that do not fit, and TypeError for an unknown name."""
    if not isinstance(settings, Mapping) or not settings:
        raise InputError(f"settings is {settings!r}; it must be a dict of lists: {{'learning_rate': [0.1, 0.01]}}")
    refuse_unknown("settings", settings, SETTINGS)
    for name, values in settings.items():
        if draws is not None and hasattr(values, "rvs"):
            continue
        if isinstance(values, (str, Mapping, Iterator)) or not np.iterable(values) or not list(values):
            more = "" if draws is not None else "; a distribution needs draws=N" if hasattr(values, "rvs") else ""
            raise InputError(f"settings has {values!r} for {name}; give a list of values, at least one{more}")
    if draws is None:
        return [dict(zip(settings, values, strict=True)) for values in itertools.product(*settings.values())]
    generator = np.random.default_rng(random_state)
    return [
        {name: _drawn(values, generator) for name, values in settings.items()} for _ in range(positive_integer("draws", draws))
    ]


def _drawn(values: Any, generator: np.random.Generator) -> Any:
    """One value: of a list, or of a distribution of scipy's kind."""
    value = values.rvs(random_state=generator) if hasattr(values, "rvs") else values[generator.integers(len(values))]
    return value.item() if isinstance(value, np.generic) or getattr(value, "ndim", 1) == 0 else value


class Shape(NamedTuple):
    """What the data say about a network: its inputs, its outputs for each loss, and its loss."""

    n_in: int
    n_targets: int
    loss: str

    @classmethod
    def of(cls, X: Any, T: Any, loss: str | None) -> Shape:
        """loss: where it is None, log_loss for labels and squared_error for numbers.

        Raises InputError for whole numbers that can hardly be labels: each would be an output of the network.
        """
        rows, targets = as_array("X", X).array, as_array("T", T).array
        if rows.ndim != 2:
            raise InputError(f"X has shape {rows.shape}; it must have two dimensions, rows and columns")
        if not len(rows) or not targets.size:
            raise InputError(f"X has shape {rows.shape} and T {targets.shape}; give at least one row")
        labels = targets.ndim == 1 and (is_text(targets) or targets.dtype.kind in "biu")
        if loss is None:
            loss = "log_loss" if labels else "squared_error"
            if labels and targets.dtype.kind in "iu" and not 0 <= targets.min() <= targets.max() < max(2, len(targets)):
                raise InputError(
                    f"T holds whole numbers from {targets.min()} to {targets.max()}; give loss='squared_error' where they are "
                    "quantities, or loss='log_loss' where they are numbers of classes, which begin with 0"
                )
        if loss == "log_loss" and targets.ndim == 1:
            return cls(rows.shape[1], len(np.unique(targets)) if is_text(targets) else int(targets.max()) + 1, loss)
        return cls(rows.shape[1], 1 if targets.ndim == 1 else targets.shape[1], loss)

    def network(self, setting: Setting, seed: int) -> Network:
        """A new network with this setting."""
        given = {name: setting[name] for name in OF_NETWORK if name in setting}
        given.setdefault("output_activation", OUTPUTS.get(self.loss, "identity"))
        given.setdefault("activation", "relu")
        heads = heads_of(self.loss, **{name: given[name] for name in ("quantile",) if given.get(name) is not None})
        hidden = setting.get("hidden", (64,))
        widths = [hidden] if np.ndim(hidden) == 0 else list(hidden)
        return Network([self.n_in, *widths, heads * self.n_targets], loss=self.loss, random_state=seed, **given)


def fit_arguments(setting: Setting) -> dict[str, Any]:
    """Arguments of `Network.fit` that the setting has; the optimizer is apart."""
    return {name: setting[name] for name in OF_FIT if name in setting}


def optimizer_of(setting: Setting) -> Optimizer:
    """The setting's optimizer with its learning rate; adam where the setting names none."""
    given = setting.get("optimizer", "adam")
    optimizer = optimizer_named(given) if isinstance(given, str) else given
    if isinstance(optimizer, Solver) or not isinstance(optimizer, Optimizer):
        raise InputError(f"optimizer is {given!r}; it must be one of {', '.join(map(repr, OPTIMIZERS))}, or Adam(...)")
    if "learning_rate" not in setting:
        return optimizer
    if not hasattr(optimizer, "learning_rate"):
        raise InputError(f"learning_rate is given, but the optimizer {optimizer!r} has none; leave one of them out")
    return dataclasses.replace(optimizer, learning_rate=setting["learning_rate"])
