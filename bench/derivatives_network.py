"""Our `Network`'s methods."""

from __future__ import annotations

import numpy as np

from ..trainer import Network
from .derivatives import compared, direction
from .task import Task


class Computation:
    def __init__(self, task: Task) -> None:
        network = Network(task.sizes, task.activation, task.output_activation, task.loss, dtype=task.theta.dtype)
        network.theta = task.theta
        given: tuple[np.ndarray, ...] = (task.X,) if task.quantity.endswith("jacobian") else (task.X, task.T)
        self.arguments = (*given, direction(task.theta)) if task.quantity == "hessian_vector" else given
        self.method = getattr(network, task.quantity)
        self.result: np.ndarray | None = None

    def train(self, epochs: int) -> None:
        for _ in range(epochs):
            self.result = None
            self.result = self.method(*self.arguments)

    def theta(self) -> np.ndarray:
        assert self.result is not None
        return compared(self.result)


def build(task: Task) -> Computation:
    return Computation(task)
