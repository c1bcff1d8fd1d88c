"""The epoch loop: order, validation, divergence, interruption, progress. An epoch itself is one compiled call."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..kernels import State, Workspace, loss_and_grad, make_workspace, train_epoch
from ..kernels.optimizers import DIVERGED, POSITION, STATUS
from ..kernels.validation import positive_integer
from ..kernels.workspace import BATCH
from .errors import DivergenceError, InputError
from .history import History
from .optimizers import SGD, Optimizer
from .progress import reporter
from .threads import Team, choose_threads, step_seconds

if TYPE_CHECKING:
    from .network import Network

VALIDATION_ROWS = 4096


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
    as_they_stand = np.empty(0, np.int64)
    last_finite = network.theta.copy()
    expected = step_seconds(plan, len(X), network.dtype.itemsize)
    with reporter(progress, epochs, len(X)) as report, Team(threads) as team:
        for epoch in range(1, epochs + 1):
            started = time.perf_counter()
            order = network.generator.permutation(len(X)) if shuffle else as_they_stand
            call = functools.partial(train_epoch, plan, network.theta, state, X, T, weight, order)
            loss = team.run(call, work, expected)
            if state.codes[STATUS] == DIVERGED or not _finite(network.theta):
                _raise_divergence(network, state, work, X[order] if shuffle else X, last_finite, epoch)
            last_finite[:] = network.theta
            val_loss = validate() if validate else None
            expected = time.perf_counter() - started
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


def _raise_divergence(
    network: Network, state: State, work: Workspace, rows: np.ndarray, last_finite: np.ndarray, epoch: int
) -> None:
    """Say where training diverged, and put the last finite parameters back where the present ones are not.

    rows: X in this epoch's order.
    """
    done = int(state.codes[POSITION])
    batch = int(work.layout[0, BATCH])
    weights, biases = network.weights, network.biases
    broken = [i for i, (W, b) in enumerate(zip(weights, biases, strict=True)) if not _finite(W, b)]
    if broken:
        network.theta[:] = last_finite
        where = f"by step {-(-done // batch)}, in the weights of layer {broken[0] + 1}"
        kept = "from before this epoch"
    else:
        outputs = network.activations(rows[done : done + batch])
        layer = next((i for i, A in enumerate(outputs) if not _finite(A)), len(outputs) - 1)
        where = f"in step {done // batch + 1}, at the output of layer {layer + 1}"
        kept = "of the step before"
    raise DivergenceError(
        f"training diverged in epoch {epoch}, {where}: numbers are no longer finite. "
        f"The network holds its parameters {kept}; try a smaller learning rate"
    )


def _finite(*arrays: np.ndarray) -> bool:
    return all(bool(np.isfinite(array).all()) for array in arrays)
