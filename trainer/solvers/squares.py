"""The sum of squared residuals over rows, with what Levenberg-Marquardt takes of it: its normal equations, and how it bends.

Residuals are scaled so that the loss is half the sum of their squares. Their derivatives J are never there as a whole.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from ...kernels import Plan, Workspace, backward, forward, make_workspace
from ...kernels.derivatives.normal_equations import JACOBIAN_ROWS, add_normal_equations
from ..threads.long_calls import answering

# Rows that a workspace has room for; more are worked through in blocks.
MOST_ROWS = 4096
# Multiply-adds of one call, and how long they take: Ctrl-C is answered between two of them.
CALL_SIZE, CALL_SECONDS = 1e9, 0.04
# How far along a step the outputs' curvature is measured: a tenth of it (Transtrum, Sethna 2012).
PROBE = 0.1
_EMPTY = np.empty((0, 0))


def squares_factor(plan: Plan) -> float | None:
    """By what a row's squares (y - t)^2, summed over the outputs, count in its loss; None where that is no sum of squares."""
    n_out = plan.sizes[-1]
    return {"mse": 1.0 / n_out, "squared_error": 0.5 / n_out, "sum_squared_error": 0.5}.get(plan.loss)


class Squares(ABC):
    """Sums over rows, wherever these are. Parameters are told apart by their arrays, which must not change.

    work: a workspace, for the flags by which a long call is ended.
    """

    work: Workspace

    @abstractmethod
    def loss(self, theta: np.ndarray) -> float:
        """Half the sum of the squares, without the penalty."""

    @abstractmethod
    def form(self, theta: np.ndarray, N: np.ndarray) -> None:
        """N OUT, of `make_normal_equations`: J^T J, and J^T r in the column after it."""

    @abstractmethod
    def bend(self, theta: np.ndarray, v: np.ndarray, total: np.ndarray) -> None:
        """total += J^T (r(theta + h v) - r(theta)) / h, with h = PROBE and J at theta."""


class _Pass:
    """A workspace that holds a forward pass: where all rows fit, it serves as long as the parameters are the same."""

    def __init__(self, plan: Plan, rows: int) -> None:
        self.plan, self.work = plan, make_workspace(plan, rows, np.float64, derivatives=True)
        self.theta = self.X = self.Y = _EMPTY

    def outputs(self, theta: np.ndarray, X: np.ndarray) -> np.ndarray:
        """For rows X; activations stay, for `backward` and `add_normal_equations`."""
        if self.theta is not theta or self.X is not X:
            self.Y = forward(self.plan, theta, X, self.work)
            self.theta, self.X = theta, X
        return self.Y


class RowSquares(Squares):
    """Squares of rows in memory: X (n, n_in), T (n, n_targets), weight (n) or empty, float64. scale: of each square, twice."""

    def __init__(self, plan: Plan, X: np.ndarray, T: np.ndarray, weight: np.ndarray, scale: float) -> None:
        self.plan, self.scale = plan, scale
        n, n_out, size = len(X), plan.sizes[-1], plan.n_parameters
        rows = min(n, MOST_ROWS, max(JACOBIAN_ROWS, int(CALL_SIZE / (n_out * size**2))))
        self._parts = []
        for start in range(0, n, rows):
            inputs, targets, weights = (array[start : start + rows] for array in (X, T, weight))
            self._parts.append((inputs, targets, weights, scale * weights.reshape(-1, 1) if weight.size else scale))
        self._here, self._there = _Pass(plan, rows), _Pass(plan, rows)
        self.work = self._here.work

    def loss(self, theta: np.ndarray) -> float:
        """See `Squares`."""
        total = 0.0
        for X, T, _, scales in self._parts:
            squares = self._there.outputs(theta, X) - T
            squares *= squares
            squares *= scales
            total += float(squares.sum())
        return 0.5 * total

    def form(self, theta: np.ndarray, N: np.ndarray) -> None:
        """See `Squares`."""
        if self._there.theta is theta:
            self._here, self._there = self._there, self._here
        size = theta.size
        N[: size + 1] = 0.0
        for X, T, weight, _ in self._parts:
            self._here.outputs(theta, X)
            seconds = T.size * size**2 / CALL_SIZE * CALL_SECONDS
            answering(seconds, self._here.work, add_normal_equations, self.plan, X, T, weight, self.scale, N)

    def bend(self, theta: np.ndarray, v: np.ndarray, total: np.ndarray) -> None:
        """See `Squares`."""
        probe, part = theta + PROBE * v, np.empty_like(v)
        for X, _, _, scales in self._parts:
            change = self._there.outputs(probe, X) - self._here.outputs(theta, X)
            change *= scales
            change *= 1.0 / PROBE
            backward(self.plan, X, change, part, _EMPTY, self._here.work)
            total += part
