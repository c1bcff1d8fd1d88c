"""From rows to outputs: many rows, through parameters in panels; one row, on theta as it is."""

from __future__ import annotations

from .checks import check_one, check_outputs, check_parameters, check_workspace
from .compiler.jit import kernel, leaf
from .llvm import call_activation, held_matrix, matrix, span
from .passes import forward_rows, pack_parameters
from .plan import BIASED, BIASES_AT, N_IN, N_LAYERS, N_OUT, WEIGHTS_AT
from .training.dropout import KEEP_ALL
from .workspace import ACTIVATIONS, BATCH, BLOCK, CHUNK, DELTAS, OUTPUTS, PARAMETERS, PREACTIVATIONS, ROUTINE, STRIDE


@leaf(read_only="X", inline=True)
def outputs_of(table, layout, S, X, Y, keep):
    """Y OUT, with the parameters that lie in panels. keep: every row's activations stay, so that a backward pass can follow."""
    last, n_in, n_out, block = table[0, N_LAYERS], X.shape[1], Y.shape[1], layout[0, BLOCK]
    inputs, stride = span(X, 0, X.size), layout[last, STRIDE]
    for start in range(0, X.shape[0], block):
        rows, held = min(block, X.shape[0] - start), start if keep else 0
        forward_rows(table, layout, S, inputs, start * n_in, 0, held, rows, KEEP_ALL, 0)
        outputs = matrix(S, layout[last, ACTIVATIONS] + held * stride, rows, stride)
        for r in range(rows):
            for j in range(n_out):
                Y[start + r, j] = outputs[r, j]


@kernel(read_only="theta X", written="Y")
def predict(plan, theta, X, Y, work):
    """Y (n, n_out) OUT, the network's outputs for X (n, n_in), any number of rows."""
    table, layout = plan.table, work.layout
    check_workspace(table, layout)
    check_parameters(table, theta, theta)
    check_outputs(table, X, Y, X.shape[0])
    S = span(work.numbers, 0, work.numbers.size)
    pack_parameters(table, layout, theta, S, layout[0, PARAMETERS], False)
    outputs_of(table, layout, S, X, Y, False)


@kernel(read_only="theta")
def load_parameters(plan, theta, work):
    """Put theta into `work` for calls of `forward_loaded`, until another kernel is called with `work`."""
    check_workspace(plan.table, work.layout)
    check_parameters(plan.table, theta, theta)
    S = span(work.numbers, 0, work.numbers.size)
    pack_parameters(plan.table, work.layout, theta, S, work.layout[0, PARAMETERS], False)


@kernel(read_only="X")
def forward_loaded(plan, X, work):
    """`forward`, with the parameters that `load_parameters` put into `work`: for many calls with a few rows each."""
    table, layout = plan.table, work.layout
    check_workspace(table, layout)
    rows, n_out = min(X.shape[0], layout[0, BATCH]), table[table[0, N_LAYERS], N_OUT]
    Y = held_matrix(work.numbers, layout[0, OUTPUTS], rows, n_out)
    check_outputs(table, X, Y, layout[0, BATCH])
    outputs_of(table, layout, span(work.numbers, 0, work.numbers.size), X, Y, X.shape[0] <= layout[0, CHUNK])
    return Y


@kernel(read_only="theta X")
def forward(plan, theta, X, work):
    """The network's outputs Y (n, n_out) for X (n, n_in): a view into `work`, valid until the next call with it.

    n is at most the workspace's batch size; `predict` takes any number of rows.
    """
    load_parameters(plan, theta, work)
    return forward_loaded(plan, X, work)


# One row: for loops that need one answer at a time ------------------------------------------------------------------------


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
                layout[layer, ROUTINE], S, layout[layer, PREACTIVATIONS], layout[layer, ACTIVATIONS], layout[layer, DELTAS], 0,
                1, layout[layer, STRIDE], n_out, False,
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
