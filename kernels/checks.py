"""What kernels check at their entry, compiled, so that a caller's `@njit` code is guarded as well.

Messages name the argument and what would be right. Numba carries an exception's arguments but formats nothing, so the numbers
follow the sentence.
"""

from __future__ import annotations

import numpy as np

from .compiler.jit import leaf
from .llvm import maximum
from .training.codes import MOMENTUM, NESTEROV, SGD


@leaf
def check_same_shape(x, out):
    if x.shape != out.shape:
        raise ValueError("two array arguments of an element-wise kernel differ in shape; give both the same shape")


@leaf
def check_same_rows(Y, T, outputs_per_target):
    """Y and T have as many rows, and Y so many columns for each of T's."""
    outputs, targets = Y.size // maximum(Y.shape[0], 1), T.size // maximum(T.shape[0], 1)
    if Y.shape[0] != T.shape[0] or outputs != outputs_per_target * targets:
        raise ValueError(
            "Y and T differ in rows, or their columns do not fit (of Y, of T, outputs per target)",
            outputs,
            targets,
            outputs_per_target,
        )


@leaf
def check_loss_parameter(p, single, low, high):
    """A loss's parameter: one number where `single`, and all between its bounds."""
    if single and p.size != 1:
        raise ValueError("the loss takes one number as its parameter (given)", p.size)
    for k in range(p.size):
        if not low < p[k] < high:
            raise ValueError("the loss's parameter is out of bounds (given, above, below)", p[k], low, high)


@leaf
def check_layer(X, W, b, Z):
    """Of one dense layer: X (rows, n_in), W (n_in, n_out), b (n_out) or empty, Z (rows, n_out); or derivatives to these."""
    if X.shape[1] != W.shape[0] or Z.shape[1] != W.shape[1]:
        raise ValueError("the layer's inputs and outputs do not fit its weights (their columns, the weights' shape)",
                         X.shape[1], Z.shape[1], W.shape)  # fmt: skip
    if X.shape[0] != Z.shape[0]:
        raise ValueError("the layer's inputs and outputs differ in rows (given)", X.shape[0], Z.shape[0])
    if b.size and b.size != W.shape[1]:
        raise ValueError("the layer's biases have the wrong length (given, needed, unless empty)", b.size, W.shape[1])


@leaf
def check_workspace(plan, net):
    """The workspace was made for a plan of these sizes and activations."""
    fits = net.layers.size == plan.layers.size and net.header.biased == plan.header[0].biased
    for l in range(plan.layers.size if fits else 0):
        ours, theirs = net.layers[l], plan.layers[l]
        if ours.n_in != theirs.n_in or ours.n_out != theirs.n_out or ours.activation != theirs.activation:
            fits = False
    if not fits:
        raise ValueError("work was made for another plan; make a workspace for this one")
    if net.memory.size < net.header.size:
        raise ValueError("work.numbers has been shortened (given, needed)", net.memory.size, net.header.size)


@leaf
def check_loss(plan, net):
    """The workspace was made for the plan's loss, and holds its parameters."""
    ours, theirs = net.header, plan.header[0]
    if ours.loss != theirs.loss:
        raise ValueError("work was made for another plan's loss; make a workspace for this one")
    if ours.n_targets != theirs.n_targets:
        raise ValueError("work was made for another plan (columns of T: given, needed)", ours.n_targets, theirs.n_targets)
    if ours.n_loss_parameters != theirs.n_loss_parameters:
        raise ValueError("work was made for another parameter of the loss; make a workspace for this plan")
    for k in range(theirs.n_loss_parameters):
        if net.memory[ours.loss_parameters + k] != net.memory.dtype.type(plan.header[k].loss_parameter):
            raise ValueError("work was made for another parameter of the loss; make a workspace for this plan")


@leaf
def check_parameters(net, theta, grad):
    """theta, and a gradient (or theta again), have the network's length."""
    needed = net.header.n_parameters
    if theta.size != needed:
        raise ValueError("theta has the wrong length for this plan (given, needed)", theta.size, needed)
    if grad.size != needed:
        raise ValueError("the gradient has the wrong length for this plan (given, needed)", grad.size, needed)


@leaf
def check_rows(net, X, T, weight):
    """X, T and weight have as many rows, and X and T the network's columns."""
    n_in = net.layers[0].n_in
    if X.shape[1] != n_in:
        raise ValueError("X has the wrong number of columns for this plan (given, needed)", X.shape[1], n_in)
    check_target_rows(net, X.shape[0], T, weight)


@leaf
def check_sparse_rows(net, X, T, weight):
    """SparseRows X, T and weight have as many rows, T the network's columns, and X's entries lie within bounds."""
    check_target_rows(net, X.starts.size - 1, T, weight)
    check_entries(X, net.layers[0].n_in)


