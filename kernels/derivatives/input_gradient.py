"""The loss, and its gradient to the inputs."""

from __future__ import annotations

import numpy as np

from ..checks import check_derivatives, check_like
from ..compiler.jit import kernel
from ..llvm import span, unowned
from ..passes import Net, Targets
from ..training.barrier import abandoned
from .chain import (
    backward_block,
    block_from,
    block_loss,
    check_with_loss,
    forward_block,
    load_unless_one,
    scale_of,
    take_input_gradient,
)


@kernel(read_only="theta X T weight", written="dX")
def input_gradient(plan, theta, X, T, weight, dX, work):
    """Compute the gradient of the mean loss to the inputs.

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
        Sample weights; empty where all rows count the same.
    dX : ndarray of shape (n, n_in)
        OUT: the gradient.
    work : Workspace
        Scratch memory, made with ``derivatives=True``.

    Returns
    -------
    float
        Mean loss.

    Raises
    ------
    ValueError
        If a shape does not fit, or the workspace has no room for derivatives. Nothing is written then.

    Examples
    --------
    >>> import numpy as np
    >>> from tileprop.kernels import input_gradient, make_plan, make_workspace
    >>> plan = make_plan([2, 1], output_activation="identity")
    >>> work, dX = make_workspace(plan, derivatives=True), np.empty((1, 2))
    >>> input_gradient(plan, np.array([1.0, 2.0, 0.0]), np.array([[3.0, 4.0]]), np.array([[10.0]]), np.empty(0), dX, work)
    1.0
    >>> dX
    array([[2., 4.]])
    """
    net = Net(work.header[0], unowned(work.layers), unowned(work.numbers))
    check_with_loss(plan, net, theta, X, T, weight)
    check_derivatives(net)
    check_like(X, dX)
    n, out = X.shape[0], span(dX, 0, dX.size)
    load_unless_one(net, theta, 0, n)
    targets, weights = unowned(T), unowned(weight)
    scale, total = scale_of(weight, n), np.float64(0.0)
    for start in range(0, n, net.header.block_rows):
        if abandoned(net):
            break
        block = block_from(net, X, start)
        forward_block(net, theta, X, start, block)
        total += block_loss(net, Targets(targets, weights, start, scale), block)
        backward_block(net, theta, X, block)
        take_input_gradient(net, theta, X, start, block, out)
    return total * scale
