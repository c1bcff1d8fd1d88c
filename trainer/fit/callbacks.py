"""What is called after each epoch of a fit."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...kernels import State
from ...kernels.validation import positive_integer
from ..bounds import check_field_within, check_within
from ..errors import InputError
from ..model import Model
from .history import History


@dataclass
class RunningFit:
    """A fit under way: its network and optimizer state as they are now, and the epochs so far. Solvers have no state."""

    network: Model
    state: State | None
    history: History

    @property
    def learning_rate(self) -> float:
        """The optimizer's; may be set, for the epochs to come, to a finite number, at least 0.

        Raises InputError for another number, and for a solver, which has none.
        """
        return float(self._hyperparameters().learning_rate)

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        check_within("learning_rate", value, 0.0)
        self._hyperparameters().learning_rate = value

    def _hyperparameters(self) -> Any:
        if self.state is None:
            raise InputError("this fit has no learning rate: solvers find the length of a step themselves")
        return self.state.hyperparameters[0]


# Called after each epoch; True ends the fit. One that has a method `begin` has that called before the first, with a function
# that ends the fit after its step, from any thread; one that has a method `finish` has that called at the end, whatever ends
# it. One with a true attribute `losses_only` looks at nothing but the history, and so lets short epochs be made several at a
# time. One that has methods `remembered` and `recall` is put into checkpoints, see `EarlyStopping`.
Callback = Callable[[RunningFit], "bool | None"]


def begin(callbacks: Iterable[Callback], stop: Callable[[], None]) -> None:
    """Call every callback's `begin`, where it has one."""
    for callback in callbacks:
        if hasattr(callback, "begin"):
            callback.begin(stop)


def finish(callbacks: Iterable[Callback], running: RunningFit) -> None:
    """Call every callback's `finish`, where it has one."""
    for callback in callbacks:
        if hasattr(callback, "finish"):
            callback.finish(running)


class StopHandle:
    """A callback by which a fit is ended from outside: `stop()`, called from any thread, ends it after its step.

    The network then holds its parameters after that step, `History.stopped` is "stop", and a checkpoint, where one is asked
    for, is written, to go on from. Solvers end after their iteration. Once used, it ends each further fit that it is given to.
    """

    losses_only = True

    def __init__(self) -> None:
        self._stopped = False
        self._stops: list[Callable[[], None]] = []

    def stop(self) -> None:
        self._stopped = True  # first: a fit that begins now looks at this
        for stop in list(self._stops):
            stop()

    def begin(self, stop: Callable[[], None]) -> None:
        self._stops.append(stop)
        if self._stopped:
            stop()

    def __call__(self, running: RunningFit) -> bool:
        return self._stopped


@dataclass
class EarlyStopping:
    """Ends a fit whose validation loss no longer falls, and puts its best parameters back.

    n_iter_no_change: epochs without an improvement by more than `tol` that are waited for. score: a function of the network,
    the higher the better, to look at instead of the validation loss. restore_best: whether the parameters of the best epoch
    are put back at the end; `History.kept_epoch` is its number then.
    """

    n_iter_no_change: int = 10
    tol: float = 1e-4
    score: Callable[[Model], float] | None = None
    restore_best: bool = True

    def __post_init__(self) -> None:
        positive_integer("n_iter_no_change", self.n_iter_no_change)
        check_field_within(self, "tol", 0.0, most=True)
        self.scores: list[float] = []
        self._waited, self._best, self._theta = 0, -math.inf, np.empty(0)

    def __call__(self, running: RunningFit) -> bool:
        if running.history.epochs == 1:
            self.__post_init__()
        if self.score is not None:
            score = float(self.score(running.network))
        elif running.history.val_loss:
            score = -running.history.val_loss[-1]
        else:
            raise InputError("EarlyStopping has nothing to look at; give fit validation_data, or EarlyStopping a score")
        self.scores.append(score)
        self._waited = 0 if score > self._best + self.tol else self._waited + 1
        if score > self._best:
            self._best, self._theta = score, running.network.theta.copy()
        return self.ended

    @property
    def ended(self) -> bool:
        """Whether it has ended the fit, or will end it after this epoch."""
        return self._waited > self.n_iter_no_change

    @property
    def best_epoch(self) -> int:
        """The epoch with the best score so far, from 1; 0 where there is none."""
        return self.scores.index(self._best) + 1 if self._theta.size else 0

    def remembered(self) -> dict[str, Any]:
        """What a checkpoint is to keep: numbers, and arrays of finite numbers, or functions that give these."""
        return {"waited": self._waited, "scores": np.array(self.scores, np.float64).view(np.int64), "theta": self._theta}

    def recall(self, kept: dict[str, Any]) -> None:
        """Be as when `remembered` gave this."""
        self._waited, self._theta = kept["waited"], kept["theta"]
        self.scores = kept["scores"].view(np.float64).tolist()
        self._best = max((score for score in self.scores if not math.isnan(score)), default=-math.inf)

    def finish(self, running: RunningFit) -> None:
        if self.restore_best and self._theta.size:
            running.network.theta = self._theta
            running.history.restored_epoch = self.best_epoch
