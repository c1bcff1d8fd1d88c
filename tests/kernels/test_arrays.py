"""Arrays that callers give: where results go, and what is assigned, in any shape and memory layout."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numba import njit
from tileprop.kernels.arrays import assign, in_place, result_for

pytestmark = pytest.mark.plain

LAYOUTS = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "strided": lambda a: np.repeat(a, 3, axis=-1)[..., ::3],
    "reversed": lambda a: np.ascontiguousarray(a[..., ::-1])[..., ::-1],
}


@njit
def results(x, out):
    return result_for(x, out), result_for(x, None)


@njit
def begins_there(x, y):
    return in_place(x, y)


@njit
def run_assign(y, x):
    assign(y, x)


def test_result_for():
    x, out = np.zeros((2, 3), np.float32), np.ones((2, 3), np.float32)
    given_one, new = results(x, out)
    assert np.shares_memory(given_one, out)
    assert (new.shape, new.dtype) == (x.shape, x.dtype)
    assert not np.shares_memory(new, x)
    with pytest.raises(ValueError, match="differ in shape"):
        results(x, np.ones((3, 2), np.float32))


def test_in_place():
    x = np.zeros(6)
    assert begins_there(x, x)
    assert begins_there(x[:3], x)
    assert not begins_there(x, x[1:])
    assert not begins_there(x, x.copy())


@pytest.mark.parametrize("layouts", [("C", "C"), ("C", "strided"), ("F", "C"), ("reversed", "F")])
@given(shape=hnp.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=5), seed=st.integers(0, 99))
def test_assign(layouts, shape, seed):
    """All of y, whatever its layout and that of x."""
    to, source = (LAYOUTS[name] for name in layouts)
    x = source(np.random.default_rng(seed).normal(size=shape))
    before, y = x.copy(), to(np.zeros(shape))
    run_assign(y, x)
    np.testing.assert_array_equal(y, before)
    np.testing.assert_array_equal(x, before)


def test_assign_to_and_from_vectors():
    y = np.zeros(3)
    run_assign(y, np.arange(6.0)[::2])
    assert y.tolist() == [0.0, 2.0, 4.0]
