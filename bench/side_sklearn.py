"""scikit-learn's MLPRegressor or MLPClassifier, one `fit` call with a warm start for all epochs of a round.

Its loss is half the squared error summed over the outputs: its gradient is n_out / 2 times the others', so SGD's rate and
Adam's epsilon are set to make the same steps of it. `as_sklearn` in `conventions.py` tells what else differs.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

from .task import BETA_1, BETA_2, MOMENTUM, Task, flatten

ACTIVATIONS = {"sigmoid": "logistic", "tanh": "tanh", "relu": "relu"}


def optimizer(task: Task) -> dict[str, Any]:
    """The model's arguments."""
    n_out = task.sizes[-1]
    scale = 1.0 if task.loss == "log_loss" else n_out / 2.0
    if task.optimizer == "adam":
        epsilon = task.epsilon * scale
        return dict(solver="adam", learning_rate_init=task.learning_rate, beta_1=BETA_1, beta_2=BETA_2, epsilon=epsilon)
    momentum = MOMENTUM if task.optimizer == "momentum" else 0.0
    return dict(solver="sgd", learning_rate_init=task.learning_rate / scale, momentum=momentum, nesterovs_momentum=False)


class SklearnTrainer:
    def __init__(self, task: Task) -> None:
        labels = task.loss == "log_loss"
        n_out = task.sizes[-1]
        self.X, self.T = task.X, task.T.ravel() if n_out == 1 else task.T
        self.model: Any = (MLPClassifier if labels else MLPRegressor)(
            hidden_layer_sizes=task.sizes[1:-1],
            activation=ACTIVATIONS[task.activation],
            alpha=0.0,
            batch_size=task.batch_size,
            shuffle=False,
            n_iter_no_change=np.inf,
            **optimizer(task),
        )
        # One small step makes the arrays; their values are then replaced.
        more = {"classes": np.arange(n_out)} if labels else {}
        self.model.partial_fit(self.X[: task.batch_size], self.T[: task.batch_size], **more)
        self.model.warm_start = True
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
