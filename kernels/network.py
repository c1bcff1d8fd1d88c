"""The matrix chain over all layers: forward, backward, loss and gradient.

    forward    a_0 = X,  z_l = a_{l-1} W_l + b_l,  a_l = f_l(z_l)
    backward   delta_L = dL/dz_L,  delta_{l-1} = (delta_l W_l^T) * f'_{l-1},  dW_l = a_{l-1}^T delta_l,  db_l = sum_rows delta_l

Rows go through in blocks that the workspace has room for; the gradient adds up over the blocks, in order.
"""

from __future__ import annotations

import numpy as np

from .activations import activate, activate_backward
from .checks import check_outputs, check_parameters, check_rows
from .dense import add_layer, add_layer_gradient
from .jit import kernel, leaf
from .losses import output_loss
from .plan import (
    ACTIVATION,
    BATCH,
    BLOCK,
    LOSS,
    N_LAYERS,
    N_OUT,
    hidden_activations,
    layer_biases,
    layer_delta,
    layer_weights,
)
from .products import product_with_transpose
from .views import matrix


@leaf(read_only="X")
def forward_block(table, theta, X, Y, hidden, block):
    """Y (rows, n_out) OUT for one block X (rows, n_in); hidden OUT, the activations in between."""
    rows = X.shape[0]
    last = table[0, N_LAYERS] - 1
    A = X
    for layer in range(last + 1):
        Z = Y if layer == last else hidden_activations(table, hidden, block, layer, rows)
        add_layer(Z, A, layer_weights(table, theta, layer), layer_biases(table, theta, layer))
        activate(table[layer + 1, ACTIVATION], Z)
        A = Z


@leaf(read_only="X")
def backward_block(table, theta, X, grad, hidden, deltas, block):
    """grad += the gradient of one block, from its hidden activations and its delta at the output."""
    rows = X.shape[0]
    for layer in range(table[0, N_LAYERS] - 1, -1, -1):
        D = layer_delta(table, deltas, block, layer, rows)
        A = X if layer == 0 else hidden_activations(table, hidden, block, layer - 1, rows)
        add_layer_gradient(layer_weights(table, grad, layer), layer_biases(table, grad, layer), D, A)
        if layer > 0:
            below = layer_delta(table, deltas, block, layer - 1, rows)
            product_with_transpose(below, D, layer_weights(table, theta, layer))
            activate_backward(table[layer, ACTIVATION], A, below)


@leaf(read_only="X T weight")
def add_block(table, theta, X, T, weight, scale, grad, block, hidden, outputs, deltas):
    """Weighted sum of the losses of one block of rows; grad += `scale` times its gradient."""
    rows = X.shape[0]
    last = table[0, N_LAYERS] - 1
    Y = matrix(outputs, 0, rows, table[last + 1, N_OUT])
    forward_block(table, theta, X, Y, hidden, block)
    D = layer_delta(table, deltas, block, last, rows)
    total = output_loss(table[0, LOSS], table[last + 1, ACTIVATION], Y, T, weight, scale, D)
    backward_block(table, theta, X, grad, hidden, deltas, block)
    return total


@kernel(read_only="theta X")
def predict(plan, theta, X, Y, work):
    """Y (n, n_out) OUT, the network's outputs for X (n, n_in), any number of rows."""
    table, hidden, block = plan.table, work.hidden, work.sizes[BLOCK]
    check_parameters(table, theta, theta)
    check_outputs(table, X, Y, X.shape[0])
    for start in range(0, X.shape[0], block):
        stop = min(start + block, X.shape[0])
        forward_block(table, theta, X[start:stop], Y[start:stop], hidden, block)


@kernel(read_only="theta X")
def forward(plan, theta, X, work):
    """The network's outputs Y (n, n_out) for X (n, n_in): a view into `work`, valid until the next call with it.

    n is at most the workspace's batch size; `predict` takes any number of rows.
    """
    table, batch = plan.table, work.sizes[BATCH]
    rows = min(X.shape[0], batch)
    Y = matrix(work.outputs, 0, rows, table[table[0, N_LAYERS], N_OUT])
    check_outputs(table, X, Y, batch)
    predict(plan, theta, X, Y, work)
    return Y


@kernel(read_only="theta X T weight")
def loss_and_grad(plan, theta, X, T, weight, grad, work):
    """The loss, averaged over the rows (by `weight` where it is not empty), as a float; its gradient in grad (like theta) OUT.

    X (n, n_in), T (n, n_targets), weight (n) or empty. Weights that sum to zero give a loss and a gradient of zero.
    """
    table, block, hidden, outputs, deltas = plan.table, work.sizes[BLOCK], work.hidden, work.outputs, work.deltas
    check_parameters(table, theta, grad)
    check_rows(table, X, T, weight)
    n = X.shape[0]
    total_weight = np.float64(n)
    if weight.size:
        total_weight = np.float64(0.0)
        for i in range(n):
            total_weight += weight[i]
    scale = 1.0 / total_weight if total_weight != 0.0 else 0.0
    grad[:] = 0
    total = np.float64(0.0)
    for start in range(0, n, block):
        stop = min(start + block, n)
        weights = weight[start:stop] if weight.size else weight
        total += add_block(table, theta, X[start:stop], T[start:stop], weights, scale, grad, block, hidden, outputs, deltas)
    return total * scale
