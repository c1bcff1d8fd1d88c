"""scikit-learn's MLPRegressor, one `fit` call with a warm start for all epochs of a round.

Its regressor knows identity outputs alone, one pass over the output layer less than the others' sigmoid. Its loss is half the
squared error summed over the outputs, so its rate is 2 / n_out times the others'.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor

from .task import Task, flatten


class SklearnTrainer:
    def __init__(self, task: Task) -> None:
        if task.output_activation != "identity":
            raise ValueError("scikit-learn's regressor has identity outputs only")
        n_out = task.sizes[-1]
        self.X, self.T = task.X, task.T.ravel() if n_out == 1 else task.T
        self.model: Any = MLPRegressor(
            hidden_layer_sizes=task.sizes[1:-1],
            activation="logistic",
            solver="sgd",
            alpha=0.0,
            batch_size=task.batch_size,
            learning_rate_init=task.learning_rate * 2.0 / n_out,
            momentum=0.0,
            nesterovs_momentum=False,
            shuffle=False,
            warm_start=True,
            n_iter_no_change=np.inf,
        )
        # One small step makes the arrays; their values are then replaced.
        self.model.partial_fit(self.X[: task.batch_size], self.T[: task.batch_size])
        for (W, b), coefficients, intercepts in zip(task.layers(), self.model.coefs_, self.model.intercepts_, strict=True):
            coefficients[:], intercepts[:] = W, b

    def train(self, epochs: int) -> None:
        self.model.max_iter = epochs
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.model.fit(self.X, self.T)

    def theta(self) -> np.ndarray:
        return flatten(zip(self.model.coefs_, self.model.intercepts_, strict=True))


def build(task: Task) -> SklearnTrainer:
    return SklearnTrainer(task)
