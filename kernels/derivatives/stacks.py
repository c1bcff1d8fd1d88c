"""Derivatives of all outputs, or to all inputs, of a block of rows at once: stacked, so that a product has many rows.

What belongs to a unit, an output or an input, lies behind what belongs to the one before it, as deltas of the block's rows:
row r of unit u is number u * rows + r. Every unit goes through the same slopes, which are taken once.

    backward, for an output u      delta_L = e_u * f'_L,  delta_{l-1} = (delta_l W_l^T) * f'_{l-1},  dy_u / dx = delta_1 W_1^T
    forward, for an input i        R z_1 = W_1[i],  R z_l = (R z_{l-1} * f'_{l-1}) W_l,  dy / dx_i = R z_L * f'_L
"""

from __future__ import annotations

from ..activations.codes import SOFTMAX
from ..compiler.jit import leaf
from ..llvm import call_activation, copy, lanes_of, span
from ..matrices import IN_PANELS, panel_width, product
from ..passes import read_only
from ..plan import N_IN, N_LAYERS, N_OUT, WEIGHTS_AT
from ..workspace import (
    ACTIVATIONS,
    CODE,
    DELTAS,
    GRANULE,
    PARAMETERS,
    PREACTIVATIONS,
    ROUTINE,
    ROWS,
    SLOPES,
    STACK,
    STRIDE,
    TRANSPOSED,
    WEIGHTS,
    WIDTH,
    ZEROS,
)
from .chain import backward_product


@leaf
def units_at_once(layout, rows, units):
    """How many of so many units are stacked for a block of `rows` rows."""
    return max(1, min(units, layout[0, STACK] // rows))


@leaf
def through(layout, S, layer, d, rows, n_out):
    """A layer's activation on derivatives of rows from place d on, by its routine."""
    stride, granule = layout[layer, STRIDE], layout[0, GRANULE]
    for first in range(0, rows, granule):
        at = first * stride
        call_activation(
            layout[layer, ROUTINE], S, layout[layer, PREACTIVATIONS] + at, layout[layer, ACTIVATIONS] + at, d + at, 0,
            min(granule, rows - first), stride, n_out, True,
        )  # fmt: skip


@leaf
def keep_slopes(table, layout, S, rows):
    """The slopes of all layers of single numbers, after `forward_rows`."""
    for layer in range(1, table[0, N_LAYERS] + 1):
        if layout[layer, ROUTINE] != 0 and layout[layer, CODE] != SOFTMAX:
            slopes = span(S, layout[layer, SLOPES], rows * layout[layer, STRIDE])
            slopes[:] = S.dtype.type(1.0)
            through(layout, S, layer, layout[layer, SLOPES], rows, table[layer, N_OUT])


@leaf
def bend_stack(layout, S, layer, rows, n_out, units):
    """Derivatives of a stack to a layer's activations into those to its pre-activations, or forward the other way about."""
    d, size = layout[layer, DELTAS], rows * layout[layer, STRIDE]
    if layout[layer, ROUTINE] == 0:
        return
    for unit in range(units):
        if layout[layer, CODE] == SOFTMAX:  # its matrix of derivatives is symmetric
            through(layout, S, layer, d + unit * size, rows, n_out)
        else:
            slopes, deltas = span(S, layout[layer, SLOPES], size), span(S, d + unit * size, size)
            for i in range(size):
                deltas[i] *= slopes[i]


@leaf
def spread_outputs(layout, S, layer, first, units, rows):
    """The output layer's deltas times its transposed weights, where each has but one entry that is not 0."""
    stride, below, d, to = layout[layer, STRIDE], layout[layer - 1, STRIDE], layout[layer, DELTAS], layout[layer - 1, DELTAS]
    columns = layout[layer, ROWS]
    for unit in range(units):
        column = 0
        while column < columns:
            width = panel_width(columns - column, lanes_of(S))
            weights = span(S, layout[layer, TRANSPOSED] + layout[layer, WIDTH] * column + (first + unit) * width, width)
            for r in range(unit * rows, (unit + 1) * rows):
                delta, sums = S[d + r * stride + first + unit], span(S, to + r * below + column, width)
                for j in range(width):
                    sums[j] = delta * weights[j]
            column += width


@leaf
def stack_outputs(table, layout, S, first, units, rows):
    """Deltas of all layers, of outputs from `first` on."""
    last = table[0, N_LAYERS]
    n_out, stride, zeros = table[last, N_OUT], layout[last, STRIDE], layout[0, ZEROS]
    deltas = span(S, layout[last, DELTAS], units * rows * stride)
    deltas[:] = S.dtype.type(0.0)
    for unit in range(units):
        for r in range(rows):
            deltas[(unit * rows + r) * stride + first + unit] = S.dtype.type(1.0)
    bend_stack(layout, S, last, rows, n_out, units)
    for layer in range(last, 1, -1):
        d, to, transposed = layout[layer, DELTAS], layout[layer - 1, DELTAS], layout[layer, TRANSPOSED]
        if layer == last and layout[layer, CODE] != SOFTMAX:
            spread_outputs(layout, S, layer, first, units, rows)
        else:
            backward_product(layout, S, layer, d, transposed, zeros, 0, to, units * rows, table[layer, N_OUT])
        bend_stack(layout, S, layer - 1, rows, table[layer, N_IN], units)


@leaf(read_only="theta")
def stack_inputs(table, layout, theta, S, first, units, rows):
    """Derivatives of the outputs, where their deltas lie, to inputs from `first` on."""
    n_out, stride = table[1, N_OUT], layout[1, STRIDE]
    deltas = span(S, layout[1, DELTAS], units * rows * stride)
    deltas[:] = S.dtype.type(0.0)
    for unit in range(units):
        for r in range(rows):
            at = layout[1, DELTAS] + (unit * rows + r) * stride
            copy(S, at, theta, table[1, WEIGHTS_AT] + (first + unit) * n_out, n_out)
    bend_stack(layout, S, 1, rows, n_out, units)
    for layer in range(2, table[0, N_LAYERS] + 1):
        n_in, weights = table[layer, N_IN], layout[0, PARAMETERS] + layout[layer, WEIGHTS]
        product(
            read_only(S), layout[layer - 1, DELTAS], layout[layer - 1, STRIDE], 1, S, weights, IN_PANELS, layout[layer, ROWS],
            layout[0, ZEROS], 0, 0, layout[layer, DELTAS], layout[layer, STRIDE], 1,
            0, units * rows, layout[layer, WIDTH], n_in, n_in, S.dtype.type(1.0),
        )  # fmt: skip
        bend_stack(layout, S, layer, rows, table[layer, N_OUT], units)
