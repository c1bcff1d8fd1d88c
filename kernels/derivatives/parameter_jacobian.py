"""The outputs, and each one's derivatives to the parameters."""

from __future__ import annotations

from ..checks import check_derivatives, check_jacobian
from ..compiler.jit import kernel
from ..llvm import span, unowned
from ..passes import Block, Net, inputs_of
from ..training.barrier import abandoned
from .chain import check_with_outputs, load
from .row_gradients import take_row_gradients
from .stacks import forward_and_slopes, small_block, stack_outputs, units_at_once


@kernel(read_only="theta X", written="Y J")
def parameter_jacobian(plan, theta, X, Y, J, work):
    """Y (n, n_out) and J (n, n_out, n_parameters) OUT: the outputs for X (n, n_in), and each one's derivatives to theta.

    `work` is made with derivatives=True.
    """
    net = Net(work.header[0], unowned(work.layers), unowned(work.numbers))
    check_with_outputs(plan, net, theta, X, Y)
    check_derivatives(net)
    check_jacobian(J, Y, theta.size)
    out, n_out, size = span(J, 0, J.size), Y.shape[1], theta.size
    load(net, theta, 1)
    for start in range(0, X.shape[0], small_block(net)):
        if abandoned(net):
            break
        rows = forward_and_slopes(net, X, start, Y)
        inputs, units = inputs_of(net, X, start), units_at_once(net, rows, n_out)
        for first in range(0, n_out, units):
            if abandoned(net):
                break
            here = min(units, n_out - first)
            stack_outputs(net, first, here, rows)
            for unit in range(here):
                at = (start * n_out + first + unit) * size
                take_row_gradients(net, inputs, Block(0, 0, rows), unit * rows, out, at, n_out * size)
