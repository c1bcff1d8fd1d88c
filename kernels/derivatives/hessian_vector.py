"""Second derivatives of the loss along a direction v of the parameters, without a matrix (Pearlmutter 1994; Schraudolph 2002).

R stands for the derivative along v of what follows. With V for v's part of W:

    forward    R z = R a' W + a' V,  R a = f'(z) R z                                             a' the layer below's
    backward   R g = R delta W^T + delta V^T,  R delta = f'(z) R g + f''(z) R z g                g = dL/da
    result     R dW = R a'^T delta + a'^T R delta,  R db = sum_rows R delta

The Gauss-Newton product leaves out what comes from f'' and from R of the weights on the way back: J^T H J v, with H the second
derivatives of the loss to the outputs; for losses that go with an activation, to its inputs. What R is taken of lies in the
workspace, and R of it, its tangent, as far behind it as `tangents` of the header says.
"""

from __future__ import annotations

import numpy as np

from ..checks import check_parameters, check_tangents
from ..compiler.jit import kernel, leaf
from ..llvm import copy, minimum, span, unowned
from ..matrices import ByRows, multiply, multiply_into_panels, transposed
from ..passes import (
    Into,
    Net,
    Targets,
    add_gradient,
    call_by_strips,
    forward_rows,
    inputs_of,
    loss_rows,
    multiply_by_slopes,
    operand_of,
    pack_parameters,
    refresh_all_transposed,
    rows_at,
    rows_at_a_time,
    sum_of_losses,
    unpack_parameters,
    weights_at,
)
from ..training.barrier import abandoned, single_thread
from ..training.dropout import no_dropout
from .chain import backward_product, below_at, block_from, check_with_loss, load, scale_of


@leaf
def activate_tangents(net, layer, block):
    """Tangents of a layer's pre-activations into those of its activations."""
    if not layer.is_identity:
        call_by_strips(net, layer, layer.tangent_kernel, block, layer.deltas, False)


@leaf
def tangents_of_slopes(net, layer, block):
    """From dL/da, where the deltas lie, and its tangents to those of dL/dz; dL/da stays."""
    if not layer.is_identity:
        call_by_strips(net, layer, layer.tangent_kernel, block, layer.deltas, True)


@leaf
def forward_tangents(net, X, block):
    """R a of all layers, after `forward_rows`."""
    memory, tangents, source = net.memory, net.header.tangents, X
    one, direction = memory.dtype.type(1.0), net.header.tangents + net.header.parameters
    for l in range(net.header.n_layers):
        layer = net.layers[l]
        z = rows_at(tangents + layer.preactivations, layer, block)
        biases = ByRows(direction + layer.biases, 0, block.rows)
        multiply(memory, source, weights_at(layer, direction), biases, z, layer.n_in, one)
        if l > 0:
            below = net.layers[l - 1]
            moves = operand_of(memory, rows_at(tangents + below.activations, below, block))
            multiply(memory, moves, weights_at(layer, net.header.parameters), z, z, layer.n_in, one)
        activate_tangents(net, layer, block)
        source = operand_of(memory, rows_at(layer.activations, layer, block))


@leaf
def loss_tangents(net, targets, block, full):
    """At the output: deltas, and their tangents; full: with those of the slopes. Returns the weighted sum of losses."""
    header, last, memory = net.header, net.layers[net.header.n_layers - 1], net.memory
    deltas = header.tangents + last.deltas
    copy(memory, deltas, memory, header.tangents + last.activations, block.rows * last.stride)
    loss_rows(net, header.loss_kernel, targets, 0, block, last.deltas)
    total = sum_of_losses(net, block.rows)
    loss_rows(net, header.loss_tangent_kernel, targets, 0, block, deltas)
    if not header.loss_gives_delta:
        if full:
            tangents_of_slopes(net, last, block)
            multiply_by_slopes(net, last, block, last.deltas)
        else:
            multiply_by_slopes(net, last, block, deltas)
    return total


@leaf
def backward_tangents(net, block, full):
    """R delta of all hidden layers, from those at the output; full: and their deltas, whose tangents take part."""
    tangents, zeros = net.header.tangents, ByRows(net.header.zeros, 0, block.rows)
    for l in range(net.header.n_layers - 1, 0, -1):
        layer, below = net.layers[l], net.layers[l - 1]
        d, moves = rows_at(layer.deltas, layer, block), rows_at(tangents + layer.deltas, layer, block)
        out, out_moves = below_at(net, l, block.rows), rows_at(tangents + below.deltas, below, block)
        backward_product(net, l, moves, zeros, out_moves, 0)
        if full:
            backward_product(net, l, d, out_moves, out_moves, tangents)
            backward_product(net, l, d, zeros, out, 0)
            tangents_of_slopes(net, below, block)
            multiply_by_slopes(net, below, block, below.deltas)
        else:
            multiply_by_slopes(net, below, block, tangents + below.deltas)


