"""Pieces of the matrix chain by themselves; what it computes as a whole is in `derivatives/test_loss_and_grad.py`."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from inside import packed_size, parameters_at, sums_at, takes_dot_products, transposed_at
from numba import njit
from tileprop.kernels import make_plan, make_workspace, passes
from tileprop.kernels.llvm import unowned
from tileprop.kernels.training.barrier import Team, share

DTYPES = ["float32", "float64"]


@njit
def shares(control, count, unit, parts):
    return [share(Team(control, part, parts), count, unit) for part in range(parts)]


@njit
def weight_rows(rows):
    return passes.rows_at_a_time(rows)


@njit
def pack(vector, work, at):
    passes.pack_parameters(passes.Net(work.header[0], unowned(work.layers), unowned(work.numbers)), vector, at)


@njit
def unpack(vector, work, at):
    passes.unpack_parameters(passes.Net(work.header[0], unowned(work.layers), unowned(work.numbers)), vector, at)


@njit
def transpose(work, layer, first, last):
    net = passes.Net(work.header[0], unowned(work.layers), unowned(work.numbers))
    passes.refresh_transposed(net, net.layers[layer], first, last)


@pytest.mark.plain
@pytest.mark.parametrize("unit", [1, 8, 16])
@pytest.mark.parametrize("count", [0, 1, 7, 8, 16, 17, 100, 129])
def test_shares_make_up_the_whole(count, unit):
    control = make_workspace(make_plan([1, 1]), 1).control
    for parts in (1, 2, 3, 8, 150):
        end = 0
        for first, last in shares(control, count, unit, parts):
            assert min(first, count) == end
            assert first % unit == 0
            assert last % unit == 0 or last == count
            end = max(end, last)
        assert end == count


@pytest.mark.plain
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("sizes", [[1, 1], [3, 5, 2], [70, 49, 17, 4], [2, 100, 130]])
def test_parameters_go_into_panels_and_come_back(sizes, bias, dtype):
    """Each number once; the panels' padding stays zero."""
    plan = make_plan(sizes, bias=bias)
    work = make_workspace(plan, 4, dtype)
    theta = np.arange(1, plan.n_parameters + 1).astype(dtype)
    for at in (parameters_at(work), sums_at(work)):
        pack(theta, work, at)
        packed = work.numbers[at : at + packed_size(work)]
        assert np.array_equal(np.sort(packed[packed != 0]), theta)
        back = np.zeros_like(theta)
        unpack(back, work, at)
        assert np.array_equal(back, theta)


@pytest.mark.plain
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_transpose_is_refreshed_rows_at_a_time(dtype):
    plan = make_plan([3, 70, 49])
    whole, parts = make_workspace(plan, 8, dtype), make_workspace(plan, 8, dtype)
    theta = np.arange(1, plan.n_parameters + 1).astype(dtype)
    for work, bounds in ((whole, [0, 70]), (parts, [0, 32, 64, 70])):
        pack(theta, work, parameters_at(work))
        for first, last in pairwise(bounds):
            transpose(work, 1, first, last)
    at = transposed_at(whole, 1)
    weights = plan.unflatten(theta)[0][1]
    stretch = whole.numbers[at : at + weights.size]
    assert set(stretch[stretch != 0]) <= set(weights.ravel())
    assert np.count_nonzero(whole.numbers[at:]) == weights.size
    assert np.array_equal(whole.numbers[at:], parts.numbers[at:])


@pytest.mark.plain
def test_layers_that_take_dot_products_keep_no_transpose():
    plan = make_plan([3, 70, 49])
    work = make_workspace(plan, 2)
    assert takes_dot_products(work, 1)
    pack(np.ones(plan.n_parameters), work, parameters_at(work))
    before = work.numbers.copy()
    transpose(work, 1, 0, 70)
    assert np.array_equal(work.numbers, before)


@pytest.mark.plain
@pytest.mark.parametrize("rows", [1, 7, 64, 1000, 10**6])
def test_rows_of_weights_are_taken_whole_tiles_at_a_time(rows):
    few = weight_rows(rows)
    assert few % 64 == 0
    assert few == 64 or few * rows <= passes.INPUT_NUMBERS
