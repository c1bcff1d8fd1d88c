"""From dL/dY, however it was made, back to parameters and inputs: the network inside a larger differentiable program."""

from __future__ import annotations

from ..checks import check_derivatives, check_kept, check_like, check_outputs, check_parameters, check_workspace
from ..compiler.jit import kernel, leaf
from ..llvm import span, unowned
from ..passes import (
    Block,
    Into,
    Net,
    add_gradient,
    backward_rows,
    inputs_of,
    refresh_all_transposed,
    unpack_parameters,
)
from ..predict import forward_one
from ..training.barrier import abandoned, single_thread
from ..training.dropout import no_dropout
from .chain import block_from, forward_block, input_deltas, load, seed_rows, take_input_deltas
from .one_row import backward_one, input_delta_one
from .row_gradients import take_row_gradients


@leaf
def check_with_seed(plan, net, X, dY, grad, dX):
    """What pullbacks check at their beginning, theta apart."""
    check_workspace(plan, net)
    check_outputs(net, X, dY, X.shape[0])
    if grad.size:
        check_parameters(net, grad, grad)
    if dX.size:
        check_derivatives(net)
        check_like(X, dX)


@leaf
def pull_back(net, X, dY, start, block, grad, dX, team):
    """A block's part of both derivatives, after its forward pass; that of `grad` in the sums. start: its first row of X."""
    n_in, inputs = X.shape[1], inputs_of(net, X, start)
    seed_rows(net, span(dY, 0, dY.size), start, block)
    backward_rows(net, block, no_dropout())
    if grad.size:
        into = Into(net.header.sums, net.memory.dtype.type(1.0), start > 0)
        add_gradient(net, inputs, block, 0, into, team, no_dropout())
    if dX.size:
        input_deltas(net, block.rows)
        take_input_deltas(net, 0, block.rows, span(dX, 0, dX.size), start * n_in, n_in)


@leaf
def pull_back_one(net, theta, X, dY, grad, dX):
    """Both derivatives of a single row, on theta as it is."""
    inputs, block = inputs_of(net, X, 0), Block(0, 0, 1)
    forward_one(net, theta, inputs.vector)
    seed_rows(net, span(dY, 0, dY.size), 0, block)
    backward_one(net, theta)
    if grad.size:
        take_row_gradients(net, inputs, block, 0, grad, 0, 0)
    if dX.size:
        input_delta_one(net, theta, span(dX, 0, dX.size))


@leaf
def take_gradient(net, rows, grad):
    """grad OUT, from the sums; zeros where there were no rows."""
    if rows == 0:
        grad[:] = grad.dtype.type(0.0)
    elif grad.size:
        unpack_parameters(net, grad, net.header.sums)


@kernel(read_only="X dY", written="grad dX")
def backward(plan, X, dY, grad, dX, work):
    """Compute gradients after `forward`, from derivatives to the outputs.

    It follows `forward` or `forward_loaded` with the same X and workspace.

    Parameters
    ----------
    plan : Plan
        Network.
    X : ndarray of shape (n, n_in)
        Inputs that `forward` was given.
    dY : ndarray of shape (n, n_out)
        Derivatives of any number to the outputs that `forward` returned.
    grad : ndarray of shape (n_parameters,) or (0,)
        OUT: the derivatives to the parameters, summed over the rows; empty to leave them out.
    dX : ndarray of shape (n, n_in) or (0, n_in)
        OUT: the derivatives to the inputs; empty to leave them out. They need a workspace made with ``derivatives=True``.
    work : Workspace
        Scratch memory that `forward` was given.

    Raises
    ------
    ValueError
        If a shape does not fit, or the rows do not fit into the workspace at once.

    Examples
    --------
    >>> import numpy as np
    >>> from tileprop.kernels import backward, forward, make_plan, make_workspace
    >>> plan = make_plan([2, 1], output_activation="identity")
    >>> theta, work = np.array([1.0, 2.0, 0.0]), make_workspace(plan, derivatives=True)
    >>> X, grad, dX = np.array([[3.0, 4.0]]), np.empty(3), np.empty((1, 2))
    >>> Y = forward(plan, theta, X, work)
    >>> backward(plan, X, 2 * Y, grad, dX, work)
    >>> grad, dX
    (array([66., 88., 22.]), array([[22., 44.]]))
    """
    net = Net(work.header[0], unowned(work.layers), unowned(work.numbers))
    check_with_seed(plan, net, X, dY, grad, dX)
    check_kept(X.shape[0], net.header.chunk_rows)
    refresh_all_transposed(net, 0 if dX.size else 1)
    if X.shape[0]:
        pull_back(net, X, dY, 0, Block(0, 0, X.shape[0]), grad, dX, single_thread(net))
    take_gradient(net, X.shape[0], grad)


@kernel(read_only="theta X dY", written="grad dX")
def vjp(plan, theta, X, dY, grad, dX, work):
    """Compute the vector-Jacobian product of a network: from derivatives to the outputs to those to parameters and inputs.

    As `backward`, with a forward pass of its own and for any number of rows.

    Parameters
    ----------
    plan : Plan
        Network.
    theta : ndarray of shape (n_parameters,)
        Parameters.
    X : ndarray of shape (n, n_in)
        Inputs.
    dY : ndarray of shape (n, n_out)
        Derivatives of any number to the outputs.
    grad : ndarray of shape (n_parameters,) or (0,)
        OUT: the derivatives to the parameters, summed over the rows; empty to leave them out.
    dX : ndarray of shape (n, n_in) or (0, n_in)
        OUT: the derivatives to the inputs; empty to leave them out. They need a workspace made with ``derivatives=True``.
    work : Workspace
        Scratch memory.

    Raises
    ------
    ValueError
        If a shape does not fit. Nothing is written then.

    Examples
    --------
    >>> import numpy as np
    >>> from tileprop.kernels import make_plan, make_workspace, vjp
    >>> plan = make_plan([2, 1], output_activation="identity")
    >>> theta, work = np.array([1.0, 2.0, 0.0]), make_workspace(plan, derivatives=True)
    >>> grad, dX = np.empty(3), np.empty((1, 2))
    >>> vjp(plan, theta, np.array([[3.0, 4.0]]), np.array([[1.0]]), grad, dX, work)
    >>> grad, dX
    (array([3., 4., 1.]), array([[1., 2.]]))
    """
    net = Net(work.header[0], unowned(work.layers), unowned(work.numbers))
    check_with_seed(plan, net, X, dY, grad, dX)
    check_parameters(net, theta, theta)
    if X.shape[0] == 1:
        pull_back_one(net, theta, X, dY, span(grad, 0, grad.size), dX)
        return
    load(net, theta, 0 if dX.size else 1)
    for start in range(0, X.shape[0], net.header.block_rows):
        if abandoned(net):
            break
        block = block_from(net, X, start)
        forward_block(net, theta, X, start, block)
        pull_back(net, X, dY, start, block, grad, dX, single_thread(net))
    take_gradient(net, X.shape[0], grad)
