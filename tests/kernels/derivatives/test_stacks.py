"""Stacks of derivatives: the product that only copies and scales is the one that it stands for."""

from __future__ import annotations

import numpy as np
import pytest
from differentiation import DTYPES, make_case
from inside import deltas_of, stack_rows
from numba import njit
from tileprop.kernels.derivatives.chain import backward_product, load
from tileprop.kernels.derivatives.stacks import spread_outputs, units_at_once
from tileprop.kernels.llvm import span
from tileprop.kernels.plan import N_OUT
from tileprop.kernels.workspace import DELTAS, STRIDE, TRANSPOSED, ZEROS


@njit
def both(table, layout, theta, numbers, layer, first, units, rows, spread):
    S = span(numbers, 0, numbers.size)
    load(table, layout, theta, S, 1)
    n_out, d, stride = table[layer, N_OUT], layout[layer, DELTAS], layout[layer, STRIDE]
    span(S, d, units * rows * stride)[:] = S.dtype.type(0.0)
    for unit in range(units):
        for r in range(rows):
            S[d + (unit * rows + r) * stride + first + unit] = S.dtype.type(r + 2 * unit - 3)
    to = layout[layer - 1, DELTAS]
    if spread:
        spread_outputs(layout, S, layer, first, units, rows)
    else:
        backward_product(layout, S, layer, d, layout[layer, TRANSPOSED], layout[0, ZEROS], 0, to, units * rows, n_out)


@pytest.mark.plain
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", [1, 5, 16, 33, 130])
def test_spread_outputs_is_the_product(width, dtype):
    case = make_case([3, width, 7], ["tanh", "identity"], "mse", dtype=dtype)
    found = []
    for spread in (True, False):
        work = case.workspace(4, derivatives=True)
        work.numbers[:] = 0
        both(case.plan.table, work.layout, case.theta, work.numbers, 2, 3, 4, 4, spread)
        found.append(deltas_of(work, 0, 16)[:, :width].copy())
    assert np.array_equal(*found)
    scales = np.array([r + 2 * unit - 3 for unit in range(4) for r in range(4)], dtype)
    weights = case.plan.unflatten(case.theta)[0][1][:, 3:7]
    assert np.array_equal(found[0], np.repeat(weights.T, 4, axis=0) * scales[:, None])


@pytest.mark.plain
def test_units_at_once():
    work = make_case([3, 4, 2], ["tanh"] * 2, "mse").workspace(8, derivatives=True)
    room, at_once = stack_rows(work), njit(lambda work, rows, units: units_at_once(work.layout, rows, units))
    for rows, units in ((1, 1), (1, 10**6), (room, 9), (room // 2, 9)):
        assert at_once(work, rows, units) == max(1, min(units, room // rows))
