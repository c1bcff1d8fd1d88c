"""Derivatives of all outputs, or to all inputs, of a block of rows at once: stacked, so that a product has many rows.

What belongs to a unit, an output or an input, lies behind what belongs to the one before it, as deltas of the block's rows:
row r of unit u is number u * rows + r. Every unit goes through the same slopes, which are taken once.

    backward, for an output u      delta_L = e_u * f'_L,  delta_{l-1} = (delta_l W_l^T) * f'_{l-1},  dy_u / dx = delta_1 W_1^T
    forward, for an input i        R z_1 = W_1[i],  R z_l = (R z_{l-1} * f'_{l-1}) W_l,  dy / dx_i = R z_L * f'_L
"""

from __future__ import annotations

from ..activations.codes import SOFTMAX
from ..compiler.jit import leaf
from ..layout import STACKED_ROWS
from ..llvm import copy, lanes_of, maximum, minimum, panel_width, span
from ..matrices import ByRows, multiply
from ..passes import Block, forward_rows, inputs_of, multiply_by_slopes, operand_of, weights_at
from ..predict import take_outputs
from ..training.dropout import no_dropout
from .chain import backward_product, below_at


@leaf
def small_block(net):
    """Rows of a block whose derivatives are stacked."""
    return minimum(net.header.block_rows, STACKED_ROWS)


@leaf
def units_at_once(net, rows, units):
    """How many of so many units are stacked for a block of `rows` rows."""
    return maximum(1, minimum(units, net.header.stack_rows // rows))


@leaf
def forward_and_slopes(net, X, start, Y):
    """Activations and slopes of the rows of X from `start` on, and their outputs in Y OUT; how many rows they are."""
    block = Block(0, 0, minimum(small_block(net), X.shape[0] - start))
    forward_rows(net, inputs_of(net, X, start), block, no_dropout())
    take_outputs(net, block, Y, start)
    keep_slopes(net, block)
    return block.rows


@leaf
def keep_slopes(net, block):
    """The slopes of all layers of single numbers, after `forward_rows`."""
    for l in range(net.header.n_layers):
        layer = net.layers[l]
        if not layer.is_identity and layer.activation != SOFTMAX:
            slopes = span(net.memory, layer.slopes, block.rows * layer.stride)
            slopes[:] = net.memory.dtype.type(1.0)
            multiply_by_slopes(net, layer, block, layer.slopes)


@leaf
def multiply_stack_by_slopes(net, layer, rows, units):
    """Derivatives of a stack to a layer's activations into those to its pre-activations, or forward the other way about."""
    memory, size = net.memory, rows * layer.stride
    if layer.is_identity:
        return
    for unit in range(units):
        deltas = layer.deltas + unit * size
        if layer.activation == SOFTMAX:  # its matrix of derivatives is symmetric
            multiply_by_slopes(net, layer, Block(0, 0, rows), deltas)
        else:
            slopes, stack = span(memory, layer.slopes, size), span(memory, deltas, size)
            for i in range(size):
                stack[i] *= slopes[i]


@leaf
def spread_outputs(net, l, first, units, rows):
    """The output layer's deltas times its transposed weights, where each has but one entry that is not 0."""
    layer, below, memory = net.layers[l], net.layers[l - 1], net.memory
    lanes = lanes_of(memory)
    for unit in range(units):
        column = 0
        while column < layer.panel_rows:
            width = panel_width(layer.panel_rows - column, lanes)
            weights = span(memory, layer.transposed + layer.width * column + (first + unit) * width, width)
            for r in range(unit * rows, (unit + 1) * rows):
                delta = memory[layer.deltas + r * layer.stride + first + unit]
                sums = span(memory, below.deltas + r * below.stride + column, width)
                for j in range(width):
                    sums[j] = delta * weights[j]
            column += width


@leaf
def stack_outputs(net, first, units, rows):
    """Deltas of all layers, of outputs from `first` on."""
    last, memory, n_layers = net.layers[net.header.n_layers - 1], net.memory, net.header.n_layers
    stride, zeros = last.stride, ByRows(net.header.zeros, 0, units * rows)
    deltas = span(memory, last.deltas, units * rows * stride)
    deltas[:] = memory.dtype.type(0.0)
    for unit in range(units):
        for r in range(rows):
            deltas[(unit * rows + r) * stride + first + unit] = memory.dtype.type(1.0)
    multiply_stack_by_slopes(net, last, rows, units)
    for l in range(n_layers - 1, 0, -1):
        layer = net.layers[l]
        if l == n_layers - 1 and layer.activation != SOFTMAX:
            spread_outputs(net, l, first, units, rows)
        else:
            deltas_here = ByRows(layer.deltas, layer.stride, units * rows)
            backward_product(net, l, deltas_here, zeros, below_at(net, l, units * rows), 0)
        multiply_stack_by_slopes(net, net.layers[l - 1], rows, units)


@leaf(read_only="theta")
def stack_inputs(net, theta, first, units, rows):
    """Derivatives of the outputs, where their deltas lie, to inputs from `first` on."""
    memory, lowest, count = net.memory, net.layers[0], units * rows
    deltas = span(memory, lowest.deltas, count * lowest.stride)
    deltas[:] = memory.dtype.type(0.0)
    for unit in range(units):
        for r in range(rows):
            at = lowest.deltas + (unit * rows + r) * lowest.stride
            copy(memory, at, theta, lowest.theta_weights + (first + unit) * lowest.n_out, lowest.n_out)
    multiply_stack_by_slopes(net, lowest, rows, units)
    for l in range(1, net.header.n_layers):
        layer, source = net.layers[l], operand_of(memory, below_at(net, l, count))
        weights, zeros = weights_at(layer, net.header.parameters), ByRows(net.header.zeros, 0, count)
        out = ByRows(layer.deltas, layer.stride, count)
        multiply(memory, source, weights, zeros, out, layer.n_in, memory.dtype.type(1.0))
        multiply_stack_by_slopes(net, layer, rows, units)
