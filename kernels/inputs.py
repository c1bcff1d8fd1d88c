"""What the first layer takes in: dense rows or sparse ones.

Numba leaves out a branch whose condition says that an argument of type None is not None. So functions that differ for the two
take both, one of which is None, and no branch but the right one is compiled.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .compiler.jit import leaf
from .llvm import column_sums, lanes_of
from .matrices import ByRows, Operand, read_only
from .passes import (
    activate,
    add_gradient,
    add_gradient_from,
    forward_from,
    forward_rows,
    operand_of,
    rows_at,
    weights_at,
)
from .sparse_rows import add_outer_products, clear, multiply_sparse
from .training.barrier import is_ours, share
from .training.dropout import drop


class Inputs(NamedTuple):
    """Rows of X as the first layer's first factor: an Operand or a SparseBatch; the other one is None."""

    dense: Any
    sparse: Any


@leaf
def no_operand(net):
    """In place of dense inputs, for layers that do not take these in."""
    return Operand(read_only(net.memory), 0, 0, 1)


@leaf
def forward_inputs(net, dense, sparse, block, dropout):
    """Activations of all layers for a block's rows of Inputs."""
    if dense is not None:
        forward_rows(net, dense, block, dropout)
    if sparse is not None:
        memory, layer = net.memory, net.layers[0]
        weights, z = weights_at(layer, net.header.parameters), rows_at(layer.preactivations, layer, block)
        multiply_sparse(memory, sparse, weights, ByRows(net.header.parameters + layer.biases, 0, block.rows), z)
        activate(net, layer, block)
        outputs = rows_at(layer.activations, layer, block)
        drop(memory, net.layers, 0, outputs, dropout, memory.dtype.type(1.0))
        forward_from(net, operand_of(memory, outputs), block, dropout, 1)


@leaf
def add_inputs_gradient(net, dense, sparse, block, deltas, into, team, dropout):
    """The gradient of a block's rows of Inputs into a vector in panels, as `add_gradient`."""
    if dense is not None:
        add_gradient(net, dense, block, deltas, into, team, dropout)
    if sparse is not None:
        add_sparse_gradient(net, sparse, block, deltas, into, team)
        add_gradient_from(net, no_operand(net), block, deltas, into, team, dropout, 1)


@leaf
def add_sparse_gradient(net, X, block, deltas, into, team):
    """The first layer's part of it, for a SparseBatch X."""
    memory, layer = net.memory, net.layers[0]
    if layer.frozen:
        return
    D = ByRows(deltas + layer.deltas + block.first * layer.stride, layer.stride, block.rows)
    weights = weights_at(layer, into.at)
    first, last = share(team, layer.n_in, lanes_of(memory))
    if not into.accumulate:
        clear(memory, weights, first, last)
    add_outer_products(memory, X, D, weights, first, last, into.scale)
    if net.header.biased and is_ours(team, 0):
        biases = into.at + layer.biases
        init = biases if into.accumulate else net.header.zeros
        column_sums(memory, D.at, D.stride, D.rows, layer.width, init, biases, into.scale)
