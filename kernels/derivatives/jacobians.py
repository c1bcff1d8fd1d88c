"""Derivatives of single rows: of each output to the inputs, or to the parameters; of each row's loss to the parameters.

Backward, an output at a time for all rows of a block.
"""

from __future__ import annotations

import numpy as np

from ..checks import check_derivatives, check_jacobian, check_loss, check_outputs, check_parameters, check_rows, check_workspace
from ..dropout import KEEP_ALL
from ..jit import kernel, leaf
from ..llvm import matrix, span
from ..network import backward_rows, forward_rows, layer_input, loss_rows
from ..plan import BIASED, BIASES_AT, N_IN, N_LAYERS, N_OUT, WEIGHTS_AT
from ..workspace import ACTIVATIONS, BLOCK, DELTAS, GRANULE, INPUT_STRIDE, LOSS_PARAMETERS, STRIDE
from .chain import load, scale_of, seed_unit, take_input_deltas


@leaf
def take_outputs(table, layout, S, Y, start, rows):
    """Y[start : start + rows] OUT, from the area."""
    last = table[0, N_LAYERS]
    outputs = matrix(S, layout[last, ACTIVATIONS], rows, layout[last, STRIDE])
    for r in range(rows):
        for j in range(Y.shape[1]):
            Y[start + r, j] = outputs[r, j]


@leaf(read_only="X")
def take_row_gradients(table, layout, S, X, x_at, rows, out, at, step):
    """Each row's gradient, laid out like theta, to place at + row * step of a vector OUT: the outer products a delta."""
    for layer in range(1, table[0, N_LAYERS] + 1):
        n_in, n_out = table[layer, N_IN], table[layer, N_OUT]
        source, source_at, source_row, _ = layer_input(table, layout, S, X, x_at, 0, layer, KEEP_ALL)
        for r in range(rows):
            delta = span(S, layout[layer, DELTAS] + r * layout[layer, STRIDE], n_out)
            here = at + r * step
            for k in range(n_in):
                a, products = (
                    source[source_at + r * source_row + k],
                    span(out, here + table[layer, WEIGHTS_AT] + k * n_out, n_out),
                )
                for j in range(n_out):
                    products[j] = a * delta[j]
            if table[0, BIASED]:
                biases = span(out, here + table[layer, BIASES_AT], n_out)
                for j in range(n_out):
                    biases[j] = delta[j]


@kernel(read_only="theta X")
def input_jacobian(plan, theta, X, Y, J, work):
    """Y (n, n_out) and J (n, n_out, n_in) OUT: the outputs for X (n, n_in), and each one's derivatives to its row's inputs.

    `work` is made with derivatives=True.
    """
    table, layout = plan.table, work.layout
    check_workspace(table, layout)
    check_parameters(table, theta, theta)
    check_outputs(table, X, Y, X.shape[0])
    check_derivatives(layout[0, INPUT_STRIDE])
    check_jacobian(J, Y, X.shape[1])
    S, inputs, out = span(work.numbers, 0, work.numbers.size), span(X, 0, X.size), span(J, 0, J.size)
    load(table, layout, theta, S, True)
    n_in, n_out, block = X.shape[1], Y.shape[1], layout[0, BLOCK]
    for start in range(0, X.shape[0], block):
        rows = min(block, X.shape[0] - start)
        forward_rows(table, layout, S, inputs, start * n_in, 0, 0, rows, KEEP_ALL, 0)
        take_outputs(table, layout, S, Y, start, rows)
        for unit in range(n_out):
            seed_unit(table, layout, S, unit, rows)
            take_input_deltas(table, layout, S, rows, out, (start * n_out + unit) * n_in, n_out * n_in)


@kernel(read_only="theta X")
def parameter_jacobian(plan, theta, X, Y, J, work):
    """Y (n, n_out) and J (n, n_out, n_parameters) OUT: the outputs for X (n, n_in), and each one's derivatives to theta."""
    table, layout = plan.table, work.layout
    check_workspace(table, layout)
    check_parameters(table, theta, theta)
    check_outputs(table, X, Y, X.shape[0])
    check_jacobian(J, Y, theta.size)
    S, inputs, out = span(work.numbers, 0, work.numbers.size), span(X, 0, X.size), span(J, 0, J.size)
    load(table, layout, theta, S, True)
    n_in, n_out, block, size = X.shape[1], Y.shape[1], layout[0, BLOCK], theta.size
    for start in range(0, X.shape[0], block):
        rows = min(block, X.shape[0] - start)
        forward_rows(table, layout, S, inputs, start * n_in, 0, 0, rows, KEEP_ALL, 0)
        take_outputs(table, layout, S, Y, start, rows)
        for unit in range(n_out):
            seed_unit(table, layout, S, unit, rows)
            take_row_gradients(table, layout, S, inputs, start * n_in, rows, out, (start * n_out + unit) * size, n_out * size)


@kernel(read_only="theta X T weight")
def sample_gradients(plan, theta, X, T, weight, G, work):
    """The loss, averaged over the rows as by `loss_and_grad`; G (n, n_parameters) OUT: the gradient of each row's own loss.

    A row's loss is multiplied by its weight where there are weights, and not divided by anything: the mean of G's rows,
    weighted or not, is the gradient.
    """
    table, layout = plan.table, work.layout
    check_workspace(table, layout)
    check_parameters(table, theta, theta)
    check_rows(table, X, T, weight)
    check_loss(plan, work, layout[0, LOSS_PARAMETERS])
    check_parameters(table, theta, G[0])
    S, inputs, out = span(work.numbers, 0, work.numbers.size), span(X, 0, X.size), span(G, 0, G.size)
    load(table, layout, theta, S, True)
    n_in, block, size, granule = X.shape[1], layout[0, BLOCK], theta.size, layout[0, GRANULE]
    total = np.float64(0.0)
    for start in range(0, X.shape[0], block):
        rows = min(block, X.shape[0] - start)
        forward_rows(table, layout, S, inputs, start * n_in, 0, 0, rows, KEEP_ALL, 0)
        loss_rows(table, layout, S, T, weight, start, 1.0, work.losses, 0, 0, 0, rows)
        for k in range((rows + granule - 1) // granule):
            total += work.losses[k]
        backward_rows(table, layout, S, 0, 0, rows, KEEP_ALL, 0)
        take_row_gradients(table, layout, S, inputs, start * n_in, rows, out, start * size, size)
    return total * scale_of(weight, X.shape[0])
