"""The outputs, and each one's derivatives to its row's inputs."""

from __future__ import annotations

from ..checks import check_derivatives, check_jacobian
from ..compiler.jit import kernel, leaf
from ..llvm import minimum, span, unowned
from ..passes import Net
from ..training.barrier import abandoned
from .chain import check_with_outputs, input_deltas, load, take_input_deltas
from .stacks import forward_and_slopes, small_block, stack_inputs, stack_outputs, units_at_once


@leaf
def take_stack(net, first, units, rows, out, at, step):
    """J (rows, n_out, n_in), of inputs from `first` on, to place `at` of the vector OUT, `step` numbers for each row."""
    last, n_in = net.layers[net.header.n_layers - 1], net.layers[0].n_in
    for unit in range(units):
        for r in range(rows):
            deltas = span(net.memory, last.deltas + (unit * rows + r) * last.stride, last.n_out)
            for j in range(last.n_out):
                out[at + r * step + j * n_in + first + unit] = deltas[j]


@leaf
def jacobian_from_outputs(net, rows, out, at):
    """A block's part of J, to place `at` of the vector OUT: from the outputs back."""
    n_in, n_out = net.layers[0].n_in, net.layers[net.header.n_layers - 1].n_out
    units = units_at_once(net, rows, n_out)
    for first in range(0, n_out, units):
        if abandoned(net):
            break
        here = minimum(units, n_out - first)
        stack_outputs(net, first, here, rows)
        input_deltas(net, here * rows)
        for unit in range(here):
            take_input_deltas(net, unit * rows, rows, out, at + (first + unit) * n_in, n_out * n_in)


@leaf
def jacobian_from_inputs(net, theta, rows, out, at):
    """The same from the inputs on."""
    n_in, n_out = net.layers[0].n_in, net.layers[net.header.n_layers - 1].n_out
    units = units_at_once(net, rows, n_in)
    for first in range(0, n_in, units):
        if abandoned(net):
            break
        here = minimum(units, n_in - first)
        stack_inputs(net, theta, first, here, rows)
        take_stack(net, first, here, rows, out, at, n_out * n_in)


@kernel(read_only="theta X", written="Y J")
def input_jacobian(plan, theta, X, Y, J, work):
    """Compute the derivatives of each output to its row's inputs.

    It works back from the outputs or on from the inputs, whichever are fewer.

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
    J : ndarray of shape (n, n_out, n_in)
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
    >>> from tileprop.kernels import input_jacobian, make_plan, make_workspace
    >>> plan = make_plan([2, 1], output_activation="identity")
    >>> work, Y, J = make_workspace(plan, derivatives=True), np.empty((1, 1)), np.empty((1, 1, 2))
    >>> input_jacobian(plan, np.array([1.0, 2.0, 0.0]), np.array([[3.0, 4.0]]), Y, J, work)
    >>> Y, J
    (array([[11.]]), array([[[1., 2.]]]))
    """
    net = Net(work.header[0], unowned(work.layers), unowned(work.numbers))
    check_with_outputs(plan, net, theta, X, Y)
    check_derivatives(net)
    check_jacobian(J, Y, X.shape[1])
    out, n_in, n_out = span(J, 0, J.size), X.shape[1], Y.shape[1]
    backwards = n_out <= n_in
    load(net, theta, 0 if backwards else net.header.n_layers)
    for start in range(0, X.shape[0], small_block(net)):
        if abandoned(net):
            break
        rows = forward_and_slopes(net, X, start, Y)
        if backwards:
            jacobian_from_outputs(net, rows, out, start * n_out * n_in)
        else:
            jacobian_from_inputs(net, theta, rows, out, start * n_out * n_in)
