"""The matrix chain over all layers: forward, backward, gradient; what the kernels are made of.

    forward    a_0 = X,  z_l = a_{l-1} W_l + b_l,  a_l = f_l(z_l)
    backward   delta_L = dL/dz_L,  delta_{l-1} = (delta_l W_l^T) * f'_{l-1},  dW_l = a_{l-1}^T delta_l,  db_l = sum_rows delta_l

It runs in a workspace, on parameters in panels; `workspace.py` tells what lies where.
"""

from __future__ import annotations

from .compiler.jit import leaf
from .llvm import call_activation, call_loss, column_sums, dots, lanes_of, span
from .matrices import IN_PANELS, pack, pack_transposed, product
from .plan import BIASED, BIASES_AT, N_IN, N_LAYERS, N_OUT, WEIGHTS_AT
from .training.dropout import drop, kept_factor
from .workspace import (
    ACTIVATIONS,
    BIASES,
    DELTAS,
    DOTS,
    FROZEN,
    GRANULE,
    LOSS,
    LOSS_PARAMETERS,
    LOSS_ROUTINE,
    LOSS_THROUGH,
    OUTPUT_WIDTH,
    PARAMETERS,
    PREACTIVATIONS,
    ROUTINE,
    ROWS,
    SCRATCH_ROWS,
    STRIDE,
    TRANSPOSED,
    WEIGHTS,
    WIDTH,
    ZEROS,
)


@leaf(read_only="vector")
def read_only(vector):
    """The same vector, for arguments that are declared read-only."""
    return span(vector, 0, vector.size)


# Parameters in panels ------------------------------------------------------------------------------------------------------


@leaf
def pack_parameters(table, layout, vector, S, at, back):
    """A vector laid out like theta, into panels from `at` on; the way back where `back`."""
    for layer in range(1, table[0, N_LAYERS] + 1):
        weights, biases = at + layout[layer, WEIGHTS], at + layout[layer, BIASES]
        rows, width, n_in, n_out = layout[layer, ROWS], layout[layer, WIDTH], table[layer, N_IN], table[layer, N_OUT]
        pack(vector, table[layer, WEIGHTS_AT], n_in, n_out, S, weights, rows, width, back)
        if table[0, BIASED]:
            pack(vector, table[layer, BIASES_AT], 1, n_out, S, biases, 1, width, back)


@leaf
def refresh_transposed(layout, S, layer, first, last):
    """Rows first to last - 1 of a layer's weights into its transposed weights, where it has them; layers count from 1 here."""
    if layout[layer, DOTS]:
        return
    at, rows, width = layout[0, PARAMETERS] + layout[layer, WEIGHTS], layout[layer, ROWS], layout[layer, WIDTH]
    pack_transposed(S, at, first, last, rows, width, layout[layer, OUTPUT_WIDTH], layout[layer, TRANSPOSED], width)


# Numbers of a batch's inputs that the second-level cache holds beside panels of weights and deltas.
INPUT_NUMBERS = 1 << 16


# Rows ----------------------------------------------------------------------------------------------------------------------


@leaf
def activate(layout, S, layer, area, held, rows, n_out, backward):
    """A layer's pre-activations into activations; backward: dL/da, where its deltas lie, into those. A granule at a time."""
    routine, stride, granule = layout[layer, ROUTINE], layout[layer, STRIDE], layout[0, GRANULE]
    if routine == 0:
        return
    for first in range(0, rows, granule):
        at = area + (held + first) * stride
        x, y, d = at + layout[layer, PREACTIVATIONS], at + layout[layer, ACTIVATIONS], at + layout[layer, DELTAS]
        call_activation(routine, S, x, y, d, 0, min(granule, rows - first), stride, n_out, backward)


@leaf(read_only="X")
def forward_rows(table, layout, S, X, x_at, area, held, rows, key, position):
    """Activations of all layers for `rows` rows of inputs, in the vector X from x_at on; kept in an area from row `held` on.

    key: of the step, for dropout (`dropout.py`), or KEEP_ALL. position: the first row's in its batch.
    """
    source, source_at, source_row = X, x_at, table[1, N_IN]
    for layer in range(1, table[0, N_LAYERS] + 1):
        stride, width, n_in = layout[layer, STRIDE], layout[layer, WIDTH], table[layer, N_IN]
        z = area + layout[layer, PREACTIVATIONS] + held * stride
        weights, biases = layout[0, PARAMETERS] + layout[layer, WEIGHTS], layout[0, PARAMETERS] + layout[layer, BIASES]
        product(
            source, source_at, source_row, 1, S, weights, IN_PANELS, layout[layer, ROWS], biases, 0, 1, z, stride, 1,
            0, rows, width, n_in, n_in, kept_factor(layout, layer - 1, key, S.dtype.type),
        )  # fmt: skip
        activate(layout, S, layer, area, held, rows, table[layer, N_OUT], False)
        source, source_at, source_row = read_only(S), area + layout[layer, ACTIVATIONS] + held * stride, stride
        drop(layout, S, layer, source_at, stride, table[layer, N_OUT], rows, key, position, S.dtype.type(1.0))


