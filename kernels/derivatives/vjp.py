"""From dL/dY, however it was made, back to parameters and inputs: the network inside a larger differentiable program."""

from __future__ import annotations

from ..checks import check_derivatives, check_kept, check_like, check_outputs, check_parameters, check_workspace
from ..training.dropout import KEEP_ALL
from ..compiler.jit import kernel, leaf
from ..llvm import span
from ..passes import add_gradient, backward_rows, forward_rows, pack_parameters
from ..predict import forward_one
from ..workspace import BLOCK, CHUNK, INPUT_STRIDE, SUMS
from .chain import input_deltas, load, seed_rows, take_input_deltas, transpose
from .jacobians import take_row_gradients
from .one_row import backward_one, backward_product_one


@leaf(read_only="X dY")
def check_pullback(plan, X, dY, grad, dX, work):
    check_workspace(plan.table, work.layout)
    check_outputs(plan.table, X, dY, X.shape[0])
    if grad.size:
        check_parameters(plan.table, grad, grad)
    if dX.size:
        check_derivatives(work.layout[0, INPUT_STRIDE])
        check_like(X, dX)


@leaf(read_only="X dY")
def pull_back(table, layout, S, X, dY, start, rows, grad, dX):
    """Of rows from `start` on, whose activations lie in the area: their part of both derivatives, that of `grad` in SUMS."""
    n_in = X.shape[1]
    seed_rows(table, layout, S, span(dY, 0, dY.size), start, rows)
    backward_rows(table, layout, S, 0, 0, rows, KEEP_ALL, 0)
    if grad.size:
        sums, at = layout[0, SUMS], start * n_in
        init, one = -1 if start == 0 else sums, S.dtype.type(1.0)
        add_gradient(table, layout, S, span(X, 0, X.size), at, 0, rows, init, sums, one, 0, 1, KEEP_ALL, 0)
    if dX.size:
        input_deltas(table, layout, S, rows)
        take_input_deltas(table, layout, S, 0, rows, span(dX, 0, dX.size), start * n_in, n_in)


@leaf(read_only="theta X dY")
def pull_back_one(table, layout, theta, S, X, dY, grad, dX):
    """Both derivatives of a single row, on theta as it is."""
    inputs = span(X, 0, X.size)
    forward_one(table, layout, theta, S, inputs)
    seed_rows(table, layout, S, span(dY, 0, dY.size), 0, 1)
    backward_one(table, layout, theta, S)
    if grad.size:
        take_row_gradients(table, layout, S, inputs, 0, 0, 0, 1, grad, 0, 0)
    if dX.size:
        backward_product_one(table, layout, theta, S, 1, span(dX, 0, dX.size), 0)


@leaf
def take_gradient(table, layout, S, rows, grad):
    """grad OUT, from SUMS; zeros where there were no rows."""
    if rows == 0:
        grad[:] = grad.dtype.type(0.0)
    elif grad.size:
        pack_parameters(table, layout, grad, S, layout[0, SUMS], True)


@kernel(read_only="X dY", written="grad dX")
def backward(plan, X, dY, grad, dX, work):
    """After `forward` or `forward_loaded` with this X and `work`: grad, like theta, and dX, like X, OUT; either may be empty.

    X (n, n_in), dY (n, n_out) the derivatives of any number to the outputs, which `forward` returned; grad: its derivatives to
    the parameters, summed over the rows; dX: to the inputs. dX needs a workspace made with derivatives=True.
    """
    table, layout = plan.table, work.layout
    check_pullback(plan, X, dY, grad, dX, work)
    check_kept(X.shape[0], layout[0, CHUNK])
    S = span(work.numbers, 0, work.numbers.size)
    transpose(table, layout, S, 1 if dX.size else 2)
    if X.shape[0]:
        pull_back(table, layout, S, X, dY, 0, X.shape[0], grad, dX)
    take_gradient(table, layout, S, X.shape[0], grad)


@kernel(read_only="theta X dY", written="grad dX")
def vjp(plan, theta, X, dY, grad, dX, work):
    """The same for any number of rows, with a forward pass of its own: vector-Jacobian products."""
    table, layout = plan.table, work.layout
    check_pullback(plan, X, dY, grad, dX, work)
    check_parameters(table, theta, theta)
    S, inputs, block = span(work.numbers, 0, work.numbers.size), span(X, 0, X.size), layout[0, BLOCK]
    if X.shape[0] == 1:
        pull_back_one(table, layout, theta, S, X, dY, span(grad, 0, grad.size), dX)
        return
    load(table, layout, theta, S, 1 if dX.size else 2)
    for start in range(0, X.shape[0], block):
        rows = min(block, X.shape[0] - start)
        forward_rows(table, layout, S, inputs, start * X.shape[1], 0, 0, rows, KEEP_ALL, 0)
        pull_back(table, layout, S, X, dY, start, rows, grad, dX)
    take_gradient(table, layout, S, X.shape[0], grad)
