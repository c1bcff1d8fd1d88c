"""The beginning that derivatives share, and pieces of the chain: losses of a block, seeds, deltas at the inputs."""

from __future__ import annotations

import numpy as np

from ..checks import check_loss, check_outputs, check_parameters, check_rows, check_workspace
from ..compiler.jit import leaf
from ..llvm import copy, minimum
from ..matrices import ByRows, multiply
from ..passes import (
    Block,
    backward_rows,
    forward_rows,
    inputs_of,
    loss_and_deltas,
    multiply_by_slopes,
    operand_of,
    pack_parameters,
    refresh_all_transposed,
    rows_at,
    sum_of_losses,
    transposed_at,
)
from ..predict import forward_one
from ..training.dropout import no_dropout
from .one_row import backward_one, input_delta_one

# Beginnings ------------------------------------------------------------------------------------------------------------------


@leaf
def check_with_loss(plan, net, theta, X, T, weight):
    """What derivatives of the loss check at their beginning."""
    check_workspace(plan, net)
    check_parameters(net, theta, theta)
    check_loss(plan, net)
    check_rows(net, X, T, weight)


@leaf
def check_with_outputs(plan, net, theta, X, Y):
    """What derivatives of the outputs check at their beginning."""
    check_workspace(plan, net)
    check_parameters(net, theta, theta)
    check_outputs(net, X, Y, X.shape[0])


@leaf
def load(net, theta, lowest):
    """Parameters into panels, and transposed weights of the layers from `lowest` on: what a backward pass needs."""
    pack_parameters(net, theta, net.header.parameters)
    refresh_all_transposed(net, lowest)


@leaf
def load_unless_one(net, theta, lowest, n):
    """The same for n rows, unless it is a single one, which goes through theta as it is."""
    if n != 1:
        load(net, theta, lowest)


@leaf(read_only="weight")
def scale_of(weight, rows):
    """One over the sum of the sample weights; 0 where that is 0."""
    total = np.float64(rows)
    if weight.size:
        total = np.float64(0.0)
        for i in range(weight.size):
            total += weight[i]
    return 1.0 / total if total != 0.0 else 0.0


# Blocks of rows of X; where X has a single row, theta as it is stands in for parameters in panels ----------------------------


@leaf
def block_from(net, X, start):
    """The block of the rows of X from `start` on, in the first chunk's memory."""
    return Block(0, 0, minimum(net.header.block_rows, X.shape[0] - start))


@leaf
def forward_block(net, theta, X, start, block):
    """Activations of a block's rows of X, from row `start` on."""
    if X.shape[0] == 1:
        inputs = inputs_of(net, X, 0)
        forward_one(net, theta, inputs.vector)
    else:
        forward_rows(net, inputs_of(net, X, start), block, no_dropout())


@leaf
def block_loss(net, targets, block):
    """After `forward_block`: the weighted sum of the losses of a block's rows; their deltas at the output."""
    loss_and_deltas(net, targets, 0, block)
    return sum_of_losses(net, block.rows)


@leaf
def backward_block(net, theta, X, block):
    """Deltas of all hidden layers, from those at the output."""
    if X.shape[0] == 1:
        backward_one(net, theta)
    else:
        backward_rows(net, block, no_dropout())


@leaf(read_only="dY")
def seed_rows(net, dY, start, block):
    """dL/dY of a block's rows, from row `start` on, as deltas at the output."""
    last = net.layers[net.header.n_layers - 1]
    deltas = rows_at(last.deltas, last, block)
    for r in range(block.rows):
        copy(net.memory, deltas.at + r * deltas.stride, dY, (start + r) * last.n_out, last.n_out)
    multiply_by_slopes(net, last, block, block.memory + last.deltas)


# Deltas at the inputs -------------------------------------------------------------------------------------------------------


@leaf
def below_at(net, l, rows):
    """Where deltas of the layer below layer l lie, those at the inputs for layer 0: of so many rows, ByRows."""
    if l == 0:
        return ByRows(net.header.input_deltas, net.header.input_stride, rows)
    below = net.layers[l - 1]
    return ByRows(below.deltas, below.stride, rows)


@leaf
def backward_product(net, l, deltas, init, out, tangents):
    """out = init + the deltas of layer l times its transposed weights, or the weights' tangents; all but l ByRows.

    tangents: 0, or where tangents begin.
    """
    layer, memory = net.layers[l], net.memory
    weights = transposed_at(layer, tangents)
    multiply(memory, operand_of(memory, deltas), weights, init, out, layer.n_out, memory.dtype.type(1.0))


@leaf
def input_deltas(net, rows):
    """dL/dx of rows from their deltas of the first layer."""
    first, zeros = net.layers[0], ByRows(net.header.zeros, 0, rows)
    backward_product(net, 0, ByRows(first.deltas, first.stride, rows), zeros, below_at(net, 0, rows), 0)


@leaf
def take_input_deltas(net, first, rows, out, at, step):
    """dL/dx of rows `first` on, of so many, each to place at + row * step of a vector OUT."""
    stride, n_in = net.header.input_stride, net.layers[0].n_in
    for r in range(rows):
        copy(out, at + r * step, net.memory, net.header.input_deltas + (first + r) * stride, n_in)


@leaf
def take_input_gradient(net, theta, X, start, block, out):
    """dL/dx of a block's rows, from row `start` on, from their deltas of the first layer, into the vector OUT."""
    n_in = net.layers[0].n_in
    if X.shape[0] == 1:
        input_delta_one(net, theta, out)
    else:
        input_deltas(net, block.rows)
        take_input_deltas(net, 0, block.rows, out, start * n_in, n_in)
