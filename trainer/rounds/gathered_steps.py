"""An epoch of exact steps: the gradient of each large batch is summed over the shards, and then a step is taken."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...kernels import State, apply_gradient, loss_and_grad, make_workspace
from ...kernels.interrupts import HeldSignals
from ..fit.divergence import finite
from ..fit.options import FitOptions
from ..model import Model
from ..solvers.squares import MOST_ROWS
from .gathering import Gathered
from .loop import Divergence
from .orders import Orders
from .shards import Shard, Shards
from .sums import Sums
from .training import point_of


class GatheredSteps:
    """See `Stage`. batches: steps of an epoch, each of which takes the same part of every shard."""

    name = "epoch"

    def __init__(
        self, model: Model, state: State, shards: Shards, known: Gathered, options: FitOptions, batches: int, orders: Orders
    ) -> None:
        self.model, self.state, self.shards, self.known, self.options = model, state, shards, known, options
        self.batches, self.orders = batches, orders
        self.kept: dict[str, Any] = {"batches": batches, "seed": orders.seed}
        self._weights, self._trained = np.zeros(model.theta.size, bool), np.ones(model.theta.size, bool)
        for layer, (W, b) in enumerate(zip(*model.plan.unflatten(self._trained), strict=True)):
            if layer in options.frozen_layers:
                W[:] = b[:] = False
        for W in model.plan.unflatten(self._weights)[0]:
            W[:] = True

    def __call__(self, number: int) -> tuple[float, float, float] | Divergence:
        """See `Stage`."""
        point, sums, losses = point_of(self.model.theta, self.state), np.zeros(3), np.zeros(3)
        theta, state = point.theta, point.state
        for batch in range(self.batches):
            arguments = self.known.blueprint, self.orders, number, batch, self.batches
            found = self.shards.total(self.known.numbers, grad_of_batch, theta, *arguments)
            weight, rows = found["weight"], found["rows"]
            penalty = self._step(theta, state, found["grad"] / weight, weight)
            if not (np.isfinite(found["loss"]) and finite(theta)):
                return Divergence(f", in step {batch + 1}", batch + 1, None)
            losses += (found["loss"], found["loss"] / weight * rows, penalty * rows)
            sums += (weight, rows, rows)
            theta, state = (point := point_of(theta, state)).theta, point.state  # which tasks may still hold
        with HeldSignals():  # whole, or not at all
            self.model.theta[:] = theta
            for ours, stepped in zip(self.state, state, strict=True):
                ours[:] = stepped
        loss, batch_loss, mean_penalty = (losses / sums).tolist()
        return loss, batch_loss, mean_penalty

    def _step(self, theta: np.ndarray, state: State, grad: np.ndarray, weight: float) -> float:
        """Take a step along the gradient of the loss, with penalty, decay and clipping. Returns the penalty before it."""
        options, w = self.options, np.where(self._weights, theta.astype(np.float64), 0.0)
        penalty = float((0.5 * options.alpha * w * w + options.l1 * np.abs(w)).sum()) / weight
        grad = np.where(self._trained, grad + (options.alpha * w + options.l1 * np.sign(w)) / weight, 0.0)
        decay = float(state.hyperparameters[0].learning_rate) * options.weight_decay
        theta -= (decay * w * self._trained).astype(theta.dtype)
        length = float(np.sqrt((grad * grad).sum()))
        if options.clip_norm and length > options.clip_norm:
            grad *= options.clip_norm / length
        apply_gradient(theta, grad.astype(theta.dtype), state)
        return penalty


def grad_of_batch(
    number: int, shard: Shard, theta: np.ndarray, blueprint: Any, orders: Orders, epoch: int, batch: int, batches: int
) -> Sums:
    """The loss and gradient of a shard's part of a batch, summed over its rows."""
    n = len(shard.X)
    first, end = batch * n // batches, (batch + 1) * n // batches
    X, T, weight = shard
    if batches > 1:
        rows = orders.of(number, epoch, n)[first:end]
        X, T, weight = X[rows], T[rows], weight[rows] if weight.size else weight
    total = float(weight.sum(dtype=np.float64)) if weight.size else float(len(X))
    if not total:
        return {"loss": 0.0, "grad": np.zeros(theta.size), "weight": 0.0, "rows": float(len(X))}
    plan, grad = blueprint.plan(T.shape[1]), np.empty_like(theta)
    loss = loss_and_grad(plan, theta, X, T, weight, grad, make_workspace(plan, min(len(X), MOST_ROWS), theta.dtype))
    return {"loss": total * loss, "grad": total * grad.astype(np.float64), "weight": total, "rows": float(len(X))}
