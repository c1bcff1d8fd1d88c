"""One epoch: the batch loop, gather, gradient and step, in one compiled call."""

from __future__ import annotations

import math

import numpy as np

from .checks import check_parameters, check_rows, check_training
from .jit import kernel, leaf
from .network import add_block
from .optimizers import DIVERGED, POSITION, RUNNING, STATUS, STOPPED, take_step
from .plan import BATCH, BLOCK, STOP


@leaf
def gather(source, order, start, stop, target):
    """The rows of `source` (n, k) that order[start:stop] names, copied into the vector `target`, as (stop - start, k)."""
    rows, width = stop - start, source.shape[1]
    view = target[: rows * width].reshape((rows, width))
    for r in range(rows):
        for j in range(width):
            view[r, j] = source[order[start + r], j]
    return view


@leaf
def gather_weights(weight, order, start, stop, target):
    """The sample weights that order[start:stop] names, copied into the vector `target`; empty where there are none."""
    view = target[: stop - start] if weight.size else target[:0]
    for r in range(view.size):
        view[r] = weight[order[start + r]]
    return view


@leaf
def batch_weight(weight, order, start, stop):
    """Sum of the sample weights of one batch."""
    if weight.size == 0:
        return np.float64(stop - start)
    total = np.float64(0.0)
    for i in range(start, stop):
        total += weight[order[i] if order.size else i]
    return total


@kernel(read_only="X T weight order")
def train_epoch(plan, theta, state, X, T, weight, order, work):
    """One pass over the rows in batches of the workspace's batch size, a step after each; the rows' mean loss as a float.

    theta and state OUT. X (n, n_in), T (n, n_targets), weight (n) or empty, order (m) row indices or empty for all rows as
    they stand. The last batch may be smaller; its loss and gradient are averages over its own rows. The loss of each batch
    is taken before its step.

    May be called on pieces of an epoch cut at batch boundaries, with the same result to the last bit. A non-zero
    work.control[0] ends it after a whole step; state.codes tells how many rows were done, and the status: 0 ran to the end,
    1 stopped, 2 a batch's loss was not finite (its step was not taken).
    """
    check_parameters(plan.table, theta, work.grad)
    check_rows(plan.table, X, T, weight)
    check_training(state, theta.size, order, X.shape[0])
    codes = state.codes
    codes[POSITION] = 0
    codes[STATUS] = RUNNING
    n = order.size if order.size else X.shape[0]
    batch, block = work.sizes[BATCH], work.sizes[BLOCK]
    total, total_weight = np.float64(0.0), np.float64(0.0)
    for start in range(0, n, batch):
        stop = min(start + batch, n)
        weight_here = batch_weight(weight, order, start, stop)
        scale = 1.0 / weight_here if weight_here != 0.0 else 0.0
        work.grad[:] = 0
        loss = np.float64(0.0)
        for row in range(start, stop, block):
            end = min(row + block, stop)
            if order.size:
                inputs = gather(X, order, row, end, work.inputs)
                targets = gather(T, order, row, end, work.targets)
                weights = gather_weights(weight, order, row, end, work.weights)
            else:
                inputs, targets = X[row:end], T[row:end]
                weights = weight[row:end] if weight.size else weight
            loss += add_block(plan, theta, inputs, targets, weights, scale, work.grad, work)
        if not math.isfinite(loss):
            codes[STATUS] = DIVERGED
            return loss
        take_step(theta, work.grad, state)
        total += loss
        total_weight += weight_here
        codes[POSITION] = stop
        if work.control[STOP] != 0:
            codes[STATUS] = STOPPED
            break
    return total / total_weight if total_weight != 0.0 else 0.0
