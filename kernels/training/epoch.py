"""One epoch in one compiled call, by one thread or by several."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .batches import batches, meetings_of_a_step
from ..checks import check_loss, check_parameters, check_rows, check_team, check_training, check_workspace
from ..compiler.jit import kernel, leaf
from ..llvm import flush_subnormals, restore_mode, span
from ..passes import pack_parameters, refresh_transposed
from ..tiny.epoch import fits_registers, online_batches
from .optimizers import POSITION, RUNNING, STATUS, STEP
from ..plan import N_IN, N_LAYERS, Plan, State
from .barrier import meet
from ..workspace import (
    BATCH,
    BATCH_MEAN,
    FIRST,
    LOSS_PARAMETERS,
    MEAN,
    PARAMETERS,
    PENALTY,
    SECOND,
    THREADS,
    Workspace,
)


@leaf
def pack_training(table, layout, S, theta, state, back):
    """Parameters and state into panels, with the transposed weights; the way back where `back`."""
    pack_parameters(table, layout, theta, S, layout[0, PARAMETERS], back)
    if state.first.size:
        pack_parameters(table, layout, state.first, S, layout[0, FIRST], back)
    if state.second.size:
        pack_parameters(table, layout, state.second, S, layout[0, SECOND], back)
    for layer in range(2, 2 if back else table[0, N_LAYERS] + 1):
        refresh_transposed(layout, S, layer, 0, table[layer, N_IN])


@leaf(read_only="X T weight order")
def check_epoch(plan, theta, state, X, T, weight, order, work):
    check_workspace(plan.table, work.layout)
    check_parameters(plan.table, theta, theta)
    check_rows(plan.table, X, T, weight)
    check_training(state, theta.size, order, X.shape[0], work.passes.shape[0])
    check_loss(plan, work, work.layout[0, LOSS_PARAMETERS])
    check_team(work.layout[0, THREADS], work.team[0], work.team[1])


@leaf(read_only="X T weight order")
def passes_in_memory(plan, theta, state, X, T, weight, order, work):
    """This thread's part of all passes, through the workspace's panels."""
    table, layout, codes, scalars, control, passes = (
        plan.table,
        work.layout,
        state.codes,
        state.scalars,
        work.control,
        work.passes,
    )
    part, parts = work.team[0], work.team[1]
    S, inputs = span(work.numbers, 0, work.numbers.size), span(X, 0, X.size)
    m = order.size // passes.shape[0]
    rows = m if order.size else X.shape[0]
    meetings = meetings_of_a_step(scalars) * ((rows + layout[0, BATCH] - 1) // layout[0, BATCH])
    mode = flush_subnormals()
    if part == 0:
        pack_training(table, layout, S, theta, state, False)
    meet(control, parts, 1)
    loss, status, position, step = 0.0, RUNNING, 0, codes[STEP]
    for number in range(passes.shape[0]):
        loss, status, position, step = batches(
            table, layout, S, inputs, T, weight, span(order, number * m, m), codes, scalars, step, control, work.losses,
            span(passes, 3 * number, 3), part, parts, 1 + number * meetings,
        )  # fmt: skip
        position += number * rows
        if status != RUNNING:
            break
    if part == 0:
        pack_training(table, layout, S, theta, state, True)
        codes[STEP], codes[POSITION], codes[STATUS] = step, position, status
    restore_mode(mode)
    return loss


@leaf(read_only="X T weight order")
def passes_in_registers(plan, theta, state, X, T, weight, order, work):
    """All passes, by the first thread, for what `fits_registers`."""
    table, layout, codes, passes = plan.table, work.layout, state.codes, work.passes
    S, inputs, targets = span(work.numbers, 0, work.numbers.size), span(X, 0, X.size), span(T, 0, T.size)
    loss, m = 0.0, order.size // passes.shape[0]
    if work.team[0] != 0:
        return loss
    mode = flush_subnormals()
    for number in range(passes.shape[0]):
        loss, status, position, step = online_batches(
            table,
            layout,
            theta,
            S,
            inputs,
            targets,
            span(order, number * m, m),
            codes,
            state.scalars,
            codes[STEP],
            work.control,
        )
        codes[STEP], codes[POSITION], codes[STATUS] = step, position + number * (m if m else X.shape[0]), status
        passes[number, MEAN], passes[number, BATCH_MEAN], passes[number, PENALTY] = loss, loss, 0.0
        if status != RUNNING:
            break
    restore_mode(mode)
    return loss


@kernel(read_only="X T weight order", written="theta")
def train_epoch(plan, theta, state, X, T, weight, order, work):
    """One pass over the rows in batches of the workspace's batch size, a step after each; the rows' mean loss as a float.

    theta and state OUT. X (n, n_in), T (n, n_targets), weight (n) or empty, order (m) row indices or empty for all rows as
    they stand. The last batch may be smaller; its loss and gradient are averages over its own rows. The loss of each batch
    is taken before its step.

    May be called on pieces of an epoch cut at batch boundaries, or for several epochs (`Workspace.for_passes`), with the same
    result to the last bit. A non-zero work.control[0] ends it after a whole step; state.codes tells how many rows were done,
    and the status: 0 ran to the end, 1 stopped, 2 a batch's loss was not finite (its step was not taken).

    Several threads may make one call together, each with its `Workspace.member`; the result is the same to the last bit.
    Subnormal numbers count as zero.
    """
    check_epoch(plan, theta, state, X, T, weight, order, work)
    if fits_registers(plan.table, work.layout, state.codes, state.scalars, weight):
        return passes_in_registers(plan, theta, state, X, T, weight, order, work)
    return passes_in_memory(plan, theta, state, X, T, weight, order, work)


@kernel(read_only="X T weight", written="theta")
def train_step(plan, theta, state, X, T, weight, work):
    """One step on the rows of X (n, n_in) with T (n, n_targets) and weight (n) or empty; their mean loss before it as a float.

    theta and state OUT. n is at most the workspace's batch size. The same to the last bit as `train_epoch` on these rows.
    """
    if X.shape[0] > work.layout[0, BATCH]:
        raise ValueError("X has more rows than the workspace's batch size (given, at most)", X.shape[0], work.layout[0, BATCH])
    order = span(work.team, 0, 0)
    check_epoch(plan, theta, state, X, T, weight, order, work)
    return passes_in_memory(plan, theta, state, X, T, weight, order, work)


# The two halves of `train_epoch` by themselves, since most networks need one: a third of the time to compile is saved.


@kernel(read_only="X T weight order", written="theta")
def epoch_in_memory(plan, theta, state, X, T, weight, order, work):
    """`train_epoch` for any network."""
    check_epoch(plan, theta, state, X, T, weight, order, work)
    return passes_in_memory(plan, theta, state, X, T, weight, order, work)


@kernel(read_only="X T weight order", written="theta")
def epoch_in_registers(plan, theta, state, X, T, weight, order, work):
    """`train_epoch` for what `fits_registers`."""
    check_epoch(plan, theta, state, X, T, weight, order, work)
    if not fits_registers(plan.table, work.layout, state.codes, state.scalars, weight):
        raise ValueError("this training does not fit into registers; use train_epoch")
    return passes_in_registers(plan, theta, state, X, T, weight, order, work)


def choose_epoch(plan: Plan, state: State, weight: np.ndarray, work: Workspace) -> Callable[..., float]:
    """The half of `train_epoch` that such calls of it come to."""
    fits = getattr(fits_registers, "py_func", fits_registers)  # as plain Python: nothing is compiled to ask
    return epoch_in_registers if fits(plan.table, work.layout, state.codes, state.scalars, weight) else epoch_in_memory
