"""Second derivatives of the loss along a direction v of the parameters, without a matrix (Pearlmutter 1994; Schraudolph 2002).

R stands for the derivative along v of what follows. With V for v's part of W:

    forward    R z = R a' W + a' V,  R a = f'(z) R z                                             a' the layer below's
    backward   R g = R delta W^T + delta V^T,  R delta = f'(z) R g + f''(z) R z g                g = dL/da
    result     R dW = R a'^T delta + a'^T R delta,  R db = sum_rows R delta

The Gauss-Newton product leaves out what comes from f'' and from R of the weights on the way back: J^T H J v, with H the second
derivatives of the loss to the outputs; for losses that go with an activation, to its inputs. What R is taken of lies in the
workspace, and R of it as far behind it as `TANGENTS` says.
"""

from __future__ import annotations

import numpy as np

from ..checks import check_curvature, check_loss, check_parameters, check_rows, check_workspace
from ..compiler.jit import kernel, leaf
from ..llvm import call_activation, call_loss, copy, span
from ..matrices import IN_PANELS, product
from ..passes import activate, add_gradient, forward_rows, pack_parameters, read_only, weight_rows
from ..plan import N_IN, N_LAYERS, N_OUT
from ..training.dropout import KEEP_ALL
from ..workspace import (
    ACTIVATIONS,
    BIASES,
    BLOCK,
    CURVATURE,
    DELTAS,
    GRANULE,
    LOSS,
    LOSS_CURVATURE,
    LOSS_PARAMETERS,
    LOSS_ROUTINE,
    LOSS_THROUGH,
    PARAMETERS,
    PREACTIVATIONS,
    ROUTINE,
    ROWS,
    STRIDE,
    SUMS,
    TANGENTS,
    TRANSPOSED,
    WEIGHTS,
    WIDTH,
    ZEROS,
)
from .chain import backward_product, load, scale_of, transpose


@leaf
def bend(layout, S, layer, rows, n_out, backward):
    """A layer's activation on tangents: from those of z to those of a; backward, from g and its tangents to those of delta."""
    stride, granule = layout[layer, STRIDE], layout[0, GRANULE]
    if layout[layer, ROUTINE] == 0:
        return
    for first in range(0, rows, granule):
        at = first * stride
        call_activation(
            layout[layer, CURVATURE], S, at + layout[layer, PREACTIVATIONS], at + layout[layer, ACTIVATIONS],
            at + layout[layer, DELTAS], layout[0, TANGENTS], min(granule, rows - first), stride, n_out, backward,
        )  # fmt: skip


@leaf
def slope_tangents(layout, S, layer, rows, n_out):
    """Tangents of dL/da times the slopes, without the slopes' own tangents."""
    stride, granule = layout[layer, STRIDE], layout[0, GRANULE]
    if layout[layer, ROUTINE] == 0:
        return
    for first in range(0, rows, granule):
        at = first * stride
        call_activation(
            layout[layer, ROUTINE], S, at + layout[layer, PREACTIVATIONS], at + layout[layer, ACTIVATIONS],
            at + layout[0, TANGENTS] + layout[layer, DELTAS], 0, min(granule, rows - first), stride, n_out, True,
        )  # fmt: skip


@leaf(read_only="X")
def forward_tangents(table, layout, S, X, x_at, rows):
    """R a of all layers, after `forward_rows`."""
    tangents, one = layout[0, TANGENTS], S.dtype.type(1.0)
    source, source_at, source_row = X, x_at, table[1, N_IN]
    for layer in range(1, table[0, N_LAYERS] + 1):
        stride, width, n_in = layout[layer, STRIDE], layout[layer, WIDTH], table[layer, N_IN]
        z, direction = tangents + layout[layer, PREACTIVATIONS], tangents + layout[0, PARAMETERS]
        product(
            source, source_at, source_row, 1, S, direction + layout[layer, WEIGHTS], IN_PANELS, layout[layer, ROWS],
            direction + layout[layer, BIASES], 0, 1, z, stride, 1, 0, rows, width, n_in, n_in, one,
        )  # fmt: skip
        if layer > 1:
            product(
                read_only(S), tangents + layout[layer - 1, ACTIVATIONS], layout[layer - 1, STRIDE], 1,
                S, layout[0, PARAMETERS] + layout[layer, WEIGHTS], IN_PANELS, layout[layer, ROWS],
                z, stride, 1, z, stride, 1, 0, rows, width, n_in, n_in, one,
            )  # fmt: skip
        bend(layout, S, layer, rows, table[layer, N_OUT], False)
        source, source_at, source_row = read_only(S), layout[layer, ACTIVATIONS], stride


@leaf(read_only="T weight")
def loss_tangents(table, layout, S, T, weight, start, scale, rows, whole):
    """At the output: deltas, and their tangents; `whole`: with those of the slopes. Returns the weighted sum of losses."""
    last = table[0, N_LAYERS]
    stride, n_out, granule, tangents = layout[last, STRIDE], table[last, N_OUT], layout[0, GRANULE], layout[0, TANGENTS]
    y, d, total = layout[last, ACTIVATIONS], layout[last, DELTAS], np.float64(0.0)
    copy(S, tangents + d, S, tangents + y, rows * stride)
    for row in range(0, rows, granule):
        count, at = min(granule, rows - row), row * stride
        total += call_loss(
            layout[0, LOSS_ROUTINE], layout[0, LOSS], S, y + at, d + at, count, stride, n_out, T, T.shape[1], weight,
            weight.size, start + row, scale, layout[0, LOSS_PARAMETERS],
        )  # fmt: skip
        call_loss(
            layout[0, LOSS_CURVATURE], layout[0, LOSS], S, y + at, tangents + d + at, count, stride, n_out, T, T.shape[1],
            weight, weight.size, start + row, scale, layout[0, LOSS_PARAMETERS],
        )  # fmt: skip
    if not layout[0, LOSS_THROUGH]:
        if whole:
            bend(layout, S, last, rows, n_out, True)
            activate(layout, S, last, 0, 0, rows, n_out, True)
        else:
            slope_tangents(layout, S, last, rows, n_out)
    return total


