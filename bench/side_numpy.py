"""NumPy, as one writes it by hand: four products' worth of expressions a layer, BLAS underneath. It takes no losses."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .task import BETA_1, BETA_2, MOMENTUM, Task, flatten


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-z))  # type: ignore[no-any-return]


def relu(z: np.ndarray) -> np.ndarray:
    return np.maximum(z, 0.0)  # type: ignore[no-any-return]


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)  # type: ignore[no-any-return]


def identity(z: np.ndarray) -> np.ndarray:
    return z


# z -> a.
ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "relu": relu,
    "softmax": softmax,
    "identity": identity,
}
# a -> da/dz, which these have in terms of a.
SLOPES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "sigmoid": lambda a: a * (1.0 - a),
    "tanh": lambda a: 1.0 - a * a,
    "relu": lambda a: a > 0.0,
}


class NumpyTrainer:
    def __init__(self, task: Task) -> None:
        self.task = task
        self.layers = task.layers()
        self.hidden, self.outputs = ACTIVATIONS[task.activation], ACTIVATIONS[task.output_activation]
        self.slope = SLOPES[task.activation]
        self.update = {"sgd": self.sgd, "momentum": self.momentum, "adam": self.adam}[task.optimizer]
        self.forget()

    def forget(self) -> None:
        """Fresh velocities and moments, for W and b of each layer; sgd has none."""
        self.steps = 0
        count = {"sgd": 0, "momentum": 1, "adam": 2}[self.task.optimizer]
        self.state = [[[np.zeros_like(w) for w in layer] for layer in self.layers] for _ in range(count)]

    def train(self, epochs: int) -> None:
        self.forget()
        batch = self.task.batch_size
        for _ in range(epochs):
            for start in range(0, len(self.task.X), batch):
                self.step(self.task.X[start : start + batch], self.task.T[start : start + batch])

    def step(self, X: np.ndarray, T: np.ndarray) -> None:
        """X (rows, n_in), T (rows, n_out) or (rows)."""
        last = len(self.layers) - 1
        outputs = [X]
        for layer, (W, b) in enumerate(self.layers):
            z = outputs[-1] @ W + b
            outputs.append(self.outputs(z) if layer == last else self.hidden(z))
        delta = self.output_delta(outputs[-1], T)
        self.steps += 1
        for layer in range(last, -1, -1):
            W, A = self.layers[layer][0], outputs[layer]
            gradient = A.T @ delta, delta.sum(axis=0)
            if layer > 0:
                delta = (delta @ W.T) * self.slope(A)
            for part, g in enumerate(gradient):
                self.update(layer, part, g)

    def output_delta(self, Y: np.ndarray, T: np.ndarray) -> np.ndarray:
        """dL/dz (rows, n_out) of the last layer."""
        if self.task.loss == "log_loss":
            delta = Y.copy()
            delta[np.arange(len(T)), T] -= 1.0
            delta /= len(T)
            return delta
        delta = (Y - T) * (2.0 / Y.size)
        if self.task.output_activation == "sigmoid":
            delta *= SLOPES["sigmoid"](Y)
        return delta

    def sgd(self, layer: int, part: int, g: np.ndarray) -> None:
        w = self.layers[layer][part]
        w -= self.task.learning_rate * g

    def momentum(self, layer: int, part: int, g: np.ndarray) -> None:
        w, v = self.layers[layer][part], self.state[0][layer][part]
        v *= MOMENTUM
        v -= self.task.learning_rate * g
        w += v

    def adam(self, layer: int, part: int, g: np.ndarray) -> None:
        w, m, v = self.layers[layer][part], self.state[0][layer][part], self.state[1][layer][part]
        m *= BETA_1
        m += (1.0 - BETA_1) * g
        v *= BETA_2
        v += (1.0 - BETA_2) * g * g
        correction = float(np.sqrt(1.0 - BETA_2**self.steps))
        epsilon = self.task.epsilon * (1.0 if self.task.epsilon_hat else correction)
        w -= (self.task.learning_rate * correction / (1.0 - BETA_1**self.steps)) * m / (np.sqrt(v) + epsilon)

    def theta(self) -> np.ndarray:
        return flatten(self.layers)


def build(task: Task) -> NumpyTrainer:
    return NumpyTrainer(task)
