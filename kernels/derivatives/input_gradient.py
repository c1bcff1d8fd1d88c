"""The loss, and its gradient to the inputs."""

from __future__ import annotations

import numpy as np

from ..checks import check_derivatives, check_like, check_loss, check_parameters, check_rows, check_workspace
from ..compiler.jit import kernel
from ..llvm import span
from ..workspace import BLOCK, INPUT_STRIDE, LOSS_PARAMETERS
from .chain import back, block_loss, forth, load, scale_of, take_input_gradient


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
    alone = X.shape[0] == 1
    if not alone:
        load(table, layout, theta, S, 1)
    n_in, block, scale, total = X.shape[1], layout[0, BLOCK], scale_of(weight, X.shape[0]), np.float64(0.0)
    for start in range(0, X.shape[0], block):
        rows = min(block, X.shape[0] - start)
        forth(table, layout, theta, S, inputs, start * n_in, rows, alone)
        total += block_loss(table, layout, S, T, weight, start, scale, work.losses, rows)
        back(table, layout, theta, S, rows, alone)
        take_input_gradient(table, layout, theta, S, rows, out, start * n_in, alone)
    return total * scale
