"""The race's problems: networks, data and initial weights, the same numbers on every machine and in both dtypes.

Sigmoid layers, mean squared error, plain SGD, batches in the order of the rows. Inputs and targets are uniform in [0, 1):
how long a step takes does not depend on what the numbers are.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

# Sides that compute the same end, in float32, within 2e-4 of the distance that the weights moved. Smaller rates lose that
# distance in rounding; with 2 the training of `big` is unstable and blows rounding up.
LEARNING_RATE = 0.5


@dataclass(frozen=True)
class Problem:
    """sizes: layer widths from inputs to outputs. n_rows is a multiple of batch_size."""

    name: str
    sizes: tuple[int, ...]
    batch_size: int
    n_rows: int

    def __str__(self) -> str:
        return f"{self.name} {'-'.join(map(str, self.sizes))}, batch {self.batch_size}"

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

    def data(self, dtype: np.dtype[Any]) -> tuple[np.ndarray, np.ndarray]:
        """Inputs X (n_rows, n_in) and targets T (n_rows, n_out)."""
        generator = np.random.default_rng(0)
        X = generator.random((self.n_rows, self.sizes[0]))
        T = generator.random((self.n_rows, self.sizes[-1]))
        return X.astype(dtype), T.astype(dtype)

    def initial_theta(self, dtype: np.dtype[Any]) -> np.ndarray:
        """W0, b0, W1, b1, ... in one vector: normal with variance 1 / n_in. Biases too are not zero, so that a side that
        loses them is found out."""
        generator = np.random.default_rng(1)
        parts = []
        for n_in, n_out in pairwise(self.sizes):
            parts.append(generator.standard_normal((n_in + 1) * n_out) / np.sqrt(n_in))
        return np.concatenate(parts).astype(dtype)


# Enough rows that an epoch outweighs the price of starting one, few enough that the slowest peer ends within a second or so.
PROBLEMS = {
    problem.name: problem
    for problem in (
        Problem("tiny", (2, 2, 1), 1, 4096),
        Problem("small", (8, 32, 32, 1), 32, 8192),
        Problem("mid", (64, 128, 64, 10), 64, 16384),
        Problem("mnist", (784, 256, 10), 128, 16384),
        Problem("big", (784, 1024, 1024, 10), 256, 8192),
    )
}
QUICK_PROBLEMS = ("tiny", "small", "mid")
