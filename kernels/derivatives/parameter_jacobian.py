"""The outputs, and each one's derivatives to the parameters."""

from __future__ import annotations

from ..checks import check_derivatives, check_jacobian
from ..compiler.jit import kernel
from ..llvm import minimum, span, unowned
from ..passes import Block, Net, inputs_of
from ..training.barrier import abandoned
from .chain import check_with_outputs, load
from .row_gradients import take_row_gradients
from .stacks import forward_and_slopes, small_block, stack_outputs, units_at_once


@kernel(read_only="theta X", written="Y J")
def parameter_jacobian(plan, theta, X, Y, J, work):
    """Compute the derivatives of each output of each row to the parameters.

    Parameters
    ----------
    plan : Plan
        Network.
    theta : ndarray of shape (n_parameters,)
        Parameters.
    X : ndarray of shape (n, n_in)
        Inputs, any number of rows.
    Y : ndarray of shape (n, n_out)
        OUT: the outputs.
    J : ndarray of shape (n, n_out, n_parameters)
        OUT: the derivatives.
    work : Workspace
        Scratch memory, made with ``derivatives=True``.

    Raises
    ------
    ValueError
        If a shape does not fit, or the workspace has no room for derivatives. Nothing is written then.

    Examples
    --------
    >>> import numpy as np
    >>> from tileprop.kernels import make_plan, make_workspace, parameter_jacobian
    >>> plan = make_plan([2, 1], output_activation="identity")
    >>> work, Y, J = make_workspace(plan, derivatives=True), np.empty((1, 1)), np.empty((1, 1, 3))
    >>> parameter_jacobian(plan, np.array([1.0, 2.0, 0.0]), np.array([[3.0, 4.0]]), Y, J, work)
    >>> Y, J
    (array([[11.]]), array([[[3., 4., 1.]]]))
    """
    net = Net(work.header[0], unowned(work.layers), unowned(work.numbers))
    check_with_outputs(plan, net, theta, X, Y)
    check_derivatives(net)
    check_jacobian(J, Y, theta.size)
    out, n_out, size = span(J, 0, J.size), Y.shape[1], theta.size
    load(net, theta, 1)
    for start in range(0, X.shape[0], small_block(net)):
        if abandoned(net):
            break
        rows = forward_and_slopes(net, X, start, Y)
        inputs, units = inputs_of(net, X, start), units_at_once(net, rows, n_out)
        for first in range(0, n_out, units):
            if abandoned(net):
                break
            here = minimum(units, n_out - first)
            stack_outputs(net, first, here, rows)
            for unit in range(here):
                at = (start * n_out + first + unit) * size
                take_row_gradients(net, inputs, Block(0, 0, rows), unit * rows, out, at, n_out * size)
