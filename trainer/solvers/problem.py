"""What a solver descends: the loss and penalty of all rows, in float64 whatever the network's dtype."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ...kernels import Plan, Workspace, loss_and_grad, make_workspace
from ..arrays import contiguous
from ..errors import DivergenceError, InputError
from ..extras import require
from ..threads.long_calls import answering
from ..threads.number import step_seconds
from .squares import MOST_ROWS, RowSquares, Squares


def check_options(solver: Any, plan: Plan, **options: Any) -> None:
    """Raise InputError for a network that a solver cannot train, and for arguments of `fit` that mean nothing to it;
    MissingExtraError without SciPy or threadpoolctl."""
    solver.check(plan)
    for module in ("scipy.optimize", "threadpoolctl"):
        require(module, type(solver).__name__)
    for name, value in options.items():
        if value is not None and np.any(value):
            raise InputError(
                f"{name} is {value!r}; {type(solver).__name__} uses all rows in every step and does not take it. Leave it "
                "out, or train with an optimizer that takes batches, such as Adam()"
            )


class Objective(ABC):
    """The loss, averaged over the rows, plus alpha / 2 times the sum of squared weights, divided by that of the sample weights.

    ridge (P): the penalty's second derivatives. frozen (P): whether a parameter stays. dtype: what parameters must fit into.
    """

    def __init__(
        self, plan: Plan, n_rows: int, total_weight: float, alpha: float, frozen_layers: Sequence[int], dtype: DTypeLike
    ) -> None:
        self.plan, self.n_rows, self.total_weight = plan, n_rows, total_weight
        self.ridge, self.frozen = np.zeros(plan.n_parameters), np.zeros(plan.n_parameters, bool)
        for W in plan.unflatten(self.ridge)[0]:
            W[:] = alpha / total_weight
        for views in plan.unflatten(self.frozen):
            for layer in frozen_layers:
                views[layer][:] = True
        self.any_frozen = len(frozen_layers) > 0
        self.largest = np.finfo(dtype).max

    @abstractmethod
    def loss_and_grad(self, theta: np.ndarray, grad: np.ndarray) -> float:
        """The loss without the penalty; grad OUT, its gradient."""

    @abstractmethod
    def squares(self, scale: float) -> Squares:
        """The rows' squared residuals, for a loss that sums them. scale: of each square, twice."""

    def fits(self, theta: np.ndarray) -> bool:
        """Whether the network can hold these parameters."""
        return bool(np.abs(theta).max() <= self.largest)

    def penalty(self, theta: np.ndarray) -> float:
        return 0.5 * float((self.ridge * theta * theta).sum())


class Problem(Objective):
    """The objective of rows in memory: X (n, n_in), T (n, n_targets), weight (n) or empty."""

    def __init__(
        self,
        plan: Plan,
        X: np.ndarray,
        T: np.ndarray,
        weight: np.ndarray,
        alpha: float = 0.0,
        frozen_layers: Sequence[int] = (),
        dtype: DTypeLike = np.float64,
    ) -> None:
        self.X, self.T, self.weight = (contiguous(array, np.dtype(np.float64)) for array in (X, T, weight))
        total_weight = float(self.weight.sum()) if weight.size else float(len(X))
        super().__init__(plan, len(X), total_weight, alpha, frozen_layers, dtype)
        self._seconds = step_seconds(plan, len(X), 8)

    def loss_and_grad(self, theta: np.ndarray, grad: np.ndarray) -> float:
        """See `Objective`."""
        rows = self.X, self.T, self.weight
        return answering(self._seconds, self._work, loss_and_grad, self.plan, theta, *rows, grad)

    @functools.cached_property
    def _work(self) -> Workspace:
        return make_workspace(self.plan, min(len(self.X), MOST_ROWS), np.float64)

    def squares(self, scale: float) -> RowSquares:
        """See `Objective`."""
        return RowSquares(self.plan, self.X, self.T, self.weight, scale)


def check_finite(*numbers: Any) -> None:
    """Raise DivergenceError where what an iteration starts from is not finite."""
    if not all(np.isfinite(number).all() for number in numbers):
        raise DivergenceError(
            "training cannot continue: the loss or its derivatives are infinite or NaN at the network's parameters; "
            "scale X and T to about 1, or start from smaller weights"
        )
