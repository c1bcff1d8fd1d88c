"""The normal equations of a problem of least squares, and the steps that they give."""

from __future__ import annotations

from functools import partial

import numpy as np

from ...kernels.derivatives.normal_equations import make_normal_equations
from ..extras import require
from ..threads.long_calls import left_at_its_work
from .blas import cholesky_in_place
from .problem import Objective
from .squares import PROBE

# Of Cholesky's factor, the cube of its size a second.
FACTOR_SPEED = 3e10


class NormalEquations:
    """(J^T J + R + damping I) v = -g at parameters theta: J that of the residuals, R of the penalty, g the gradient."""

    def __init__(self, problem: Objective, factor: float) -> None:
        """factor: `squares_factor` of the problem's plan."""
        self.problem, self.squares = problem, problem.squares(2.0 * factor / problem.total_weight)
        size = problem.plan.n_parameters
        self.lapack = require("scipy.linalg.lapack", "LevenbergMarquardt")
        self.N, self.damped = make_normal_equations(size), np.empty((size, size))
        self.matrix = self.N[:size, :size]
        self.diagonal = np.einsum("ii->i", self.matrix)
        self.theta = self.gradient = np.empty(0)

    def loss(self, theta: np.ndarray) -> float:
        """Without the penalty; infinite for parameters that the network cannot hold."""
        return self.squares.loss(theta) if self.problem.fits(theta) else np.inf

    def form(self, theta: np.ndarray) -> None:
        """At theta; `gradient` and `diagonal` then belong to it."""
        p, size = self.problem, theta.size
        self.theta = theta
        self.squares.form(theta, self.N)
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
        return left_at_its_work(seconds, self.squares.work, partial(cholesky_in_place, self.damped)) == 0

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
        p = self.problem
        a = self.gradient + (damping + p.ridge) * v
        self.squares.bend(self.theta, v, a)
        a *= -2.0 / PROBE
        if p.any_frozen:
            a[p.frozen] = 0.0
        return self.solve(a)
