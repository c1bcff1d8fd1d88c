"""The race's problems: networks, data and initial weights, the same numbers on every machine and in both dtypes.

Batches in the order of the rows. Inputs and targets are uniform in [0, 1), class labels equally frequent: how long a step takes
does not depend on what the numbers are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

# Sides that compute the same end, in float32, within 2e-4 of the distance that the weights moved. Smaller rates lose that
# distance in rounding; with 2 the training of `big` is unstable and blows rounding up.
LEARNING_RATE = 0.5


@dataclass(frozen=True)
class Problem:
    """sizes: layer widths from inputs to outputs. n_rows is a multiple of batch_size. gain: of the initial weights.

    activation: of the hidden layers ("sigmoid", "tanh", "relu"). loss: "mse" over "sigmoid" or "identity" outputs, or
    "log_loss" over "softmax" ones. optimizer: "sgd", "momentum", "adam". epsilon, epsilon_hat: of Adam, as in the trainer's.
    """

    name: str
    sizes: tuple[int, ...]
    batch_size: int
    n_rows: int
    activation: str = "sigmoid"
    output_activation: str = "sigmoid"
    loss: str = "mse"
    optimizer: str = "sgd"
    learning_rate: float = LEARNING_RATE
    epsilon: float = 1e-8
    epsilon_hat: bool = False
    gain: float = 1.0

    def __str__(self) -> str:
        return f"{self.name} {'-'.join(map(str, self.sizes))}, batch {self.batch_size}"

    @property
    def kind(self) -> str:
        """What is computed, in words."""
        hidden = f"{self.activation}, " if len(self.sizes) > 2 else ""
        return f"{hidden}{self.output_activation} outputs, {self.loss}, {self.optimizer}"

    @property
    def n_weights(self) -> int:
        """Weights, biases not counted."""
        return sum(n_in * n_out for n_in, n_out in pairwise(self.sizes))

    @property
    def flops_per_step(self) -> int:
        """2 B (3 W - n0 n1): three products for each layer, less the first one's gradient for its input."""
        return 2 * self.batch_size * (3 * self.n_weights - self.sizes[0] * self.sizes[1])

    @property
    def steps_per_epoch(self) -> int:
        return self.n_rows // self.batch_size

    @property
    def settings(self) -> dict[str, Any]:
        """What a `Task` is told beside its arrays and threads."""
        return {
            "sizes": list(self.sizes),
            "batch_size": self.batch_size,
            "activation": self.activation,
            "output_activation": self.output_activation,
            "loss": self.loss,
            "optimizer": self.optimizer,
            "learning_rate": self.learning_rate,
            "epsilon": self.epsilon,
            "epsilon_hat": self.epsilon_hat,
        }

    def data(self, dtype: np.dtype[Any]) -> tuple[np.ndarray, np.ndarray]:
        """Inputs X (n_rows, n_in) and targets T (n_rows, n_out), or class labels (n_rows) for log_loss."""
        generator = np.random.default_rng(0)
        X = generator.random((self.n_rows, self.sizes[0]))
        if self.loss == "log_loss":
            return X.astype(dtype), generator.permutation(np.arange(self.n_rows) % self.sizes[-1])
        T = generator.random((self.n_rows, self.sizes[-1]))
        return X.astype(dtype), T.astype(dtype)

    def initial_theta(self, dtype: np.dtype[Any]) -> np.ndarray:
        """W0, b0, W1, b1, ... in one vector: normal with deviation gain / sqrt(n_in). Biases too are not zero, so that a side
        that loses them is found out."""
        generator = np.random.default_rng(1)
        parts = []
        for n_in, n_out in pairwise(self.sizes):
            parts.append(generator.standard_normal((n_in + 1) * n_out) * self.gain / np.sqrt(n_in))
        return np.concatenate(parts).astype(dtype)


class Event(NamedTuple):
    """A problem in one dtype, with so many threads for each side that can use them."""

    problem: Problem
    dtype: str
    threads: int

    def __str__(self) -> str:
        threads = f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        return f"{self.problem}, {self.dtype}, {threads}"


def events(problems: Iterable[Problem], dtypes: Iterable[str], threads: Iterable[int]) -> list[Event]:
    """Every problem in every dtype with every number of threads."""
    dtypes, threads = list(dtypes), list(threads)
    return [Event(problem, dtype, count) for problem in problems for dtype in dtypes for count in threads]


# Enough rows that an epoch outweighs the price of starting one, few enough that the slowest peer ends within a second or so.
PROBLEMS = {
    problem.name: problem
    for problem in (
        Problem("tiny", (2, 2, 1), 1, 4096),
        Problem("small", (8, 32, 32, 1), 32, 8192),
        Problem("mid", (64, 128, 64, 10), 64, 16384),
        Problem("mnist", (784, 256, 10), 128, 16384),
        Problem("big", (784, 1024, 1024, 10), 256, 8192),
        # One step is a whole epoch. Adam divides by sqrt(v) + epsilon: with an epsilon far below the gradients' rounding errors
        # in float32 (1e-8), the sign of a gradient that is all rounding would decide over a whole step.
        Problem(
            "chains",
            (4, 32, 16, 4),
            10_000,
            10_000,
            activation="tanh",
            output_activation="identity",
            optimizer="adam",
            learning_rate=0.01,
            epsilon=1e-4,
        ),
    )
}
QUICK_PROBLEMS = ("tiny", "small", "mid", "chains")
