"""One row through a network, on theta as it is: for loops that need one answer at a time."""

from __future__ import annotations

from .checks import check_one, check_parameters, check_workspace
from .jit import kernel, leaf
from .llvm import call_activation, span
from .plan import BIASED, BIASES_AT, N_IN, N_LAYERS, N_OUT, WEIGHTS_AT
from .workspace import ACTIVATIONS, DELTAS, PREACTIVATIONS, ROUTINE, STRIDE


@leaf
def add_row(z, factor, W):
    """z += factor W, vectors of one length."""
    for j in range(z.size):
        z[j] += factor * W[j]


@leaf(read_only="theta x")
def forward_one(table, layout, theta, S, x):
    """Activations of all layers for one row, the vector x from its begin, in the first row of an area."""
    for layer in range(1, table[0, N_LAYERS] + 1):
        n_in, n_out = table[layer, N_IN], table[layer, N_OUT]
        at, z = table[layer, WEIGHTS_AT], span(S, layout[layer, PREACTIVATIONS], n_out)
        row = span(S, layout[layer, PREACTIVATIONS], layout[layer, STRIDE])
        for j in range(row.size):
            row[j] = 0.0
        below = layout[layer - 1, ACTIVATIONS]
        for k in range(n_in):
            add_row(z, x[k] if layer == 1 else S[below + k], span(theta, at + k * n_out, n_out))
        if table[0, BIASED]:
            add_row(z, z.dtype.type(1.0), span(theta, table[layer, BIASES_AT], n_out))
        if layout[layer, ROUTINE] != 0:
            call_activation(
                layout[layer, ROUTINE], S, layout[layer, PREACTIVATIONS], layout[layer, ACTIVATIONS], layout[layer, DELTAS], 1,
                layout[layer, STRIDE], n_out, False,
            )  # fmt: skip


@kernel(read_only="theta x", written="y")
def predict_one(plan, theta, x, y, work):
    """y (n_out) OUT, the network's outputs for one row x (n_in): the same to the last bit as `predict`'s."""
    table, layout = plan.table, work.layout
    check_workspace(table, layout)
    check_parameters(table, theta, theta)
    check_one(table, x, y)
    S = span(work.numbers, 0, work.numbers.size)
    forward_one(table, layout, theta, S, x)
    outputs = layout[table[0, N_LAYERS], ACTIVATIONS]
    for j in range(y.size):
        y[j] = S[outputs + j]
