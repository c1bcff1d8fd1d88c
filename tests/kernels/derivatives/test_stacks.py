"""Stacks of derivatives: the product that only copies and scales is the one that it stands for."""

from __future__ import annotations

import numpy as np
import pytest
from choosing import by_default
from differentiation import DTYPES, make_case
from inside import deltas_of, stack_rows
from numba import njit
from tileprop.kernels.derivatives.chain import backward_product, below_at, load
from tileprop.kernels.derivatives.stacks import spread_outputs, units_at_once
from tileprop.kernels.llvm import span, unowned
from tileprop.kernels.matrices import ByRows
from tileprop.kernels.passes import Net


@njit
def both(theta, work, number, first, units, rows, spread):
    net = Net(work.header[0], unowned(work.layers), unowned(work.numbers))
    memory, layer, count = net.memory, net.layers[number], units * rows
    load(net, theta, 0)
    span(memory, layer.deltas, count * layer.stride)[:] = memory.dtype.type(0.0)
    for unit in range(units):
        for r in range(rows):
            at = layer.deltas + (unit * rows + r) * layer.stride + first + unit
            memory[at] = memory.dtype.type(r + 2 * unit - 3)
    if spread:
        spread_outputs(net, number, first, units, rows)
    else:
        deltas, zeros = ByRows(layer.deltas, layer.stride, count), ByRows(net.header.zeros, 0, count)
        backward_product(net, number, deltas, zeros, below_at(net, number, count), 0)


@pytest.mark.plain
@pytest.mark.parametrize("dtype", by_default(DTYPES, ["float64"]))
@pytest.mark.parametrize("width", [1, 5, 16, 33, 130])
def test_spread_outputs_is_the_product(width, dtype):
    case = make_case([3, width, 7], ["tanh", "identity"], "mse", dtype=dtype)
    found = []
    for spread in (True, False):
        work = case.workspace(4, derivatives=True)
        work.numbers[:] = 0
        both(case.theta, work, 1, 3, 4, 4, spread)
        found.append(deltas_of(work, 0, 16)[:, :width].copy())
    assert np.array_equal(*found)
    scales = np.array([r + 2 * unit - 3 for unit in range(4) for r in range(4)], dtype)
    weights = case.plan.unflatten(case.theta)[0][1][:, 3:7]
    assert np.array_equal(found[0], np.repeat(weights.T, 4, axis=0) * scales[:, None])


@pytest.mark.plain
def test_units_at_once():
    work = make_case([3, 4, 2], ["tanh"] * 2, "mse").workspace(8, derivatives=True)
    room, at_once = (
        stack_rows(work),
        njit(
            lambda work, rows, units: units_at_once(
                Net(work.header[0], unowned(work.layers), unowned(work.numbers)), rows, units
            )
        ),
    )
    for rows, units in ((1, 1), (1, 10**6), (room, 9), (room // 2, 9)):
        assert at_once(work, rows, units) == max(1, min(units, room // rows))
