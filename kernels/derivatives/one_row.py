"""The way back of one row, on theta as it is: to pack and transpose the weights would take longer than the products.

`forward_one` is the way there. What lies where in the workspace is the same as for many rows.
"""

from __future__ import annotations

from ..compiler.jit import REORDERED, leaf
from ..llvm import span
from ..passes import activate
from ..plan import N_IN, N_LAYERS, N_OUT, WEIGHTS_AT
from ..workspace import DELTAS


@leaf(fastmath=REORDERED, read_only="W")
def dot(W, d):
    total = d.dtype.type(0.0)
    for j in range(d.size):
        total += W[j] * d[j]
    return total


@leaf(read_only="theta")
def backward_product_one(table, layout, theta, S, layer, out, to):
    """A layer's delta times the transpose of its weights, to place `to` of a vector OUT."""
    n_out, at = table[layer, N_OUT], table[layer, WEIGHTS_AT]
    delta = span(S, layout[layer, DELTAS], n_out)
    for k in range(table[layer, N_IN]):
        out[to + k] = dot(span(theta, at + k * n_out, n_out), delta)


@leaf(read_only="theta")
def backward_one(table, layout, theta, S):
    """Deltas of all hidden layers, from that at the output."""
    for layer in range(table[0, N_LAYERS], 1, -1):
        backward_product_one(table, layout, theta, S, layer, S, layout[layer - 1, DELTAS])
        activate(layout, S, layer - 1, 0, 0, 1, table[layer, N_IN], True)
