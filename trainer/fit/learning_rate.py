"""The learning-rate range test: a short training whose learning rate rises with each step."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ...kernels.validation import positive_integer
from ..bounds import check_whole, check_within
from ..errors import DivergenceError, InputError
from ..extras import require
from ..labels import classes_in
from ..model import Model
from ..solvers import Solver
from .fitting import fit
from .optimizers import SGD, Optimizer, Rprop
from .options import BATCH_SIZE, FitOptions, optimizer_named

# Of the losses' running mean: the share that is kept in each step. And by what the lowest one is multiplied where it ends.
SMOOTHING, DIVERGED = 0.9, 4.0
# Before so many steps the running mean says little.
FIRST = 5
# Of the rate at the lowest loss, from where it may soon rise.
SAFE = 0.1


@dataclass(frozen=True, repr=False)
class LearningRates:
    """What `find_learning_rate` found: losses against learning rates, and a suggestion.

    Parameters
    ----------
    rates : ndarray of shape (n,)
        Learning rates that were tried, rising.

    losses : ndarray of shape (n,)
        Training loss at each, a running mean over the steps.

    suggestion : float
        A learning rate to begin with: a tenth of the one at the lowest loss.

    Examples
    --------
    >>> import numpy as np
    >>> from tileprop import LearningRates
    >>> LearningRates(np.array([0.01, 0.1, 1.0]), np.array([0.9, 0.5, 0.8]), suggestion=0.01)
    LearningRates(suggestion=0.01, 3 rates from 0.01 to 1)
    """

    rates: np.ndarray
    losses: np.ndarray
    suggestion: float

    def __repr__(self) -> str:
        tried = f"{len(self.rates)} rates from {self.rates[0]:.3g} to {self.rates[-1]:.3g}"
        return f"LearningRates(suggestion={self.suggestion:.3g}, {tried})"

    def plot(self, *, ax: Any = None) -> Any:
        """Draw the losses against the learning rates, and mark the suggestion (needs matplotlib, extra `plot`).

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure unless given.

        Returns
        -------
        matplotlib Axes
            The axes with the curve.
        """
        if ax is None:
            _, ax = require("matplotlib.pyplot", "LearningRates.plot").subplots()
        ax.plot(self.rates, self.losses)
        ax.axvline(self.suggestion, linestyle=":", color="0.3", label=f"suggestion: {self.suggestion:.2g}")
        ax.set_xscale("log")
        ax.set_xlabel("Learning rate")
        ax.set_ylabel("Loss")
        ax.legend()
        return ax


def find_learning_rate(
    network: Model,
    X: ArrayLike,
    T: ArrayLike,
    *,
    optimizer: Optimizer | str | None = None,
    batch_size: int | None = None,
    sample_weight: ArrayLike | None = None,
    lowest: float = 1e-6,
    highest: float = 10.0,
    steps: int = 100,
) -> LearningRates:
    """Try rising learning rates in a short training, to find one that suits the network and the data.

    Each step takes another batch and a higher rate, until the loss is four times the lowest. The network is left as it is: a
    copy is trained.

    Parameters
    ----------
    network : Network
        The network that is to be trained.

    X : array-like of shape (n, n_in)
        Inputs.

    T : array-like of shape (n,) or (n, n_targets)
        Targets, as `Network.fit` takes them.

    optimizer : str or optimizer, default=None
        As for `Network.fit`: "sgd" unless given. Its own learning rate plays no part.

    batch_size : int, default=None
        Rows of a step; 32 unless given.

    sample_weight : array-like of shape (n,), default=None
        Weights of the rows.

    lowest, highest : float, default=1e-6 and 10.0
        Learning rates of the first and the last step; those between grow by the same factor.

    steps : int, default=100
        Number of steps, at least 10.

    Returns
    -------
    LearningRates
        Rates, losses and a suggestion; `plot` draws them.

    Raises
    ------
    InputError
        For arguments that do not fit, for solvers and for Rprop, which have no learning rate, and where the loss is infinite
        from the beginning.

    Notes
    -----
    Smith, L. N. (2017). Cyclical learning rates for training neural networks. WACV. The library fastai made the test usual, and
    a tenth of the rate at the lowest loss as the suggestion.

    Examples
    --------
    >>> import numpy as np
    >>> from tileprop import Network, find_learning_rate
    >>> X = np.random.default_rng(0).normal(size=(500, 4))
    >>> found = find_learning_rate(Network([4, 8, 1], "tanh", "identity"), X, X.sum(axis=1))
    >>> 0.001 < found.suggestion < 1
    True
    """
    check_within("lowest", lowest, 0.0, above=True)
    check_within("highest", highest, lowest, above=True)
    check_whole("steps", steps, 10)
    chosen = optimizer_named(optimizer) if isinstance(optimizer, str) else SGD() if optimizer is None else optimizer
    if isinstance(chosen, (Solver, Rprop)) or not isinstance(chosen, Optimizer):
        raise InputError(f"optimizer is {optimizer!r}; it must be one with a learning rate, as 'sgd', 'adam' or Adam(...)")
    if batch_size is not None:
        positive_integer("batch_size", batch_size)
    copied = copy.deepcopy(network)
    rates = np.geomspace(lowest, highest, steps)
    losses = _losses(copied, X, T, sample_weight, chosen, batch_size or BATCH_SIZE, rates)
    return LearningRates(rates[: len(losses)], losses, float(rates[losses.argmin()]) * SAFE)


def _losses(
    model: Model, X: Any, T: Any, sample_weight: Any, optimizer: Optimizer, batch_size: int, rates: np.ndarray
) -> np.ndarray:
    """Running mean of the steps' losses; fewer than rates where training diverges."""
    plan, X, T, weight = model.prepared(X, T, sample_weight, classes=model.classes or classes_in(T, model.plan))
    model.classes = None
    if T.shape[1] == 1 and plan.sizes[-1] > 1 and plan.loss == "log_loss":
        T = T[:, 0]
    state, order = optimizer.state(model.plan, model.dtype), np.empty(0, np.int64)
    losses: list[float] = []
    mean = 0.0
    for step, rate in enumerate(rates):
        if len(order) < min(batch_size, len(X)):
            order = model.generator.permutation(len(X))
        rows, order = order[:batch_size], order[batch_size:]
        weights = weight[rows] if weight.size and weight[rows].any() else None
        state.hyperparameters[0].learning_rate = rate
        try:
            options = FitOptions(batch_size=len(rows), optimizer=state, shuffle=False, progress=False, n_threads=1)
            loss = fit(model, X[rows], T[rows], weights, None, options).loss[0]
        except DivergenceError as error:
            if step < FIRST + 2:
                raise InputError(f"training diverges at a learning rate of {rate:.3g}; give a smaller lowest") from error
            break
        mean = SMOOTHING * mean + (1.0 - SMOOTHING) * loss
        losses.append(mean / (1.0 - SMOOTHING ** (step + 1)))  # without the bias to the zero that it begins with
        if losses[-1] > DIVERGED * min(losses) and step > FIRST:
            break
    return np.array(losses)
