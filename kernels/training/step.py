"""The step rule in the pass that forms the gradient, on parameters in panels; the transposed weights follow.

Plain SGD is one more term of the product: W - rate A^T D. Rules with a state take the gradient a few rows of a panel at a
time, while it is in the first-level cache; of a small network, all at once.
"""

from __future__ import annotations

from typing import NamedTuple

from ..compiler.jit import leaf
from ..inputs import Inputs, add_inputs_gradient, no_operand
from ..llvm import column_sums, copy, lanes_of, minimum, panel_width, span
from ..matrices import ByRows, Operand, set_product_panel, transposed
from ..passes import Block, Into, layer_input, refresh_transposed, rows_at, rows_at_a_time, weights_at
from ..places import SCRATCH_ROWS
from ..sparse_rows import add_outer_products, clear, clear_touched
from .barrier import is_ours, share
from .codes import SGD
from .dropout import kept_factor
from .optimizers import Penalties, StepSizes, add_penalty, take_step

# Padded numbers: so many make a gradient that is still near when it is whole.
WHOLE_AT_ONCE = 1 << 15


class Step(NamedTuple):
    """One step. X, block: the batch's rows where they are one chunk; n_groups: of gradients to add up, where they are not."""

    X: Inputs
    block: Block
    n_groups: int
    rule: int
    sizes: StepSizes
    penalties: Penalties


@leaf
def any_penalty(penalties):
    return penalties.l2 != 0.0 or penalties.l1 != 0.0 or penalties.decay != 0.0


@leaf
def no_penalties(net):
    """For biases, and for gradients that have them already."""
    zero = net.memory.dtype.type(0.0)
    return Penalties(zero, zero, zero)


@leaf
def step_stretch(net, step, penalties, at, gradient, count):
    """A step for `count` parameters from place `at` of the vectors in panels; their gradient lies from place `gradient` on."""
    header, memory, rule = net.header, net.memory, step.rule
    velocity = mean_square = header.parameters
    if rule != SGD:
        velocity, mean_square = header.velocity, header.mean_square
    w, g = span(memory, header.parameters + at, count), span(memory, gradient, count)
    l2 = penalties.l2
    if penalties.l1 != 0.0 or penalties.decay != 0.0:
        add_penalty(w, g, penalties)
        l2 = w.dtype.type(0.0)
    take_step(rule, step.sizes, l2, w, g, span(memory, velocity + at, count), span(memory, mean_square + at, count))


# From a gradient that is whole ----------------------------------------------------------------------------------------------


@leaf
def sum_groups(net, n_groups, at, count):
    """The first group's stretch of the gradient += those of all others, in order."""
    header, memory = net.header, net.memory
    total = span(memory, header.sums + at, count)
    for group in range(1, n_groups):
        more = span(memory, header.sums + group * header.packed_size + at, count)
        for i in range(count):
            total[i] += more[i]


@leaf
def step_from_sums(net, step, n_groups, layer, first, last):
    """A step for rows first to last - 1 of a layer's weights, from the gradients of the groups."""
    memory, sums = net.memory, net.header.sums
    lanes = lanes_of(memory)
    column = 0
    while column < layer.width:
        columns = panel_width(layer.width - column, lanes)
        for row in range(first, last, SCRATCH_ROWS):
            here = layer.weights + layer.panel_rows * column + row * columns
            count = minimum(SCRATCH_ROWS, last - row) * columns
            sum_groups(net, n_groups, here, count)
            step_stretch(net, step, step.penalties, here, sums + here, count)
        column += columns


@leaf
def step_biases_from_sums(net, step, n_groups, layer):
    """A step for a layer's biases, from the gradients of the groups."""
    sum_groups(net, n_groups, layer.biases, layer.width)
    step_stretch(net, step, no_penalties(net), layer.biases, net.header.sums + layer.biases, layer.width)


@leaf
def set_gradient(net, step, team, dropout):
    """This thread's rows of the gradient of a batch that is one chunk, in the sums."""
    into = Into(net.header.sums, net.memory.dtype.type(1.0), False)
    add_inputs_gradient(net, step.X.dense, step.X.sparse, step.block, step.block.memory, into, team, dropout)


@leaf
def step_whole(net, step, n_groups):
    """A step for all parameters at once, by one thread, from the gradients of the groups."""
    header = net.header
    sum_groups(net, n_groups, 0, header.packed_size)
    if any_penalty(step.penalties):
        for l in range(header.n_layers):
            layer = net.layers[l]
            count = layer.panel_rows * layer.width
            step_stretch(net, step, step.penalties, layer.weights, header.sums + layer.weights, count)
            if header.biased:
                step_stretch(net, step, no_penalties(net), layer.biases, header.sums + layer.biases, layer.width)
    else:
        step_stretch(net, step, no_penalties(net), 0, header.sums, header.packed_size)
    for l in range(1, header.n_layers):
        layer = net.layers[l]
        refresh_transposed(net, layer, 0, layer.n_in)


@leaf
def take_part_from_sums(net, step, n_groups, team):
    """This thread's part of a step, from the gradients of the groups."""
    if team.threads == 1 and not net.header.any_frozen:
        step_whole(net, step, n_groups)
        return
    for l in range(net.header.n_layers):
        layer = net.layers[l]
        if layer.frozen:
            continue
        first, last = share(team, layer.n_in, lanes_of(net.memory))
        step_from_sums(net, step, n_groups, layer, first, last)
        if net.header.biased and is_ours(team, l):
            step_biases_from_sums(net, step, n_groups, layer)
        if l > 0:
            refresh_transposed(net, layer, first, last)


