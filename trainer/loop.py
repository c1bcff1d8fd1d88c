"""The epoch loop: order, validation, divergence, interruption, progress. An epoch itself is one compiled call."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from ..kernels import State, loss_and_grad, make_workspace
from ..kernels.validation import positive_integer
from .arrays import smoothed
from .bounds import check_within, is_within
from .callbacks import Callback, RunningFit, finish
from .epochs import Epochs, Shuffle
from .errors import InputError
from .history import History
from .optimizers import SGD, Optimizer
from .progress import reporter
from .solvers import Problem, Solver, check_options, solve
from .threads import Team, choose_threads, step_seconds

if TYPE_CHECKING:
    from .network import Network
    from .schedules import Schedule

BATCH_SIZE = 32
VALIDATION_ROWS = 4096
# Short epochs are made several in a call: one costs 20 us by itself, and ten times that where several threads meet for it.
WORTH_A_CALL = 0.02  # seconds


def fit(
    network: Network,
    X: Any,
    T: Any,
    *,
    epochs: int,
    batch_size: int | None,
    optimizer: Optimizer | Solver | State | None,
    alpha: float,
    l1: float,
    weight_decay: float,
    clip_norm: float | None,
    frozen_layers: Sequence[int],
    dropout: float | Sequence[float],
    label_smoothing: float,
    schedule: Schedule | None,
    shuffle: Shuffle,
    sample_weight: Any,
    validation_data: tuple[Any, ...] | None,
    callbacks: Sequence[Callback],
    progress: bool | None,
    n_threads: int | None,
) -> History:
    """See `Network.fit`."""
    epochs = positive_integer("epochs", epochs)
    if isinstance(optimizer, Solver):
        check_options(
            optimizer, network.plan, batch_size=batch_size, l1=l1, weight_decay=weight_decay, clip_norm=clip_norm,
            dropout=dropout, schedule=schedule, shuffle=None if isinstance(shuffle, bool) else shuffle,
        )  # fmt: skip
    batch_size = positive_integer("batch_size", BATCH_SIZE if batch_size is None else batch_size)
    n_threads = None if n_threads is None else positive_integer("n_threads", n_threads)
    for name, penalty in (("alpha", alpha), ("l1", l1), ("weight_decay", weight_decay)):
        check_within(name, penalty, 0.0)
    check_within("clip_norm", clip_norm, 0.0, above=True, or_none=True)
    check_within("label_smoothing", label_smoothing, 0.0, 1.0)
    _check_frozen(network, frozen_layers)
    rates = _dropout_rates(dropout, network.plan.n_layers - 1)
    optimizer = SGD() if optimizer is None else optimizer
    _check_optimizer(network, optimizer)
    plan, X, T, weight = network.prepared(X, T, sample_weight)
    if label_smoothing:
        plan, T = network.plan, smoothed(T, network.plan, label_smoothing)
    validate = _validation(network, validation_data)
    if isinstance(optimizer, Solver):
        problem = Problem(plan, X, T, weight, alpha, frozen_layers, network.dtype)
        return solve(optimizer, network, problem, epochs, validate, callbacks, progress)
    state = optimizer if isinstance(optimizer, State) else optimizer.state(plan, network.dtype)
    chosen = state.hyperparameters[0]
    chosen.alpha, chosen.l1, chosen.weight_decay, chosen.clip_norm = alpha, l1, weight_decay, clip_norm or 0.0
    if any(rates) and not chosen.seed:  # a state that goes on keeps its own
        chosen.seed = network.generator.integers(1, 1 << 32)
    batch_size = min(batch_size, len(X))
    threads = choose_threads(n_threads, plan, batch_size, len(X), network.dtype.itemsize)
    work = make_workspace(plan, batch_size, network.dtype, threads)
    work = work.frozen(frozen_layers).dropping(rates)
    with Team(threads) as team:
        running = RunningFit(network, state, History(n_samples=len(X)))
        training = Epochs(network, plan, state, X, T, weight, shuffle, work, team)
        expected = step_seconds(plan, len(X), network.dtype.itemsize)
        _train(running, training, epochs, expected, schedule, validate, callbacks, progress)
    return running.history


def _train(
    running: RunningFit,
    training: Epochs,
    epochs: int,
    expected: float,
    schedule: Schedule | None,
    validate: Callable[[], float] | None,
    callbacks: Sequence[Callback],
    progress: bool | None,
) -> None:
    """Epochs, with what stands between them. expected: the seconds that one should take."""
    history, base_rate = running.history, running.learning_rate
    watched = validate is not None or schedule is not None
    watched = watched or not all(getattr(callback, "losses_only", False) for callback in callbacks)
    with reporter(progress, epochs, history.n_samples) as report:
        try:
            while history.epochs < epochs:
                # The first is alone: it may be slow, where kernels are compiled.
                alone = watched or history.epochs == 0
                count = 1 if alone else min(epochs - history.epochs, max(1, int(WORTH_A_CALL / max(expected, 1e-7))))
                if schedule is not None:
                    running.learning_rate = base_rate * schedule.factor(history.epochs, epochs, history)
                started = time.perf_counter()
                losses = training.train(count, history.epochs + 1, expected)
                val_loss = validate() if validate else None
                expected = (time.perf_counter() - started) / count
                stops, before = False, history.epochs
                for loss, batch_mean, penalty in losses.tolist():
                    history.record(loss, val_loss, expected, batch_mean, penalty)
                    answers = [bool(callback(running)) for callback in callbacks]
                    stops = any(answers)
                    if stops:
                        break
                report(history)
                if stops:
                    if history.epochs - before < count:
                        training.keep(history.epochs - before)
                    break
        finally:
            if schedule is not None:
                running.learning_rate = base_rate
            finish(callbacks, running)


def _check_frozen(network: Network, layers: Sequence[int]) -> None:
    for layer in layers:
        if not 0 <= layer < network.plan.n_layers:
            raise InputError(f"frozen_layers holds {layer}; this network's layers are 0 to {network.plan.n_layers - 1}")


def _check_optimizer(network: Network, optimizer: Any) -> None:
    if not isinstance(optimizer, (Optimizer, Solver, State)):
        raise InputError(
            f"optimizer is {optimizer!r}; it must be SGD(...), Adam(...), Nadam(...), RMSprop(...), Rprop(...), "
            "a state that one of them made, LevenbergMarquardt(...) or LBFGS(...)"
        )
    if isinstance(optimizer, State):
        lengths = {vector.size for vector in (optimizer.velocity, optimizer.mean_square)} - {0}
        if optimizer.velocity.dtype != network.dtype or lengths - {network.plan.n_parameters}:
            raise InputError("optimizer is a state that was made for another network, or for its other dtype")


def _dropout_rates(dropout: float | Sequence[float], n_hidden: int) -> list[float]:
    """One for each hidden layer."""
    rates = [dropout] * n_hidden if isinstance(dropout, Real) else list(np.atleast_1d(np.asarray(dropout, object)))
    if len(rates) != n_hidden or not all(isinstance(rate, Real) and is_within(float(rate), 0.0, 1.0) for rate in rates):
        raise InputError(
            f"dropout is {dropout!r}; it must be a rate, at least 0 and below 1, or a list of {n_hidden}, for each hidden layer"
        )
    return [float(rate) for rate in rates]


def _validation(network: Network, data: tuple[Any, ...] | None) -> Callable[[], float] | None:
    """A function that takes the validation loss, or None without validation data."""
    if data is None:
        return None
    if not isinstance(data, (tuple, list)) or len(data) not in (2, 3):
        raise InputError("validation_data must be (X, T) or (X, T, sample_weight)")
    plan, X, T, weight = network.prepared(data[0], data[1], data[2] if len(data) == 3 else None, "validation_data's ")
    work = make_workspace(plan, min(len(X), VALIDATION_ROWS), network.dtype)
    no_gradient = np.empty(0, network.dtype)
    return lambda: float(loss_and_grad(plan, network.theta, X, T, weight, no_gradient, work))
