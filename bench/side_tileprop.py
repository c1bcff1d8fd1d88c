"""Our side: one `Network.fit` call for all epochs of a round, its checks, history and thread included.

How many threads an epoch has is left to `fit`, which finds what the pinned process may use.
"""

from __future__ import annotations

import numpy as np

from ..trainer import SGD, Adam, Network
from .task import BETA_1, BETA_2, MOMENTUM, Task


def optimizer(task: Task) -> SGD | Adam:
    if task.optimizer == "adam":
        return Adam(task.learning_rate, BETA_1, BETA_2, task.epsilon, task.epsilon_hat)
    return SGD(task.learning_rate, momentum=MOMENTUM if task.optimizer == "momentum" else 0.0)


class TilepropTrainer:
    def __init__(self, task: Task) -> None:
        self.task = task
        self.network = Network(
            task.sizes,
            activation=task.activation,
            output_activation=task.output_activation,
            loss=task.loss,
            dtype=task.theta.dtype,
        )
        self.network.theta = task.theta
        self.optimizer = optimizer(task)

    def train(self, epochs: int) -> None:
        self.network.fit(
            self.task.X,
            self.task.T,
            epochs=epochs,
            batch_size=self.task.batch_size,
            optimizer=self.optimizer,
            shuffle=False,
        )

    def theta(self) -> np.ndarray:
        return self.network.theta


def build(task: Task) -> TilepropTrainer:
    return TilepropTrainer(task)
