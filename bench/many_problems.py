"""Many networks on one table, as a person trains them who sweeps: each has its own learning rate and its own initial weights.

Rows in their order, so that every side sees the same batches; for JAX that is the best case, since all networks share a batch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from .task import Task

# scikit-learn's defaults where a fit stops early.
TOL, HELD = 1e-4, 0.1


@dataclass(frozen=True)
class ManyProblem:
    """So many networks. Network i has the sizes of number i modulo how many there are.

    n_rows, n_held: to train on, and to validate on after each epoch. rates: lowest and highest learning rate. patience: epochs
    without improvement before a network stops; 0 for none, where each makes all epochs. With a patience each network holds out
    a tenth of the rows by a draw of its own, as scikit-learn does, and n_held is 0. peers: names of the other sides. wanted:
    how many times faster than the best of its rivals ours is meant to be; all peers are rivals, unless some are named.
    compared_after: epochs after which the sides' results are compared; 0 for all. Rounding errors grow over the epochs with
    relu: a unit that is on in one side and off in another changes all others.
    """

    name: str
    count: int
    sizes: tuple[tuple[int, ...], ...]
    batch_size: int
    n_rows: int
    epochs: int
    peers: tuple[str, ...]
    wanted: float
    n_held: int = 0
    activation: str = "tanh"
    output_activation: str = "identity"
    loss: str = "mse"
    optimizer: str = "adam"
    rates: tuple[float, float] = (0.001, 0.01)
    patience: int = 0
    dtype: str = "float32"
    compared_after: int = 0
    rivals: tuple[str, ...] = ()

    def __str__(self) -> str:
        shapes = "-".join(map(str, self.sizes[0])) if len(self.sizes) == 1 else f"{len(self.sizes)} shapes"
        return f"{self.count} of {shapes}, batch {self.batch_size}"

    def described(self) -> str:
        """What is trained, in a sentence."""
        if self.patience:
            held = f"a tenth of them held out for early stopping after {self.patience} epochs without improvement"
        else:
            held = f"{self.n_held} more to validate on after each epoch" if self.n_held else "no validation"
        low, high = self.rates
        return (
            f"{self.name}: {self}; {self.n_rows} rows, {held}; {'at most ' if self.patience else ''}{self.epochs} epochs, "
            f"{self.activation}, {self.loss}, {self.optimizer}, learning rates {low:g} to {high:g}, {self.dtype}"
        )

    def n_parameters(self, number: int) -> int:
        """Of a network."""
        return sum((n_in + 1) * n_out for n_in, n_out in pairwise(self.sizes[number % len(self.sizes)]))

    @property
    def n_drawn(self) -> int:
        """How many of the rows each network holds out by a draw of its own."""
        return math.ceil(HELD * self.n_rows) if self.patience else 0

    @property
    def settings(self) -> dict[str, Any]:
        """What a `ManyTask` is told beside its arrays and threads."""
        return {
            "sizes": [list(self.sizes[i % len(self.sizes)]) for i in range(self.count)],
            "batch_size": self.batch_size,
            "activation": self.activation,
            "output_activation": self.output_activation,
            "loss": self.loss,
            "optimizer": self.optimizer,
            "patience": self.patience,
        }

    def write(self, folder: Path) -> None:
        """Write the arrays of a `ManyTask` to a file in this folder."""
        real, generator = np.dtype(self.dtype), np.random.default_rng(0)
        n, n_in, n_out = self.n_rows + self.n_held, self.sizes[0][0], self.sizes[0][-1]
        X = generator.standard_normal((n, n_in)).astype(real)
        signal = np.sin(X @ generator.standard_normal((n_in, n_out)).astype(real)) + 0.3 * generator.standard_normal((n, n_out))
        T = signal.argmax(axis=1) if self.loss == "log_loss" else signal.astype(real)
        if self.output_activation == "sigmoid":
            T = (T > 0).astype(real)
        drawn = [self._drawn(i) for i in range(self.count)]
        arrays = {
            "X": X[: self.n_rows],
            "T": T[: self.n_rows],
            "X_held": X[self.n_rows :],
            "T_held": T[self.n_rows :],
            "theta": np.concatenate([theta for theta, _ in drawn]).astype(real),
            "rates": np.geomspace(*self.rates, self.count)[np.random.default_rng(1).permutation(self.count)],
            "orders": np.array([order for _, order in drawn]),
        }
        np.savez(folder / "many.npz", **arrays)

    def _drawn(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Initial weights of a network and an order of the rows, drawn as scikit-learn draws them by its random_state."""
        random = np.random.RandomState(number)
        parts = []
        for n_in, n_out in pairwise(self.sizes[number % len(self.sizes)]):
            bound = math.sqrt((2.0 if self.activation == "sigmoid" else 6.0) / (n_in + n_out))
            parts += [random.uniform(-bound, bound, n_in * n_out), random.uniform(-bound, bound, n_out)]
        return np.concatenate(parts), random.permutation(self.n_rows)


