"""One epoch: the batch loop, forward, backward and step, by one thread or by several, in one compiled call.

A step has two meetings of the threads, whatever the depth: after the deltas, and after the step.
"""

from __future__ import annotations

import math

import numpy as np

from .checks import check_parameters, check_rows, check_team, check_training, check_workspace
from .jit import kernel, leaf
from .network import add_gradient, backward_rows, forward_rows, loss_rows, pack_parameters, read_only, refresh_transposed, share, unpack_parameters
from .optimizers import DIVERGED, POSITION, RULE, RUNNING, STATUS, STEP, STOPPED, step_scalars
from .plan import N_IN, N_LAYERS, N_TARGETS
from .step import step_part
from .threads import DECISION, STOP, meet
from .tile import flush_subnormals, matrix, restore_mode, span
from .workspace import AREA, BATCH, BLOCK, CHUNK, FIRST, GRANULE, GROUPS, INPUTS, PACKED, PARAMETERS, ROW_WEIGHTS, SECOND, SUMS, TARGETS


@leaf(read_only="source")
def gather(source, order, start, S, at, held, rows):
    """Rows order[start : start + rows] of `source` (n, k), copied to S, where row 0 lies at `at`, from row `held` on."""
    width = source.shape[1]
    for r in range(rows):
        there, row = at + (held + r) * width, order[start + r]
        for j in range(width):
            S[there + j] = source[row, j]


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
    if order.size == 0:
        forward_rows(table, layout, S, span(X, 0, X.size), at * n_in, area, held, rows)
        loss_rows(table, layout, S, T, weight, at, scale, losses, first, area, held, rows)
    else:
        inputs, targets, weights = area + layout[0, INPUTS], area + layout[0, TARGETS], area + layout[0, ROW_WEIGHTS]
        gather(X, order, at, S, inputs, held, rows)
        gather(T, order, at, S, targets, held, rows)
        for r in range(rows if weight.size else 0):
            S[weights + held + r] = weight[order[at + r]]
        forward_rows(table, layout, S, S, inputs + held * n_in, area, held, rows)
        gathered = matrix(S, targets, layout[0, CHUNK], table[0, N_TARGETS])
        loss_rows(table, layout, S, gathered, span(S, weights, layout[0, CHUNK] if weight.size else 0), held, scale, losses, first, area, held, rows)
    backward_rows(table, layout, S, area, held, rows)


@leaf(read_only="X T weight order")
def group_passes(table, layout, S, X, T, weight, order, start, rows, scale, losses, groups, part, parts):
    """Gradients of this thread's groups of chunks, each the sum over its chunks in order."""
    n_in, chunk_rows, block = table[1, N_IN], layout[0, CHUNK], layout[0, BLOCK]
    chunks = (rows + chunk_rows - 1) // chunk_rows
    area = part * layout[0, AREA]
    inputs = read_only(S) if order.size else span(X, 0, X.size)
    for group in range(part, groups, parts):
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


@leaf
def begin(table, layout, S, theta, state):
    """Parameters and state into panels."""
    pack_parameters(table, layout, theta, S, layout[0, PARAMETERS])
    if state.first.size:
        pack_parameters(table, layout, state.first, S, layout[0, FIRST])
    if state.second.size:
        pack_parameters(table, layout, state.second, S, layout[0, SECOND])
    for layer in range(2, table[0, N_LAYERS] + 1):
        refresh_transposed(layout, S, layer, 0, table[layer, N_IN])


@leaf
def end(table, layout, S, theta, state):
    """The way back from `begin`."""
    unpack_parameters(table, layout, theta, S, layout[0, PARAMETERS])
    if state.first.size:
        unpack_parameters(table, layout, state.first, S, layout[0, FIRST])
    if state.second.size:
        unpack_parameters(table, layout, state.second, S, layout[0, SECOND])


@kernel(read_only="X T weight order")
def train_epoch(plan, theta, state, X, T, weight, order, work):
    """One pass over the rows in batches of the workspace's batch size, a step after each; the rows' mean loss as a float.

    theta and state OUT. X (n, n_in), T (n, n_targets), weight (n) or empty, order (m) row indices or empty for all rows as
    they stand. The last batch may be smaller; its loss and gradient are averages over its own rows. The loss of each batch
    is taken before its step.

    May be called on pieces of an epoch cut at batch boundaries, with the same result to the last bit. A non-zero
    work.control[0] ends it after a whole step; state.codes tells how many rows were done, and the status: 0 ran to the end,
    1 stopped, 2 a batch's loss was not finite (its step was not taken).

    Several threads may make one call together, each with its `Workspace.member`; the result is the same to the last bit.
    Subnormal numbers count as zero.
    """
    table, layout, codes, control, losses = plan.table, work.layout, state.codes, work.control, work.losses
    part, parts = work.team[0], work.team[1]
    check_workspace(table, layout)
    check_parameters(table, theta, theta)
    check_rows(table, X, T, weight)
    check_training(state, theta.size, order, X.shape[0])
    check_team(layout, part, parts)
    S = span(work.numbers, 0, work.numbers.size)
    rule, step = codes[RULE], codes[STEP]
    mode = flush_subnormals()
    if part == 0:
        begin(table, layout, S, theta, state)
    meetings = 1
    meet(control, parts, meetings)

    batch, block, n_in = layout[0, BATCH], layout[0, BLOCK], table[1, N_IN]
    n = order.size if order.size else X.shape[0]
    inputs = read_only(S) if order.size else span(X, 0, X.size)
    total, total_weight = np.float64(0.0), np.float64(0.0)
    status, position = RUNNING, 0
    for start in range(0, n, batch):
        rows = min(batch, n - start)
        weight_here = batch_weight(weight, order, start, start + rows)
        scale = 1.0 / weight_here if weight_here != 0.0 else 0.0
        groups = min(layout[0, GROUPS], (rows + layout[0, CHUNK] - 1) // layout[0, CHUNK])
        if groups:
            group_passes(table, layout, S, X, T, weight, order, start, rows, scale, losses, groups, part, parts)
        else:
            first, last = share(rows, GRANULE, part, parts)
            for row in range(first, last, block):
                count = min(block, last - row)
                rows_pass(table, layout, S, X, T, weight, order, start, scale, losses, row, 0, row, count)
        meet(control, parts, meetings + 1)

        loss = np.float64(0.0)
        for granule in range((rows + GRANULE - 1) // GRANULE):
            loss += losses[granule]
        if not math.isfinite(loss):
            status, total, total_weight = DIVERGED, loss, 1.0
            break
        step += 1
        values = step_scalars(codes, state.scalars, step, S.dtype.type)
        x_at = layout[0, INPUTS] if order.size else start * n_in
        step_part(table, layout, S, inputs, x_at, rows, groups, rule, values, part, parts)
        total += loss
        total_weight += weight_here
        position = start + rows
        if part == 0:
            control[DECISION] = control[STOP]
        meetings += 2
        meet(control, parts, meetings)
        if control[DECISION] != 0:
            status = STOPPED
            break

    if part == 0:
        end(table, layout, S, theta, state)
        codes[STEP], codes[POSITION], codes[STATUS] = step, position, status
    restore_mode(mode)
    return total / total_weight if total_weight != 0.0 else 0.0
