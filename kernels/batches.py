"""The batch loop of an epoch, one thread's part of it: rows gathered, forward, backward, and the step.

A step has two meetings of the threads, whatever the depth: after the deltas, and after the step.
"""

from __future__ import annotations

import math

import numpy as np

from .jit import leaf
from .llvm import copy, matrix, span
from .network import add_gradient, backward_rows, forward_rows, loss_rows, read_only, share
from .optimizers import DIVERGED, RULE, RUNNING, STOPPED, step_scalars
from .plan import N_IN, N_TARGETS
from .step import step_part
from .threads import DECISION, STOP, meet
from .workspace import AREA, BATCH, BLOCK, CHUNK, GRANULE, GROUPS, INPUTS, PACKED, ROW_WEIGHTS, SUMS, TARGETS


@leaf(read_only="vector")
def read_only_matrix(vector, start, rows, columns):
    """`matrix`, for arguments that are declared read-only."""
    return matrix(vector, start, rows, columns)


@leaf(read_only="source")
def gather(source, order, start, S, at, held, rows, width):
    """Rows order[start : start + rows] of `source`, each `width` long, to S, where row 0 lies at `at`, from row `held` on."""
    for r in range(rows):
        copy(S, at + (held + r) * width, source, order[start + r] * width, width)


@leaf
def batch_weight(weight, order, start, stop):
    """Sum of the sample weights of one batch."""
    if weight.size == 0:
        return np.float64(stop - start)
    total = np.float64(0.0)
    for i in range(start, stop):
        total += weight[order[i] if order.size else i]
    return total


@leaf(read_only="X T weight order")
def rows_pass(table, layout, S, X, T, weight, order, start, scale, losses, first, area, held, rows):
    """Forward and backward for rows first to first + rows - 1 of the batch that begins at `start`.

    In the area they are those from row `held` on. losses: as in `loss_rows`.
    """
    n_in, at = table[1, N_IN], start + first
    inputs, x_at, targets, weights, t_at = X, at * n_in, T, weight, at
    if order.size:
        inputs, x_at, t_at = read_only(S), area + layout[0, INPUTS] + held * n_in, held
        targets = read_only_matrix(S, area + layout[0, TARGETS], layout[0, CHUNK], table[0, N_TARGETS])
        gather(X, order, at, S, area + layout[0, INPUTS], held, rows, n_in)
        gather(span(T, 0, T.size), order, at, S, area + layout[0, TARGETS], held, rows, T.shape[1])
        if weight.size:
            weights = read_only(span(S, area + layout[0, ROW_WEIGHTS], layout[0, CHUNK]))
            gather(weight, order, at, S, area + layout[0, ROW_WEIGHTS], held, rows, 1)
    forward_rows(table, layout, S, inputs, x_at, area, held, rows)
    loss_rows(table, layout, S, targets, weights, t_at, scale, losses, first, area, held, rows)
    backward_rows(table, layout, S, area, held, rows)


@leaf(read_only="X T weight order")
def group_passes(table, layout, S, X, T, weight, order, start, rows, scale, losses, groups, part, parts):
    """Gradients of this thread's groups of chunks, each the sum over its chunks in order."""
    n_in, chunk_rows, block = table[1, N_IN], layout[0, CHUNK], layout[0, BLOCK]
    chunks = (rows + chunk_rows - 1) // chunk_rows
    area = part * layout[0, AREA]
    inputs = read_only(S) if order.size else X
    # Neighbours, not every other one: chunks that do not divide evenly make groups long and short by turns.
    for group in range(groups * part // parts, groups * (part + 1) // parts):
        target = layout[0, SUMS] + group * layout[0, PACKED]
        init = -1
        for chunk in range(chunks * group // groups, chunks * (group + 1) // groups):
            first = chunk * chunk_rows
            count = min(chunk_rows, rows - first)
            for row in range(0, count, block):
                here = min(block, count - row)
                rows_pass(table, layout, S, X, T, weight, order, start, scale, losses, first + row, area, row, here)
            x_at = area + layout[0, INPUTS] if order.size else (start + first) * n_in
            add_gradient(table, layout, S, inputs, x_at, area, count, init, target, S.dtype.type(1.0), 0, 1)
            init = target


@leaf(read_only="X T weight order")
def batches(table, layout, S, X, T, weight, order, codes, scalars, step, control, losses, part, parts, meetings):
    """This thread's part of all batches: the mean loss, the status, how many rows are done, how many steps taken ever.

    X: the inputs as a vector. step, meetings: steps taken and meetings held before.
    """
    batch, block, n_in = layout[0, BATCH], layout[0, BLOCK], table[1, N_IN]
    n = order.size if order.size else T.shape[0]
    inputs = read_only(S) if order.size else X
    rule = codes[RULE]
    total, total_weight = np.float64(0.0), np.float64(0.0)
    for start in range(0, n, batch):
        rows = min(batch, n - start)
        weight_here = batch_weight(weight, order, start, start + rows)
        scale = 1.0 / weight_here if weight_here != 0.0 else 0.0
        groups = min(layout[0, GROUPS], (rows + layout[0, CHUNK] - 1) // layout[0, CHUNK])
        if groups:
            group_passes(table, layout, S, X, T, weight, order, start, rows, scale, losses, groups, part, parts)
        else:
            first, last = share(rows, layout[0, GRANULE], part, parts)
            for row in range(first, last, block):
                count = min(block, last - row)
                rows_pass(table, layout, S, X, T, weight, order, start, scale, losses, row, 0, row, count)
        meet(control, parts, meetings + 1)

        loss = np.float64(0.0)
        for k in range((rows + layout[0, GRANULE] - 1) // layout[0, GRANULE]):
            loss += losses[k]
        if not math.isfinite(loss):
            return loss, DIVERGED, start, step
        step += 1
        values = step_scalars(codes, scalars, step, S.dtype.type)
        x_at = layout[0, INPUTS] if order.size else start * n_in
        step_part(table, layout, S, inputs, x_at, rows, groups, rule, values, part, parts)
        total += loss
        total_weight += weight_here
        if part == 0:
            control[DECISION] = control[STOP]
        meetings += 2
        meet(control, parts, meetings)
        if control[DECISION] != 0:
            return total / total_weight if total_weight != 0.0 else 0.0, STOPPED, start + rows, step
    return total / total_weight if total_weight != 0.0 else 0.0, RUNNING, n, step