@leaf
def add_input_tangents(net, block):
    """R a'^T delta of all layers but the first, added to the sums."""
    memory, step = net.memory, rows_at_a_time(block.rows)
    for l in range(1, net.header.n_layers):
        layer, below = net.layers[l], net.layers[l - 1]
        moves = transposed(operand_of(memory, rows_at(net.header.tangents + below.activations, below, block)))
        D, sums = rows_at(layer.deltas, layer, block), weights_at(layer, net.header.sums)
        for row in range(0, layer.n_in, step):
            multiply_into_panels(net, moves, D, sums, row, minimum(row + step, layer.n_in), memory.dtype.type(1.0), True)


@leaf
def load_direction(net, v):
    """v into panels, and transposed: as it is done with theta, but where tangents lie."""
    tangents, memory = net.header.tangents, net.memory
    pack_parameters(net, v, tangents + net.header.parameters)
    behind = Net(net.header, net.layers, span(memory, tangents, memory.size - tangents))
    refresh_all_transposed(behind, 1)


@leaf
def curvature_product(plan, theta, rows, v, result, work, full):
    """result OUT: the Hessian times v, where `full`, or the Gauss-Newton matrix times v; rows: X, T, weight."""
    X, T, weight = rows
    net = Net(work.header[0], unowned(work.layers), unowned(work.numbers))
    check_with_loss(plan, net, theta, X, T, weight)
    check_parameters(net, theta, v)
    check_parameters(net, theta, result)
    check_tangents(net)
    header, n, one, team = net.header, X.shape[0], net.memory.dtype.type(1.0), single_thread(net)
    load(net, theta, 1)
    load_direction(net, v)
    targets, weights = unowned(T), unowned(weight)
    scale, total = scale_of(weight, n), np.float64(0.0)
    for start in range(0, n, header.block_rows):
        if abandoned(net):
            break
        block, inputs = block_from(net, X, start), inputs_of(net, X, start)
        forward_rows(net, inputs, block, no_dropout())
        forward_tangents(net, inputs, block)
        total += loss_tangents(net, Targets(targets, weights, start, scale), block, full)
        backward_tangents(net, block, full)
        into = Into(header.sums, one, start > 0)
        add_gradient(net, inputs, block, header.tangents, into, team, no_dropout())
        if full:
            add_input_tangents(net, block)
    unpack_parameters(net, result, header.sums)
    return total * scale


@kernel(read_only="theta X T weight v", written="Hv")
def hessian_vector(plan, theta, X, T, weight, v, Hv, work):
    """Compute the Hessian of the mean loss times a vector, without forming a matrix.

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
    v : ndarray of shape (n_parameters,)
        Vector.
    Hv : ndarray of shape (n_parameters,)
        OUT: the second derivatives to the parameters, times v.
    work : Workspace
        Scratch memory, made with ``curvature=True``.

    Returns
    -------
    float
        Mean loss.

    Raises
    ------
    ValueError
        If a shape does not fit, the workspace has no room for second derivatives, or a registered activation or loss has none.

    Examples
    --------
    >>> import numpy as np
    >>> from tileprop.kernels import hessian_vector, make_plan, make_workspace
    >>> plan = make_plan([2, 1], output_activation="identity")
    >>> work, Hv = make_workspace(plan, curvature=True), np.empty(3)
    >>> X, T, v = np.array([[3.0, 4.0]]), np.array([[10.0]]), np.array([0.0, 0.0, 1.0])
    >>> hessian_vector(plan, np.array([1.0, 2.0, 0.0]), X, T, np.empty(0), v, Hv, work)
    1.0
    >>> Hv
    array([6., 8., 2.])
    """
    return curvature_product(plan, theta, (X, T, weight), v, Hv, work, True)


@kernel(read_only="theta X T weight v", written="Gv")
def gauss_newton_vector(plan, theta, X, T, weight, v, Gv, work):
    """Compute the Gauss-Newton matrix of the mean loss times a vector.

    The matrix is J^T H J: J has the derivatives of the outputs to the parameters, H the second derivatives of the loss to the
    outputs. For "log_loss" and "poisson" J and H are taken at the last pre-activations.

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
    v : ndarray of shape (n_parameters,)
        Vector.
    Gv : ndarray of shape (n_parameters,)
        OUT: the matrix times v.
    work : Workspace
        Scratch memory, made with ``curvature=True``.

    Returns
    -------
    float
        Mean loss.

    Raises
    ------
    ValueError
        If a shape does not fit, the workspace has no room for second derivatives, or a registered activation or loss has none.

    Examples
    --------
    >>> import numpy as np
    >>> from tileprop.kernels import gauss_newton_vector, make_plan, make_workspace
    >>> plan = make_plan([2, 1], output_activation="identity")
    >>> work, Gv = make_workspace(plan, curvature=True), np.empty(3)
    >>> X, T, v = np.array([[3.0, 4.0]]), np.array([[10.0]]), np.array([0.0, 0.0, 1.0])
    >>> gauss_newton_vector(plan, np.array([1.0, 2.0, 0.0]), X, T, np.empty(0), v, Gv, work)
    1.0
    >>> Gv
    array([6., 8., 2.])
    """
    return curvature_product(plan, theta, (X, T, weight), v, Gv, work, False)
