"""Sums in an order that is written down: what they are, in which order, and that the way of compiling does not matter."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit
from tileprop.kernels.compiler.jit import JIT_DISABLED
from tileprop.kernels.llvm import add_norms, add_norms_of_rows, dot

pytestmark = pytest.mark.plain

DTYPES = ["float32", "float64"]
COUNTS = st.integers(0, 150)


@njit
def run_norms(total, memory, at, count, l2, l1):
    return add_norms(total, memory, at, count, l2, l1)


@njit
def run_norms_of_rows(total, memory, at, rows, stride, count, l2, l1):
    return add_norms_of_rows(total, memory, at, rows, stride, count, l2, l1)


@njit
def run_dot(A, a_at, memory, d_at, count):
    return dot(A, a_at, memory, d_at, count)


def in_written_order(terms, total, vectors):
    """The sum of `terms` in the order that `ordered_sums.py` names, each addition rounded."""
    done = 0
    for chains, lanes in ((4, vectors[0]), (1, vectors[1]), (1, 1)):
        sums = np.zeros((chains, lanes), terms.dtype)
        sums[0, 0] = total
        while done + chains * lanes <= len(terms):
            sums += terms[done : done + chains * lanes].reshape(chains, lanes)
            done += chains * lanes
        while len(sums) > 1:
            sums = sums[::2] + sums[1::2]
        row = sums[0]
        while row.size > 1:
            row = row[: row.size // 2] + row[row.size // 2 :]
        total = row[0]
    return total


@pytest.mark.parametrize("dtype", DTYPES)
@given(count=COUNTS, at=st.integers(0, 5), seed=st.integers(0, 1000))
def test_norms_are_sums_of_squares_and_magnitudes(dtype, count, at, seed):
    generator = np.random.default_rng(seed)
    memory, l2, l1, total = generator.normal(size=at + count + 3).astype(dtype), 0.3, 0.7, 1.5
    wide = memory[at : at + count].astype(np.float64)
    expected = total + l2 * (wide**2).sum() + l1 * np.abs(wide).sum()
    assert run_norms(total, memory, at, count, l2, l1) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("dtype", DTYPES)
@given(rows=st.integers(0, 9), count=st.integers(0, 20), spare=st.integers(0, 9), seed=st.integers(0, 1000))
def test_norms_of_rows_leave_out_what_lies_between(dtype, rows, count, spare, seed):
    stride, l2, l1, total = count + spare, 0.3, 0.7, 1.5
    memory = np.full(3 + rows * stride + 8, np.nan, dtype)
    entries = np.random.default_rng(seed).normal(size=(rows, count)).astype(dtype)
    memory[3 : 3 + rows * stride].reshape(rows, stride)[:, :count] = entries
    wide = entries.astype(np.float64)
    expected = total + l2 * (wide**2).sum() + l1 * np.abs(wide).sum()
    assert run_norms_of_rows(total, memory, 3, rows, stride, count, l2, l1) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("dtype", DTYPES)
@given(count=COUNTS, at=st.integers(0, 5), seed=st.integers(0, 1000))
def test_dot_is_the_sum_of_products(dtype, count, at, seed):
    generator = np.random.default_rng(seed)
    A, memory = (generator.normal(size=at + count + 3).astype(dtype) for _ in range(2))
    a, d = A[2 : 2 + count].astype(np.float64), memory[at : at + count].astype(np.float64)
    bound = (count + 1) * np.finfo(dtype).eps * (np.abs(a * d)).sum()
    assert abs(run_dot(A, 2, memory, at, count) - (a * d).sum()) <= bound


@pytest.mark.skipif(JIT_DISABLED, reason="as plain Python, terms are added up one after the other")
@pytest.mark.parametrize("dtype", DTYPES)
@given(count=COUNTS, seed=st.integers(0, 1000))
def test_the_order_is_the_written_one(dtype, count, seed):
    # Powers of 2 times 1, so that products are exact, fused or not; their sums are not.
    generator = np.random.default_rng(seed)
    memory = np.exp2(generator.integers(-40, 40, count)).astype(dtype)
    assert run_dot(np.ones(count, dtype), 0, memory, 0, count) == in_written_order(
        memory, np.dtype(dtype).type(0.0), (8 if dtype == "float32" else 4, 4)
    )
    sizes = memory.astype(np.float64)
    assert run_norms(0.25, -memory, 0, count, 0.0, 1.0) == in_written_order(sizes, 0.25, (8, 4))


def test_the_sum_of_no_terms_is_what_came_before():
    nothing = np.empty(0, np.float32)
    assert run_norms(2.5, nothing, 0, 0, 1.0, 1.0) == 2.5
    assert run_dot(nothing, 0, nothing, 0, 0) == 0.0
