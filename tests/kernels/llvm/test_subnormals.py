"""Inside the mode subnormal numbers count as zero; outside, and in other threads, they are what they were."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numba import njit
from numba.core import config
from tileprop.kernels.llvm import flush_subnormals, restore_mode
from trainings import make_training

pytestmark = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="about the processor's mode")

DTYPES = ["float32", "float64"]


# Operands and results are in arrays, so that nothing is computed at compile time, or outside the mode.
@njit
def multiply(a, b, out):
    for i in range(a.size):
        out[i] = a[i] * b[i]


@njit
def multiply_flushed(a, b, out):
    mode = flush_subnormals()
    multiply(a, b, out)
    restore_mode(mode)


@njit
def multiply_nested(a, b, out):
    outer = flush_subnormals()
    inner = flush_subnormals()
    restore_mode(inner)
    multiply(a, b, out)
    restore_mode(outer)
    return outer, inner


@njit
def mode_now():
    mode = flush_subnormals()
    restore_mode(mode)
    return mode


def cases(dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Products that are subnormal, of normal numbers and of a subnormal one; then products that are not."""
    tiny, least = np.finfo(dtype).tiny, np.finfo(dtype).smallest_subnormal
    return np.array([tiny, -tiny, least * 8, tiny, 3], dtype), np.array([0.25, 0.5, 1, 2, 5], dtype)


def subnormals_exist(dtype: str) -> bool:
    a, b = cases(dtype)
    out = np.empty_like(a)
    multiply(a, b, out)
    return bool((out[:3] != 0).all()) and bool((a * b)[:3].all())


@pytest.mark.parametrize("dtype", DTYPES)
def test_subnormal_numbers_count_as_zero_inside(dtype):
    a, b = cases(dtype)
    out = np.full_like(a, np.nan)
    multiply_flushed(a, b, out)
    assert out.tolist() == [0, 0, 0, 2 * float(a[3]), 15]
    assert subnormals_exist(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_mode_within_the_mode_returns_to_it(dtype):
    a, b = cases(dtype)
    out = np.full_like(a, np.nan)
    outer, inner = multiply_nested(a, b, out)
    assert outer != inner
    assert out.tolist()[:3] == [0, 0, 0]
    assert mode_now() == outer
    assert subnormals_exist(dtype)


def test_other_threads_keep_their_mode():
    before = mode_now()
    with ThreadPoolExecutor(2) as pool:
        modes = [pool.submit(mode_now).result() for _ in range(4)]
        assert all(pool.submit(subnormals_exist, "float64").result() for _ in range(4))
    assert set(modes) == {before}


# In an epoch -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("sizes", "order"), [([1, 1], "none"), ([1, 1], "permutation"), ([2, 2, 1], "none")])
def test_in_an_epoch_a_subnormal_weight_counts_as_zero(sizes, order, dtype):
    """In the general batch loop and in the one in registers."""
    options = {"activation": "identity", "output_activation": "identity", "bias": False}
    training = make_training(sizes, n=2, batch_size=1, order=order, dtype=dtype, **options)
    training.theta[:] = np.finfo(dtype).smallest_subnormal * 8
    training.X[:], training.T[:] = np.finfo(dtype).max / 2**20, 0
    if len(sizes) == 3:
        training.theta[4:] = 1
    before = mode_now()
    assert training.run() == 0
    assert mode_now() == before
    assert subnormals_exist(dtype)


def test_an_epoch_that_is_refused_leaves_the_mode_as_it_was():
    training = make_training()
    training.theta = training.theta[1:]
    before = mode_now()
    with pytest.raises(ValueError, match="theta"):
        training.run()
    assert mode_now() == before
