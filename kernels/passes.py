"""The matrix chain over all layers: forward, loss, backward, gradient; what the kernels are made of.

    forward    a_0 = X,  z_l = a_{l-1} W_l + b_l,  a_l = f_l(z_l)
    backward   delta_L = dL/dz_L,  delta_{l-1} = (delta_l W_l^T) * f'_{l-1},  dW_l = a_{l-1}^T delta_l,  db_l = sum_rows delta_l

It runs in a workspace, on parameters in panels; `workspace.py` says what lies where.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .compiler.jit import leaf
from .llvm import call_activation, call_loss, column_sums, dots, doubles, lanes_of, maximum, minimum, span
from .matrices import (
    ByRows,
    Operand,
    Panels,
    multiply,
    multiply_into_panels,
    pack,
    pack_transposed,
    read_only,
    transposed,
    unpack,
)
from .places import SCRATCH_ROWS
from .training.barrier import is_ours, share
from .training.dropout import drop, kept_factor

# Numbers of a batch's inputs that the second-level cache holds beside panels of weights and deltas.
INPUT_NUMBERS = 1 << 16


class Net(NamedTuple):
    """A network in a workspace: its records, and the memory that they say the places of.

    A kernel begins with Net(work.header[0], unowned(work.layers), unowned(work.numbers)). No function can do it for all of
    them, since Numba returns no records.
    """

    header: Any  # a record, HEADER of `workspace.py`
    layers: np.ndarray  # (n_layers,) LAYER
    memory: np.ndarray


class Block(NamedTuple):
    """Rows that go through the layers together.

    memory: where their chunk's memory begins, from the begin of the first chunk's. first: the first row's number in the chunk.
    """

    memory: int
    first: int
    rows: int


class Into(NamedTuple):
    """Where a gradient goes: into a vector in panels from place `at` on, times `scale`; accumulate: added to what is there."""

    at: int
    scale: Any
    accumulate: bool


class Targets(NamedTuple):
    """What the loss of some rows takes: T (n, n_targets), weight (n) or empty, from row `first` on; scale: of gradients."""

    T: np.ndarray
    weight: np.ndarray
    first: int
    scale: float


@leaf
def losses_of(net):
    """The losses of the strips of a batch; last, a number of each layer."""
    return doubles(net.memory, net.header.losses, net.header.n_losses)


@leaf
def sum_of_losses(net, rows):
    """The loss of a batch of so many rows: that of its strips, in order."""
    losses, total = losses_of(net), np.float64(0.0)
    for k in range((rows + net.header.strip_rows - 1) // net.header.strip_rows):
        total += losses[k]
    return total


@leaf
def numbers_of_layers(net):
    """The last of the losses: a number of each layer."""
    header = net.header
    return doubles(net.memory, header.losses + (header.n_losses - header.n_layers) * 8 // net.memory.itemsize, header.n_layers)


@leaf
def rows_at(place, layer, block):
    """A block's rows of a layer's activations, deltas, ...; place: where those begin in a chunk's memory."""
    return ByRows(block.memory + place + block.first * layer.stride, layer.stride, block.rows)


@leaf
def operand_of(memory, rows):
    """Rows in the workspace as a product's first factor."""
    return Operand(read_only(memory), rows.at, rows.stride, 1)


@leaf
def inputs_of(net, X, first):
    """The inputs X, a matrix or a vector, from row `first` on, as a product's first factor."""
    n_in = net.layers[0].n_in
    return Operand(span(X, 0, X.size), first * n_in, n_in, 1)


# Parameters in panels ------------------------------------------------------------------------------------------------------


@leaf
def weights_at(layer, at):
    """A layer's weights in a vector in panels that begins at place `at`: the parameters, a gradient."""
    return Panels(at + layer.weights, layer.panel_rows, layer.width)


@leaf
def biases_at(layer, at):
    """A layer's biases there."""
    return Panels(at + layer.biases, 1, layer.width)


@leaf
def transposed_at(layer, at):
    """A layer's transposed weights; at: 0, or where tangents begin."""
    return Panels(at + layer.transposed, layer.width, layer.panel_rows)


