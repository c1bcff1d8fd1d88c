"""Pieces of the chain that derivatives share: parameters to start from, losses of a block, seeds, deltas at the inputs."""

from __future__ import annotations

import numpy as np

from ..training.dropout import KEEP_ALL
from ..compiler.jit import leaf
from ..llvm import copy, matrix
from ..passes import (
    activate,
    backward_rows,
    forward_rows,
    loss_rows,
    pack_parameters,
    read_only,
    refresh_transposed,
)
from ..plan import N_IN, N_LAYERS, N_OUT
from ..matrices import IN_PANELS, product
from ..predict import forward_one
from ..workspace import (
    ACTIVATIONS,
    DELTAS,
    GRANULE,
    INPUT_DELTAS,
    INPUT_STRIDE,
    PARAMETERS,
    ROWS,
    STRIDE,
    TRANSPOSED,
    WIDTH,
    ZEROS,
)
from .one_row import backward_one, backward_product_one


@leaf
def load(table, layout, theta, S, lowest):
    """Parameters into panels, and transposed weights of the layers from `lowest` on: what a backward pass needs."""
    pack_parameters(table, layout, theta, S, layout[0, PARAMETERS], False)
    transpose(table, layout, S, lowest)


@leaf
def transpose(table, layout, S, lowest):
    """The transposed weights of the layers from `lowest` on, from those in panels."""
    for layer in range(lowest, table[0, N_LAYERS] + 1):
        refresh_transposed(layout, S, layer, 0, table[layer, N_IN])


@leaf(read_only="weight")
def scale_of(weight, rows):
    """One over the sum of the sample weights; 0 where that is 0."""
    total = np.float64(rows)
    if weight.size:
        total = np.float64(0.0)
        for i in range(weight.size):
            total += weight[i]
    return 1.0 / total if total != 0.0 else 0.0


@leaf(read_only="theta X")
def forth(table, layout, theta, S, X, x_at, rows, alone):
    """Activations of a block of rows, of the vector X from x_at on. alone: it is one row, and parameters are not loaded."""
    if alone:
        forward_one(table, layout, theta, S, X)
    else:
        forward_rows(table, layout, S, X, x_at, 0, 0, rows, KEEP_ALL, 0)


@leaf(read_only="theta")
def back(table, layout, theta, S, rows, alone):
    """Deltas of all hidden layers, from those at the output."""
    if alone:
        backward_one(table, layout, theta, S)
    else:
        backward_rows(table, layout, S, 0, 0, rows, KEEP_ALL, 0)


@leaf(read_only="theta")
def take_input_gradient(table, layout, theta, S, rows, out, at, alone):
    """dL/dx of a block of rows from their deltas of the first layer, to place `at` of a vector OUT."""
    if alone:
        backward_product_one(table, layout, theta, S, 1, out, at)
    else:
        input_deltas(table, layout, S, rows)
        take_input_deltas(table, layout, S, 0, rows, out, at, table[1, N_IN])


@leaf(read_only="T weight")
def block_loss(table, layout, S, T, weight, start, scale, losses, rows):
    """After `forward_rows`: the weighted sum of the losses of rows from `start` on; their deltas at the output."""
    loss_rows(table, layout, S, T, weight, start, scale, losses, 0, 0, 0, rows)
    total = np.float64(0.0)
    for k in range((rows + layout[0, GRANULE] - 1) // layout[0, GRANULE]):
        total += losses[k]
    return total


@leaf
def take_outputs(table, layout, S, Y, start, rows):
    """Y[start : start + rows] OUT, from the area."""
    last = table[0, N_LAYERS]
    outputs = matrix(S, layout[last, ACTIVATIONS], rows, layout[last, STRIDE])
    for r in range(rows):
        for j in range(Y.shape[1]):
            Y[start + r, j] = outputs[r, j]


@leaf(read_only="dY")
def seed_rows(table, layout, S, dY, start, rows):
    """dL/dY of rows from `start` on as deltas at the output."""
    last = table[0, N_LAYERS]
    n_out, stride = table[last, N_OUT], layout[last, STRIDE]
    for r in range(rows):
        copy(S, layout[last, DELTAS] + r * stride, dY, (start + r) * n_out, n_out)
    activate(layout, S, last, 0, 0, rows, n_out, True)


@leaf
def backward_product(layout, S, layer, d, transposed, init, init_row, to, rows, n_out):
    """Deltas of a layer, from place d on, times the transpose of its weights, from place `to` on."""
    below = layout[layer - 1, STRIDE] if layer > 1 else layout[0, INPUT_STRIDE]
    product(
        read_only(S), d, layout[layer, STRIDE], 1, S, transposed, IN_PANELS, layout[layer, WIDTH],
        init, init_row, 1 if init_row else 0, to, below, 1, 0, rows, layout[layer, ROWS], n_out, n_out, S.dtype.type(1.0),
    )  # fmt: skip


@leaf
def input_deltas(table, layout, S, rows):
    """dL/dx of rows from their deltas of the first layer."""
    zeros, to, transposed = layout[0, ZEROS], layout[0, INPUT_DELTAS], layout[1, TRANSPOSED]
    backward_product(layout, S, 1, layout[1, DELTAS], transposed, zeros, 0, to, rows, table[1, N_OUT])


@leaf
def take_input_deltas(table, layout, S, unit, rows, out, at, step):
    """Of so many rows, each to place at + row * step of a vector OUT. unit: which of a stack's, see `stacks.py`."""
    for r in range(rows):
        copy(out, at + r * step, S, layout[0, INPUT_DELTAS] + (unit * rows + r) * layout[0, INPUT_STRIDE], table[1, N_IN])
