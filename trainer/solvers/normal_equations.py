"""The normal equations of a problem of least squares, and the steps that they give."""

from __future__ import annotations

from functools import partial

import numpy as np

from ...kernels import Plan, backward, forward, make_workspace
from ...kernels.derivatives.normal_equations import JACOBIAN_ROWS, add_normal_equations, make_normal_equations
from ..extras import require
from ..threads.long_calls import answering, left_at_its_work
from .blas import cholesky_in_place
from .problem import MOST_ROWS, Problem

# Multiply-adds of one call, and how long they take: Ctrl-C is answered between two of them.
CALL_SIZE, CALL_SECONDS = 1e9, 0.04
# Of Cholesky's factor, the cube of its size a second.
FACTOR_SPEED = 3e10
# How far along a step the outputs' curvature is measured: a tenth of it (Transtrum, Sethna 2012).
PROBE = 0.1
_EMPTY = np.empty((0, 0))


def squares_factor(plan: Plan) -> float | None:
    """By what a row's squares (y - t)^2, summed over the outputs, count in its loss; None where that is no sum of squares."""
    n_out = plan.sizes[-1]
    return {"mse": 1.0 / n_out, "squared_error": 0.5 / n_out, "sum_squared_error": 0.5}.get(plan.loss)


class Pass:
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


class NormalEquations:
    """(J^T J + R + damping I) v = -g at parameters theta: J that of the residuals, R of the penalty, g the gradient.

    Residuals are scaled so that the loss is half the sum of their squares. J itself is never there as a whole. Parameters
    are told apart by their arrays, which must not change.
    """

    def __init__(self, problem: Problem, factor: float) -> None:
        self.problem = problem
        plan, n = problem.plan, len(problem.X)
        size, n_out = plan.n_parameters, plan.sizes[-1]
        self.scale = 2.0 * factor / problem.total_weight
        rows = min(n, MOST_ROWS, max(JACOBIAN_ROWS, int(CALL_SIZE / (n_out * size**2))))
        self.parts = []
        for start in range(0, n, rows):
            X, T, weight = (array[start : start + rows] for array in (problem.X, problem.T, problem.weight))
            self.parts.append((X, T, weight, self.scale * weight.reshape(-1, 1) if weight.size else self.scale))
        self.here, self.there = Pass(plan, rows), Pass(plan, rows)
        self.lapack = require("scipy.linalg.lapack", "LevenbergMarquardt")
        self.N, self.damped = make_normal_equations(size), np.empty((size, size))
        self.matrix = self.N[:size, :size]
        self.diagonal = np.einsum("ii->i", self.matrix)
        self.theta = self.gradient = np.empty(0)

    def loss(self, theta: np.ndarray) -> float:
        """Without the penalty; infinite for parameters that the network cannot hold."""
        if not self.problem.fits(theta):
            return np.inf
        total = 0.0
        for X, T, _, scales in self.parts:
            squares = self.there.outputs(theta, X) - T
            squares *= squares
            squares *= scales
            total += float(squares.sum())
        return 0.5 * total

    def form(self, theta: np.ndarray) -> None:
        """At theta; `gradient` and `diagonal` then belong to it."""
        p, size = self.problem, theta.size
        if self.there.theta is theta:
            self.here, self.there = self.there, self.here
        self.theta = theta
        self.N[: size + 1] = 0.0
        for X, T, weight, _ in self.parts:
            self.here.outputs(theta, X)
            seconds = T.size * size**2 / CALL_SIZE * CALL_SECONDS
            answering(seconds, self.here.work, add_normal_equations, p.plan, X, T, weight, self.scale, self.N)
        self.diagonal += p.ridge
        self.gradient = self.N[:size, size] + p.ridge * theta
        if p.any_frozen:
            self.matrix[p.frozen] = 0.0
            self.matrix[:, p.frozen] = 0.0
            self.gradient[p.frozen] = 0.0

    def factor(self, damping: float) -> bool:
        """For steps with this damping; False where the matrix is singular as far as rounding can tell."""
        np.copyto(self.damped, self.matrix)
        np.einsum("ii->i", self.damped)[:] += damping
        # SciPy's cho_factor, which looks at its arguments first, makes a fit of 49 parameters half as long again.
        seconds = len(self.matrix) ** 3 / FACTOR_SPEED
        return left_at_its_work(seconds, self.here.work, partial(cholesky_in_place, self.damped)) == 0

    def solve(self, b: np.ndarray) -> np.ndarray:
        """x of (J^T J + R + damping I) x = b, with the factor."""
        x, _ = self.lapack.dpotrs(self.damped.T, b, lower=1)
        return x

    def velocity(self) -> np.ndarray:
        """The step v."""
        return self.solve(-self.gradient)

    def acceleration(self, v: np.ndarray, damping: float) -> np.ndarray:
        """The correction a of the step v + a / 2: from the same equations, with the residuals' second derivative along v.

        Measured as a difference of outputs, so that it costs a gradient: with A the matrix and h the probe,
        J^T r_vv = 2 / h (J^T (r(theta + h v) - r(theta)) / h - A v), A v = -g - damping v.
        """
        p, probe = self.problem, self.theta + PROBE * v
        a, part = self.gradient + (damping + p.ridge) * v, np.empty_like(v)
        for X, _, _, scales in self.parts:
            change = self.there.outputs(probe, X) - self.here.outputs(self.theta, X)
            change *= scales
            change *= 1.0 / PROBE
            backward(p.plan, X, change, part, _EMPTY, self.here.work)
            a += part
        a *= -2.0 / PROBE
        if p.any_frozen:
            a[p.frozen] = 0.0
        return self.solve(a)
