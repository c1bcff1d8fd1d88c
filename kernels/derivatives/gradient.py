"""The loss and its gradient."""

from __future__ import annotations

import numpy as np

from ..checks import check_loss, check_parameters, check_rows, check_workspace
from ..dropout import KEEP_ALL
from ..jit import kernel
from ..llvm import span
from ..network import add_gradient, backward_rows, forward_rows, loss_rows, pack_parameters, refresh_transposed
from ..plan import N_IN, N_LAYERS
from ..workspace import BLOCK, GRANULE, LOSS_PARAMETERS, PARAMETERS, SUMS


@kernel(read_only="theta X T weight")
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
    pack_parameters(table, layout, theta, S, layout[0, PARAMETERS], False)
    if grad.size:
        for layer in range(2, table[0, N_LAYERS] + 1):
            refresh_transposed(layout, S, layer, 0, table[layer, N_IN])
    n, n_in, block = X.shape[0], X.shape[1], layout[0, BLOCK]
    total_weight = np.float64(n)
    if weight.size:
        total_weight = np.float64(0.0)
        for i in range(n):
            total_weight += weight[i]
    scale = 1.0 / total_weight if total_weight != 0.0 else 0.0
    sums = layout[0, SUMS]
    total = np.float64(0.0)
    for start in range(0, n, block):
        rows = min(block, n - start)
        forward_rows(table, layout, S, inputs, start * n_in, 0, 0, rows, KEEP_ALL, 0)
        loss_rows(table, layout, S, T, weight, start, scale, work.losses, 0, 0, 0, rows)
        for k in range((rows + layout[0, GRANULE] - 1) // layout[0, GRANULE]):
            total += work.losses[k]
        if grad.size:
            backward_rows(table, layout, S, 0, 0, rows, KEEP_ALL, 0)
            init = -1 if start == 0 else sums
            add_gradient(table, layout, S, inputs, start * n_in, 0, rows, init, sums, S.dtype.type(1.0), 0, 1, KEEP_ALL, 0)
    if grad.size:
        pack_parameters(table, layout, grad, S, sums, True)
    return total * scale