@leaf
def check_target_rows(net, n, T, weight):
    """X has at least one row; T (n, n_targets) and weight (n) or empty fit its n rows."""
    n_targets = net.header.n_targets
    if n <= 0:
        raise ValueError("X has no rows; give at least one (given, needed)", n, 1)
    if T.shape[0] != n:
        raise ValueError("T needs as many rows as X (given, needed)", T.shape[0], n)
    if T.shape[1] != n_targets:
        raise ValueError("T has the wrong number of columns for this plan (given, needed)", T.shape[1], n_targets)
    if weight.size != 0 and weight.size != n:
        raise ValueError("weight needs one entry for each row of X, or must be empty (given, needed)", weight.size, n)


@leaf
def check_sparse_outputs(net, X, Y):
    """SparseRows X and Y (rows, n_out) fit."""
    check_output_rows(net, X.starts.size - 1, Y)
    check_entries(X, net.layers[0].n_in)


@leaf(inline=True)
def check_output_rows(net, n, Y):
    """Y (n, n_out) fits the n rows of X."""
    n_out = net.layers[net.header.n_layers - 1].n_out
    if Y.shape[0] != n:
        raise ValueError("dY or Y needs as many rows as X (given, needed)", Y.shape[0], n)
    if Y.shape[1] != n_out:
        raise ValueError("dY or Y has the wrong number of columns for this plan (given, needed)", Y.shape[1], n_out)


@leaf
def check_entries(X, n_in):
    """The entries of SparseRows X lie within its arrays and within n_in columns."""
    if X.columns.size != X.values.size:
        raise ValueError("sparse_X.columns needs one entry for each value (given, needed)", X.columns.size, X.values.size)
    before = np.int64(0)
    for i in range(X.starts.size):
        if X.starts[i] < before or X.starts[i] > X.values.size:
            raise ValueError("sparse_X.starts must rise, from 0 to the number of entries (given, before)", X.starts[i], before)
        before = X.starts[i]
    for k in range(X.starts[0], before):
        if X.columns[k] < 0 or X.columns[k] >= n_in:
            raise ValueError("sparse_X names a column that the network does not have (given, columns)", X.columns[k], n_in)


@leaf
def check_batch(rows, batch_rows):
    """X has at most as many rows as a batch."""
    if rows > batch_rows:
        raise ValueError("X has more rows than the workspace's batch size (given, at most)", rows, batch_rows)


@leaf(inline=True)
def check_outputs(net, X, Y, most_rows):
    """X has the network's columns and at most so many rows; Y (rows, n_out) fits."""
    n_in = net.layers[0].n_in
    if X.shape[1] != n_in:
        raise ValueError("X has the wrong number of columns for this plan (given, needed)", X.shape[1], n_in)
    if X.shape[0] > most_rows:
        raise ValueError(
            "X has more rows than the workspace's batch size (given, at most); make a larger workspace or use predict",
            X.shape[0],
            most_rows,
        )
    check_output_rows(net, X.shape[0], Y)


@leaf
def check_one(net, x, y):
    """x (n_in) and y (n_out) fit."""
    n_in, n_out = net.layers[0].n_in, net.layers[net.header.n_layers - 1].n_out
    if x.size != n_in:
        raise ValueError("x has the wrong length for this plan (given, needed)", x.size, n_in)
    if y.size != n_out:
        raise ValueError("y has the wrong length for this plan (given, needed)", y.size, n_out)


@leaf
def check_kept(rows, most):
    """The workspace keeps the activations of so many rows."""
    if rows > most:
        raise ValueError(
            "work cannot keep the activations of this many rows (given, at most); make it with derivatives=True, or use vjp",
            rows,
            most,
        )


@leaf
def check_derivatives(net):
    """The workspace has room for derivatives to inputs and targets, and of single rows."""
    if not net.header.has_derivatives:
        raise ValueError("work has no room for these derivatives; make it with derivatives=True")


@leaf
def check_targets(net, class_indices):
    """The loss's derivative to the targets is known. class_indices: whether T holds those."""
    if class_indices:
        raise ValueError("T holds class numbers, which have no derivative; give T one column for each output")
    if not net.header.loss_has_targets:
        raise ValueError("the loss has no derivative to its targets; register it with a target_gradient")


@leaf
def check_like(X, dX):
    """A derivative to X, or to T, is like it."""
    if X.shape != dX.shape:
        raise ValueError("dX needs the shape of X, and dT that of T (given, needed)", dX.shape, X.shape)


@leaf
def check_row_gradients(G, rows, n_parameters):
    if G.shape[0] != rows or G.shape[1] != n_parameters:
        raise ValueError(
            "G needs a row for each row of X, and a column for each parameter (given, needed)", G.shape, (rows, n_parameters)
        )


