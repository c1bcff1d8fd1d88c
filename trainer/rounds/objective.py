"""The objective of a solver over shards: each sum is taken over the shards, in an order that never changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import DTypeLike

from ...kernels import loss_and_grad, make_workspace
from ...kernels.derivatives.normal_equations import make_normal_equations
from ..solvers import Objective
from ..solvers.squares import MOST_ROWS, RowSquares, Squares
from .blueprint import Blueprint
from .gathering import Gathered
from .shards import Shard, Shards
from .sums import Sums


class ShardObjective(Objective):
    """See `Objective`. known: of the shards, which are prepared as float64."""

    def __init__(self, shards: Shards, known: Gathered, alpha: float, frozen_layers: Sequence[int], dtype: DTypeLike) -> None:
        super().__init__(known.blueprint.plan(known.n_targets), known.rows, known.weight, alpha, frozen_layers, dtype)
        self._shards, self._known = shards, known

    def loss_and_grad(self, theta: np.ndarray, grad: np.ndarray) -> float:
        """See `Objective`."""
        known = self._known
        sums = self._shards.total(known.numbers, grad_of_shard, theta.copy(), known.blueprint, known.shares)
        grad[:] = sums["grad"]
        return float(sums["loss"])

    def squares(self, scale: float) -> ShardSquares:
        """See `Objective`."""
        return ShardSquares(self._shards, self._known, scale)


class ShardSquares(Squares):
    """See `Squares`."""

    def __init__(self, shards: Shards, known: Gathered, scale: float) -> None:
        self._shards, self._known, self._scale = shards, known, scale
        self.work = make_workspace(known.blueprint.plan(), 1, np.float64)

    def loss(self, theta: np.ndarray) -> float:
        """See `Squares`."""
        return float(self._total(squares_of_shard, theta.copy())["loss"])

    def form(self, theta: np.ndarray, N: np.ndarray) -> None:
        """See `Squares`."""
        size = theta.size
        N[:size, : size + 1] = self._total(equations_of_shard, theta.copy())["equations"]

    def bend(self, theta: np.ndarray, v: np.ndarray, total: np.ndarray) -> None:
        """See `Squares`."""
        total += self._total(bend_of_shard, np.stack([theta, v]))["bend"]

    def _total(self, function: Callable[..., Sums], point: np.ndarray) -> Sums:
        return self._shards.total(self._known.numbers, function, point, self._known.blueprint, self._scale)


def grad_of_shard(number: int, shard: Shard, theta: np.ndarray, blueprint: Blueprint, shares: tuple[float, ...]) -> Sums:
    """The shard's mean loss and its gradient, times the shard's share of all rows."""
    plan, grad, share = blueprint.plan(shard.T.shape[1]), np.empty_like(theta), shares[number]
    work = make_workspace(plan, min(len(shard.X), MOST_ROWS), theta.dtype)
    loss = loss_and_grad(plan, theta, *shard, grad, work)
    return {"loss": share * loss, "grad": share * grad.astype(np.float64)}


def squares_of_shard(number: int, shard: Shard, theta: np.ndarray, blueprint: Blueprint, scale: float) -> Sums:
    """The shard's part of the loss."""
    return {"loss": _squares(shard, blueprint, scale).loss(theta)}


def equations_of_shard(number: int, shard: Shard, theta: np.ndarray, blueprint: Blueprint, scale: float) -> Sums:
    """The shard's part of the normal equations."""
    size, N = theta.size, make_normal_equations(theta.size)
    _squares(shard, blueprint, scale).form(theta, N)
    return {"equations": N[:size, : size + 1].copy()}


def bend_of_shard(number: int, shard: Shard, point: np.ndarray, blueprint: Blueprint, scale: float) -> Sums:
    """The shard's part of how the residuals bend. point: theta and the step, one above the other."""
    theta, v = point[0].copy(), point[1].copy()
    squares, total = _squares(shard, blueprint, scale), np.zeros_like(v)
    squares.bend(theta, v, total)
    return {"bend": total}


def _squares(shard: Shard, blueprint: Blueprint, scale: float) -> RowSquares:
    return RowSquares(blueprint.plan(shard.T.shape[1]), shard.X, shard.T, shard.weight, scale)
