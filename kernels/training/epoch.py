"""One epoch in one compiled call, by one thread or by several."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..checks import (
    check_batch,
    check_begin,
    check_loss,
    check_parameters,
    check_rows,
    check_sparse_rows,
    check_team,
    check_training,
    check_workspace,
)
from ..compiler.jit import kernel, leaf
from ..llvm import empty_integers, flush_subnormals, restore_mode, span, unowned
from ..passes import Net, pack_parameters, refresh_all_transposed, unpack_parameters
from ..state import State
from ..tiny.epoch import fits_registers, is_tiny_training, train_in_registers
from ..workspace import Workspace
from .barrier import team_of, wait_for_all
from .batches import Rows, barriers_of_a_step, rows_of, sparse_rows_of, train_batches
from .codes import RUNNING
from .step import clear_sums


@leaf
def pack_training(net, theta, state):
    """Parameters and state into panels, with the transposed weights."""
    header = net.header
    pack_parameters(net, theta, header.parameters)
    if state.velocity.size:
        pack_parameters(net, state.velocity, header.velocity)
    if state.mean_square.size:
        pack_parameters(net, state.mean_square, header.mean_square)
    refresh_all_transposed(net, 1)


@leaf
def unpack_training(net, theta, state):
    """Parameters and state OUT, from panels."""
    header = net.header
    unpack_parameters(net, theta, header.parameters)
    if state.velocity.size:
        unpack_parameters(net, state.velocity, header.velocity)
    if state.mean_square.size:
        unpack_parameters(net, state.mean_square, header.mean_square)


@leaf
def check_inputs(net, dense, sparse, T, weight):
    """The inputs fit the network and the targets. dense, sparse: of `Rows`."""
    if dense is not None:
        check_rows(net, dense, T, weight)
        if net.header.sparse:
            raise ValueError("work was made for sparse rows; make a workspace without sparse=True")
    if sparse is not None:
        check_sparse_rows(net, sparse, T, weight)


@leaf
def check_epoch(plan, net, theta, state, rows, epochs):
    check_workspace(plan, net)
    check_parameters(net, theta, theta)
    check_loss(plan, net)
    check_inputs(net, rows.X, rows.sparse, rows.T, rows.weight)
    check_training(state, theta.size, rows.order, rows.T.shape[0], epochs.size)
    n = rows.order.size if rows.order.size else rows.T.shape[0]
    for epoch in range(epochs.size):
        check_begin(epochs[epoch].begin, n, net.header.batch_rows, epochs.size)
    check_team(net.header)


@leaf
def rows_of_epoch(rows, epoch, epochs):
    """The rows with the order of one of several epochs, whose orders stand one after the other."""
    m = rows.order.size // epochs
    return Rows(rows.X, rows.T, rows.weight, span(rows.order, epoch * m, m), rows.sparse)


@leaf
def epochs_in_memory(net, theta, state, rows, records):
    """This thread's part of all epochs of a call, through the workspace's panels; the last one's mean loss."""
    counters, team = state.counters[0], team_of(net)
    n = rows.order.size // records.size if rows.order.size else rows.T.shape[0]
    n_batches = (n + net.header.batch_rows - 1) // net.header.batch_rows
    barriers = barriers_of_a_step(state.hyperparameters[0]) * n_batches
    mode = flush_subnormals()
    if team.thread == 0:
        pack_training(net, theta, state)
        clear_sums(net, rows.sparse)
    wait_for_all(team, 1)
    loss, status, position, step = 0.0, RUNNING, 0, counters.step
    for epoch in range(records.size):
        here = rows_of_epoch(rows, epoch, records.size)
        loss, status, position, step = train_batches(net, here, state, team, 1 + epoch * barriers, step, records[epoch])
        position += epoch * n
        if status != RUNNING:
            break
    if team.thread == 0:
        unpack_training(net, theta, state)
        counters.step, counters.position, counters.status = step, position, status
    restore_mode(mode)
    return loss


@leaf
def epochs_in_registers(net, theta, state, rows, records):
    """All epochs of a call, by the first thread, for what `fits_registers`; the last one's mean loss."""
    counters, loss = state.counters[0], 0.0
    if net.header.thread != 0:
        return loss
    n = rows.order.size // records.size if rows.order.size else rows.X.shape[0]
    mode = flush_subnormals()
    for epoch in range(records.size):
        here, record = rows_of_epoch(rows, epoch, records.size), records[epoch]
        loss, status, position, step = train_in_registers(net, theta, here, state, record)
        counters.step, counters.position, counters.status = step, position + epoch * n, status
        if status != RUNNING:
            break
    restore_mode(mode)
    return loss


