"""The way back of one row, on theta as it is: to pack and transpose the weights would take longer than the products.

`forward_one` is the way there. What lies where in the workspace is the same as for many rows.
"""

from __future__ import annotations

from ..compiler.jit import leaf
from ..llvm import dot, span
from ..passes import Block, multiply_by_slopes


@leaf(read_only="theta")
def backward_product_one(net, theta, layer, out):
    """A layer's delta times the transpose of its weights, into the vector OUT."""
    for k in range(layer.n_in):
        out[k] = dot(theta, layer.theta_weights + k * layer.n_out, net.memory, layer.deltas, layer.n_out)


@leaf(read_only="theta")
def backward_one(net, theta):
    """Deltas of all hidden layers, from that at the output."""
    for l in range(net.header.n_layers - 1, 0, -1):
        layer, below = net.layers[l], net.layers[l - 1]
        backward_product_one(net, theta, layer, span(net.memory, below.deltas, layer.n_in))
        multiply_by_slopes(net, below, Block(0, 0, 1), below.deltas)


@leaf(read_only="theta")
def input_delta_one(net, theta, out):
    """dL/dx into the vector OUT, from the delta of the first layer."""
    backward_product_one(net, theta, net.layers[0], out)
