"""One epoch: the batch loop, gather, gradient and step, in one compiled call."""

from __future__ import annotations

import math

import numpy as np

from .checks import check_parameters, check_rows, check_training
from .jit import REORDERED, kernel, leaf
from .network import add_block
from .optimizers import DIVERGED, POSITION, RUNNING, STATUS, STOPPED, take_step
from .plan import BATCH, BLOCK, STOP
from .views import matrix


@leaf
def gather(source, order, start, stop, target):
    """Rows (stop - start, k) of `source` (n, k): those that order[start:stop] names, copied into the vector `target`.

    Without an order they are a view of source[start:stop].
    """
    if order.size == 0:
        return source[start:stop]
    rows, width = stop - start, source.shape[1]
    view = matrix(target, 0, rows, width)
    for r in range(rows):
        for j in range(width):
            view[r, j] = source[order[start + r], j]
    return view


@leaf
def gather_weights(weight, order, start, stop, target):
    """The sample weights of the same rows, copied into the vector `target`; empty where there are none."""
    view = target[: stop - start if weight.size else 0]
    for r in range(view.size):
        view[r] = weight[order[start + r] if order.size else start + r]
    return view


@leaf(fastmath=REORDERED, read_only="vector")
def all_finite(vector):
    """Whether every entry is finite: the sum of all entries times zero is zero then, and NaN otherwise."""
    total = vector.dtype.type(0.0)
    for i in range(vector.size):
        total += vector[i] * vector.dtype.type(0.0)
    return total == 0


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
    1 stopped, 2 a batch's loss or gradient was not finite (its step was not taken).
    """
    table, codes, grad = plan.table, state.codes, work.grad
    batch, block = work.sizes[BATCH], work.sizes[BLOCK]
    hidden, outputs, deltas = work.hidden, work.outputs, work.deltas
    check_parameters(table, theta, grad)
    check_rows(table, X, T, weight)
    check_training(state, theta.size, order, X.shape[0])
    codes[POSITION] = 0
    codes[STATUS] = RUNNING
    n = order.size if order.size else X.shape[0]
    total, total_weight = np.float64(0.0), np.float64(0.0)
    for start in range(0, n, batch):
        stop = min(start + batch, n)
        weight_here = batch_weight(weight, order, start, stop)
        scale = 1.0 / weight_here if weight_here != 0.0 else 0.0
        grad[:] = 0
        loss = np.float64(0.0)
        for row in range(start, stop, block):
            end = min(row + block, stop)
            inputs = gather(X, order, row, end, work.inputs)
            targets = gather(T, order, row, end, work.targets)
            weights = gather_weights(weight, order, row, end, work.weights)
            loss += add_block(table, theta, inputs, targets, weights, scale, grad, block, hidden, outputs, deltas)
        if not (math.isfinite(loss) and all_finite(grad)):
            codes[STATUS] = DIVERGED
            return loss
        take_step(theta, grad, codes, state.scalars, state.first, state.second)
        total += loss
        total_weight += weight_here
        codes[POSITION] = stop
        if work.control[STOP] != 0:
            codes[STATUS] = STOPPED
            break
    return total / total_weight if total_weight != 0.0 else 0.0
