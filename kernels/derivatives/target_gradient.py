"""The loss and its gradient to the targets: for targets that are themselves computed from something."""

from __future__ import annotations

import numpy as np

from ..checks import (
    check_derivatives,
    check_like,
    check_loss,
    check_parameters,
    check_rows,
    check_targets,
    check_workspace,
)
from ..compiler.jit import kernel
from ..llvm import call_loss, copy, span
from ..losses.codes import LABEL_LOG_LOSS
from ..plan import N_LAYERS, N_OUT
from ..workspace import (
    ACTIVATIONS,
    BLOCK,
    DELTAS,
    INPUT_STRIDE,
    LOSS,
    LOSS_PARAMETERS,
    LOSS_ROUTINE,
    LOSS_TARGETS,
    STRIDE,
)
from .chain import forth, load, scale_of


@kernel(read_only="theta X T weight", written="dT")
def target_gradient(plan, theta, X, T, weight, dT, work):
    """The loss as by `loss_and_grad`; dT, like T, OUT: its gradient to the targets. `work` is made with derivatives=True.

    Of "poisson" it is minus infinity where a target is 0. Raises ValueError where T holds class indices, and where the loss,
    a user's, has none.
    """
    table, layout = plan.table, work.layout
    check_workspace(table, layout)
    check_parameters(table, theta, theta)
    check_rows(table, X, T, weight)
    check_loss(plan, work, layout[0, LOSS_PARAMETERS])
    check_derivatives(layout[0, INPUT_STRIDE])
    check_targets(layout[0, LOSS_TARGETS], layout[0, LOSS] == LABEL_LOG_LOSS)
    check_like(T, dT)
    S, inputs, out = span(work.numbers, 0, work.numbers.size), span(X, 0, X.size), span(dT, 0, dT.size)
    last, columns = table[0, N_LAYERS], T.shape[1]
    y, d, stride, n_out = layout[last, ACTIVATIONS], layout[last, DELTAS], layout[last, STRIDE], table[last, N_OUT]
    alone = X.shape[0] == 1
    if not alone:
        load(table, layout, theta, S, last + 1)
    scale, total, block = scale_of(weight, X.shape[0]), np.float64(0.0), layout[0, BLOCK]
    for start in range(0, X.shape[0], block):
        rows = min(block, X.shape[0] - start)
        forth(table, layout, theta, S, inputs, start * X.shape[1], rows, alone)
        for routine in (layout[0, LOSS_ROUTINE], layout[0, LOSS_TARGETS]):
            total += call_loss(
                routine,
                layout[0, LOSS],
                S,
                y,
                d,
                rows,
                stride,
                n_out,
                T,
                T.shape[1],
                weight,
                weight.size,
                start,
                scale,
                layout[0, LOSS_PARAMETERS],
            )
        for r in range(rows):
            copy(out, (start + r) * columns, S, d + r * stride, columns)
    return total * scale
