"""The arithmetic behind the first entry of each figure, with the numbers put in: `0.5 * 0.2 + 0.3 * 0.1 + 0.1 = 0.23`.

The left side can be typed into a calculator; its numbers are rounded, like all figures. Each function returns such a line, or
nothing where there would be too many terms to follow or a calculator would not do: for numbers that are too large, and for
differences of rounded numbers that keep too few digits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from .decimals import number, operand

MOST_TERMS = 6
# Differences of numbers with eight decimals keep five digits from here on.
LEAST_DIFFERENCE = 1e-4
# A pocket calculator ends at 1e99.
MOST_EXPONENT = 200.0


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
        if name in ("sigmoid", "softmax") and np.abs(z[0]).max() > MOST_EXPONENT:
            return ""
        if name == "softmax":
            powers = [f"exp({number(entry, self.decimals)})" for entry in z[0]]
            return self.line(powers, a[0, 0], f"{powers[0]} / ({{}})")
        inside = self.put(z[0, 0]) if name == "sigmoid" else number(z[0, 0], self.decimals)
        pattern = {"sigmoid": "1 / (1 + exp(-{}))", "tanh": "tanh({})", "relu": "max(0, {})"}.get(name)
        return self.line([inside], a[0, 0], pattern) if pattern else ""

    # Loss ------------------------------------------------------------------------------------------------------------------

    def loss(self, name: str, output_activation: str, Y: np.ndarray, T: np.ndarray, value: float) -> str:
        """Y, T (n, n_out)."""
        pairs = [(self.put(y), self.put(t)) for y, t in zip(Y.flat, T.flat, strict=True)]
        by = Y.size if name == "mse" else 2 * Y.size if name == "squared_error" else len(Y)
        over = f" / {by}" if by > 1 else ""
        if self.lost(Y - T) or (name == "log_loss" and np.minimum(Y, 1 - Y).min() < LEAST_DIFFERENCE):
            return ""
        if name != "log_loss":
            terms = [f"({y} - {t})^2" for y, t in pairs]
            return self.line(terms, value, f"({{}}){over}" if len(terms) > 1 else f"{{}}{over}")
        if output_activation == "softmax":
            terms = [f"{t} * ln({y})" for y, t in pairs]
        else:
            terms = [f"{t} * ln({y}) + (1 - {t}) * ln(1 - {y})" for y, t in pairs]
        return self.line(terms, value, f"-({{}}){over}")

    def loss_derivative(self, name: str, output_activation: str, Y: np.ndarray, T: np.ndarray, value: float) -> str:
        """Y, T (n, n_out); value of the first entry of dL/dy."""
        y, t = self.put(Y[0, 0]), self.put(T[0, 0])
        by = Y.size if name != "log_loss" else len(Y)
        over = f" / {by}" if by > 1 else ""
        if self.lost(Y[0, 0] - T[0, 0]) or (name == "log_loss" and min(Y[0, 0], 1 - Y[0, 0]) < LEAST_DIFFERENCE):
            return ""
        if name == "mse":
            term = f"2 * ({y} - {t}){over}"
        elif name == "squared_error":
            term = f"({y} - {t}){over}" if over else f"{y} - {t}"
        elif output_activation == "softmax":
            term = f"-{t} / ({by} * {y})" if by > 1 else f"-{t} / {y}"
        else:
            below = f"{by} * {y} * (1 - {y})" if by > 1 else f"{y} * (1 - {y})"
            term = f"({y} - {t}) / ({below})"
        return self.line([term], value)

    # Backward --------------------------------------------------------------------------------------------------------------

    def delta(self, name: str, a: np.ndarray, da: np.ndarray, delta: np.ndarray) -> str:
        """a, da = dL/da, delta (n, n_out)."""
        y, g = self.put(a[0, 0]), self.put(da[0, 0])
        if self.lost(1 - abs(a[0, 0])) and name in ("sigmoid", "tanh"):
            return ""
        if name == "softmax":
            if self.lost(delta[0, 0]):
                return ""
            return self.line(self.products(a[0], da[0]), delta[0, 0], f"{y} * ({g} - ({{}}))")
        pattern = {
            "sigmoid": f"{g} * {y} * (1 - {y})",
            "tanh": f"{g} * (1 - {y}^2)",
            "relu": f"{g} * {1 if a[0, 0] > 0 else 0}",
        }.get(name)
        return self.line([pattern], delta[0, 0]) if pattern else ""

    def delta_of_log_loss(self, Y: np.ndarray, T: np.ndarray, delta: np.ndarray) -> str:
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
