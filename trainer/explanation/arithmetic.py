"""The arithmetic behind the first entry of each figure, with the numbers put in: `0.5 * 0.2 + 0.3 * 0.1 + 0.1 = 0.23`.

The left side can be typed into a calculator; its numbers are rounded, like all figures. Each function returns such a line, or
nothing where there would be too many terms to follow or a calculator would not do: for numbers that are too large, and for
differences of rounded numbers that keep too few digits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from .decimals import number, operand

MOST_TERMS = 6
# Differences of numbers with eight decimals keep five digits from here on.
LEAST_DIFFERENCE = 1e-4
# A pocket calculator ends at 1e99.
MOST_EXPONENT = 200.0

_EXPONENTIALS = ("sigmoid", "softmax", "exp", "silu", "softplus")
# The sums inside a slope, of z and a, that must not be lost.
_SLOPE_PARTS: dict[str, Callable[[float, float], list[float]]] = {
    "sigmoid": lambda z, a: [1 - a],
    "tanh": lambda z, a: [1 - abs(a)],
    "elu": lambda z, a: [1.0 if a > 0 else 1 + a],
    "silu": lambda z, a: [_sigmoid(z), 1 + z * _sigmoid(-z)],
    "gelu": lambda z, a: [a / z if z else 0.5, a / z + z * math.exp(-z * z / 2) / math.sqrt(2 * math.pi) if z else 0.5],
    "softplus": lambda z, a: [a],
}


def _sigmoid(z: float) -> float:
    return 0.0 if z < -MOST_EXPONENT else 1 / (1 + math.exp(-z))


@dataclass(frozen=True)
class Arithmetic:
    """Lines of arithmetic whose numbers have so many decimals."""

    decimals: int

    def line(self, terms: Sequence[str], result: float, pattern: str = "{}") -> str:
        """The sum of the terms, inside a pattern, and what it makes."""
        if len(terms) > MOST_TERMS:
            return ""
        return f"{pattern.format(' + '.join(terms))} = {number(result, self.decimals)}"

    def products(self, left: Iterable[float], right: Iterable[float]) -> list[str]:
        return [f"{self.put(a)} * {self.put(b)}" for a, b in zip(left, right, strict=True)]

    def lost(self, differences: np.ndarray | float) -> bool:
        """Whether one of the differences is too small to be taken from rounded numbers."""
        magnitudes = np.abs(differences)
        return bool(((magnitudes > 0) & (magnitudes < LEAST_DIFFERENCE)).any())

    def put(self, value: float) -> str:
        return operand(value, self.decimals)

    # Forward ---------------------------------------------------------------------------------------------------------------

    def pre_activation(self, inputs: np.ndarray, W: np.ndarray, b: np.ndarray, z: np.ndarray) -> str:
        """inputs (n, n_in), W (n_in, n_out), b (n_out) or empty, z (n, n_out)."""
        return self.line(self.products(inputs[0], W[:, 0]) + [self.put(entry) for entry in b[:1]], z[0, 0])

    def activation(self, name: str, z: np.ndarray, a: np.ndarray) -> str:
        """z, a (n, n_out)."""
        if name in _EXPONENTIALS and np.abs(z[0]).max() > MOST_EXPONENT:
            return ""
        if name == "softmax":
            powers = [f"exp({number(entry, self.decimals)})" for entry in z[0]]
            return self.line(powers, a[0, 0], f"{powers[0]} / ({{}})")
        # Sums with 1 that cancel, or that leave little more than 1.
        if (name in ("elu", "softplus") and self.lost(a[0, 0])) or (name == "gelu" and self.lost(a[0, 0] / (z[0, 0] or 1.0))):
            return ""
        if name == "elu" and z[0, 0] > 0:
            return ""
        plain = name in ("tanh", "relu", "exp", "elu", "softplus")
        pattern = {
            "sigmoid": "1 / (1 + exp(-{}))",
            "tanh": "tanh({})",
            "relu": "max(0, {})",
            "exp": "exp({})",
            "leaky_relu": "max(0.01 * {0}, {0})",
            "elu": "exp({}) - 1",
            "silu": "{0} / (1 + exp(-{0}))",
            "gelu": "{0} * (1 + erf({0} / sqrt(2))) / 2",
            "softplus": "ln(1 + exp({}))",
        }.get(name)
        inside = number(z[0, 0], self.decimals) if plain else self.put(z[0, 0])
        return self.line([inside], a[0, 0], pattern) if pattern else ""

    # Backward --------------------------------------------------------------------------------------------------------------

    def delta(self, name: str, z: np.ndarray, a: np.ndarray, da: np.ndarray, delta: np.ndarray) -> str:
        """z, a, da = dL/da, delta (n, n_out)."""
        x, y, g = self.put(z[0, 0]), self.put(a[0, 0]), self.put(da[0, 0])
        if name == "silu" and abs(z[0, 0]) > MOST_EXPONENT:
            return ""
        if name in _SLOPE_PARTS and self.lost(np.array(_SLOPE_PARTS[name](z[0, 0], a[0, 0]))):
            return ""
        if name == "softmax":
            if self.lost(delta[0, 0]):
                return ""
            return self.line(self.products(a[0], da[0]), delta[0, 0], f"{y} * ({g} - ({{}}))")
        positive = a[0, 0] > 0
        pattern = {
            "sigmoid": f"{g} * {y} * (1 - {y})",
            "tanh": f"{g} * (1 - {y}^2)",
            "relu": f"{g} * {1 if positive else 0}",
            "exp": f"{g} * {y}",
            "leaky_relu": f"{g} * {1 if positive else 0.01}",
            "elu": f"{g} * 1" if positive else f"{g} * (1 + {y})",
            "silu": f"{g} / (1 + exp(-{x})) * (1 + {x} / (1 + exp({number(z[0, 0], self.decimals)})))",
            "gelu": f"{g} * ((1 + erf({x} / sqrt(2))) / 2 + {x} * exp(-{x}^2 / 2) / sqrt(2 * pi))",
            "softplus": f"{g} * (1 - exp(-{y}))",
        }.get(name)
        return self.line([pattern], delta[0, 0]) if pattern else ""

    def short_delta(self, Y: np.ndarray, T: np.ndarray, delta: np.ndarray) -> str:
        """Y, T, delta (n, n_out)."""
        if self.lost(Y[0, 0] - T[0, 0]):
            return ""
        difference = f"{self.put(Y[0, 0])} - {self.put(T[0, 0])}"
        return self.line([f"({difference}) / {len(Y)}" if len(Y) > 1 else difference], delta[0, 0])

    def weight_gradient(self, inputs: np.ndarray, delta: np.ndarray, dW: np.ndarray) -> str:
        """inputs (n, n_in), delta (n, n_out), dW (n_in, n_out)."""
        return self.line(self.products(inputs[:, 0], delta[:, 0]), dW[0, 0])

    def bias_gradient(self, delta: np.ndarray, db: np.ndarray) -> str:
        """delta (n, n_out), db (n_out)."""
        return self.line([self.put(entry) for entry in delta[:, 0]], db[0]) if len(delta) > 1 else ""

    def passed_down(self, delta: np.ndarray, W: np.ndarray, da: np.ndarray) -> str:
        """delta (n, n_out), W (n_in, n_out), da = dL/da of the layer below (n, n_in)."""
        return self.line(self.products(delta[0], W[0]), da[0, 0])

    def update(self, old: np.ndarray, rate: float, gradient: np.ndarray, new: np.ndarray) -> str:
        """old, gradient, new: W (n_in, n_out) or b (n_out)."""
        return self.line([f"{self.put(old.flat[0])} - {self.put(rate)} * {self.put(gradient.flat[0])}"], new.flat[0])
