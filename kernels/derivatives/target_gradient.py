"""The loss and its gradient to the targets: for targets that are themselves computed from something."""

from __future__ import annotations

import numpy as np

from ..checks import check_derivatives, check_like, check_targets
from ..compiler.jit import kernel, leaf
from ..llvm import call_loss, copy, span, unowned
from ..losses.codes import LABEL_LOG_LOSS
from ..passes import Net
from ..training.barrier import abandoned
from .chain import block_from, check_with_loss, forward_block, load_unless_one, scale_of


@leaf
def loss_of_block(net, kernel, T, weight, start, scale, block):
    """The weighted sum of the losses of a block's rows, by the row kernel of the loss at an address, in one call of it."""
    last, parameters = net.layers[net.header.n_layers - 1], net.header.loss_parameters
    return call_loss(
        kernel, net.header.loss, net.memory, last.activations, last.deltas, block.rows, last.stride, last.n_out,
        T, T.shape[1], weight, weight.size, start, scale, parameters,
    )  # fmt: skip


@kernel(read_only="theta X T weight", written="dT")
def target_gradient(plan, theta, X, T, weight, dT, work):
    """Compute the gradient of the mean loss to the targets.

    Parameters
    ----------
    plan : Plan
        Network.
    theta : ndarray of shape (n_parameters,)
        Parameters.
    X : ndarray of shape (n, n_in)
        Inputs, any number of rows.
    T : ndarray of shape (n, n_targets)
        Targets; not class numbers, which have no derivative.
    weight : ndarray of shape (n,) or (0,)
        Sample weights; empty where all rows count the same.
    dT : ndarray of shape (n, n_targets)
        OUT: the gradient. Of "poisson" it is minus infinity where a target is 0.
    work : Workspace
        Scratch memory, made with ``derivatives=True``.

    Returns
    -------
    float
        Mean loss.

    Raises
    ------
    ValueError
        If a shape does not fit, T holds class numbers, the workspace has no room for derivatives, or the loss is a registered
        one without `target_gradient`.

    Examples
    --------
    >>> import numpy as np
    >>> from tileprop.kernels import make_plan, make_workspace, target_gradient
    >>> plan = make_plan([2, 1], output_activation="identity")
    >>> work, dT = make_workspace(plan, derivatives=True), np.empty((1, 1))
    >>> target_gradient(plan, np.array([1.0, 2.0, 0.0]), np.array([[3.0, 4.0]]), np.array([[10.0]]), np.empty(0), dT, work)
    1.0
    >>> dT
    array([[-2.]])
    """
    net = Net(work.header[0], unowned(work.layers), unowned(work.numbers))
    check_with_loss(plan, net, theta, X, T, weight)
    check_derivatives(net)
    check_targets(net, net.header.loss == LABEL_LOG_LOSS)
    check_like(T, dT)
    header, n, columns, out = net.header, X.shape[0], T.shape[1], span(dT, 0, dT.size)
    last = net.layers[header.n_layers - 1]
    load_unless_one(net, theta, header.n_layers, n)
    scale, total = scale_of(weight, n), np.float64(0.0)
    for start in range(0, n, header.block_rows):
        if abandoned(net):
            break
        block = block_from(net, X, start)
        forward_block(net, theta, X, start, block)
        total += loss_of_block(net, header.loss_kernel, T, weight, start, scale, block)
        total += loss_of_block(net, header.loss_target_kernel, T, weight, start, scale, block)
        for r in range(block.rows):
            copy(out, (start + r) * columns, net.memory, last.deltas + r * last.stride, columns)
    return total * scale