@leaf
def backward_tangents(table, layout, S, rows, whole):
    """R delta of all hidden layers, from those at the output; `whole`: and their deltas, whose tangents take part."""
    tangents, zeros = layout[0, TANGENTS], layout[0, ZEROS]
    for layer in range(table[0, N_LAYERS], 1, -1):
        n_out, below = table[layer, N_OUT], table[layer - 1, N_OUT]
        d, to, transposed = layout[layer, DELTAS], layout[layer - 1, DELTAS], layout[layer, TRANSPOSED]
        backward_product(layout, S, layer, tangents + d, transposed, zeros, 0, tangents + to, rows, n_out)
        if whole:
            stride = layout[layer - 1, STRIDE]
            backward_product(layout, S, layer, d, tangents + transposed, tangents + to, stride, tangents + to, rows, n_out)
            backward_product(layout, S, layer, d, transposed, zeros, 0, to, rows, n_out)
            bend(layout, S, layer - 1, rows, below, True)
            activate(layout, S, layer - 1, 0, 0, rows, below, True)
        else:
            slope_tangents(layout, S, layer - 1, rows, below)


@leaf
def add_input_tangents(table, layout, S, rows, sums):
    """R a'^T delta of all layers but the first, in panels: added to what lies at `sums`."""
    one, tangents = S.dtype.type(1.0), layout[0, TANGENTS]
    for layer in range(2, table[0, N_LAYERS] + 1):
        at, panel_rows, n_in = sums + layout[layer, WEIGHTS], layout[layer, ROWS], table[layer, N_IN]
        few = weight_rows(rows)
        for row in range(0, n_in, few):
            product(
                read_only(S), tangents + layout[layer - 1, ACTIVATIONS], 1, layout[layer - 1, STRIDE],
                S, layout[layer, DELTAS], layout[layer, STRIDE], 1, at, IN_PANELS, panel_rows, at, IN_PANELS, panel_rows,
                row, min(row + few, n_in), layout[layer, WIDTH], rows, rows, one,
            )  # fmt: skip


@leaf
def load_direction(table, layout, v, S):
    """v into panels, and transposed: as it is done with theta, but where tangents lie."""
    tangents = layout[0, TANGENTS]
    pack_parameters(table, layout, v, S, tangents + layout[0, PARAMETERS], False)
    transpose(table, layout, span(S, tangents, S.size - tangents), 2)


@leaf(read_only="theta X T weight v")
def along(plan, theta, X, T, weight, v, Hv, work, whole):
    table, layout = plan.table, work.layout
    check_workspace(table, layout)
    check_parameters(table, theta, v)
    check_parameters(table, theta, Hv)
    check_rows(table, X, T, weight)
    check_loss(plan, work, layout[0, LOSS_PARAMETERS])
    check_curvature(table, layout, layout[0, TANGENTS], layout[0, LOSS_CURVATURE], CURVATURE, ROUTINE)
    S, inputs, block = span(work.numbers, 0, work.numbers.size), span(X, 0, X.size), layout[0, BLOCK]
    load(table, layout, theta, S, 2)
    load_direction(table, layout, v, S)
    scale, sums, total = scale_of(weight, X.shape[0]), layout[0, SUMS], np.float64(0.0)
    for start in range(0, X.shape[0], block):
        rows, x_at = min(block, X.shape[0] - start), start * X.shape[1]
        forward_rows(table, layout, S, inputs, x_at, 0, 0, rows, KEEP_ALL, 0)
        forward_tangents(table, layout, S, inputs, x_at, rows)
        total += loss_tangents(table, layout, S, T, weight, start, scale, rows, whole)
        backward_tangents(table, layout, S, rows, whole)
        init, one = -1 if start == 0 else sums, S.dtype.type(1.0)
        add_gradient(table, layout, S, inputs, x_at, 0, rows, init, sums, one, 0, 1, KEEP_ALL, layout[0, TANGENTS])
        if whole:
            add_input_tangents(table, layout, S, rows, sums)
    pack_parameters(table, layout, Hv, S, sums, True)
    return total * scale


@kernel(read_only="theta X T weight v", written="Hv")
def hessian_vector(plan, theta, X, T, weight, v, Hv, work):
    """The loss as by `loss_and_grad`; Hv, like theta, OUT: its second derivatives at theta times v, like theta.

    `work` is made with curvature=True. Raises ValueError where an activation or the loss, a user's, has no second derivative.
    """
    return along(plan, theta, X, T, weight, v, Hv, work, True)


@kernel(read_only="theta X T weight v", written="Gv")
def gauss_newton_vector(plan, theta, X, T, weight, v, Gv, work):
    """The same with the Gauss-Newton matrix J^T H J, H the loss's second derivatives to the network's outputs."""
    return along(plan, theta, X, T, weight, v, Gv, work, False)
