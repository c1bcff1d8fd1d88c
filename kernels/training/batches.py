"""The batch loop of an epoch, one thread's part of it: rows gathered, forward, backward, and the step.

A step has two meetings of the threads, whatever the depth: after the deltas, and after the step.
"""

from __future__ import annotations

import math

import numpy as np

from .clipping import add_squared_lengths, clipped_step, whole_gradient
from .dropout import KEEP_ALL, step_key
from ..compiler.jit import leaf
from ..llvm import copy, matrix, span
from ..passes import add_gradient, backward_rows, forward_rows, loss_rows, read_only, share
from .optimizers import ALPHA, CLIP_NORM, DIVERGED, L1, RULE, RUNNING, SEED, STOPPED, penalty_factors, step_scalars
from ..plan import N_IN, N_LAYERS, N_OUT, N_TARGETS
from ..matrices import weigh
from .step import step_part
from .barrier import DECISION, STOP, meet
from ..workspace import (
    ANY_DROPPED,
    AREA,
    BATCH,
    BATCH_MEAN,
    BLOCK,
    CHUNK,
    GRANULE,
    GROUPS,
    INPUTS,
    MEAN,
    PACKED,
    PARAMETERS,
    PENALTY,
    ROW_WEIGHTS,
    ROWS,
    SUMS,
    TARGETS,
    WEIGHTS,
    WIDTH,
)


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
def rows_pass(table, layout, S, X, T, weight, order, start, scale, losses, first, area, held, rows, key):
    """Forward and backward for rows first to first + rows - 1 of the batch that begins at `start`.

    In the area they are those from row `held` on. losses: as in `loss_rows`; key: as in `forward_rows`.
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
    forward_rows(table, layout, S, inputs, x_at, area, held, rows, key, first)
    loss_rows(table, layout, S, targets, weights, t_at, scale, losses, first, area, held, rows)
    backward_rows(table, layout, S, area, held, rows, key, first)


@leaf(read_only="X T weight order")
def group_passes(table, layout, S, X, T, weight, order, start, rows, scale, losses, groups, part, parts, key):
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
                rows_pass(table, layout, S, X, T, weight, order, start, scale, losses, first + row, area, row, here, key)
            x_at = area + layout[0, INPUTS] if order.size else (start + first) * n_in
            add_gradient(table, layout, S, inputs, x_at, area, count, init, target, S.dtype.type(1.0), 0, 1, key, 0)
            init = target


@leaf
def meetings_of_a_step(scalars):
    """How often the threads meet: twice more where the whole gradient's length must be known before the step."""
    return 2 if scalars[CLIP_NORM] == 0.0 else 4


@leaf
def weigh_weights(table, layout, S, alpha, l1, losses, part, parts):
    """The last entries of losses OUT: the penalty on each layer's weights; this thread's layers'."""
    layers = table[0, N_LAYERS]
    for layer in range(1, layers + 1):
        if layer % parts == part:
            at, rows, columns = layout[0, PARAMETERS] + layout[layer, WEIGHTS], layout[layer, ROWS], layout[layer, WIDTH]
            losses[losses.size - layers + layer - 1] = weigh(
                S, at, table[layer, N_IN], table[layer, N_OUT], rows, columns, 0.5 * alpha, l1
            )


@leaf(read_only="X T weight order")
def batches(table, layout, S, X, T, weight, order, codes, scalars, step, control, losses, record, part, parts, meetings):
    """This thread's part of all batches: the mean loss, the status, how many rows are done, how many steps taken ever.

    X: the inputs as a vector. step, meetings: steps taken and meetings held before. record: a row of Workspace.passes, OUT.
    """
    batch, block, n_in = layout[0, BATCH], layout[0, BLOCK], table[1, N_IN]
    n = order.size if order.size else T.shape[0]
    inputs = read_only(S) if order.size else X
    rule, alpha, l1, clip_norm = codes[RULE], scalars[ALPHA], scalars[L1], scalars[CLIP_NORM]
    total, total_weight = np.float64(0.0), np.float64(0.0)
    total_by_rows, total_penalty = np.float64(0.0), np.float64(0.0)
    status, done, key = RUNNING, n, np.int64(KEEP_ALL)
    for start in range(0, n, batch):
        rows = min(batch, n - start)
        weight_here = batch_weight(weight, order, start, start + rows)
        scale = 1.0 / weight_here if weight_here != 0.0 else 0.0
        if layout[0, ANY_DROPPED]:
            key = step_key(np.int64(scalars[SEED]), step)
        groups = min(layout[0, GROUPS], (rows + layout[0, CHUNK] - 1) // layout[0, CHUNK])
        if alpha != 0.0 or l1 != 0.0:
            weigh_weights(table, layout, S, alpha, l1, losses, part, parts)
        if groups:
            group_passes(table, layout, S, X, T, weight, order, start, rows, scale, losses, groups, part, parts, key)
        else:
            first, last = share(rows, layout[0, GRANULE], part, parts)
            for row in range(first, last, block):
                count = min(block, last - row)
                rows_pass(table, layout, S, X, T, weight, order, start, scale, losses, row, 0, row, count, key)
        meet(control, parts, meetings + 1)

        loss, penalty = np.float64(0.0), np.float64(0.0)
        for k in range((rows + layout[0, GRANULE] - 1) // layout[0, GRANULE]):
            loss += losses[k]
        if alpha != 0.0 or l1 != 0.0:
            for k in range(losses.size - table[0, N_LAYERS], losses.size):
                penalty += losses[k]
            penalty *= scale
        if not math.isfinite(loss + penalty):
            return loss, DIVERGED, start, step
        step += 1
        values = step_scalars(codes, scalars, step, S.dtype.type)
        x_at = layout[0, INPUTS] if order.size else start * n_in
        penalties = penalty_factors(scalars, scale, S.dtype.type)
        if clip_norm == 0.0:
            step_part(table, layout, S, inputs, x_at, rows, groups, rule, values, penalties, part, parts, key)
        else:
            whole_gradient(table, layout, S, inputs, x_at, rows, groups, part, parts, key)
            meet(control, parts, meetings + 2)
            add_squared_lengths(table, layout, S, penalties, losses, part, parts)
            meet(control, parts, meetings + 3)
            clipped_step(table, layout, S, rule, values, clip_norm, losses, part, parts)
        total += loss
        total_weight += weight_here
        total_by_rows += loss * scale * rows
        total_penalty += penalty * rows
        if part == 0:
            control[DECISION] = control[STOP]
        meetings += meetings_of_a_step(scalars)
        meet(control, parts, meetings)
        if control[DECISION] != 0:
            status, done = STOPPED, start + rows
            break
    mean = total / total_weight if total_weight != 0.0 else 0.0
    if part == 0 and done:
        record[MEAN], record[BATCH_MEAN], record[PENALTY] = mean, total_by_rows / done, total_penalty / done
    return mean, status, done, step