@dataclass(frozen=True)
class ManyTask:
    """What a side is given. common: of each network's task what does not differ, with the table (its sizes are the first's).

    X_held, T_held: rows to validate on, or none. thetas: initial weights of each network. rates: learning rates. trained_on,
    held: numbers of rows of each network; None where all train on all.
    """

    common: Task
    X_held: np.ndarray
    T_held: np.ndarray
    sizes: list[list[int]]
    thetas: list[np.ndarray]
    rates: np.ndarray
    patience: int
    way: str
    trained_on: list[np.ndarray] | None = field(default=None)
    held: list[np.ndarray] | None = field(default=None)

    def results(self, thetas: list[np.ndarray], losses: list[Any], held_losses: list[Any]) -> np.ndarray:
        """What a side answers: all weights, each network's number of epochs, all losses, all losses of held-out rows."""
        epochs = [len(of_network) for of_network in losses]
        return np.concatenate([*thetas, epochs, *losses, *held_losses]).astype(np.float64)


def read_many(folder: Path, sizes: list[list[int]], patience: int, way: str, threads: int, **settings: Any) -> ManyTask:
    """A task from a folder that `ManyProblem.write` filled, and the settings that are not arrays."""
    with np.load(folder / "many.npz") as file:
        arrays = dict(file)
    lengths = [sum((n_in + 1) * n_out for n_in, n_out in pairwise(of_network)) for of_network in sizes]
    thetas = np.split(arrays["theta"], np.cumsum(lengths)[:-1])
    common = Task(
        arrays["X"], arrays["T"], thetas[0], sizes[0], learning_rate=0.0, epsilon=1e-8, epsilon_hat=bool(patience),
        threads=threads, **settings,
    )  # fmt: skip
    n_held = math.ceil(HELD * len(arrays["X"]))
    parts = ([order[n_held:] for order in arrays["orders"]], [order[:n_held] for order in arrays["orders"]])
    trained_on, held = parts if patience else (None, None)
    return ManyTask(common, arrays["X_held"], arrays["T_held"], sizes, thetas, arrays["rates"], patience, way, trained_on, held)


JAX = ("jax-vmap", "jax-vmap-2", "jax-loop", "jax-loop-2")
MANY_PROBLEMS = {
    problem.name: problem
    for problem in (
        ManyProblem(
            "small", 64, ((8, 32, 32, 1),), 32, 1024, 30, (*JAX, "single"), 4.0,
            n_held=256, activation="relu", compared_after=2,
        ),
        ManyProblem(
            "tiny", 256, ((2, 2, 1),), 1, 500, 100, (*JAX, "single"), 1.5,
            activation="sigmoid", output_activation="sigmoid", optimizer="sgd", rates=(0.01, 1.0),
        ),
        ManyProblem(
            "mid", 16, ((64, 128, 64, 10),), 64, 1792, 10, (*JAX, "single"), 2.0,
            n_held=448, activation="relu", output_activation="softmax", loss="log_loss",
            optimizer="momentum", rates=(0.003, 0.03), compared_after=2,
        ),
        ManyProblem(
            "mixed", 200, ((8, 16, 1), (8, 32, 1), (8, 64, 1), (8, 16, 16, 1), (8, 32, 32, 1), (8, 64, 32, 1)), 32, 500, 40,
            ("sklearn", "single"), 10.0, loss="squared_error", patience=5, dtype="float64", rates=(0.001, 0.03),
            rivals=("sklearn",),
        ),
    )
}  # fmt: skip
