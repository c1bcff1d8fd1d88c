"""A step whose gradient is shortened where it is too long: that takes the whole gradient first.

Its pieces, each thread's part of them, with a meeting of the threads after the first and after the second.
"""

from __future__ import annotations

import numpy as np

from ..compiler.jit import leaf
from ..llvm import span
from ..passes import add_gradient, refresh_transposed
from ..plan import BIASED, N_IN, N_LAYERS, N_OUT
from ..matrices import weigh
from .step import any_penalty, penalise_layer, step_stretch, sum_groups
from ..workspace import BIASES, FROZEN, PACKED, ROWS, SUMS, WEIGHTS, WIDTH


@leaf(read_only="X")
def whole_gradient(table, layout, S, X, x_at, rows, groups, part, parts, key):
    """This thread's rows of the gradient, in SUMS. key: as in `forward_rows`."""
    if groups == 0:
        add_gradient(table, layout, S, X, x_at, 0, rows, -1, layout[0, SUMS], S.dtype.type(1.0), part, parts, key, 0)
    elif part == 0:
        sum_groups(layout, S, groups, 0, layout[0, PACKED])


@leaf
def add_squared_lengths(table, layout, S, penalties, losses, part, parts):
    """The penalties' gradients join that in SUMS; the last entries of losses OUT: its squared length, layer by layer."""
    layers = table[0, N_LAYERS]
    for layer in range(1, layers + 1):
        if layer % parts == part:
            weights, biases = layout[layer, WEIGHTS], layout[layer, BIASES]
            rows, width, n_in, n_out = layout[layer, ROWS], layout[layer, WIDTH], table[layer, N_IN], table[layer, N_OUT]
            losses[losses.size - layers + layer - 1] = 0.0
            if layout[layer, FROZEN]:
                continue
            if any_penalty(penalties):
                penalise_layer(layout, S, layer, penalties)
            squares = weigh(S, layout[0, SUMS] + weights, n_in, n_out, rows, width, 1.0, 0.0)
            if table[0, BIASED]:
                squares += weigh(S, layout[0, SUMS] + biases, 1, n_out, 1, width, 1.0, 0.0)
            losses[losses.size - layers + layer - 1] = squares


@leaf
def clipped_step(table, layout, S, rule, values, longest, losses, part, parts):
    """A step for this thread's layers, with the gradient in SUMS, shortened where it is longer than `longest`."""
    layers = table[0, N_LAYERS]
    squares = np.float64(0.0)
    for k in range(losses.size - layers, losses.size):
        squares += losses[k]
    length = np.sqrt(squares)
    zero = S.dtype.type(0.0)
    factor = S.dtype.type(longest / length if length > longest else 1.0)
    for layer in range(1, layers + 1):
        if layer % parts == part and not layout[layer, FROZEN]:
            for at, count in (
                (layout[layer, WEIGHTS], layout[layer, ROWS] * layout[layer, WIDTH]),
                (layout[layer, BIASES], layout[layer, WIDTH]),
            ):
                gradient = span(S, layout[0, SUMS] + at, count)
                for i in range(count):
                    gradient[i] *= factor
                step_stretch(layout, S, rule, values, (zero, zero, zero), at, layout[0, SUMS] + at, count)
            if layer > 1:
                refresh_transposed(layout, S, layer, 0, table[layer, N_IN])