@leaf(read_only="T weight")
def loss_rows(table, layout, S, T, weight, start, scale, losses, first, area, held, rows):
    """Weighted losses of rows, a sum for each granule in losses[first // granule] on, and deltas at the output.

    T (n, n_targets), weight (n) or empty: their rows from `start` on. In the area the rows are those from `held` on.
    """
    last = table[0, N_LAYERS]
    stride, n_out, granule = layout[last, STRIDE], table[last, N_OUT], layout[0, GRANULE]
    for row in range(0, rows, granule):
        count = min(granule, rows - row)
        at = area + (held + row) * stride
        losses[(first + row) // granule] = call_loss(
            layout[0, LOSS_ROUTINE], layout[0, LOSS], S, layout[last, ACTIVATIONS] + at, layout[last, DELTAS] + at, count,
            stride, n_out, T, T.shape[1], weight, weight.size, start + row, scale, layout[0, LOSS_PARAMETERS],
        )  # fmt: skip
    if not layout[0, LOSS_THROUGH]:
        activate(layout, S, last, area, held, rows, n_out, True)


@leaf
def backward_rows(table, layout, S, area, held, rows, key, position):
    """Deltas of all hidden layers, from those at the output. key, position: as in `forward_rows`."""
    one = S.dtype.type(1.0)
    for layer in range(table[0, N_LAYERS], 1, -1):
        stride, below = layout[layer, STRIDE], layout[layer - 1, STRIDE]
        d = area + layout[layer, DELTAS] + held * stride
        target = area + layout[layer - 1, DELTAS] + held * below
        if layout[layer, DOTS]:
            weights = layout[0, PARAMETERS] + layout[layer, WEIGHTS]
            for r in range(rows):
                dots(
                    S,
                    d + r * stride,
                    weights,
                    layout[layer, ROWS],
                    layout[layer, WIDTH],
                    table[layer, N_IN],
                    target + r * below,
                )
        else:
            product(
                read_only(S), d, stride, 1, S, layout[layer, TRANSPOSED], IN_PANELS, layout[layer, WIDTH],
                layout[0, ZEROS], 0, 0, target, below, 1,
                0, rows, layout[layer, ROWS], table[layer, N_OUT], table[layer, N_OUT], one,
            )  # fmt: skip
        factor = kept_factor(layout, layer - 1, key, S.dtype.type)
        drop(layout, S, layer - 1, target, below, table[layer - 1, N_OUT], rows, key, position, factor)
        activate(layout, S, layer - 1, area, held, rows, table[layer - 1, N_OUT], True)


# Gradients -----------------------------------------------------------------------------------------------------------------


@leaf
def share(count, unit, part, parts):
    """Of `count` things in units of `unit`, those (first, last + 1) that belong to one of `parts` parts."""
    units = (count + unit - 1) // unit
    return units * part // parts * unit, min(count, units * (part + 1) // parts * unit)


@leaf
def weight_rows(rows):
    """How many rows of weights to take at a time: the `rows` rows of their inputs then stay in the second-level cache."""
    return max(SCRATCH_ROWS, INPUT_NUMBERS // rows // SCRATCH_ROWS * SCRATCH_ROWS)


@leaf(read_only="X")
def layer_input(table, layout, S, X, x_at, area, layer, key):
    """What a layer's rows of inputs are: a vector, where they begin, and from one to the next; and what they count for."""
    if layer == 1:
        return X, x_at, table[1, N_IN], S.dtype.type(1.0)
    factor = kept_factor(layout, layer - 1, key, S.dtype.type)
    return read_only(S), area + layout[layer - 1, ACTIVATIONS], layout[layer - 1, STRIDE], factor


@leaf(read_only="X")
def add_gradient(table, layout, S, X, x_at, area, rows, init, target, scale, part, parts, key, shift):
    """Vectors in panels: target = init + scale * the gradient of an area's `rows` rows; init below 0 stands for zeros.

    The whole sum is made before it is added, so that weights are rounded once a step. X, x_at: the rows' inputs. part, parts:
    which rows of each layer's weights, and which layers' biases, are this thread's. key: as in `forward_rows`.
    shift: deltas are taken from so many places further on.
    """
    for layer in range(1, table[0, N_LAYERS] + 1):
        if layout[layer, FROZEN]:
            continue
        source, source_at, source_row, factor = layer_input(table, layout, S, X, x_at, area, layer, key)
        d, stride, width, panel_rows = (
            area + shift + layout[layer, DELTAS],
            layout[layer, STRIDE],
            layout[layer, WIDTH],
            layout[layer, ROWS],
        )
        at, init_row, init_column = init + layout[layer, WEIGHTS], IN_PANELS, panel_rows
        if init < 0:
            at, init_row, init_column = layout[0, ZEROS], 0, 0
        first, last = share(table[layer, N_IN], lanes_of(S), part, parts)
        few = weight_rows(rows)
        for row in range(first, last, few):
            product(
                source, source_at, 1, source_row, S, d, stride, 1, at, init_row, init_column,
                target + layout[layer, WEIGHTS], IN_PANELS, panel_rows, row, min(row + few, last), width,
                rows, rows, scale * factor,
            )  # fmt: skip
        if table[0, BIASED] and layer % parts == part:
            at = layout[0, ZEROS] if init < 0 else init + layout[layer, BIASES]
            column_sums(S, d, stride, rows, width, at, target + layout[layer, BIASES], scale)
