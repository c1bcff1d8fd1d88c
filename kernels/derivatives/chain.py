"""Pieces of the chain that only derivatives need: seeds at the output, deltas at the inputs, totals of weights."""

from __future__ import annotations

import numpy as np

from ..dropout import KEEP_ALL
from ..jit import leaf
from ..llvm import copy, span
from ..network import activate, backward_rows, pack_parameters, read_only, refresh_transposed
from ..plan import N_IN, N_LAYERS, N_OUT
from ..products import IN_PANELS, product
from ..workspace import DELTAS, INPUT_DELTAS, INPUT_STRIDE, PARAMETERS, ROWS, STRIDE, TRANSPOSED, WIDTH, ZEROS


@leaf
def load(table, layout, theta, S, backward):
    """Parameters into panels; for a backward pass the transposed weights, too, as far down as they are kept."""
    pack_parameters(table, layout, theta, S, layout[0, PARAMETERS], False)
    if backward:
        transpose(table, layout, S)


@leaf
def transpose(table, layout, S):
    """The transposed weights, from those in panels."""
    for layer in range(1 if layout[0, INPUT_STRIDE] else 2, table[0, N_LAYERS] + 1):
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


@leaf(read_only="dY")
def seed_rows(table, layout, S, dY, start, rows):
    """dL/dY of rows from `start` on into the output layer's place for deltas, and from there down through all layers."""
    last = table[0, N_LAYERS]
    n_out, stride = table[last, N_OUT], layout[last, STRIDE]
    for r in range(rows):
        copy(S, layout[last, DELTAS] + r * stride, dY, (start + r) * n_out, n_out)
    deltas_from_outputs(table, layout, S, rows)


@leaf
def seed_unit(table, layout, S, unit, rows):
    """The same for dy_unit / dy: 1 in one column."""
    last = table[0, N_LAYERS]
    n_out, stride = table[last, N_OUT], layout[last, STRIDE]
    for r in range(rows):
        deltas = span(S, layout[last, DELTAS] + r * stride, n_out)
        deltas[:] = 0.0
        deltas[unit] = 1.0
    deltas_from_outputs(table, layout, S, rows)


@leaf
def deltas_from_outputs(table, layout, S, rows):
    """Deltas of all layers from dL/dy, where the output layer's lie."""
    last = table[0, N_LAYERS]
    activate(layout, S, last, 0, 0, rows, table[last, N_OUT], True)
    backward_rows(table, layout, S, 0, 0, rows, KEEP_ALL, 0)


@leaf
def input_deltas(table, layout, S, rows):
    """dL/dx of rows from their deltas of the first layer."""
    stride, at, to = layout[1, STRIDE], layout[1, DELTAS], layout[0, INPUT_STRIDE]
    product(
        read_only(S), at, stride, 1, S, layout[1, TRANSPOSED], IN_PANELS, layout[1, WIDTH], layout[0, ZEROS], 0, 0,
        layout[0, INPUT_DELTAS], to, 1, 0, rows, layout[1, ROWS], table[1, N_OUT], table[1, N_OUT], S.dtype.type(1.0),
    )  # fmt: skip


@leaf
def take_input_deltas(table, layout, S, rows, out, at, step):
    """The same, each row to place at + row * step of a vector OUT."""
    input_deltas(table, layout, S, rows)
    n_in = table[1, N_IN]
    for r in range(rows):
        copy(out, at + r * step, S, layout[0, INPUT_DELTAS] + r * layout[0, INPUT_STRIDE], n_in)
