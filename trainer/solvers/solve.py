"""A fit by a solver, from its first iteration to its last, however it ends."""

from __future__ import annotations

import numpy as np

from ...kernels.interrupts import HeldSignals
from ..fit.callbacks import finish
from ..fit.history import History
from ..fit.progress import reporter
from .blas import one_thread
from .lbfgs import LBFGS
from .levenberg_marquardt import LevenbergMarquardt
from .log import Log
from .problem import Objective

Solver = LevenbergMarquardt | LBFGS


def solve(solver: Solver, problem: Objective, log: Log, progress: bool | None, max_seconds: float | None = None) -> History:
    """Train the log's network on the problem, for as many iterations as the log says at most."""
    with reporter(progress, log.epochs, problem.n_rows) as report, one_thread():
        try:
            log.begin(solver.time_limit, max_seconds, report)
            if not log.ended:
                solver.run(problem, log.network.theta.astype(np.float64), log)
            log.end()
        finally:
            with HeldSignals():
                log.write()
            finish(log.callbacks, log.running)
    return log.history
