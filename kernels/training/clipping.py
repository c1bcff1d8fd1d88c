"""A step whose gradient is shortened where it is too long: that takes the whole gradient first.

Its pieces, each thread's part of them; the threads meet after the first and after the second.
"""

from __future__ import annotations

import numpy as np

from ..compiler.jit import leaf
from ..llvm import span
from ..matrices import weighted_norms
from ..passes import biases_at, numbers_of_layers, refresh_transposed, weights_at
from .barrier import is_ours
from .optimizers import add_penalty
from .step import any_penalty, no_penalties, set_gradient, step_stretch, sum_groups


@leaf
def whole_gradient(net, step, team, dropout):
    """This thread's rows of the gradient, in the sums."""
    header = net.header
    if not header.grouped:
        set_gradient(net, step, team, dropout)
    elif team.thread == 0:
        sum_groups(net, step.n_groups, 0, header.packed_size)


@leaf
def penalise_layer(net, layer, penalties):
    """A layer's gradient in the sums OUT: the penalties' is added; its weights OUT: decay."""
    memory, count = net.memory, layer.panel_rows * layer.width
    weights = span(memory, net.header.parameters + layer.weights, count)
    add_penalty(weights, span(memory, net.header.sums + layer.weights, count), penalties)


@leaf
def add_squared_lengths(net, penalties, team):
    """The penalties' gradients join that in the sums; the numbers of the layers OUT: its squared length in each."""
    header, lengths = net.header, numbers_of_layers(net)
    for l in range(header.n_layers):
        if is_ours(team, l):
            layer = net.layers[l]
            lengths[l] = 0.0
            if layer.frozen:
                continue
            if any_penalty(penalties):
                penalise_layer(net, layer, penalties)
            squares = weighted_norms(net.memory, weights_at(layer, header.sums), layer.n_in, layer.n_out, 1.0, 0.0)
            if header.biased:
                squares += weighted_norms(net.memory, biases_at(layer, header.sums), 1, layer.n_out, 1.0, 0.0)
            lengths[l] = squares


@leaf
def shortened_step(net, step, factor, at, count):
    """A step for `count` parameters from place `at` of the vectors in panels, with their gradient in the sums times factor."""
    gradient = span(net.memory, net.header.sums + at, count)
    for i in range(count):
        gradient[i] *= factor
    step_stretch(net, step, no_penalties(net), at, net.header.sums + at, count)


@leaf
def clipped_step(net, step, longest, team):
    """A step for this thread's layers, with the gradient in the sums, shortened where it is longer than `longest`."""
    lengths, squares = numbers_of_layers(net), np.float64(0.0)
    for l in range(lengths.size):
        squares += lengths[l]
    length = np.sqrt(squares)
    factor = net.memory.dtype.type(longest / length if length > longest else 1.0)
    for l in range(lengths.size):
        layer = net.layers[l]
        if is_ours(team, l) and not layer.frozen:
            shortened_step(net, step, factor, layer.weights, layer.panel_rows * layer.width)
            shortened_step(net, step, factor, layer.biases, layer.width)
            if l > 0:
                refresh_transposed(net, layer, 0, layer.n_in)
