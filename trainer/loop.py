"""The epoch loop: order, validation, divergence, interruption, progress. An epoch itself is one compiled call."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..kernels import loss_and_grad, make_workspace
from ..kernels.validation import positive_integer
from .calls import Calls
from .errors import InputError
from .history import History
from .optimizers import SGD, Optimizer
from .progress import reporter
from .threads import Team, choose_threads, step_seconds

if TYPE_CHECKING:
    from .network import Network

VALIDATION_ROWS = 4096
# Short epochs are made several in a call: one costs 20 us by itself, and ten times that where several threads meet for it.
WORTH_A_CALL = 0.02  # seconds


def fit(
    network: Network,
    X: Any,
    T: Any,
    *,
    epochs: int,
    batch_size: int,
    optimizer: Optimizer | None,
    shuffle: bool,
    sample_weight: Any,
    validation_data: tuple[Any, ...] | None,
    progress: bool | None,
    n_threads: int | None,
) -> History:
    """See `Network.fit`."""
    epochs = positive_integer("epochs", epochs)
    batch_size = positive_integer("batch_size", batch_size)
    optimizer = SGD() if optimizer is None else optimizer
    if not isinstance(optimizer, Optimizer):
        raise InputError(f"optimizer is {optimizer!r}; it must be SGD(...) or Adam(...)")
    plan, X, T, weight = network.prepared(X, T, sample_weight)
    validate = _validation(network, validation_data)
    state = optimizer.state(plan, network.dtype)
    batch_size = min(batch_size, len(X))
    threads = choose_threads(n_threads, plan, batch_size, len(X), network.dtype.itemsize)
    work = make_workspace(plan, batch_size, network.dtype, threads)
    history = History(n_samples=len(X))
    expected = step_seconds(plan, len(X), network.dtype.itemsize)
    with reporter(progress, epochs, len(X)) as report, Team(threads) as team:
        calls = Calls(network, plan, state, X, T, weight, shuffle, work, team)
        while history.epochs < epochs:
            # The first is alone: it may be slow, where kernels are compiled.
            alone = validate is not None or history.epochs == 0
            count = 1 if alone else min(epochs - history.epochs, max(1, int(WORTH_A_CALL / max(expected, 1e-7))))
            started = time.perf_counter()
            losses = calls.train(count, history.epochs + 1, expected)
            val_loss = validate() if validate else None
            expected = (time.perf_counter() - started) / count
            for loss in losses:
                history.record(float(loss), val_loss, expected)
            report(history)
    return history


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
