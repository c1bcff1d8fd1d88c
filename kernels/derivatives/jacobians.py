"""Derivatives of single rows: of each output to the inputs, or to the parameters; of each row's loss to the parameters."""

from __future__ import annotations

import numpy as np

from ..checks import (
    check_derivatives,
    check_jacobian,
    check_loss,
    check_outputs,
    check_parameters,
    check_row_gradients,
    check_rows,
    check_workspace,
)
from ..training.dropout import KEEP_ALL
from ..compiler.jit import kernel, leaf
from ..llvm import copy, outer, span
from ..passes import forward_rows, layer_input
from ..plan import BIASED, BIASES_AT, N_IN, N_LAYERS, N_OUT, WEIGHTS_AT
from ..workspace import BLOCK, DELTAS, INPUT_STRIDE, LOSS_PARAMETERS, STACKED_ROWS, STRIDE
from .chain import (
    back,
    block_loss,
    forth,
    input_deltas,
    load,
    scale_of,
    take_input_deltas,
    take_outputs,
)
from .stacks import keep_slopes, stack_inputs, stack_outputs, units_at_once


@leaf(read_only="X")
def take_row_gradients(table, layout, S, X, x_at, held, deltas, rows, out, at, step):
    """Each row's gradient, laid out like theta, to place at + row * step of a vector OUT.

    held, deltas: the rows of the area from which on their activations and their deltas lie.
    """
    for layer in range(1, table[0, N_LAYERS] + 1):
        n_in, n_out, stride = table[layer, N_IN], table[layer, N_OUT], layout[layer, STRIDE]
        source, source_at, source_row, _ = layer_input(table, layout, S, X, x_at, 0, layer, KEEP_ALL)
        source_at += held * source_row if layer > 1 else 0
        for r in range(rows):
            delta, here = layout[layer, DELTAS] + (deltas + r) * stride, at + r * step
            outer(out, here + table[layer, WEIGHTS_AT], source, source_at + r * source_row, n_in, S, delta, n_out)
            if table[0, BIASED]:
                copy(out, here + table[layer, BIASES_AT], S, delta, n_out)


@leaf
def take_stack(table, layout, S, first, units, rows, out, at, step):
    """J (rows, n_out, n_in), of inputs from `first` on, to place at of a vector OUT, `step` numbers for each row."""
    last, n_in = table[0, N_LAYERS], table[1, N_IN]
    n_out, stride = table[last, N_OUT], layout[last, STRIDE]
    for unit in range(units):
        for r in range(rows):
            deltas = span(S, layout[last, DELTAS] + (unit * rows + r) * stride, n_out)
            for j in range(n_out):
                out[at + r * step + j * n_in + first + unit] = deltas[j]


@kernel(read_only="theta X", written="Y J")
def input_jacobian(plan, theta, X, Y, J, work):
    """Y (n, n_out) and J (n, n_out, n_in) OUT: the outputs for X (n, n_in), and each one's derivatives to its row's inputs.

    From the outputs back, or from the inputs on, of which there are fewer. `work` is made with derivatives=True.
    """
    table, layout = plan.table, work.layout
    check_workspace(table, layout)
    check_parameters(table, theta, theta)
    check_outputs(table, X, Y, X.shape[0])
    check_derivatives(layout[0, INPUT_STRIDE])
    check_jacobian(J, Y, X.shape[1])
    S, inputs, out = span(work.numbers, 0, work.numbers.size), span(X, 0, X.size), span(J, 0, J.size)
    n_in, n_out, block = X.shape[1], Y.shape[1], min(layout[0, BLOCK], STACKED_ROWS)
    reverse = n_out <= n_in
    load(table, layout, theta, S, 1 if reverse else table[0, N_LAYERS] + 1)
    for start in range(0, X.shape[0], block):
        rows = min(block, X.shape[0] - start)
        forward_rows(table, layout, S, inputs, start * n_in, 0, 0, rows, KEEP_ALL, 0)
        take_outputs(table, layout, S, Y, start, rows)
        keep_slopes(table, layout, S, rows)
        units = units_at_once(layout, rows, n_out if reverse else n_in)
        for first in range(0, n_out if reverse else n_in, units):
            units = min(units, (n_out if reverse else n_in) - first)
            if reverse:
                stack_outputs(table, layout, S, first, units, rows)
                input_deltas(table, layout, S, units * rows)
                for unit in range(units):
                    at = (start * n_out + first + unit) * n_in
                    take_input_deltas(table, layout, S, unit, rows, out, at, n_out * n_in)
            else:
                stack_inputs(table, layout, theta, S, first, units, rows)
                take_stack(table, layout, S, first, units, rows, out, start * n_out * n_in, n_out * n_in)


