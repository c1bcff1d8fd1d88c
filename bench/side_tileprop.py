"""Our side: one `Network.fit` call for all epochs of a round, its checks, history and thread included."""

from __future__ import annotations

import numpy as np

from ..trainer import SGD, Network
from .task import Task


class TilepropTrainer:
    def __init__(self, task: Task) -> None:
        self.task = task
        self.network = Network(
            task.sizes,
            activation="sigmoid",
            output_activation=task.output_activation,
            loss="mse",
            dtype=task.theta.dtype,
        )
        self.network.theta = task.theta
        self.optimizer = SGD(learning_rate=task.learning_rate)

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
