"""From rows to outputs: many rows, through parameters in panels; one row, on theta as it is."""

from __future__ import annotations

from .checks import check_one, check_outputs, check_parameters, check_sparse_outputs, check_workspace
from .compiler.jit import kernel, leaf
from .inputs import forward_inputs
from .llvm import call_activation, empty_integers, held_matrix, matrix, maximum, minimum, span, unowned
from .passes import Block, Net, forward_rows, inputs_of, pack_parameters
from .sparse_rows import SparseBatch, unowned_rows
from .training.barrier import abandoned
from .training.dropout import no_dropout


@leaf
def take_outputs(net, block, Y, start):
    """Y[start : start + block.rows] OUT: the outputs of a block's rows, after their forward pass."""
    last = net.layers[net.header.n_layers - 1]
    outputs = matrix(net.memory, last.activations + block.first * last.stride, block.rows, last.stride)
    for r in range(block.rows):
        for j in range(Y.shape[1]):
            Y[start + r, j] = outputs[r, j]


@leaf(inline=True)
def predict_rows(net, X, Y, keep):
    """Y OUT, with the parameters that lie in panels. keep: every row's activations stay, so that a backward pass can follow."""
    block_rows = net.header.block_rows
    for start in range(0, X.shape[0], block_rows):
        if abandoned(net):
            break
        block = Block(0, start if keep else 0, minimum(block_rows, X.shape[0] - start))
        forward_rows(net, inputs_of(net, X, start), block, no_dropout())
        take_outputs(net, block, Y, start)


@kernel(read_only="theta X", written="Y")
def predict(plan, theta, X, Y, work):
    """Compute the outputs of a network for any number of rows.

    Parameters
    ----------
    plan : Plan
        Network.
    theta : ndarray of shape (n_parameters,)
        Parameters.
    X : ndarray of shape (n, n_in)
        Inputs.
    Y : ndarray of shape (n, n_out)
        OUT: the outputs.
    work : Workspace
        Scratch memory.

    Raises
    ------
    ValueError
        If a shape does not fit the plan. Nothing is written then.

    Examples
    --------
    >>> import numpy as np
    >>> from tileprop.kernels import make_plan, make_workspace, predict
    >>> plan = make_plan([2, 3, 1], activation="tanh")
    >>> theta, work = np.full(plan.n_parameters, 0.1), make_workspace(plan)
    >>> X, Y = np.array([[1.0, 2.0], [3.0, 4.0]]), np.empty((2, 1))
    >>> predict(plan, theta, X, Y, work)
    >>> Y.round(4)
    array([[0.5533],
           [0.5742]])
    """
    net = Net(work.header[0], unowned(work.layers), unowned(work.numbers))
    check_workspace(plan, net)
    check_parameters(net, theta, theta)
    check_outputs(net, X, Y, X.shape[0])
    pack_parameters(net, theta, net.header.parameters)
    predict_rows(net, X, Y, False)


@kernel(read_only="theta")
def load_parameters(plan, theta, work):
    """Put theta into a workspace, for calls of `forward_loaded`.

    It stays there until another kernel is called with the same workspace.

    Parameters
    ----------
    plan : Plan
        Network.
    theta : ndarray of shape (n_parameters,)
        Parameters.
    work : Workspace
        Scratch memory; takes in theta.

    Raises
    ------
    ValueError
        If theta has another length, or the workspace is for another plan.

    Examples
    --------
    >>> import numpy as np
    >>> from tileprop.kernels import forward_loaded, load_parameters, make_plan, make_workspace
    >>> plan = make_plan([2, 3, 1], activation="tanh")
    >>> work = make_workspace(plan)
    >>> load_parameters(plan, np.full(plan.n_parameters, 0.1), work)
    >>> forward_loaded(plan, np.array([[1.0, 2.0]]), work).round(4)
    array([[0.5533]])
    """
    net = Net(work.header[0], unowned(work.layers), unowned(work.numbers))
    check_workspace(plan, net)
    check_parameters(net, theta, theta)
    pack_parameters(net, theta, net.header.parameters)


@kernel(read_only="X")
def forward_loaded(plan, X, work):
    """Compute outputs with the parameters that `load_parameters` has put into the workspace.

    For many calls with a few rows each.

    Parameters
    ----------
    plan : Plan
        Network.
    X : ndarray of shape (n, n_in)
        Inputs, at most as many rows as the workspace's batch size.
    work : Workspace
        Scratch memory with the parameters.

    Returns
    -------
    ndarray of shape (n, n_out)
        Outputs: a view into `work`, valid until the next call with it.

    Raises
    ------
    ValueError
        If X has another number of columns, or too many rows.

    Examples
    --------
    >>> import numpy as np
    >>> from tileprop.kernels import forward_loaded, load_parameters, make_plan, make_workspace
    >>> plan = make_plan([2, 3, 1], activation="tanh")
    >>> work = make_workspace(plan)
    >>> load_parameters(plan, np.full(plan.n_parameters, 0.1), work)
    >>> forward_loaded(plan, np.array([[1.0, 2.0]]), work).round(4)
    array([[0.5533]])
    """
    net = Net(work.header[0], unowned(work.layers), unowned(work.numbers))
    check_workspace(plan, net)
    header = net.header
    rows, n_out = minimum(X.shape[0], header.batch_rows), net.layers[header.n_layers - 1].n_out
    Y = held_matrix(work.numbers, header.outputs, rows, n_out)
    check_outputs(net, X, Y, header.batch_rows)
    predict_rows(net, X, Y, X.shape[0] <= header.chunk_rows)
    return Y