@leaf
def pack_parameters(net, vector, at):
    """A vector laid out like theta, into panels from place `at` on."""
    memory = net.memory
    for l in range(net.header.n_layers):
        layer = net.layers[l]
        pack(memory, weights_at(layer, at), vector, layer.theta_weights, layer.n_in, layer.n_out)
        if net.header.biased:
            pack(memory, biases_at(layer, at), vector, layer.theta_biases, 1, layer.n_out)


@leaf
def unpack_parameters(net, vector, at):
    """Panels from place `at` on, into a vector laid out like theta OUT."""
    memory = net.memory
    for l in range(net.header.n_layers):
        layer = net.layers[l]
        unpack(memory, weights_at(layer, at), vector, layer.theta_weights, layer.n_in, layer.n_out)
        if net.header.biased:
            unpack(memory, biases_at(layer, at), vector, layer.theta_biases, 1, layer.n_out)


@leaf
def refresh_transposed(net, layer, first, last):
    """Rows first to last - 1 of a layer's weights into its transposed weights, where it has them."""
    if not layer.by_dots:
        source, target = weights_at(layer, net.header.parameters), transposed_at(layer, 0)
        pack_transposed(net.memory, source, target, layer.n_out, first, last)


@leaf
def refresh_all_transposed(net, lowest):
    """The transposed weights of the layers from `lowest` on, from those in panels."""
    for l in range(lowest, net.header.n_layers):
        layer = net.layers[l]
        refresh_transposed(net, layer, 0, layer.n_in)


# Rows ----------------------------------------------------------------------------------------------------------------------


@leaf
def call_by_strips(net, layer, kernel, block, deltas, backward):
    """A layer's activation, or its tangents, by the row kernel at an address, a strip of rows at a time.

    deltas: where the derivatives lie that a backward call overwrites.
    """
    memory, strip, stride, n_out = net.memory, net.header.strip_rows, layer.stride, layer.n_out
    x, y = block.memory + layer.preactivations, block.memory + layer.activations
    for first in range(0, block.rows, strip):
        at, rows = (block.first + first) * stride, minimum(strip, block.rows - first)
        call_activation(
            kernel, memory, x + at, y + at, deltas + at, net.header.tangents, rows, stride, n_out, backward
        )  # fmt: skip


@leaf
def activate(net, layer, block):
    """A layer's pre-activations into activations."""
    if not layer.is_identity:
        call_by_strips(net, layer, layer.activation_kernel, block, block.memory + layer.deltas, False)


@leaf
def multiply_by_slopes(net, layer, block, deltas):
    """dL/da of a block's rows into dL/dz; deltas: where they lie."""
    if not layer.is_identity:
        call_by_strips(net, layer, layer.activation_kernel, block, deltas, True)


@leaf
def forward_rows(net, X, block, dropout):
    """Activations of all layers for a block's rows of inputs, X an Operand. dropout: of the step, `Dropout`."""
    forward_from(net, X, block, dropout, 0)


@leaf
def forward_from(net, X, block, dropout, lowest):
    """Activations of the layers from `lowest` on, which takes in X; each layer above takes in what the one below gives."""
    memory = net.memory
    for l in range(lowest, net.header.n_layers):
        layer = net.layers[l]
        weights, z = weights_at(layer, net.header.parameters), rows_at(layer.preactivations, layer, block)
        biases = ByRows(net.header.parameters + layer.biases, 0, block.rows)
        multiply(memory, X, weights, biases, z, layer.n_in, kept_factor(net.layers, l - 1, dropout, memory.dtype.type))
        activate(net, layer, block)
        outputs = rows_at(layer.activations, layer, block)
        drop(memory, net.layers, l, outputs, dropout, memory.dtype.type(1.0))
        X = operand_of(memory, outputs)


