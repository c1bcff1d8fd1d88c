"""Early stopping: a fit whose validation loss no longer falls is ended."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...kernels.records import make_records
from ...kernels.training.watched import STOPPING
from ...kernels.validation import positive_integer
from ..bounds import check_field_within
from ..errors import InputError
from ..model import Model
from ..other_names import with_suggestions
from .callbacks import RunningFit

NOTHING_TO_LOOK_AT = (
    "EarlyStopping has nothing to look at; give fit validation_data or validation_split, or EarlyStopping a score"
)


@with_suggestions
@dataclass
class EarlyStopping:
    """A callback that ends a fit whose validation loss no longer falls, and puts the best parameters back.

    Parameters
    ----------
    n_iter_no_change : int, default=10
        Epochs without improvement before stopping.

    tol : float, default=1e-4
        An epoch counts as an improvement where the loss is lower by more than this.

    score : callable, default=None
        A function of the network, the higher the better, to look at instead of the validation loss.

    restore_best : bool, default=True
        Whether to put the parameters of the best epoch back at the end. `History.kept_epoch` is then its number.

    Attributes
    ----------
    scores : list of float
        Score of each epoch; without `score` the negative validation loss.

    Raises
    ------
    InputError
        For numbers out of range, and in the fit where there are neither validation data nor a score.

    Examples
    --------
    >>> import numpy as np
    >>> from tileprop import EarlyStopping, Network
    >>> X = np.random.default_rng(0).normal(size=(100, 2))
    >>> network = Network([2, 4, 1], "tanh", "identity")
    >>> stopping = EarlyStopping(n_iter_no_change=5)
    >>> history = network.fit(X, X[:, 0] ** 2, epochs=500, validation_split=0.3, callbacks=[stopping])
    >>> history.kept_epoch == stopping.best_epoch
    True
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
            raise InputError(NOTHING_TO_LOOK_AT)
        self.scores.append(score)
        self._waited = 0 if score > self._best + self.tol else self._waited + 1
        if score > self._best:
            self._best, self._theta = score, running.network.theta.copy()
        return self.ended

    def begin_call(self, epochs: int) -> np.recarray[Any, Any]:
        """Begin a compiled call of several epochs, within which the same rule ends the fit.

        Parameters
        ----------
        epochs : int
            Number of epochs before the call.

        Returns
        -------
        recarray of shape (1,)
            What the rule goes on from: STOPPING of `kernels.training.watched`.
        """
        if epochs == 0:
            self.__post_init__()
        stopping = make_records(1, STOPPING)
        stopping[0].active, stopping[0].patience, stopping[0].tol = True, self.n_iter_no_change, self.tol
        stopping[0].waited, stopping[0].best = self._waited, self._best
        return stopping

    def end_call(self, losses: np.ndarray, stopping: np.recarray[Any, Any], best: np.ndarray) -> None:
        """End a compiled call of several epochs.

        Parameters
        ----------
        losses : ndarray of shape (epochs,)
            Validation losses of the epochs that were made.

        stopping : recarray of shape (1,)
            What `begin_call` gave, as the call has left it.

        best : ndarray of shape (n_parameters,)
            Parameters at the best score, where the call has found a better one.
        """
        self.scores.extend((-losses).tolist())
        self._waited, self._best = int(stopping[0].waited), float(stopping[0].best)
        if stopping[0].improved:
            self._theta = best.copy()

    @property
    def ended(self) -> bool:
        """Whether the fit ends, or has ended, by this callback."""
        return self._waited > self.n_iter_no_change

    @property
    def best_epoch(self) -> int:
        """Number of the epoch with the best score so far, from 1; 0 where there is none."""
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
