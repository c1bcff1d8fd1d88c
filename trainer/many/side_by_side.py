"""The tiniest networks of one shape, trained side by side in the lanes of vectors; see `kernels/tiny/lanes.py`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...kernels.tiny.lanes import is_for_lanes, lanes_of, make_lane_work, train_lanes
from ...kernels.training.codes import DIVERGED, RUNNING
from ..fit.divergence import STOP as STOP_ON_DIVERGENCE
from ..fit.divergence import finite
from ..fit.epochs import permutations
from ..fit.fitting import Prepared
from ..fit.history import History
from ..fit.optimizers import SGD
from ..threads.team import Team
from .preparation import Fit

# Fewer networks are trained one by one.
FEWEST = 3
# A call makes as many epochs as take about so long, and have so many row numbers in their orders.
WORTH_A_CALL = 0.04  # seconds
MOST_NUMBERS = 1 << 20
# Of a step of a network: a rough guess before the first call.
STEP_SECONDS = 5e-9

# Called with a fit's place in the group, and its history so far.
Report = Callable[[int, History], None]


def lanes(fits: Sequence[Fit], n_threads: int) -> list[list[int]]:
    """Groups of fits, by their numbers, that are trained side by side; not all fits are in one."""
    alike: dict[Any, list[int]] = {}
    for number, fit in enumerate(fits):
        rows, options = fit.prepared.rows, fit.prepared.options
        if _goes_alone(fit):
            continue
        # Networks of one plan have one object of it, and of the data.
        kind = id(rows.plan), id(rows.X), None if rows.which is None else len(rows.which), options.epochs, bool(options.shuffle)
        alike.setdefault(kind, []).append(number)
    groups: list[list[int]] = []
    for numbers in alike.values():
        first = fits[numbers[0]].prepared
        if not is_for_lanes(first.rows.plan):
            continue
        # As many networks for each thread as for the next, and whole vectors of them.
        vector = lanes_of(first.model.dtype)
        size = -(-len(numbers) // (n_threads * vector)) * vector
        groups += [numbers[i : i + size] for i in range(0, len(numbers), size)]
    return [group for group in groups if len(group) >= FEWEST]


def _goes_alone(fit: Fit) -> bool:
    """Whether something is to be done between a fit's steps, or its steps are not those of `train_lanes`."""
    _, rows, held, options = fit.prepared
    optimizer, rates = options.optimizer, options.dropout
    return not (
        isinstance(rows.X, np.ndarray)
        and isinstance(optimizer, SGD)
        and optimizer.momentum == 0.0
        and min(options.batch_size or rows.n, rows.n) == 1
        and held is None
        and options.validation_split is None
        and not rows.weight.size
        and not callable(options.shuffle)
        and options.on_divergence == STOP_ON_DIVERGENCE
        and not (options.alpha or options.l1 or options.weight_decay or options.clip_norm or options.label_smoothing)
        and not (options.schedule or options.frozen_layers or options.callbacks or options.max_seconds or np.any(rates))
    )


def train_side_by_side(fits: Sequence[Prepared], team: Team, report: Report) -> bool:
    """Train a group. Where training of one diverges, nothing is changed; returns whether none has."""
    models, rows, options = [fit.model for fit in fits], fits[0].rows, fits[0].options
    begun = [(model.theta.copy(), model.generator.bit_generator.state) for model in models]
    histories = [History(fit.rows.n) for fit in fits]
    rates = np.array([fit.options.optimizer.learning_rate for fit in fits])  # type: ignore[union-attr]
    thetas = np.stack([model.theta for model in models])
    work = make_lane_work(rows.plan, len(fits), models[0].dtype)._replace(control=team.flag)
    n, shuffle, seconds = rows.n, bool(options.shuffle), len(fits) * rows.n * STEP_SECONDS
    while histories[0].epochs < options.epochs and not team.stopped:
        left = options.epochs - histories[0].epochs
        count = max(1, min(left, int(WORTH_A_CALL / seconds), MOST_NUMBERS // (len(fits) * n)))
        states = [model.generator.bit_generator.state for model in models] if shuffle else []
        orders = _orders(fits, count, shuffle)
        losses = np.empty((count, len(fits)))
        started = time.perf_counter()
        status = train_lanes(rows.plan, thetas, rates, rows.X, rows.T, orders, work, losses)
        seconds = (time.perf_counter() - started) / count
        if status == DIVERGED or not finite(thetas):
            for model, (theta, state) in zip(models, begun, strict=True):
                model.theta[:], model.generator.bit_generator.state = theta, state
            return False
        done, unfinished = (int(work.counters[0][name]) for name in ("epochs", "rows"))
        for i, (model, history, theta) in enumerate(zip(models, histories, thetas, strict=True)):
            model.theta[:] = theta
            history.extend(losses[:done, i], seconds / len(fits))
            if status != RUNNING:
                history.unfinished_rows = unfinished
                if shuffle:
                    _draw_again(model.generator, states[i], n, done + (unfinished > 0))
            report(i, history)
    for i, history in enumerate(histories):
        history.stopped = "epochs" if history.epochs == options.epochs else "stop"
        report(i, history)
    return True


def _orders(fits: Sequence[Prepared], count: int, shuffle: bool) -> np.ndarray:
    """(networks, count n) the rows of so many epochs, or (networks, 0) for all rows in order."""
    n = fits[0].rows.n
    if not shuffle and fits[0].rows.which is None:
        return np.empty((len(fits), 0), np.int64)
    orders = np.empty((len(fits), count, n), np.int64)
    for i, (model, rows, *_) in enumerate(fits):
        if shuffle:
            permutations(model.generator, orders[i])
        else:
            orders[i] = np.arange(n)
        if rows.which is not None:
            orders[i] = rows.which[orders[i]]
    return orders.reshape(len(fits), -1)


def _draw_again(generator: np.random.Generator, state: Any, n: int, epochs: int) -> None:
    """The generator as it is after the orders of so many epochs, from the state before them."""
    generator.bit_generator.state = state
    permutations(generator, np.empty((epochs, n), np.int64))