@leaf
def loss_rows(net, kernel, targets, first, block, deltas):
    """By the row kernel of the loss at an address: weighted losses of a block's rows, a sum for each strip in the losses OUT.

    first: the block's first row's position in its batch. deltas OUT: from this place on, of the outputs.
    """
    memory, losses = net.memory, losses_of(net)
    strip, parameters = net.header.strip_rows, net.header.loss_parameters
    last, T, weight = net.layers[net.header.n_layers - 1], targets.T, targets.weight
    stride, y = last.stride, block.memory + last.activations
    for row in range(0, block.rows, strip):
        at = (block.first + row) * stride
        losses[(first + row) // strip] = call_loss(
            kernel, net.header.loss, memory, y + at, deltas + at, minimum(strip, block.rows - row), stride, last.n_out,
            T, T.shape[1], weight, weight.size, targets.first + row, targets.scale, parameters,
        )  # fmt: skip


@leaf
def loss_and_deltas(net, targets, first, block):
    """The losses of a block's rows, as by `loss_rows`, and dL/dz of the outputs."""
    last = net.layers[net.header.n_layers - 1]
    deltas = block.memory + last.deltas
    loss_rows(net, net.header.loss_kernel, targets, first, block, deltas)
    if not net.header.loss_gives_delta:
        multiply_by_slopes(net, last, block, deltas)


@leaf
def backward_rows(net, block, dropout):
    """Deltas of all hidden layers, from those at the output."""
    memory = net.memory
    one = memory.dtype.type(1.0)
    for l in range(net.header.n_layers - 1, 0, -1):
        layer, below = net.layers[l], net.layers[l - 1]
        deltas, result = rows_at(layer.deltas, layer, block), rows_at(below.deltas, below, block)
        if layer.by_dots:
            weights = net.header.parameters + layer.weights
            for r in range(block.rows):
                d, to = deltas.at + r * deltas.stride, result.at + r * result.stride
                dots(memory, d, weights, layer.panel_rows, layer.width, layer.n_in, to)
        else:
            zeros = ByRows(net.header.zeros, 0, block.rows)
            multiply(memory, operand_of(memory, deltas), transposed_at(layer, 0), zeros, result, layer.n_out, one)
        drop(memory, net.layers, l - 1, result, dropout, kept_factor(net.layers, l - 1, dropout, memory.dtype.type))
        multiply_by_slopes(net, below, block, block.memory + below.deltas)


# Gradients -----------------------------------------------------------------------------------------------------------------


@leaf
def rows_at_a_time(rows):
    """How many rows of weights to take at a time: the `rows` rows of their inputs then stay in the second-level cache."""
    return maximum(SCRATCH_ROWS, INPUT_NUMBERS // rows // SCRATCH_ROWS * SCRATCH_ROWS)


@leaf
def layer_input(net, X, block, l):
    """The rows that layer l takes in, as a product's first factor: X, an Operand, or activations of the layer below."""
    if l == 0:
        return X
    below = net.layers[l - 1]
    return operand_of(net.memory, rows_at(below.activations, below, block))


@leaf
def add_gradient(net, X, block, deltas, into, team, dropout):
    """The gradient of a block's rows into a vector in panels, X an Operand; into: `Into`.

    The whole sum is made before it is added, so that weights are rounded once a step. deltas: where those of the rows begin,
    as `block.memory` for the activations. Each thread takes some rows of each layer's weights, and some layers' biases.
    """
    add_gradient_from(net, X, block, deltas, into, team, dropout, 0)


@leaf
def add_gradient_from(net, X, block, deltas, into, team, dropout, lowest):
    """The same for the layers from `lowest` on. X: the inputs of layer 0."""
    memory = net.memory
    for l in range(lowest, net.header.n_layers):
        layer = net.layers[l]
        if layer.frozen:
            continue
        D = ByRows(deltas + layer.deltas + block.first * layer.stride, layer.stride, block.rows)
        source, weights = transposed(layer_input(net, X, block, l)), weights_at(layer, into.at)
        factor = into.scale * kept_factor(net.layers, l - 1, dropout, memory.dtype.type)
        first, last = share(team, layer.n_in, lanes_of(memory))
        step = rows_at_a_time(block.rows)
        for row in range(first, last, step):
            multiply_into_panels(net, source, D, weights, row, minimum(row + step, last), factor, into.accumulate)
        if net.header.biased and is_ours(team, l):
            biases = into.at + layer.biases
            init = biases if into.accumulate else net.header.zeros
            column_sums(memory, D.at, D.stride, D.rows, layer.width, init, biases, into.scale)
