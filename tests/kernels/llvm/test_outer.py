"""Outer products: every width beside every vector's, and nothing written beyond."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numba import njit
from tileprop.kernels.llvm import outer

pytestmark = pytest.mark.plain


@njit
def write(out, at, A, a_at, n_in, S, d_at, n_out):
    outer(out, at, A, a_at, n_in, S, d_at, n_out)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(n_in=st.integers(0, 40), n_out=st.integers(1, 70), at=st.integers(0, 5), seed=st.integers(0, 99))
@example(n_in=1, n_out=1, at=0, seed=0)
@example(n_in=3, n_out=2, at=0, seed=0)
@example(n_in=40, n_out=1, at=0, seed=0)
def test_outer_products(dtype, n_in, n_out, at, seed):
    rng = np.random.default_rng(seed)
    A, S = rng.normal(size=n_in + 3).astype(dtype), rng.normal(size=n_out + 70).astype(dtype)
    out = np.full(at + n_in * n_out + 20, 7, dtype)
    write(out, at, A, 2, n_in, S, 4, n_out)
    assert np.array_equal(out[at : at + n_in * n_out], np.outer(A[2 : n_in + 2], S[4 : n_out + 4]).ravel())
    assert (out[:at] == 7).all()
    assert (out[at + n_in * n_out :] == 7).all()


def test_what_is_read_may_be_read_only():
    A, S, out = np.arange(3.0), np.arange(40.0), np.zeros(6)
    A.flags.writeable = S.flags.writeable = False
    write(out, 0, A, 0, 3, S, 1, 2)
    assert out.tolist() == [0, 0, 1, 2, 2, 4]
