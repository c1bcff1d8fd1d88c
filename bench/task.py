"""What a side of the race is given, and what it must do with it.

A side is a module with a function `build(task) -> Trainer`. Its process reads the task's arrays from .npy files.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np

# Of the optimizers "momentum" and "adam". Momentum: v <- MOMENTUM v - rate g, w <- w + v; the form w <- w - rate u with
# u <- MOMENTUM u + g is the same for a constant rate, with v = -rate u.
MOMENTUM = 0.9
BETA_1, BETA_2 = 0.9, 0.999


@dataclass(frozen=True)
class Task:
    """X (n, n_in), T (n, n_out), theta (n_parameters) initial weights W0, b0, W1, b1, ...; all of one dtype. For log_loss T
    holds class labels (n), integers.

    `Problem` tells the settings. "mse" is the mean over rows and outputs, "log_loss" the mean over rows. Batches in the order
    of the rows, which the batch size divides. quantity: what is computed in place of training, see `derivatives.py`.
    """

    X: np.ndarray
    T: np.ndarray
    theta: np.ndarray
    sizes: list[int]
    batch_size: int
    activation: str
    output_activation: str
    loss: str
    optimizer: str
    learning_rate: float
    epsilon: float
    epsilon_hat: bool
    threads: int
    quantity: str = ""

    def layers(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Copies of the initial W (n_in, n_out) and b (n_out) of each layer."""
        return [(W.copy(), b.copy()) for W, b in split(self.theta, self.sizes)]


class Trainer(Protocol):
    """A network ready to train."""

    def train(self, epochs: int) -> None:
        """Train on, with fresh velocities and moments; all work is done when this returns."""

    def theta(self) -> np.ndarray:
        """The present weights, laid out as the task's."""


def split(theta: np.ndarray, sizes: Sequence[int]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Views W (n_in, n_out) and b (n_out) of each layer."""
    layers, at = [], 0
    for n_in, n_out in pairwise(sizes):
        W = theta[at : at + n_in * n_out].reshape(n_in, n_out)
        at += n_in * n_out
        layers.append((W, theta[at : at + n_out]))
        at += n_out
    return layers


def flatten(layers: Iterable[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """One vector from W (n_in, n_out) and b (n_out) of each layer."""
    return np.concatenate([np.ravel(array) for layer in layers for array in layer])


def write_arrays(folder: Path, X: np.ndarray, T: np.ndarray, theta: np.ndarray) -> None:
    for name, array in {"X": X, "T": T, "theta": theta}.items():
        np.save(folder / f"{name}.npy", array)


def read_task(folder: Path, **settings: Any) -> Task:
    """A task from a folder that `write_arrays` filled, and the settings that are not arrays."""
    X, T, theta = (np.load(folder / f"{name}.npy") for name in ("X", "T", "theta"))
    return Task(X, T, theta, **settings)
