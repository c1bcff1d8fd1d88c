"""Generated datasets: two features and two classes, or a number to predict from one or two features."""

from __future__ import annotations

import numpy as np

from ..bounds import check_whole, check_within
from ..extras import require

CLASSES = ("xor", "moons", "circles", "spirals")
NUMBERS = ("plane", "hills", "wave")
NAMES = (*CLASSES, *NUMBERS)
N_SAMPLES = 500
# Standard deviation of the normal noise where none is given: on both coordinates, or on the number to predict.
NOISE = {"xor": 0.05, "moons": 0.2, "circles": 0.1, "spirals": 0.03, "plane": 0.05, "hills": 0.05, "wave": 0.1}
# Of "hills": the middles of the hills, and of the hollows. Each is as wide as a normal density of deviation 0.35.
HILLS, HOLLOWS, WIDTH = ((-0.5, -0.5), (0.5, 0.5)), ((-0.5, 0.5), (0.5, -0.5)), 0.35


def make_toy(
    name: str, n_samples: int | None = None, noise: float | None = None, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """X (n, 2) and class labels (n) of one of CLASSES, or X (n, 1 or 2) and numbers (n) of one of NUMBERS.

    The same seed gives the same rows.
    """
    n_samples = N_SAMPLES if n_samples is None else n_samples
    noise = NOISE[name] if noise is None else noise
    check_whole("n_samples", n_samples, 2)
    check_within("noise", noise, 0.0)
    if name in ("moons", "circles"):
        datasets = require("sklearn.datasets", f"the dataset {name!r}")
        if name == "moons":
            X, y = datasets.make_moons(n_samples, noise=noise, random_state=seed)
        else:
            X, y = datasets.make_circles(n_samples, noise=noise, factor=0.5, random_state=seed)
        return np.asarray(X), np.asarray(y)
    generator = np.random.default_rng(seed)
    if name in NUMBERS:
        X, numbers = {"plane": _plane, "hills": _hills, "wave": _wave}[name](n_samples, generator)
        return X, numbers + generator.normal(0.0, noise, n_samples)
    X, y = (_xor if name == "xor" else _spirals)(n_samples, generator)
    return X + generator.normal(0.0, noise, X.shape), y


def _xor(n_samples: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points of the square from -1 to 1; class 1 where the signs of the coordinates differ."""
    X = generator.uniform(-1.0, 1.0, (n_samples, 2))
    return X, (X[:, 0] * X[:, 1] < 0).astype(np.int64)


def _spirals(n_samples: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two arms of one turn each, evenly filled along their length, the second turned by half a circle."""
    y = np.arange(n_samples) % 2
    radius = np.sqrt(generator.uniform(0.01, 1.0, n_samples))
    angle = 2.0 * np.pi * radius + np.pi * y
    return np.column_stack((radius * np.cos(angle), radius * np.sin(angle))), y


def _plane(n_samples: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A plane over the square from -1 to 1: the mean of both coordinates."""
    X = generator.uniform(-1.0, 1.0, (n_samples, 2))
    return X, X.mean(axis=1)


def _hills(n_samples: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two hills and two hollows over the square from -1 to 1."""
    X = generator.uniform(-1.0, 1.0, (n_samples, 2))
    heights = [np.exp(-((X - middle) ** 2).sum(axis=1) / (2 * WIDTH**2)) for middle in (*HILLS, *HOLLOWS)]
    return X, heights[0] + heights[1] - heights[2] - heights[3]


def _wave(n_samples: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """One feature from -1 to 1, and two waves of a sine over it."""
    X = generator.uniform(-1.0, 1.0, (n_samples, 1))
    return X, np.sin(2 * np.pi * X[:, 0])