# While the gradient is made --------------------------------------------------------------------------------------------------


@leaf
def step_by_pieces(net, step, X, l, team, dropout):
    """A step for this thread's rows of a layer's weights, with a piece of their gradient at a time. X: of dense inputs."""
    header, memory, layer = net.header, net.memory, net.layers[l]
    lanes, rows = lanes_of(memory), step.block.rows
    D, A = rows_at(layer.deltas, layer, step.block), transposed(layer_input(net, X, step.block, l))
    factor = kept_factor(net.layers, l - 1, dropout, memory.dtype.type)
    scratch = header.scratch + team.thread * SCRATCH_ROWS * 3 * lanes
    first, last = share(team, layer.n_in, lanes)
    at_once = rows_at_a_time(rows)
    for start in range(first, last, at_once):
        column = 0
        while column < layer.width:
            columns = panel_width(layer.width - column, lanes)
            for row in range(start, minimum(start + at_once, last), SCRATCH_ROWS):
                piece = ByRows(scratch, columns, minimum(SCRATCH_ROWS, last - row))
                factors = Operand(A.vector, A.at + row * A.row, A.row, A.step)
                here = layer.weights + layer.panel_rows * column + row * columns
                set_product_panel(memory, factors, ByRows(D.at + column, D.stride, rows), piece, columns, factor, header.zeros)
                step_stretch(net, step, step.penalties, here, scratch, piece.rows * columns)
            column += columns


@leaf
def step_sparse_by_pieces(net, step, X, team):
    """A step for this thread's rows of the first layer's weights, from the inputs' SparseBatch X.

    Their gradient is made in the sums, which are zero before and after; the step goes through copies of its pieces, since the
    penalties' gradients are added to these.
    """
    header, memory, layer = net.header, net.memory, net.layers[0]
    lanes, sums = lanes_of(memory), weights_at(layer, header.sums)
    scratch = header.scratch + team.thread * SCRATCH_ROWS * 3 * lanes
    first, last = share(team, layer.n_in, lanes)
    add_outer_products(memory, X, rows_at(layer.deltas, layer, step.block), sums, first, last, memory.dtype.type(1.0))
    column = 0
    while column < layer.width:
        columns = panel_width(layer.width - column, lanes)
        for row in range(first, last, SCRATCH_ROWS):
            here = layer.weights + layer.panel_rows * column + row * columns
            count = minimum(SCRATCH_ROWS, last - row) * columns
            copy(memory, scratch, memory, header.sums + here, count)
            step_stretch(net, step, step.penalties, here, scratch, count)
        column += columns
    clear_touched(memory, X, step.block.rows, sums, first, last)


@leaf
def step_weights(net, step, dense, sparse, l, team, dropout):
    """A step for this thread's rows of a layer's weights. dense, sparse: of `step.X`."""
    if dense is not None:
        step_by_pieces(net, step, dense, l, team, dropout)
    if sparse is not None:
        if l == 0:
            step_sparse_by_pieces(net, step, sparse, team)
        else:
            step_by_pieces(net, step, no_operand(net), l, team, dropout)


@leaf
def clear_sums(net, sparse):
    """What `step_sparse_by_pieces` begins with. sparse: `rows.sparse`."""
    if sparse is not None:
        clear(net.memory, weights_at(net.layers[0], net.header.sums), 0, net.layers[0].n_in)


@leaf
def step_biases(net, step, layer):
    """A step for a layer's biases, whose gradient is made in the sums."""
    memory, gradient = net.memory, net.header.sums + layer.biases
    D = rows_at(layer.deltas, layer, step.block)
    column_sums(memory, D.at, D.stride, D.rows, layer.width, net.header.zeros, gradient, memory.dtype.type(1.0))
    step_stretch(net, step, no_penalties(net), layer.biases, gradient, layer.width)


@leaf
def take_part_by_pieces(net, step, team, dropout):
    """This thread's part of a step of a large network."""
    for l in range(net.header.n_layers):
        layer = net.layers[l]
        if layer.frozen:
            continue
        step_weights(net, step, step.X.dense, step.X.sparse, l, team, dropout)
        if net.header.biased and is_ours(team, l):
            step_biases(net, step, layer)
        if l > 0:
            first, last = share(team, layer.n_in, lanes_of(net.memory))
            refresh_transposed(net, layer, first, last)


@leaf
def take_part_of_sgd(net, step, team, dropout):
    """This thread's part of a step of plain SGD, without a gradient of its own."""
    at, rate = net.header.parameters, step.sizes.size
    into = Into(at, -rate, True)
    add_inputs_gradient(net, step.X.dense, step.X.sparse, step.block, step.block.memory, into, team, dropout)
    for l in range(1, net.header.n_layers):
        layer = net.layers[l]
        if not layer.frozen:
            first, last = share(team, layer.n_in, lanes_of(net.memory))
            refresh_transposed(net, layer, first, last)


@leaf
def take_part(net, step, team, dropout):
    """This thread's part of a step: some rows of each layer's weights, and some layers' biases."""
    header = net.header
    if header.grouped:
        take_part_from_sums(net, step, step.n_groups, team)
    elif step.rule == SGD and not any_penalty(step.penalties):
        take_part_of_sgd(net, step, team, dropout)
    elif header.packed_size <= WHOLE_AT_ONCE:
        set_gradient(net, step, team, dropout)
        take_part_from_sums(net, step, 1, team)
    else:
        take_part_by_pieces(net, step, team, dropout)
