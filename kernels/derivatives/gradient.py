"""The loss, and its gradients to the parameters and to the inputs."""

from __future__ import annotations

import numpy as np

from ..checks import check_derivatives, check_like, check_loss, check_parameters, check_rows, check_workspace
from ..dropout import KEEP_ALL
from ..jit import kernel
from ..llvm import span
from ..network import add_gradient, backward_rows, forward_rows, pack_parameters
from ..plan import N_LAYERS
from ..workspace import BLOCK, INPUT_STRIDE, LOSS_PARAMETERS, SUMS
from .chain import block_loss, input_deltas, load, scale_of, take_input_deltas


@kernel(read_only="theta X T weight", written="grad")
def loss_and_grad(plan, theta, X, T, weight, grad, work):
    """The loss, averaged over the rows (by `weight` where it is not empty), as a float; its gradient in grad (like theta) OUT.

    X (n, n_in), T (n, n_targets), weight (n) or empty; any number of rows. An empty grad stands for the loss alone. Weights
    that sum to zero give a loss and a gradient of zero.
    """
    table, layout = plan.table, work.layout
    check_workspace(table, layout)
    check_parameters(table, theta, grad if grad.size else theta)
    check_rows(table, X, T, weight)
    check_loss(plan, work, layout[0, LOSS_PARAMETERS])
    S, inputs = span(work.numbers, 0, work.numbers.size), span(X, 0, X.size)
    load(table, layout, theta, S, 2 if grad.size else table[0, N_LAYERS] + 1)
    block, scale, sums = layout[0, BLOCK], scale_of(weight, X.shape[0]), layout[0, SUMS]
    total = np.float64(0.0)
    for start in range(0, X.shape[0], block):
        rows, x_at = min(block, X.shape[0] - start), start * X.shape[1]
        forward_rows(table, layout, S, inputs, x_at, 0, 0, rows, KEEP_ALL, 0)
        total += block_loss(table, layout, S, T, weight, start, scale, work.losses, rows)
        if grad.size:
            backward_rows(table, layout, S, 0, 0, rows, KEEP_ALL, 0)
            init, one = -1 if start == 0 else sums, S.dtype.type(1.0)
            add_gradient(table, layout, S, inputs, x_at, 0, rows, init, sums, one, 0, 1, KEEP_ALL, 0)
    if grad.size:
        pack_parameters(table, layout, grad, S, sums, True)
    return total * scale


@kernel(read_only="theta X T weight", written="dX")
def input_gradient(plan, theta, X, T, weight, dX, work):
    """The loss as by `loss_and_grad`; dX, like X, OUT: its gradient to the inputs. `work` is made with derivatives=True."""
    table, layout = plan.table, work.layout
    check_workspace(table, layout)
    check_parameters(table, theta, theta)
    check_rows(table, X, T, weight)
    check_loss(plan, work, layout[0, LOSS_PARAMETERS])
    check_derivatives(layout[0, INPUT_STRIDE])
    check_like(X, dX)
    S, inputs, out = span(work.numbers, 0, work.numbers.size), span(X, 0, X.size), span(dX, 0, dX.size)
    load(table, layout, theta, S, 1)
    n_in, block, scale, total = X.shape[1], layout[0, BLOCK], scale_of(weight, X.shape[0]), np.float64(0.0)
    for start in range(0, X.shape[0], block):
        rows = min(block, X.shape[0] - start)
        forward_rows(table, layout, S, inputs, start * n_in, 0, 0, rows, KEEP_ALL, 0)
        total += block_loss(table, layout, S, T, weight, start, scale, work.losses, rows)
        backward_rows(table, layout, S, 0, 0, rows, KEEP_ALL, 0)
        input_deltas(table, layout, S, rows)
        take_input_deltas(table, layout, S, 0, rows, out, start * n_in, n_in)
    return total * scale