@kernel(read_only="theta X", written="Y J")
def parameter_jacobian(plan, theta, X, Y, J, work):
    """Y (n, n_out) and J (n, n_out, n_parameters) OUT: the outputs for X (n, n_in), and each one's derivatives to theta.

    `work` is made with derivatives=True.
    """
    table, layout = plan.table, work.layout
    check_workspace(table, layout)
    check_parameters(table, theta, theta)
    check_outputs(table, X, Y, X.shape[0])
    check_derivatives(layout[0, INPUT_STRIDE])
    check_jacobian(J, Y, theta.size)
    S, inputs, out = span(work.numbers, 0, work.numbers.size), span(X, 0, X.size), span(J, 0, J.size)
    load(table, layout, theta, S, 2)
    n_in, n_out, block, size = X.shape[1], Y.shape[1], min(layout[0, BLOCK], STACKED_ROWS), theta.size
    for start in range(0, X.shape[0], block):
        rows, x_at = min(block, X.shape[0] - start), start * n_in
        forward_rows(table, layout, S, inputs, x_at, 0, 0, rows, KEEP_ALL, 0)
        take_outputs(table, layout, S, Y, start, rows)
        keep_slopes(table, layout, S, rows)
        units = units_at_once(layout, rows, n_out)
        for first in range(0, n_out, units):
            units = min(units, n_out - first)
            stack_outputs(table, layout, S, first, units, rows)
            for unit in range(units):
                at = (start * n_out + first + unit) * size
                take_row_gradients(table, layout, S, inputs, x_at, 0, unit * rows, rows, out, at, n_out * size)


@kernel(read_only="theta X T weight", written="G")
def sample_gradients(plan, theta, X, T, weight, G, work):
    """The loss, averaged over the rows as by `loss_and_grad`; G (n, n_parameters) OUT: the gradient of each row's own loss.

    A row's loss is multiplied by its weight where there are weights, and not divided by anything: the sum of G's rows over
    that of the weights is the gradient.
    """
    table, layout = plan.table, work.layout
    check_workspace(table, layout)
    check_parameters(table, theta, theta)
    check_rows(table, X, T, weight)
    check_loss(plan, work, layout[0, LOSS_PARAMETERS])
    check_row_gradients(G, X.shape[0], theta.size)
    S, inputs, out = span(work.numbers, 0, work.numbers.size), span(X, 0, X.size), span(G, 0, G.size)
    alone = X.shape[0] == 1
    if not alone:
        load(table, layout, theta, S, 2)
    n_in, block, size = X.shape[1], layout[0, BLOCK], theta.size
    total = np.float64(0.0)
    for start in range(0, X.shape[0], block):
        rows, x_at = min(block, X.shape[0] - start), start * n_in
        forth(table, layout, theta, S, inputs, x_at, rows, alone)
        total += block_loss(table, layout, S, T, weight, start, 1.0, work.losses, rows)
        back(table, layout, theta, S, rows, alone)
        take_row_gradients(table, layout, S, inputs, x_at, 0, 0, rows, out, start * size, size)
    return total * scale_of(weight, X.shape[0])
