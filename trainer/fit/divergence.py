"""What a fit does where training diverges: it ends, or goes back to the best epoch."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ...kernels import Plan
from ...kernels.training.codes import RPROP
from ..errors import DivergenceError
from ..layers import layer_by_layer
from .callbacks import RunningFit

RAISE, STOP, RESTORE, RETRY = "raise", "stop", "restore", "retry"
CHOICES = (RAISE, STOP, RESTORE, RETRY)
# How often a fit goes back, with what part of the learning rate that it had.
RETRIES = 3
SMALLER = 0.5


class Among(NamedTuple):
    """What a fit knows of being one of several. name: its own, with which messages begin. warn: takes the messages."""

    name: str
    warn: Callable[[str], None]


class Divergence(NamedTuple):
    """Where training met numbers that are not finite. All count from 1. kept: which parameters the network now holds."""

    epoch: int
    step: int
    layer: int
    where: str
    kept: str

    @property
    def what(self) -> str:
        return f"training diverged in epoch {self.epoch}, {self.where}: numbers are no longer finite"


class BestEpoch:
    """What a fit goes back to: parameters and optimizer state, at the best epoch so far.

    With validation data, those after the epoch with the lowest validation loss, or before the first one. Without, those that
    the epoch with the lowest training loss began with: that loss is of steps that began there, while of the parameters after
    them nothing is known yet.
    """

    def __init__(self, running: RunningFit) -> None:
        assert running.state is not None
        self._running, self._state = running, running.state
        self.epoch, self.retries, self._loss = 0, 0, math.inf
        self._best = self._begun = self._now()  # begun: at the begin of the epoch under way

    def begin(self, val_loss: float) -> None:
        """Before the first epoch, where there are validation data."""
        self._loss = val_loss if math.isfinite(val_loss) else math.inf

    @property
    def which(self) -> str:
        """What `put_back` puts back, in words."""
        if not self.epoch:
            return "from before the first epoch"
        after = "from after" if self._running.history.val_loss else "from the begin of"
        return f"{after} epoch {self.epoch}, the best one"

    @property
    def epochs_made(self) -> int:
        """How many epochs had been made when the network had what `put_back` puts back."""
        return self.epoch if self._running.history.val_loss else max(self.epoch - 1, 0)

    def look(self) -> None:
        """After an epoch."""
        history, now = self._running.history, self._now()
        losses = history.val_loss or history.loss
        if losses[-1] < self._loss:
            self._loss, self.epoch = losses[-1], history.epochs
            self._best = now if history.val_loss else self._begun
        self._begun = now

    def put_back(self) -> None:
        """All but the hyperparameters, which callbacks may have set."""
        for name, array in self._arrays().items():
            array[:] = self._best[name]
        self._begun = self._best

    def remembered(self) -> dict[str, Any]:
        """What a checkpoint keeps: numbers, and arrays of finite numbers."""
        arrays = {f"best.{name}": _bits(array) for name, array in self._best.items()}
        arrays |= {f"begun.{name}": _bits(array) for name, array in self._begun.items()}
        return {"epoch": self.epoch, "retries": self.retries, "loss": _bits(np.array([self._loss])), **arrays}

    def recall(self, kept: dict[str, Any]) -> None:
        """Be as when `remembered` gave this."""
        self.epoch, self.retries, self._loss = kept["epoch"], kept["retries"], float(kept["loss"].view(np.float64)[0])
        dtypes = {name: array.dtype for name, array in self._arrays().items()}
        self._best = {name: kept[f"best.{name}"].view(dtype) for name, dtype in dtypes.items()}
        self._begun = {name: kept[f"begun.{name}"].view(dtype) for name, dtype in dtypes.items()}

    def _arrays(self) -> dict[str, np.ndarray]:
        state = self._state
        vectors = {"velocity": state.velocity, "mean_square": state.mean_square}
        return {"theta": self._running.network.theta, "counters": state.counters, **vectors}

    def _now(self) -> dict[str, np.ndarray]:
        return {name: array.copy() for name, array in self._arrays().items()}


def answer(
    divergence: Divergence, choice: str, best: BestEpoch | None, running: RunningFit, among: Among | None = None
) -> bool:
    """Do what `on_divergence` says; whether the fit is to go on, with a smaller rate. Raises DivergenceError for "raise".

    among: where the fit is one of several.
    """
    what = divergence.what if among is None else f"{among.name}: {divergence.what}"
    warn = warn_of if among is None else among.warn
    if best is not None:
        best.put_back()
        if choice == RETRY and best.retries < RETRIES:
            best.retries += 1
            state: Any = running.state
            if state.counters[0].rule == RPROP:  # whose steps have lengths of their own
                state.mean_square[:] *= SMALLER**best.retries
            warn(f"{what}. The fit goes back to its parameters {best.which}, with {SMALLER:g} times the learning rate")
            return True
        running.history.restored_epoch = best.epochs_made
        divergence = divergence._replace(kept=best.which)
    if choice in (STOP, RESTORE):
        warn(f"{what}. The fit ends; the network holds its parameters {divergence.kept}")
        return False
    raise DivergenceError(
        f"{what}. The network holds its parameters {divergence.kept}; try a smaller learning rate",
        epoch=divergence.epoch, step=divergence.step, layer=divergence.layer,
    )  # fmt: skip


def warn_of(message: str) -> None:
    """Warn of a divergence after which the training goes on, or ends without an error."""
    warnings.warn(message, RuntimeWarning, stacklevel=2)


def finite(*arrays: np.ndarray) -> bool:
    """Whether all numbers are."""
    return all(bool(np.isfinite(array).all()) for array in arrays)


def broken_layer(plan: Plan, theta: np.ndarray, X: np.ndarray) -> int:
    """The first layer, counted from 1, whose weights are not finite, or else whose outputs for X (n, n_in) are not."""
    for i, (W, b) in enumerate(zip(*plan.unflatten(theta), strict=True)):
        if not finite(W, b):
            return i + 1
    outputs = [A for _, A in layer_by_layer(plan, theta, X)]
    return next((i for i, A in enumerate(outputs) if not finite(A)), len(outputs) - 1) + 1


def _bits(array: np.ndarray) -> np.ndarray:
    """As whole numbers: those that are saved must be finite."""
    return np.asarray(array).view(f"i{min(array.itemsize, 8)}")
