"""Second-order solvers for small networks: every step takes all rows, and knows how the loss curves."""

from .lbfgs import LBFGS
from .levenberg_marquardt import LevenbergMarquardt
from .log import Log
from .problem import Objective, Problem, check_options
from .solve import Solver, solve

# By the names that `Network.fit` takes.
SOLVERS: dict[str, type[Solver]] = {"lbfgs": LBFGS, "levenberg_marquardt": LevenbergMarquardt}

__all__ = ["LBFGS", "SOLVERS", "LevenbergMarquardt", "Log", "Objective", "Problem", "Solver", "check_options", "solve"]
