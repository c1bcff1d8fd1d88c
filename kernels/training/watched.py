"""Several epochs in one call, with what is done after each: the learning rate is set, rows are validated on, training is ended.

Each epoch is a call of a kernel of `epoch.py`, and each validation one of `loss_and_grad`, so that every bit is that of such
calls from Python.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..compiler.jit import driver, leaf
from ..derivatives.loss_and_grad import loss_and_grad
from ..llvm.views import copy
from ..plan import Plan
from ..records import record_type
from ..state import State
from ..workspace import Workspace
from .codes import DIVERGED, RUNNING
from .epoch import epoch_in_memory, epoch_in_registers

# Of a rule that ends training where the validation loss no longer falls.
STOPPING = record_type(
    ("active", np.bool_),
    ("patience", np.int64),  # epochs without improvement before training ends
    ("tol", np.float64),  # an epoch is an improvement where the loss is lower by more than this
    ("waited", np.int64),  # epochs since the last improvement
    ("best", np.float64),  # the highest score, minus the loss, so far
    ("improved", np.bool_),  # OUT: whether `best` of `Watch` was written
    ("stopped", np.bool_),  # OUT: whether training was ended
)


class Trained(NamedTuple):
    """What is trained. work: for one epoch a call."""

    plan: Plan
    theta: np.ndarray
    state: State
    work: Workspace


class Samples(NamedTuple):
    """X (n, n_in), T (n, n_targets), weight (n) or empty: what a kernel takes, declared read-only."""

    X: np.ndarray
    T: np.ndarray
    weight: np.ndarray


class Validation(NamedTuple):
    """What is validated on. no_gradient: an empty vector."""

    plan: Plan
    samples: Samples
    no_gradient: np.ndarray
    work: Workspace


class Watch(NamedTuple):
    """What is done at each epoch, and what has come of it.

    rates: (epochs) of the learning rate, or empty. records: (epochs) of EPOCH, OUT. losses: (epochs) OUT, on the rows to
    validate on, or empty. stopping: (1) STOPPING. best: OUT, theta at the best score, or empty.
    """

    rates: np.ndarray
    records: Any
    losses: np.ndarray
    stopping: Any
    best: np.ndarray


# Leaves, since a driver is a Python function in the stock way: there an intrinsic cannot be called, and a loop takes long.


@leaf
def _all_finite(theta):  # type: ignore[no-untyped-def]
    for k in range(theta.size):
        if not math.isfinite(theta[k]):
            return False
    return True


@leaf
def _keep(best, theta):  # type: ignore[no-untyped-def]
    copy(best, 0, theta, 0, theta.size)


def _watching(train: Any) -> Callable[[Trained, Samples, np.ndarray, Validation, Watch], float]:
    def train_watched(trained, samples, order, validation, watch):  # type: ignore[no-untyped-def]
        plan, theta, state, work = trained.plan, trained.theta, trained.state, trained.work
        records, stopping, counters = watch.records, watch.stopping[0], state.counters[0]
        hyper, record = state.hyperparameters[0], work.epochs[0]
        n = order.size // records.size
        for epoch in range(records.size):
            if watch.rates.size:
                hyper.learning_rate = watch.rates[epoch]
            record.begin = 0
            train(plan, theta, state, samples.X, samples.T, samples.weight, order[epoch * n : (epoch + 1) * n], work)
            records[epoch] = work.epochs[0]
            if counters.status == RUNNING and not _all_finite(theta):
                counters.status = DIVERGED
            if counters.status != RUNNING:
                return epoch
            if watch.losses.size:
                rows = validation.samples
                loss = loss_and_grad(
                    validation.plan, theta, rows.X, rows.T, rows.weight, validation.no_gradient, validation.work
                )
                watch.losses[epoch] = loss
                if stopping.active:
                    stopping.waited = 0 if -loss > stopping.best + stopping.tol else stopping.waited + 1
                    if -loss > stopping.best:
                        stopping.best, stopping.improved = -loss, True
                        _keep(watch.best, theta)
                    if stopping.waited > stopping.patience:
                        stopping.stopped = True
                        return epoch + 1
        return records.size

    # In the disk cache, compiled functions are told apart by their names.
    train_watched.__name__ = train_watched.__qualname__ = f"watched_{train.__name__}"
    return driver(train_watched)  # type: ignore[no-any-return]


# By the kernel that makes an epoch. Each returns how many epochs are whole, and validated on.
WATCHING = {epoch_in_memory: _watching(epoch_in_memory), epoch_in_registers: _watching(epoch_in_registers)}
