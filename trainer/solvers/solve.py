"""A fit by a solver, from its first iteration to its last, however it ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..fit.callbacks import Callback, RunningFit, finish
from ..fit.history import History
from ..fit.progress import reporter
from ..model import Model
from .blas import one_thread
from .lbfgs import LBFGS
from .levenberg_marquardt import LevenbergMarquardt
from .log import Log
from .problem import Problem

Solver = LevenbergMarquardt | LBFGS


def solve(
    solver: Solver,
    network: Model,
    problem: Problem,
    epochs: int,
    validate: Callable[[], float] | None,
    callbacks: Sequence[Callback],
    progress: bool | None,
    max_seconds: float | None = None,
) -> History:
    """Train the network on the problem, for so many iterations at most; validate: gives the validation loss."""
    running = RunningFit(network, None, History(n_samples=len(problem.X)))
    with reporter(progress, epochs, len(problem.X)) as report, one_thread():
        try:
            limits = [seconds for seconds in (solver.time_limit, max_seconds) if seconds is not None]
            log = Log(running, epochs, min(limits, default=None), validate, callbacks, report)
            solver.run(problem, network.theta.astype(np.float64), log)
            running.history.stopped = running.history.stopped or ("max_seconds" if log.late else "converged")
        finally:
            finish(callbacks, running)
    return running.history