@leaf
def check_jacobian(J, Y, columns):
    """J (n, n_out, columns)."""
    if J.shape[0] != Y.shape[0] or J.shape[1] != Y.shape[1] or J.shape[2] != columns:
        raise ValueError("J has the wrong shape (given, then needed)", J.shape, (Y.shape[0], Y.shape[1], columns))


@leaf
def check_normal(N, size, jacobian_rows, width):
    """N has room for the normal equations of `size` parameters, and for some rows of J."""
    if N.shape[0] < size + 1 + jacobian_rows or N.shape[1] < width:
        raise ValueError("N is too small for this plan (its shape); make_normal_equations makes a larger one", N.shape)


@leaf
def check_tangents(net):
    """The workspace has room for second derivatives, and all are known."""
    if not net.header.has_tangents:
        raise ValueError("work has no room for second derivatives; make it with curvature=True")
    if not net.header.loss_has_tangent:
        raise ValueError("the loss has no second derivative; register it with a bend")
    for l in range(net.header.n_layers):
        layer = net.layers[l]
        if not layer.is_identity and not layer.has_tangent:
            raise ValueError("an activation has no second derivative (its layer); register it with a bend", l)


@leaf
def check_state(state, n_parameters):
    """The state's vectors fit its rule and so many parameters."""
    rule = state.counters[0].rule
    one, two = rule != SGD, rule != SGD and rule != MOMENTUM and rule != NESTEROV
    if state.velocity.size != (n_parameters if one else 0) or state.mean_square.size != (n_parameters if two else 0):
        raise ValueError(
            "state was made for another plan (length of its vectors: given, needed)", state.velocity.size, n_parameters
        )


@leaf
def check_gradient(theta, grad):
    if grad.size != theta.size:
        raise ValueError("grad needs the length of theta (given, needed)", grad.size, theta.size)


@leaf
def check_training(state, n_parameters, order, n_rows, epochs):
    """The state fits the plan, and order names rows of X, as many for each epoch."""
    if epochs == 0 or order.size % epochs != 0:
        raise ValueError("order needs the same number of rows for each epoch (rows, epochs)", order.size, epochs)
    check_state(state, n_parameters)
    for i in range(order.size):
        if order[i] < 0 or order[i] >= n_rows:
            raise ValueError("order names a row that X does not have (given, rows)", order[i], n_rows)


@leaf
def check_begin(begin, n_rows, batch_rows, epochs):
    """An epoch is gone on with between two of its batches, and by itself."""
    if begin != 0 and (begin < 0 or begin >= n_rows or begin % batch_rows != 0 or epochs != 1):
        raise ValueError("work.epochs[0].begin must lie between two batches (given, rows)", begin, n_rows)


@leaf
def check_team(header):
    """The workspace has room for so many threads."""
    most, thread, threads = header.n_threads, header.thread, header.threads
    if thread < 0 or thread >= threads or threads > most:
        raise ValueError("work was made for fewer threads (given, at most); make it with a larger n_threads", threads, most)


@leaf
def check_lanes(plan, thetas, rates, X, T, orders, losses):
    """What `train_lanes` takes: a row of thetas, a rate, a row of orders and a column of losses for each network."""
    networks, n = thetas.shape[0], X.shape[0]
    n_in, n_targets, n_parameters = plan.layers[0].n_in, plan.header[0].n_targets, plan.header[0].n_parameters
    if networks == 0 or thetas.shape[1] != n_parameters:
        raise ValueError(
            "thetas needs a row of parameters for each network (given, length of a row)", thetas.shape, n_parameters
        )
    if rates.size != networks or orders.shape[0] != networks or losses.shape[1] != networks:
        raise ValueError("rates, rows of orders and columns of losses must be as many as rows of thetas (given, needed)",
                         rates.size, orders.shape[0], losses.shape[1], networks)  # fmt: skip
    if n == 0 or X.shape[1] != n_in:
        raise ValueError("X needs at least one row, and this plan's number of columns (given, columns)", X.shape, n_in)
    if T.shape[0] != n or T.shape[1] != n_targets:
        raise ValueError("T needs as many rows as X, and this plan's columns (given, needed)", T.shape, (n, n_targets))
    epochs, per_network = losses.shape[0], orders.shape[1]
    if epochs == 0 or per_network % epochs != 0:
        raise ValueError("orders needs the same number of rows for each epoch (rows, epochs)", per_network, epochs)
    for network in range(networks):
        for i in range(per_network):
            if orders[network, i] < 0 or orders[network, i] >= n:
                raise ValueError("orders names a row that X does not have (given, rows)", orders[network, i], n)
