"""Sums over rows: what they are, in which order, and nothing beside them touched."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit
from tileprop.kernels.compiler.processor import SIMD
from tileprop.kernels.llvm import column_sums
from tileprop.kernels.llvm.sums import _plain_column_sums
from tileprop.kernels.matrices import padded_width

pytestmark = pytest.mark.plain

GUARD = 40
DTYPES = ["float32", "float64"]


@njit
def run_column_sums(S, d_at, d_row, rows, columns, init_at, c_at, alpha):
    column_sums(S, d_at, d_row, rows, columns, init_at, c_at, alpha)


@pytest.mark.parametrize("dtype", DTYPES)
@given(rows=st.integers(0, 23), n=st.integers(1, 70), spare=st.integers(0, 9), seed=st.integers(0, 1000))
def test_column_sums_are_sums_over_rows(dtype, rows, n, spare, seed):
    generator = np.random.default_rng(seed)
    columns = padded_width(n, SIMD.vector_bytes // np.dtype(dtype).itemsize)
    stride = columns + spare
    D, init = generator.normal(size=(rows, stride)), generator.normal(size=columns)
    D, init, alpha = D.astype(dtype), init.astype(dtype), np.dtype(dtype).type(-0.3)
    d_at, init_at = GUARD, 2 * GUARD + rows * stride
    c_at = init_at + columns + GUARD
    S = np.full(c_at + columns + GUARD, np.nan, dtype)
    S[d_at : d_at + rows * stride] = D.ravel()
    S[init_at : init_at + columns] = init
    before, twin = S.copy(), S.copy()
    run_column_sums(S, d_at, stride, rows, columns, init_at, c_at, alpha)
    wide = D[:, :columns].astype(np.float64)
    bound = np.finfo(dtype).eps * (rows + 2) * (np.abs(wide).sum(0) + np.abs(init))
    assert (np.abs(S[c_at : c_at + columns] - (init + float(alpha) * wide.sum(0))) <= bound).all()
    _plain_column_sums(twin, d_at, stride, rows, columns, init_at, c_at, alpha)
    np.testing.assert_allclose(S[c_at : c_at + columns], twin[c_at : c_at + columns], atol=4 * bound.max())
    before[c_at : c_at + columns] = S[c_at : c_at + columns]
    assert np.array_equal(S, before, equal_nan=True)


@pytest.mark.parametrize("dtype", DTYPES)
def test_target_and_start_may_be_the_same(dtype):
    lanes = SIMD.vector_bytes // np.dtype(dtype).itemsize
    S = np.ones(3 * lanes, dtype)
    run_column_sums(S, lanes, lanes, 2, lanes, 0, 0, S.dtype.type(0.5))
    assert S.tolist() == [2.0] * lanes + [1.0] * (2 * lanes)
