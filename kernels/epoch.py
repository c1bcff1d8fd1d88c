"""One epoch in one compiled call, by one thread or by several."""

from __future__ import annotations

from .batches import batches
from .checks import check_parameters, check_rows, check_team, check_training, check_workspace
from .jit import kernel, leaf
from .llvm import flush_subnormals, restore_mode, span
from .network import pack_parameters, refresh_transposed
from .online import fits_registers, online_batches
from .optimizers import POSITION, RUNNING, STATUS, STEP
from .plan import N_IN, N_LAYERS, N_TARGETS
from .threads import meet
from .workspace import BATCH, FIRST, PARAMETERS, SECOND


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


@kernel(read_only="X T weight order")
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
    table, layout, codes, control, passes = plan.table, work.layout, state.codes, work.control, work.passes
    part, parts = work.team[0], work.team[1]
    check_workspace(table, layout)
    check_parameters(table, theta, theta)
    check_rows(table, X, T, weight)
    check_training(state, theta.size, order, X.shape[0], passes.size)
    check_team(layout, part, parts, table[0, N_TARGETS])
    S, inputs = span(work.numbers, 0, work.numbers.size), span(X, 0, X.size)
    scalars, m = state.scalars, order.size // passes.size
    rows = m if order.size else X.shape[0]
    meetings = 2 * ((rows + layout[0, BATCH] - 1) // layout[0, BATCH])
    mode = flush_subnormals()
    in_registers = fits_registers(table, layout, codes, weight)
    if not in_registers:
        if part == 0:
            pack_training(table, layout, S, theta, state, False)
        meet(control, parts, 1)
    loss, status, position, step = 0.0, RUNNING, 0, codes[STEP]
    for number in range(passes.size):
        here = span(order, number * m, m)
        if not in_registers:
            loss, status, position, step = batches(
                table, layout, S, inputs, T, weight, here, codes, scalars, step, control, work.losses,
                part, parts, 1 + number * meetings,
            )  # fmt: skip
        elif part == 0:
            loss, status, position, step = online_batches(
                table, layout, theta, S, inputs, span(T, 0, T.size), here, codes, scalars, step, control
            )
        position += number * rows
        if part == 0:
            passes[number] = loss
        if status != RUNNING:
            break
    if part == 0:
        if not in_registers:
            pack_training(table, layout, S, theta, state, True)
        codes[STEP], codes[POSITION], codes[STATUS] = step, position, status
    restore_mode(mode)
    return loss
