"""Gradients of single rows: outer products of what a layer takes in and its delta."""

from __future__ import annotations

from ..compiler.jit import leaf
from ..llvm import copy, outer
from ..passes import layer_input


@leaf
def take_row_gradients(net, X, block, first_delta, out, at, step):
    """Each row's gradient, laid out like theta, to place at + row * step of the vector OUT.

    X: the block's inputs, an Operand. first_delta: the number of the row whose deltas belong to the block's first row.
    """
    memory = net.memory
    for l in range(net.header.n_layers):
        layer, source = net.layers[l], layer_input(net, X, block, l)
        n_in, n_out = layer.n_in, layer.n_out
        for r in range(block.rows):
            delta, here = layer.deltas + (first_delta + r) * layer.stride, at + r * step
            weights = here + layer.theta_weights
            outer(out, weights, source.vector, source.at + r * source.row, n_in, memory, delta, n_out)
            if net.header.biased:
                copy(out, here + layer.theta_biases, memory, delta, n_out)
