"""What a round does for one shard: some steps from given parameters. A pure function, without any memory of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...kernels import State, make_workspace
from ...kernels.training.codes import DIVERGED
from ...kernels.training.epoch import choose_epoch
from ..arrays import smoothed
from ..fit.divergence import broken_layer, finite
from .blueprint import Blueprint
from .orders import Orders
from .shards import Shard
from .sums import Sums

# Several short epochs are made in one call; their orders take no more than so many numbers.
MOST_ORDERED = 1 << 22


@dataclass(frozen=True)
class Point:
    """Where each shard begins a round: the parameters, and the optimizer's state."""

    theta: np.ndarray
    state: State


def point_of(theta: np.ndarray, state: State) -> Point:
    """A copy, which changes with neither of them."""
    arrays: list[Any] = [array.copy() for array in state]
    return Point(theta.copy(), State(*arrays))


@dataclass(frozen=True)
class Training:
    """How shards are trained. shares: by which each shard's result counts, by its number; of those that count they sum to 1.

    dropout: rates of the hidden layers; its seed is that of the orders.
    """

    blueprint: Blueprint
    shares: tuple[float, ...]
    batch_size: int
    steps: int
    orders: Orders
    frozen_layers: tuple[int, ...]
    dropout: tuple[float, ...]
    label_smoothing: float


def train_shard(number: int, shard: Shard, point: Point, training: Training, first_step: int) -> Sums:
    """The parameters, moments and losses after the steps of a round, multiplied by the shard's share.

    first_step: number of steps that were taken before this round. Where training diverges, `diverged` holds the shard's number,
    the step of the round, and the layer, counted from 1; all other results are then of no use.
    """
    X, T, weight = shard
    plan = training.blueprint.plan(T.shape[1] if not training.label_smoothing else None)
    if training.label_smoothing:
        T = smoothed(T, plan, training.label_smoothing)
    mine = point_of(point.theta, point.state)
    theta, state = mine.theta, mine.state
    batch_size = min(training.batch_size, len(X))
    work = make_workspace(plan, batch_size, theta.dtype)
    if training.frozen_layers or any(training.dropout):
        work = work.frozen(training.frozen_layers).dropping(training.dropout)
        state.hyperparameters[0].seed = dropout_seed(training.orders.seed, number)
    kernel, counters = choose_epoch(state, weight, work), state.counters[0]
    sums, counts, diverged = np.zeros(3), np.zeros(3), list[tuple[int, int, int]]()
    begun = int(counters.step)
    for order, epochs in pieces(training, number, len(X), batch_size, first_step):
        here = work.for_epochs(epochs)
        kernel(plan, theta, state, X, T, weight, order, here)
        if counters.status == DIVERGED or not finite(theta):
            in_step = counters.status == DIVERGED
            rows = order[counters.position :][:batch_size] if in_step else order[:1]
            step = int(counters.step) - begun + in_step
            diverged.append((number, int(step), broken_layer(plan, theta, X[rows])))
            break
        for part, record in zip(order.reshape(epochs, -1), here.epochs, strict=True):
            rows_here = float(part.size)
            weight_here = float(weight[part].sum(dtype=np.float64)) if weight.size else rows_here
            sums += (weight_here * record.loss, rows_here * record.batch_mean, rows_here * record.penalty)
            counts += (weight_here, rows_here, rows_here)
    share = training.shares[number]
    return {
        "theta": share * theta.astype(np.float64),
        "velocity": share * state.velocity.astype(np.float64),
        "mean_square": share * state.mean_square.astype(np.float64),
        "losses": share * sums / np.maximum(counts, np.finfo(float).tiny),
        "diverged": diverged,
    }


def pieces(training: Training, number: int, n: int, batch_size: int, first_step: int) -> Iterator[tuple[np.ndarray, int]]:
    """The orders of the rows of a round, and how many epochs each has: parts of an epoch, or whole ones of one call."""
    steps_of_epoch = -(-n // batch_size)
    step, end = first_step, first_step + training.steps
    while step < end:
        epoch, begin = divmod(step, steps_of_epoch)
        whole = (end - step) // steps_of_epoch if begin == 0 else 0
        if whole:
            whole = min(whole, max(1, MOST_ORDERED // n))
            yield np.concatenate([training.orders.of(number, epoch + i, n) for i in range(whole)]), whole
            step += whole * steps_of_epoch
        else:
            steps = min(end - step, steps_of_epoch - begin)
            yield training.orders.of(number, epoch, n)[begin * batch_size : (begin + steps) * batch_size], 1
            step += steps


def dropout_seed(seed: int, number: int) -> int:
    """The seed of a shard's dropout: not 0, below 2^32."""
    return int(np.random.default_rng([seed, number]).integers(1, 1 << 32))
