"""Levenberg-Marquardt: for losses that sum squares, steps of damped Gauss-Newton."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from ...kernels import Plan
from ..bounds import check_field_within
from ..errors import InputError
from .log import Log
from .normal_equations import NormalEquations
from .problem import Objective, check_finite
from .squares import squares_factor

# The normal matrix of so many takes half a GiB.
MOST_PARAMETERS = 8192
# Steps whose correction a is longer than this, |a| / |v|, are not tried (Transtrum, Sethna 2012, who take half of |a|, and less
# than 1 for it). On six smooth fits to 1e-8 a bound of 1 takes a tenth less work than 3/8 and as much as none.
LARGEST_BEND = 1.0
# Of the damping, by the largest entry of the diagonal: less than this is lost in rounding.
LEAST_DAMPING = 2.0**-52


@dataclass(frozen=True)
class LevenbergMarquardt:
    """Levenberg-Marquardt: second-order steps for squared losses and small networks, over all rows at once.

    An epoch of `Network.fit` is one iteration: it tries steps, with more and more damping, until one lowers the loss. Use
    float64.

    Parameters
    ----------
    damping : float, default=1e-3
        Damping of the first step, as a part of the largest entry of the diagonal of J^T J.
    acceleration : bool, default=True
        Whether steps are bent along the curve that the outputs take (geodesic acceleration).
    tol : float, default=1e-10
        The fit ends where a step is shorter than this part of the length of all parameters.
    time_limit : float, optional
        Seconds after which the fit ends, checked after each step that is tried.

    Raises
    ------
    InputError
        If a value is out of range; by `fit`, if the loss does not sum squares or the network has more than 8192 parameters.

    Notes
    -----
    A step v solves (J^T J + damping I) v = -g; J has the derivatives of the residuals to the parameters. The damping follows
    Nielsen (1999), the acceleration Transtrum and Sethna (2012).

    Examples
    --------
    >>> import numpy as np
    >>> from tileprop.trainer import LevenbergMarquardt, Network
    >>> X = np.linspace(-1, 1, 50)[:, None]
    >>> net = Network([1, 6, 1], activation="tanh", output_activation="identity", dtype="float64", random_state=0)
    >>> history = net.fit(X, np.sin(3 * X), epochs=100, optimizer=LevenbergMarquardt())
    >>> history.loss[-1] < 1e-6
    True
    """

    damping: float = 1e-3
    acceleration: bool = True
    tol: float = 1e-10
    time_limit: float | None = None

    def __post_init__(self) -> None:
        check_field_within(self, "damping", 0.0, above=True)
        check_field_within(self, "tol", 0.0, 1.0)
        check_field_within(self, "time_limit", 0.0, above=True, or_none=True)

    def check(self, plan: Plan) -> None:
        """Raise InputError for networks that it cannot train."""
        if squares_factor(plan) is None:
            raise InputError(
                "LevenbergMarquardt needs one of the losses mse, squared_error and sum_squared_error; this network has "
                f"{plan.loss!r}. LBFGS() takes any loss"
            )
        if plan.n_parameters > MOST_PARAMETERS:
            raise InputError(
                f"LevenbergMarquardt takes at most {MOST_PARAMETERS} parameters; this network has {plan.n_parameters}. "
                "LBFGS() and Adam() take any number"
            )

    def run(self, problem: Objective, theta: np.ndarray, log: Log) -> None:
        """Iterate from theta until the log has ended, or nothing is left to gain."""
        equations = NormalEquations(problem, squares_factor(problem.plan) or 0.0)
        if log.kept:
            theta, arrived = log.kept["theta"], log.kept["arrived"]
            loss, penalty, damping, growth = log.kept["numbers"].view(np.float64).tolist()
        else:
            loss, penalty, damping, growth, arrived = equations.loss(theta), problem.penalty(theta), 0.0, 2.0, False
        while not (arrived or log.ended):
            check_finite(loss)
            equations.form(theta)
            largest = float(equations.diagonal.max())
            check_finite(equations.gradient, largest)
            damping = max(damping or self.damping * largest, LEAST_DAMPING * largest) or 1.0
            moved = False
            while not (moved or arrived or log.late):
                with np.errstate(over="ignore", invalid="ignore"):  # far steps may overflow, and are not taken
                    step, gain = self._step(equations, damping)
                    if step is not None:
                        there = theta + step
                        new_loss, new_penalty = equations.loss(there), problem.penalty(there)
                        fall = loss + penalty - new_loss - new_penalty
                        moved = fall > 0.0
                        arrived = bool(np.linalg.norm(step) <= self.tol * np.linalg.norm(theta))
                if moved:
                    theta, loss, penalty = there, new_loss, new_penalty
                    ratio = min(fall / gain, 1.0) if gain > 0.0 else 1.0  # squares of less than 1e-160 are 0
                    damping, growth = damping * max(1.0 / 3.0, 1.0 - (2.0 * ratio - 1.0) ** 3), 2.0
                else:
                    damping, growth = damping * growth, growth * 2.0
                    arrived = arrived or damping == np.inf
            # As the bits that they are: they may be infinite, which no saved number may be.
            numbers = np.array([loss, penalty, damping, growth]).view(np.int64)
            theta = log.record(theta, loss, penalty, partial(dict, theta=theta, numbers=numbers, arrived=arrived))
            if log.changed:
                loss, penalty, damping, growth, arrived = equations.loss(theta), problem.penalty(theta), 0.0, 2.0, False

    def _step(self, equations: NormalEquations, damping: float) -> tuple[np.ndarray | None, float]:
        """A step, or None for one not worth trying; and what the objective would fall by if outputs were linear."""
        if not equations.factor(damping):
            return None, 0.0
        v = equations.velocity()
        gain = 0.5 * float(v @ (damping * v - equations.gradient))
        if not self.acceleration:
            return v, gain
        a = equations.acceleration(v, damping)
        if not np.linalg.norm(a) <= LARGEST_BEND * np.linalg.norm(v):
            return None, 0.0
        return v + 0.5 * a, gain
