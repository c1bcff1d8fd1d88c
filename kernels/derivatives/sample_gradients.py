"""The gradient of each row's own loss to the parameters."""

from __future__ import annotations

import numpy as np

from ..checks import check_row_gradients
from ..compiler.jit import kernel
from ..llvm import span, unowned
from ..passes import Net, Targets, inputs_of
from ..training.barrier import abandoned
from .chain import backward_block, block_from, block_loss, check_with_loss, forward_block, load_unless_one, scale_of
from .row_gradients import take_row_gradients


@kernel(read_only="theta X T weight", written="G")
def sample_gradients(plan, theta, X, T, weight, G, work):
    """Compute the gradient of each row's own loss to the parameters.

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
    G : ndarray of shape (n, n_parameters)
        OUT: the gradients, each multiplied by the row's weight. The sum of the rows of G, divided by the sum of the weights, is
        the gradient of the mean loss.
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
    >>> from tileprop.kernels import make_plan, make_workspace, sample_gradients
    >>> plan = make_plan([2, 1], output_activation="identity")
    >>> work, G = make_workspace(plan), np.empty((2, 3))
    >>> X, T = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0], [2.0]])
    >>> sample_gradients(plan, np.zeros(3), X, T, np.empty(0), G, work), G
    (2.5, array([[ -2.,  -4.,  -2.],
           [-12., -16.,  -4.]]))
    """
    net = Net(work.header[0], unowned(work.layers), unowned(work.numbers))
    check_with_loss(plan, net, theta, X, T, weight)
    n, size, out = X.shape[0], theta.size, span(G, 0, G.size)
    check_row_gradients(G, n, size)
    load_unless_one(net, theta, 1, n)
    targets, weights = unowned(T), unowned(weight)
    total = np.float64(0.0)
    for start in range(0, n, net.header.block_rows):
        if abandoned(net):
            break
        block = block_from(net, X, start)
        forward_block(net, theta, X, start, block)
        total += block_loss(net, Targets(targets, weights, start, 1.0), block)
        backward_block(net, theta, X, block)
        take_row_gradients(net, inputs_of(net, X, start), block, 0, out, start * size, size)
    return total * scale_of(weight, n)
