"""L-BFGS, SciPy's: for any loss, with a compiled gradient."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...kernels import Plan
from ...kernels.validation import positive_integer
from ..bounds import check_field_within
from ..extras import require
from .answers import Answers, OtherWay
from .log import Log
from .problem import Objective, check_finite

# SciPy's own bound, out of the way: iterations and time are bounded.
MOST_GRADIENTS = 2**31 - 1


class _TimeIsUp(Exception):
    """Leaves a line search."""


@dataclass(frozen=True)
class LBFGS:
    """L-BFGS: quasi-Newton steps for any loss and any number of parameters, over all rows at once.

    An epoch of `Network.fit` is one iteration of SciPy's L-BFGS-B, with the compiled loss and gradient. Needs the extra
    `sklearn`.

    Parameters
    ----------
    memory : int, default=10
        Number of past steps that the curvature is estimated from.
    tol : float, default=1e-8
        The fit ends where no entry of the gradient is larger than this.
    time_limit : float, optional
        Seconds after which the fit ends, checked before each gradient.

    Raises
    ------
    InputError
        If a value is out of range.
    MissingExtraError
        By `fit`, if SciPy is not installed.

    Notes
    -----
    Byrd, Lu, Nocedal and Zhu (1995).

    Examples
    --------
    >>> import numpy as np
    >>> from tileprop.trainer import LBFGS, Network
    >>> X = np.linspace(-1, 1, 50)[:, None]
    >>> net = Network([1, 6, 1], activation="tanh", output_activation="identity", dtype="float64", random_state=0)
    >>> history = net.fit(X, X**2, epochs=200, optimizer=LBFGS())
    >>> history.loss[-1] < 1e-4
    True
    """

    memory: int = 10
    tol: float = 1e-8
    time_limit: float | None = None

    def __post_init__(self) -> None:
        positive_integer("memory", self.memory)
        check_field_within(self, "tol", 0.0)
        check_field_within(self, "time_limit", 0.0, above=True, or_none=True)

    def check(self, plan: Plan) -> None:
        """Any network will do."""

    def run(self, problem: Objective, theta: np.ndarray, log: Log) -> None:
        """Iterate from theta until the log has ended, or nothing is left to gain."""
        minimize = require("scipy.optimize", "LBFGS").minimize
        memory = min(int(self.memory), log.epochs)  # there is no more to remember
        options = {"maxcor": memory, "gtol": self.tol, "ftol": 0.0, "maxiter": log.epochs, "maxfun": MOST_GRADIENTS}

        def loss_of(theta: np.ndarray, grad: np.ndarray) -> float:
            """Without the penalty; grad OUT, with it."""
            loss = problem.loss_and_grad(theta, grad)
            grad += problem.ridge * theta
            grad[problem.frozen] = 0.0
            return loss

        def objective(theta: np.ndarray) -> tuple[float, np.ndarray]:
            told = answers.again(theta)
            if told is not None:
                return told
            if log.late:
                raise _TimeIsUp
            value, grad = np.inf, np.zeros_like(theta)
            if problem.fits(theta):
                value = loss_of(theta, grad) + problem.penalty(theta)
            answers.add(theta, value, grad)
            return value, grad

        def kept() -> dict[str, Any]:
            return Answers(theta).kept() if answers.full else answers.kept()

        def iteration(intermediate_result: Any) -> None:
            nonlocal theta
            theta = np.array(intermediate_result.x)
            if answers.iteration_comes_again():
                return
            penalty = problem.penalty(theta)
            theta = log.record(theta, float(intermediate_result.fun) - penalty, penalty, kept)
            if log.ended or log.changed or answers.full:
                raise StopIteration

        keeps = log.keeper is not None
        answers = Answers.put_back(log.kept, keeps) if log.kept else Answers(theta, keeps)
        theta = answers.start
        goes_on = True
        while goes_on:
            done, loss = log.history.epochs - answers.iterations, 0.0
            if not answers.iterations:
                grad = np.empty_like(theta)
                loss = loss_of(theta, grad)
                check_finite(loss, grad)
            log.changed = False
            try:
                minimize(objective, answers.start, method="L-BFGS-B", jac=True, callback=iteration, options=options)
            except _TimeIsUp:
                pass
            except OtherWay:
                warnings.warn(
                    "L-BFGS takes other steps here than in the first fit: SciPy or the processor is different. The "
                    "fit continues from the checkpoint's parameters, without past steps: not to the same bits",
                    stacklevel=2,
                )
                theta = log.network.theta.astype(np.float64)
                answers = Answers(theta, keeps)
                continue
            if log.history.epochs == done:
                theta = log.record(theta, loss, problem.penalty(theta), kept)
            # A callback that has set other parameters, or too much to keep: from there, with no memory of the way.
            goes_on = (log.changed or answers.full) and not log.ended
            answers = Answers(theta, keeps)