@kernel(read_only="X T weight order", written="theta")
def train_epoch(plan, theta, state, X, T, weight, order, work):
    """Train one pass over the rows, in batches of the workspace's batch size, with a step after each.

    Parameters
    ----------
    plan : Plan
        Network.
    theta : ndarray of shape (n_parameters,)
        OUT: the parameters, changed in place.
    state : State
        OUT: step rule, moments and counters.
    X : ndarray of shape (n, n_in)
        Inputs.
    T : ndarray of shape (n, n_targets)
        Targets.
    weight : ndarray of shape (n,) or (0,)
        Sample weights; empty where all rows count the same.
    order : ndarray of int64, of shape (m,) or (0,)
        Row numbers in the order of training; empty for all rows in the order of X.
    work : Workspace
        Scratch memory.

    Returns
    -------
    float
        Mean loss of the rows. The loss of each batch is taken before its step.

    Raises
    ------
    ValueError
        If shapes do not fit, or `order` names a row that does not exist. Nothing is written then.

    Notes
    -----
    The last batch may be smaller; its loss and gradient are averages over its own rows. Subnormal numbers count as zero.

    The following give the same result to the last bit: one call for an epoch, several calls for pieces of it that are cut
    between batches, one call for several epochs (`Workspace.for_epochs`), and one call by several threads together, each with
    its `Workspace.member`.

    A value other than 0 in ``work.control[0].stop`` ends the call after a whole step. ``state.counters[0].position`` is then
    the number of rows that were done; set ``work.epochs[0].begin`` to it, and the same call goes on with the epoch.
    ``state.counters[0].status`` is 0 after a whole epoch, 1 after a stop, and 2 where the loss of a batch was not finite, whose
    step is not taken.

    Examples
    --------
    >>> import numpy as np
    >>> from tileprop.kernels import make_plan, make_state, make_workspace, train_epoch
    >>> plan = make_plan([1, 8, 1], activation="tanh", output_activation="identity")
    >>> theta = np.random.default_rng(0).normal(scale=0.3, size=plan.n_parameters)
    >>> state, work = make_state(plan, "adam", learning_rate=0.01), make_workspace(plan, batch_size=16)
    >>> X = np.linspace(-1, 1, 64)[:, None]
    >>> no_weights, no_order = np.empty(0), np.empty(0, np.int64)
    >>> losses = [train_epoch(plan, theta, state, X, np.sin(3 * X), no_weights, no_order, work) for _ in range(200)]
    >>> losses[-1] < losses[0] / 10
    True
    """
    rows, net = rows_of(X, T, weight, order), Net(work.header[0], unowned(work.layers), unowned(work.numbers))
    check_epoch(plan, net, theta, state, rows, work.epochs)
    if fits_registers(net.header, net.layers, state, weight.size):
        return epochs_in_registers(net, theta, state, rows, work.epochs)
    return epochs_in_memory(net, theta, state, rows, work.epochs)


@kernel(read_only="X T weight", written="theta")
def train_step(plan, theta, state, X, T, weight, work):
    """Train one step on a batch of rows.

    The same to the last bit as `train_epoch` with these rows alone.

    Parameters
    ----------
    plan : Plan
        Network.
    theta : ndarray of shape (n_parameters,)
        OUT: the parameters, changed in place.
    state : State
        OUT: step rule, moments and counters.
    X : ndarray of shape (n, n_in)
        Inputs, at most as many rows as the workspace's batch size.
    T : ndarray of shape (n, n_targets)
        Targets.
    weight : ndarray of shape (n,) or (0,)
        Sample weights; empty where all rows count the same.
    work : Workspace
        Scratch memory.

    Returns
    -------
    float
        Mean loss of the rows before the step.

    Raises
    ------
    ValueError
        If shapes do not fit, or X has too many rows. Nothing is written then.

    Examples
    --------
    >>> import numpy as np
    >>> from tileprop.kernels import make_plan, make_state, make_workspace, train_step
    >>> plan = make_plan([2, 1], output_activation="identity")
    >>> theta, state, work = np.zeros(plan.n_parameters), make_state(plan, learning_rate=0.1), make_workspace(plan)
    >>> X, T = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[1.0], [2.0]])
    >>> train_step(plan, theta, state, X, T, np.empty(0), work)
    2.5
    >>> theta.round(4)
    array([0.1, 0.2, 0.3])
    """
    rows, net = rows_of(X, T, weight, empty_integers()), Net(work.header[0], unowned(work.layers), unowned(work.numbers))
    check_batch(X.shape[0], net.header.batch_rows)
    check_epoch(plan, net, theta, state, rows, work.epochs)
    return epochs_in_memory(net, theta, state, rows, work.epochs)


# The two halves of `train_epoch` by themselves, since most networks need one: a third of the time to compile is saved. The
# halves are leaves: a kernel that called another would have it optimised twice, which can change the last bit of a sum.


@kernel(read_only="X T weight order", written="theta")
def epoch_in_memory(plan, theta, state, X, T, weight, order, work):
    """`train_epoch` for any network."""
    rows, net = rows_of(X, T, weight, order), Net(work.header[0], unowned(work.layers), unowned(work.numbers))
    check_epoch(plan, net, theta, state, rows, work.epochs)
    return epochs_in_memory(net, theta, state, rows, work.epochs)


@kernel(read_only="T weight order", written="theta")
def train_sparse_epoch(plan, theta, state, sparse_X, T, weight, order, work):
    """`train_epoch` for SparseRows: they go to the first layer's products as they are. work: may be made with sparse=True."""
    net = Net(work.header[0], unowned(work.layers), unowned(work.numbers))
    rows = sparse_rows_of(sparse_X, T, weight, order)
    check_epoch(plan, net, theta, state, rows, work.epochs)
    return epochs_in_memory(net, theta, state, rows, work.epochs)


@kernel(read_only="X T weight order", written="theta")
def epoch_in_registers(plan, theta, state, X, T, weight, order, work):
    """`train_epoch` for what `fits_registers`."""
    rows, net = rows_of(X, T, weight, order), Net(work.header[0], unowned(work.layers), unowned(work.numbers))
    check_epoch(plan, net, theta, state, rows, work.epochs)
    if not fits_registers(net.header, net.layers, state, weight.size):
        raise ValueError("this training does not fit into registers; use train_epoch")
    return epochs_in_registers(net, theta, state, rows, work.epochs)


def choose_epoch(state: State, weight: np.ndarray, work: Workspace) -> Callable[..., float]:
    """The half of `train_epoch` that such calls of it come to."""
    return epoch_in_registers if is_tiny_training(state, weight, work) else epoch_in_memory
