"""Second-order solvers for small networks: every step takes all rows, and knows how the loss curves."""

from .lbfgs import LBFGS
from .levenberg_marquardt import LevenbergMarquardt

__all__ = ["LBFGS", "LevenbergMarquardt", "Solver"]

Solver = LevenbergMarquardt | LBFGS
