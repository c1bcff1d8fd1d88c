"""The gradient of each row's own loss to the parameters."""

from __future__ import annotations

import numpy as np

from ..checks import check_row_gradients
from ..compiler.jit import kernel
from ..llvm import span, unowned
from ..passes import Net, Targets, inputs_of
from ..training.barrier import abandoned
from .chain import backward_block, block_from, block_loss, check_with_loss, forward_block, load_unless_one, scale_of
from .row_gradients import take_row_gradients


@kernel(read_only="theta X T weight", written="G")
def sample_gradients(plan, theta, X, T, weight, G, work):
    """The loss, averaged over the rows as by `loss_and_grad`; G (n, n_parameters) OUT: the gradient of each row's own loss.

    A row's loss is multiplied by its weight where there are weights, and not divided by anything: the sum of G's rows over
    that of the weights is the gradient.
    """
    net = Net(work.header[0], unowned(work.layers), unowned(work.numbers))
    check_with_loss(plan, net, theta, X, T, weight)
    n, size, out = X.shape[0], theta.size, span(G, 0, G.size)
    check_row_gradients(G, n, size)
    load_unless_one(net, theta, 1, n)
    targets, weights = unowned(T), unowned(weight)
    total = np.float64(0.0)
    for start in range(0, n, net.header.block_rows):
        if abandoned(net):
            break
        block = block_from(net, X, start)
        forward_block(net, theta, X, start, block)
        total += block_loss(net, Targets(targets, weights, start, 1.0), block)
        backward_block(net, theta, X, block)
        take_row_gradients(net, inputs_of(net, X, start), block, 0, out, start * size, size)
    return total * scale_of(weight, n)