@kernel(read_only="theta X")
def forward(plan, theta, X, work):
    """Compute the outputs of a network for at most a batch of rows.

    `backward` may follow. `predict` takes any number of rows.

    Parameters
    ----------
    plan : Plan
        Network.
    theta : ndarray of shape (n_parameters,)
        Parameters.
    X : ndarray of shape (n, n_in)
        Inputs, at most as many rows as the workspace's batch size.
    work : Workspace
        Scratch memory.

    Returns
    -------
    ndarray of shape (n, n_out)
        Outputs: a view into `work`, valid until the next call with it.

    Raises
    ------
    ValueError
        If a shape does not fit the plan, or X has too many rows.

    Examples
    --------
    >>> import numpy as np
    >>> from tileprop.kernels import forward, make_plan, make_workspace
    >>> plan = make_plan([2, 3, 1], activation="tanh")
    >>> theta, work = np.full(plan.n_parameters, 0.1), make_workspace(plan)
    >>> forward(plan, theta, np.array([[1.0, 2.0], [3.0, 4.0]]), work).round(4)
    array([[0.5533],
           [0.5742]])
    """
    load_parameters(plan, theta, work)
    return forward_loaded(plan, X, work)


@kernel(read_only="theta", written="Y")
def predict_sparse(plan, theta, sparse_X, Y, work):
    """Y (n, n_out) OUT, the network's outputs for SparseRows, any number of rows. work: may be made with sparse=True."""
    net = Net(work.header[0], unowned(work.layers), unowned(work.numbers))
    check_workspace(plan, net)
    check_parameters(net, theta, theta)
    check_sparse_outputs(net, sparse_X, Y)
    pack_parameters(net, theta, net.header.parameters)
    X, n = unowned_rows(sparse_X), Y.shape[0]
    for start in range(0, n, net.header.block_rows):
        if abandoned(net):
            break
        block = Block(0, 0, minimum(net.header.block_rows, n - start))
        forward_inputs(net, None, SparseBatch(X, empty_integers(), start), block, no_dropout())
        take_outputs(net, block, Y, start)


# One row: for loops that need one answer at a time ------------------------------------------------------------------------


@leaf
def add_multiple(z, factor, w):
    """z += factor w, vectors of one length."""
    for j in range(z.size):
        z[j] += factor * w[j]


@leaf(read_only="theta x")
def forward_one(net, theta, x):
    """Activations of all layers for one row, the vector x from its begin, in the first row of a chunk's memory."""
    memory = net.memory
    for l in range(net.header.n_layers):
        layer, below = net.layers[l], net.layers[maximum(l - 1, 0)]
        row = span(memory, layer.preactivations, layer.stride)
        for j in range(row.size):
            row[j] = 0.0
        z = span(memory, layer.preactivations, layer.n_out)
        for k in range(layer.n_in):
            weights = span(theta, layer.theta_weights + k * layer.n_out, layer.n_out)
            add_multiple(z, x[k] if l == 0 else memory[below.activations + k], weights)
        if net.header.biased:
            add_multiple(z, z.dtype.type(1.0), span(theta, layer.theta_biases, layer.n_out))
        if not layer.is_identity:  # a single call, without the loop over strips of `activate`
            call_activation(
                layer.activation_kernel, memory, layer.preactivations, layer.activations, layer.deltas, 0, 1, layer.stride,
                layer.n_out, False,
            )  # fmt: skip


@kernel(read_only="theta x", written="y")
def predict_one(plan, theta, x, y, work):
    """Compute the outputs of a network for one row.

    The same to the last bit as by `predict`, in less time.

    Parameters
    ----------
    plan : Plan
        Network.
    theta : ndarray of shape (n_parameters,)
        Parameters.
    x : ndarray of shape (n_in,)
        Inputs of the row.
    y : ndarray of shape (n_out,)
        OUT: its outputs.
    work : Workspace
        Scratch memory.

    Raises
    ------
    ValueError
        If a length does not fit the plan. Nothing is written then.

    Examples
    --------
    >>> import numpy as np
    >>> from tileprop.kernels import make_plan, make_workspace, predict_one
    >>> plan = make_plan([2, 3, 1], activation="tanh")
    >>> theta, work = np.full(plan.n_parameters, 0.1), make_workspace(plan)
    >>> y = np.empty(1)
    >>> predict_one(plan, theta, np.array([1.0, 2.0]), y, work)
    >>> y.round(4)
    array([0.5533])
    """
    net = Net(work.header[0], unowned(work.layers), unowned(work.numbers))
    check_workspace(plan, net)
    check_parameters(net, theta, theta)
    check_one(net, x, y)
    forward_one(net, theta, x)
    outputs = net.layers[net.header.n_layers - 1].activations
    for j in range(y.size):
        y[j] = net.memory[outputs + j]
