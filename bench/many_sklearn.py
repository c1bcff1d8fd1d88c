"""scikit-learn in the race of many networks: joblib with a process for each thread, and one MLPRegressor a network.

By its random_state it draws the initial weights and the rows that it holds out, which the other sides are given.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from joblib import Parallel, delayed, parallel_config  # type: ignore[import-untyped]
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor

from .many_problems import HELD, TOL, ManyTask
from .many_problems import read_many as read_task
from .side_sklearn import ACTIVATIONS
from .task import flatten

__all__ = ["build", "read_task"]

# Seconds after which its processes end by themselves: it is ended without a word to them.
IDLE = 20


class ManyTrainer:
    def __init__(self, task: ManyTask) -> None:
        self.task = task
        self.fitted: list[tuple[np.ndarray, list[float], list[float]]] = []

    def train(self, epochs: int) -> None:
        """Make all fits anew, of at most so many epochs."""
        common, task = self.task.common, self.task
        y = common.T.ravel()
        jobs = []
        for i, (sizes, rate) in enumerate(zip(task.sizes, task.rates, strict=True)):
            given = {
                "hidden_layer_sizes": sizes[1:-1],
                "learning_rate_init": float(rate),
                "random_state": i,
                "max_iter": epochs,
            }
            given |= {"activation": ACTIVATIONS[common.activation], "batch_size": common.batch_size}
            given |= {"early_stopping": True, "n_iter_no_change": task.patience, "tol": TOL, "validation_fraction": HELD}
            jobs.append(delayed(_fit)(common.X, y, given))
        with parallel_config("loky", n_jobs=common.threads, inner_max_num_threads=1, idle_worker_timeout=IDLE):
            self.fitted = Parallel()(jobs)

    def theta(self) -> np.ndarray:
        thetas, losses, scores = zip(*self.fitted, strict=True)
        held: Any = self.task.held
        variances = [np.var(self.task.common.T[rows]) for rows in held]
        held_losses = [(1.0 - np.array(of)) * variance / 2.0 for of, variance in zip(scores, variances, strict=True)]
        return self.task.results(list(thetas), list(losses), held_losses)


def _fit(X: np.ndarray, y: np.ndarray, given: dict[str, Any]) -> tuple[np.ndarray, list[float], list[float]]:
    """Weights, and the losses and scores of the epochs."""
    model: Any = MLPRegressor(alpha=0.0, shuffle=False, **given)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    return flatten(zip(model.coefs_, model.intercepts_, strict=True)), model.loss_curve_, model.validation_scores_


def build(task: ManyTask) -> ManyTrainer:
    return ManyTrainer(task)
