"""Networks drawn at random, and one layer of each activation, with what it gives in float64."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
from tileprop.trainer import Network

# How many networks a test draws.
COUNTS = [12, pytest.param(500, marks=pytest.mark.full)]

FORMULAS = {
    "identity": lambda z: z,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "softmax": lambda z: np.exp(z - z.max(1, keepdims=True)) / np.exp(z - z.max(1, keepdims=True)).sum(1, keepdims=True),
    "exp": np.exp,
    "leaky_relu": lambda z: np.where(z < 0, 0.01 * z, z),
    "elu": lambda z: np.where(z < 0, np.expm1(np.minimum(z, 0)), z),
    "silu": lambda z: z / (1 + np.exp(-z)),
    "gelu": lambda z: z / 2 * np.vectorize(math.erfc)(-z * math.sqrt(0.5)),
    "softplus": lambda z: np.logaddexp(z, 0),
}


def drawn_networks(count: int, seed: int, dtype: str | None = None) -> Iterator[tuple[Network, np.ndarray]]:
    """Networks and inputs X (n, n_in) in their dtype.

    Left out are the few (5%, ill-conditioned ones) whose outputs in float32 are themselves off by more than 5e-7 max|Y| from
    those in float64: another program in float32 may be as far off the other way, and 1e-6 is the closest bound of the tests.
    """
    draw = np.random.default_rng(seed)
    while count:
        sizes = draw.integers(1, draw.choice([6, 65, 200]), size=draw.integers(2, 6)).tolist()
        names = [str(name) for name in draw.choice(list(FORMULAS), size=len(sizes) - 1)]
        real = dtype or str(draw.choice(["float32", "float64"]))
        network = Network(sizes, names[:-1], names[-1], bias=bool(draw.integers(4)), dtype=real, random_state=draw)
        for b in network.biases:
            b[:] = draw.normal(0, 0.5, b.shape)
        X = draw.normal(size=(draw.integers(1, 9), sizes[0])).astype(network.dtype)
        wide = Network(
            sizes, names[:-1], names[-1], bias=network.plan.bias, dtype="float64", initial=network.theta.astype(float)
        )
        Y, exact = network.predict(X), wide.predict(X)
        if np.isfinite(exact).all() and np.isfinite(Y).all() and np.abs(Y - exact).max() <= 5e-7 * np.abs(exact).max():
            count -= 1
            yield network, X


def layer_of(name: str, dtype: str) -> tuple[Network, np.ndarray, np.ndarray]:
    """One layer with an activation; X (n, 2), and the exact Y (n, 2)."""
    network = Network([2, 2], output_activation=name, dtype=dtype)
    network.weights[0][:] = [[1, 0.5], [0, 2]]
    network.biases[0][:] = [0, -0.25]
    X = np.stack([np.linspace(-6, 6, 401), np.linspace(3, -3, 401)], axis=1).astype(dtype)
    return network, X, FORMULAS[name](X.astype(float) @ network.weights[0] + network.biases[0])


def assert_close(given: np.ndarray, expected: np.ndarray, bound: float) -> None:
    """Nowhere off by more than `bound` times the largest |expected|."""
    assert given.shape == expected.shape
    off = np.abs(np.asarray(given, float) - expected).max() / max(np.abs(expected).max(), np.finfo(np.float32).tiny)
    assert off <= bound, f"off by {off:.3g}"
