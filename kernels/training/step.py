"""The step rule in the pass that forms the gradient, on parameters in panels; the transposed weights follow.

Plain SGD is one more term of the product: W - rate A^T D. Rules with a state take the gradient a few rows of a panel at a
time, while it is in the first-level cache; of a small network, all at once.
"""

from __future__ import annotations

from ..compiler.jit import leaf
from ..llvm import column_sums, lanes_of, span
from ..passes import add_gradient, layer_input, refresh_transposed, share, weight_rows
from .optimizers import SGD, add_penalty, take_step
from ..plan import BIASED, N_IN, N_LAYERS
from ..matrices import ROWS_AT_A_TIME, panel_width, product
from ..workspace import (
    ANY_FROZEN,
    BIASES,
    DELTAS,
    FIRST,
    FROZEN,
    PACKED,
    PARAMETERS,
    ROWS,
    SCRATCH,
    SCRATCH_ROWS,
    SECOND,
    STRIDE,
    SUMS,
    WEIGHTS,
    WIDTH,
    ZEROS,
)

# Padded numbers: so many make a gradient that is still near when it is whole.
WHOLE_AT_ONCE = 1 << 15


@leaf
def any_penalty(penalties):
    return penalties[0] != 0.0 or penalties[1] != 0.0 or penalties[2] != 0.0


@leaf
def step_stretch(layout, S, rule, values, penalties, at, gradient, count):
    """One step for `count` parameters from place `at` of the vectors in panels; their gradient lies in S from `gradient` on.

    penalties: see `add_penalty`.
    """
    first = second = layout[0, PARAMETERS]
    if rule != SGD:
        first, second = layout[0, FIRST], layout[0, SECOND]
    w, g = span(S, layout[0, PARAMETERS] + at, count), span(S, gradient, count)
    if any_penalty(penalties):
        add_penalty(w, g, penalties)
    take_step(rule, values, w, g, span(S, first + at, count), span(S, second + at, count))


@leaf(read_only="source")
def step_matrix(
    layout,
    S,
    source,
    source_at,
    a_row,
    a_step,
    d,
    stride,
    at,
    panel_rows,
    columns,
    first,
    last,
    rows,
    rule,
    values,
    penalties,
    part,
    factor,
):
    """One step for rows first to last - 1 of a matrix in panels of `panel_rows` rows, from place `at` on.

    source, a_row, a_step: the first factor of its gradient, as in `product`, which counts for `factor`; d, stride: the deltas;
    rows: of the batch.
    """
    lanes = lanes_of(S)
    scratch = layout[0, SCRATCH] + part * SCRATCH_ROWS * 3 * lanes
    few = weight_rows(rows)
    for start in range(first, last, few):
        column = 0
        while column < columns:
            width = panel_width(columns - column, lanes)
            for row in range(start, min(start + few, last), SCRATCH_ROWS):
                count = min(SCRATCH_ROWS, last - row)
                product(
                    source, source_at + row * a_row, a_row, a_step, S, d + column, stride, 1, layout[0, ZEROS], 0, 0,
                    scratch, width, 1, 0, count, width, rows, ROWS_AT_A_TIME, factor,
                )  # fmt: skip
                here = at + panel_rows * column + row * width
                step_stretch(layout, S, rule, values, penalties, here, scratch, count * width)
            column += width


@leaf
def sum_groups(layout, S, groups, at, count):
    """The first group's stretch of the gradient += those of all others, in order."""
    total = span(S, layout[0, SUMS] + at, count)
    for group in range(1, groups):
        more = span(S, layout[0, SUMS] + group * layout[0, PACKED] + at, count)
        for i in range(count):
            total[i] += more[i]


@leaf
def step_matrix_from_sums(layout, S, groups, at, panel_rows, columns, first, last, rule, values, penalties):
    """One step for rows first to last - 1 of a matrix in panels, from the gradients of the groups."""
    column = 0
    while column < columns:
        width = panel_width(columns - column, lanes_of(S))
        for row in range(first, last, SCRATCH_ROWS):
            here = at + panel_rows * column + row * width
            count = min(SCRATCH_ROWS, last - row) * width
            sum_groups(layout, S, groups, here, count)
            step_stretch(layout, S, rule, values, penalties, here, layout[0, SUMS] + here, count)
        column += width


@leaf
def penalise_layer(layout, S, layer, penalties):
    """A layer's gradient in SUMS OUT: the penalties' is added; its weights OUT: decay."""
    at, count = layout[layer, WEIGHTS], layout[layer, ROWS] * layout[layer, WIDTH]
    add_penalty(span(S, layout[0, PARAMETERS] + at, count), span(S, layout[0, SUMS] + at, count), penalties)


@leaf
def penalise_layers(table, layout, S, penalties):
    if any_penalty(penalties):
        for layer in range(1, table[0, N_LAYERS] + 1):
            penalise_layer(layout, S, layer, penalties)


@leaf(read_only="X")
def step_part(table, layout, S, X, x_at, rows, groups, rule, values, penalties, part, parts, key):
    """This thread's part of a step: some rows of each layer's weights, and some layers' biases.

    groups: how many groups' gradients there are; 0 where the batch's rows lie in the area, their inputs in X from x_at on.
    penalties: of the weights, see `add_penalty`. key: as in `forward_rows`.
    """
    sums = groups
    zero = S.dtype.type(0.0)
    none = (zero, zero, zero)
    plain = rule == SGD and not any_penalty(penalties)
    if groups == 0 and plain:
        parameters = layout[0, PARAMETERS]
        add_gradient(table, layout, S, X, x_at, 0, rows, parameters, parameters, -values[0], part, parts, key, 0)
    elif groups == 0 and layout[0, PACKED] <= WHOLE_AT_ONCE:
        add_gradient(table, layout, S, X, x_at, 0, rows, -1, layout[0, SUMS], S.dtype.type(1.0), part, parts, key, 0)
        sums = 1
    if sums and parts == 1 and not layout[0, ANY_FROZEN]:
        sum_groups(layout, S, sums, 0, layout[0, PACKED])
        penalise_layers(table, layout, S, penalties)
        step_stretch(layout, S, rule, values, none, 0, layout[0, SUMS], layout[0, PACKED])
        sums = -1
    for layer in range(1, table[0, N_LAYERS] + 1):
        if layout[layer, FROZEN]:
            continue
        first, last = share(table[layer, N_IN], lanes_of(S), part, parts)
        bias_here = table[0, BIASED] and layer % parts == part
        weights, biases, width, panel_rows = (
            layout[layer, WEIGHTS],
            layout[layer, BIASES],
            layout[layer, WIDTH],
            layout[layer, ROWS],
        )
        if sums > 0:
            step_matrix_from_sums(layout, S, sums, weights, panel_rows, width, first, last, rule, values, penalties)
            if bias_here:
                step_matrix_from_sums(layout, S, sums, biases, 1, width, 0, 1, rule, values, none)
        elif sums == 0 and not plain:
            source, at, row, factor = layer_input(table, layout, S, X, x_at, 0, layer, key)
            d, stride = layout[layer, DELTAS], layout[layer, STRIDE]
            step_matrix(
                layout, S, source, at, 1, row, d, stride, weights, panel_rows, width, first, last, rows,
                rule, values, penalties, part, factor,
            )  # fmt: skip
            if bias_here:
                gradient = layout[0, SUMS] + biases
                column_sums(S, d, stride, rows, width, layout[0, ZEROS], gradient, S.dtype.type(1.0))
                step_stretch(layout, S, rule, values, none, biases, gradient, width)
        if layer > 1:
            refresh_transposed(layout, S, layer, first, last)
