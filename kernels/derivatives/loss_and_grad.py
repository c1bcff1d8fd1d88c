"""The loss, and its gradient to the parameters."""

from __future__ import annotations

import numpy as np

from ..checks import check_loss, check_parameters, check_sparse_rows, check_workspace
from ..compiler.jit import kernel
from ..inputs import add_inputs_gradient, forward_inputs
from ..llvm import empty_integers, minimum, span, unowned
from ..passes import Block, Into, Net, Targets, add_gradient, backward_rows, inputs_of, unpack_parameters
from ..sparse_rows import SparseBatch, unowned_rows
from ..training.barrier import abandoned, single_thread
from ..training.dropout import no_dropout
from .chain import (
    backward_block,
    block_from,
    block_loss,
    check_with_loss,
    forward_block,
    load,
    load_unless_one,
    scale_of,
)
from .row_gradients import take_row_gradients


@kernel(read_only="theta X T weight", written="grad")
def loss_and_grad(plan, theta, X, T, weight, grad, work):
    """Compute the loss of a network, averaged over the rows, and its gradient to the parameters.

    Parameters
    ----------
    plan : Plan
        Network.
    theta : ndarray of shape (n_parameters,)
        Parameters.
    X : ndarray of shape (n, n_in)
        Inputs, any number of rows.
    T : ndarray of shape (n, n_targets)
        Targets.
    weight : ndarray of shape (n,) or (0,)
        Sample weights; empty where all rows count the same. Weights that sum to zero give a loss and a gradient of zero.
    grad : ndarray of shape (n_parameters,) or (0,)
        OUT: the gradient; empty for the loss alone.
    work : Workspace
        Scratch memory.

    Returns
    -------
    float
        Mean loss.

    Raises
    ------
    ValueError
        If a shape does not fit. Nothing is written then.

    Examples
    --------
    >>> import numpy as np
    >>> from tileprop.kernels import loss_and_grad, make_plan, make_workspace
    >>> plan = make_plan([2, 1], output_activation="identity")
    >>> theta, grad, work = np.zeros(plan.n_parameters), np.empty(plan.n_parameters), make_workspace(plan)
    >>> X, T = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[1.0], [2.0]])
    >>> loss_and_grad(plan, theta, X, T, np.empty(0), grad, work), grad
    (2.5, array([-1., -2., -3.]))
    """
    net = Net(work.header[0], unowned(work.layers), unowned(work.numbers))
    check_with_loss(plan, net, theta, X, T, weight)
    header, n, wanted = net.header, X.shape[0], grad.size > 0
    if wanted:
        check_parameters(net, theta, grad)
    load_unless_one(net, theta, 1 if wanted else header.n_layers, n)
    targets, weights = unowned(T), unowned(weight)
    scale, total, team = scale_of(weight, n), np.float64(0.0), single_thread(net)
    for start in range(0, n, header.block_rows):
        if abandoned(net):
            break
        block, inputs = block_from(net, X, start), inputs_of(net, X, start)
        forward_block(net, theta, X, start, block)
        total += block_loss(net, Targets(targets, weights, start, scale), block)
        if wanted:
            backward_block(net, theta, X, block)
            if n == 1:
                take_row_gradients(net, inputs, block, 0, span(grad, 0, grad.size), 0, 0)
            else:
                into = Into(header.sums, net.memory.dtype.type(1.0), start > 0)
                add_gradient(net, inputs, block, 0, into, team, no_dropout())
    if wanted and n > 1:
        unpack_parameters(net, grad, header.sums)
    return total * scale


@kernel(read_only="theta T weight", written="grad")
def sparse_loss_and_grad(plan, theta, sparse_X, T, weight, grad, work):
    """`loss_and_grad` for SparseRows: they go to the first layer's products as they are. work: may be made with sparse=True."""
    net = Net(work.header[0], unowned(work.layers), unowned(work.numbers))
    check_workspace(plan, net)
    check_parameters(net, theta, theta)
    check_loss(plan, net)
    check_sparse_rows(net, sparse_X, T, weight)
    header, n, wanted = net.header, T.shape[0], grad.size > 0
    if wanted:
        check_parameters(net, theta, grad)
    load(net, theta, 1 if wanted else header.n_layers)
    X, targets, weights = unowned_rows(sparse_X), unowned(T), unowned(weight)
    scale, total, team = scale_of(weight, n), np.float64(0.0), single_thread(net)
    for start in range(0, n, header.block_rows):
        if abandoned(net):
            break
        block, batch = Block(0, 0, minimum(header.block_rows, n - start)), SparseBatch(X, empty_integers(), start)
        forward_inputs(net, None, batch, block, no_dropout())
        total += block_loss(net, Targets(targets, weights, start, scale), block)
        if wanted:
            backward_rows(net, block, no_dropout())
            into = Into(header.sums, net.memory.dtype.type(1.0), start > 0)
            add_inputs_gradient(net, None, batch, block, 0, into, team, no_dropout())
    if wanted:
        unpack_parameters(net, grad, header.sums)
    return total * scale
