"""NumPy, as one writes it by hand: four products' worth of expressions a layer, BLAS underneath. It takes no losses."""

from __future__ import annotations

import numpy as np

from .task import Task, flatten


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-z))  # type: ignore[no-any-return]


class NumpyTrainer:
    def __init__(self, task: Task) -> None:
        self.task = task
        self.layers = task.layers()

    def train(self, epochs: int) -> None:
        batch = self.task.batch_size
        for _ in range(epochs):
            for start in range(0, len(self.task.X), batch):
                self.step(self.task.X[start : start + batch], self.task.T[start : start + batch])

    def step(self, X: np.ndarray, T: np.ndarray) -> None:
        """X (rows, n_in), T (rows, n_out)."""
        rate, last = self.task.learning_rate, len(self.layers) - 1
        outputs = [X]
        for layer, (W, b) in enumerate(self.layers):
            z = outputs[-1] @ W + b
            outputs.append(z if layer == last and self.task.output_activation == "identity" else sigmoid(z))
        Y = outputs[-1]
        delta = (Y - T) * (2.0 / Y.size)
        if self.task.output_activation == "sigmoid":
            delta *= Y * (1.0 - Y)
        for layer in range(last, -1, -1):
            W, b = self.layers[layer]
            A = outputs[layer]
            dW, db = A.T @ delta, delta.sum(axis=0)
            if layer > 0:
                delta = (delta @ W.T) * (A * (1.0 - A))
            W -= rate * dW
            b -= rate * db

    def theta(self) -> np.ndarray:
        return flatten(self.layers)


def build(task: Task) -> NumpyTrainer:
    return NumpyTrainer(task)
