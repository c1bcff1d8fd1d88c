"""What a fit is told besides its data: checked when it is made, and again against the model that it is for."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ...kernels import State
from ...kernels.validation import positive_integer
from ..bounds import as_float, check_within, is_within
from ..errors import InputError
from ..extras import require
from ..model import Model
from ..other_names import meant
from ..solvers import SOLVERS, Solver, check_options
from ..suggestions import did_you_mean
from .callbacks import Callback
from .divergence import CHOICES, RAISE
from .epochs import Shuffle
from .optimizers import OPTIMIZERS, SGD, Optimizer
from .schedules import Schedule

BATCH_SIZE = 32
# A smaller one would count as zero, which stands for no clipping.
LEAST_NORM = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True, kw_only=True)
class FitOptions:
    """The arguments of `Network.fit` other than data, which says what each is. Raises InputError for one that cannot be."""

    epochs: int = 1
    batch_size: int | None = None
    optimizer: Optimizer | Solver | State | str | None = None
    alpha: float = 0.0
    l1: float = 0.0
    weight_decay: float = 0.0
    clip_norm: float | None = None
    frozen_layers: Sequence[int] = ()
    dropout: float | Sequence[float] = 0.0
    label_smoothing: float = 0.0
    schedule: Schedule | None = None
    shuffle: Shuffle = True
    callbacks: Sequence[Callback] = ()
    progress: bool | None = None
    n_threads: int | None = None
    checkpoint: str | PathLike[str] | None = None
    checkpoint_every: int | None = None
    max_seconds: float | None = None
    on_divergence: str = RAISE
    validation_split: float | None = None
    # By which the rows of validation_split are drawn; filled in by the fit, or from a checkpoint.
    split_seed: int | None = None

    def __post_init__(self) -> None:
        if isinstance(self.optimizer, str):
            object.__setattr__(self, "optimizer", optimizer_named(self.optimizer))
        check_within("validation_split", self.validation_split, 0.0, 1.0, above=True, or_none=True)
        _check_callbacks(self.callbacks)
        positive_integer("epochs", self.epochs)
        for name in ("batch_size", "n_threads", "checkpoint_every"):
            if getattr(self, name) is not None:
                positive_integer(name, getattr(self, name))
        for name in ("alpha", "l1", "weight_decay"):
            check_within(name, getattr(self, name), 0.0)
        check_within("clip_norm", self.clip_norm, LEAST_NORM, or_none=True)
        check_within("label_smoothing", self.label_smoothing, 0.0, 1.0)
        if self.schedule is not None and (isinstance(self.schedule, type) or not isinstance(self.schedule, Schedule)):
            raise InputError(f"schedule is {self.schedule!r}; it must be a schedule, as Cosine(), or None")
        if not (isinstance(self.shuffle, (bool, np.bool_)) or callable(self.shuffle)):
            raise InputError(f"shuffle is {self.shuffle!r}; it must be True, False, or a function of the number of rows")
        check_within("max_seconds", self.max_seconds, 0.0, above=True, or_none=True)
        if self.on_divergence not in CHOICES:
            near = did_you_mean(self.on_divergence, CHOICES) if isinstance(self.on_divergence, str) else ""
            raise InputError(
                f"on_divergence is {self.on_divergence!r}; it must be one of {', '.join(map(repr, CHOICES))}{near}"
            )
        if self.checkpoint is not None:
            _check_place(Path(self.checkpoint))

    def having(self, **fields: Any) -> FitOptions:
        """These options with other values of some fields, which are known to be right: to check all anew takes 0.1 ms."""
        options = copy.copy(self)
        for name, value in fields.items():
            object.__setattr__(options, name, value)
        return options

    def checked_for(self, model: Model) -> FitOptions:
        """These options with each default filled in. Raises InputError for what does not fit the model."""
        solver = self.optimizer
        if isinstance(solver, Solver):
            check_options(
                solver, model.plan, batch_size=self.batch_size, l1=self.l1, weight_decay=self.weight_decay,
                clip_norm=self.clip_norm, dropout=self.dropout, schedule=self.schedule,
                shuffle=None if isinstance(self.shuffle, bool) else self.shuffle,
                on_divergence=None if self.on_divergence == RAISE else self.on_divergence,
            )  # fmt: skip
        if not np.iterable(self.frozen_layers):
            raise InputError(f"frozen_layers is {self.frozen_layers!r}; it must be a list of numbers of layers")
        for layer in self.frozen_layers:
            if isinstance(layer, (bool, np.bool_)) or not isinstance(layer, Integral) or not 0 <= layer < model.plan.n_layers:
                raise InputError(
                    f"frozen_layers holds {layer!r}; it must hold numbers of layers, and this network's are 0 to "
                    f"{model.plan.n_layers - 1}"
                )
        if self.label_smoothing and model.plan.loss != "log_loss":
            raise InputError(f"label_smoothing needs the loss log_loss; this network's is {model.plan.loss}")
        rates = _rates(self.dropout, model.plan.n_layers - 1)
        optimizer = SGD() if self.optimizer is None else self.optimizer
        _check_optimizer(model, optimizer)
        batch_size = None if isinstance(solver, Solver) else int(self.batch_size or BATCH_SIZE)
        return self.having(
            epochs=int(self.epochs),
            batch_size=batch_size,
            optimizer=optimizer,
            dropout=rates,
            frozen_layers=tuple(int(layer) for layer in self.frozen_layers),
        )


def optimizer_named(name: str) -> Optimizer | Solver:
    """The optimizer or solver of this name, with its defaults."""
    known = {**OPTIMIZERS, **SOLVERS}
    if name not in known:
        raise InputError(f"optimizer is {name!r}; it must be one of {', '.join(map(repr, known))}{meant(name, known)}")
    return known[name]()


def _check_callbacks(callbacks: Any) -> None:
    """Raise InputError unless these are functions, in a list."""
    if not np.iterable(callbacks) or isinstance(callbacks, (str, Iterator)):
        name = type(callbacks).__name__
        shown = f"one {name}; give a list: callbacks=[{name}(...)]"
        if isinstance(callbacks, (type, str)) or not callable(callbacks):
            shown = f"{callbacks!r}; give a list: callbacks=[EarlyStopping(...)]"
        raise InputError(f"callbacks is {shown}")
    for callback in callbacks:
        if isinstance(callback, type):
            raise InputError(f"callbacks holds the class {callback.__name__}; give an instance, as {callback.__name__}(...)")
        if not callable(callback):
            raise InputError(f"callbacks holds {callback!r}; each must be a function of a RunningFit, as EarlyStopping()")


def _check_place(path: Path) -> None:
    """Raise InputError where no checkpoint can be written, and MissingExtraError without safetensors."""
    require("safetensors", "writing a checkpoint")
    if path.is_dir() or not path.parent.is_dir():
        what = "a folder" if path.is_dir() else f"in {path.parent}, which is no folder"
        raise InputError(f"checkpoint is {str(path)!r}, {what}; give the name of a file in a folder that is there")


def _check_optimizer(model: Model, optimizer: Any) -> None:
    if isinstance(optimizer, type):
        raise InputError(f"optimizer is the class {optimizer.__name__}; give an instance, as {optimizer.__name__}(...)")
    if not isinstance(optimizer, (Optimizer, Solver, State)):
        raise InputError(
            f"optimizer is {optimizer!r}; it must be a name, as 'adam', SGD(...), Adam(...), Nadam(...), RMSprop(...), "
            "Rprop(...), a state that one of them made, LevenbergMarquardt(...) or LBFGS(...)"
        )
    if isinstance(optimizer, State):
        lengths = {vector.size for vector in (optimizer.velocity, optimizer.mean_square)} - {0}
        if optimizer.velocity.dtype != model.dtype or lengths - {model.plan.n_parameters}:
            raise InputError("optimizer is a state that was made for another network, or for its other dtype")


def _rates(dropout: float | Sequence[float], n_hidden: int) -> list[float]:
    """Rates of dropout, one for each hidden layer."""
    rates = [dropout] * n_hidden if isinstance(dropout, Real) else list(np.atleast_1d(np.asarray(dropout, object)))
    if len(rates) != n_hidden or not all(isinstance(rate, Real) and is_within(as_float(rate), 0.0, 1.0) for rate in rates):
        raise InputError(
            f"dropout is {dropout!r}; it must be a rate, at least 0 and below 1, or a list of {n_hidden}, for each hidden layer"
        )
    return [float(rate) for rate in rates]
