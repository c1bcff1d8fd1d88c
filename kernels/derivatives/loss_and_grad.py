"""The loss, and its gradient to the parameters."""

from __future__ import annotations

import numpy as np

from ..checks import check_loss, check_parameters, check_rows, check_workspace
from ..training.dropout import KEEP_ALL
from ..compiler.jit import kernel
from ..llvm import span
from ..passes import add_gradient, pack_parameters
from ..plan import N_LAYERS
from ..workspace import BLOCK, LOSS_PARAMETERS, SUMS
from .chain import back, block_loss, forth, load, scale_of
from .jacobians import take_row_gradients


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
    alone = X.shape[0] == 1
    if not alone:
        load(table, layout, theta, S, 2 if grad.size else table[0, N_LAYERS] + 1)
    block, scale, sums = layout[0, BLOCK], scale_of(weight, X.shape[0]), layout[0, SUMS]
    total = np.float64(0.0)
    for start in range(0, X.shape[0], block):
        rows, x_at = min(block, X.shape[0] - start), start * X.shape[1]
        forth(table, layout, theta, S, inputs, x_at, rows, alone)
        total += block_loss(table, layout, S, T, weight, start, scale, work.losses, rows)
        if grad.size:
            back(table, layout, theta, S, rows, alone)
        if grad.size and not alone:
            init, one = -1 if start == 0 else sums, S.dtype.type(1.0)
            add_gradient(table, layout, S, inputs, x_at, 0, rows, init, sums, one, 0, 1, KEEP_ALL, 0)
    if grad.size and alone:
        take_row_gradients(table, layout, S, inputs, 0, 0, 0, 1, span(grad, 0, grad.size), 0, 0)
    elif grad.size:
        pack_parameters(table, layout, grad, S, sums, True)
    return total * scale
