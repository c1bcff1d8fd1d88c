"""The three matrix products against sums written out, for every remainder of the loops that take four at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit
from tileprop.kernels import products

pytestmark = pytest.mark.plain

DTYPES = ["float32", "float64"]


@njit
def add_product(C, A, B):
    products.add_product(C, A, B)


@njit
def add_transposed_product(C, A, D):
    products.add_transposed_product(C, A, D)


@njit
def product_with_transpose(C, D, W):
    products.product_with_transpose(C, D, W)


# Each with the shapes of its result and operands for sizes m, k, n, the sum written out, and what C held before counts.
PRODUCTS: dict[str, tuple[Callable[..., None], str, Callable[[Any, Any], Any], bool]] = {
    "add_product": (add_product, "mn mk kn", lambda A, B: A @ B, True),
    "add_transposed_product": (add_transposed_product, "kn mk mn", lambda A, D: A.T @ D, True),
    "product_with_transpose": (product_with_transpose, "mk mn kn", lambda D, W: D @ W.T, False),
}


def operands(shapes: str, sizes: dict[str, int], dtype: str, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=tuple(sizes[letter] for letter in shape)).astype(dtype) for shape in shapes.split()]


def check(name: str, m: int, k: int, n: int, dtype: str, seed: int) -> None:
    kernel, shapes, product, adds = PRODUCTS[name]
    C, left, right = operands(shapes, {"m": m, "k": k, "n": n}, dtype, seed)
    before = [C.copy(), left.copy(), right.copy()]
    kernel(C, left, right)
    wide = [a.astype(np.longdouble) for a in before]
    expected = product(wide[1], wide[2]) + (wide[0] if adds else 0)
    # A sum of products may be off by its length times half a unit of the sum of their magnitudes.
    magnitude = product(np.abs(wide[1]), np.abs(wide[2])) + (np.abs(wide[0]) if adds else 0)
    assert (np.abs(C - expected) <= (m + k + n + 2) * np.finfo(dtype).eps / 2 * magnitude).all()
    assert np.array_equal(left, before[1])
    assert np.array_equal(right, before[2])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", PRODUCTS)
@given(m=st.integers(0, 10), k=st.integers(0, 10), n=st.integers(0, 10), seed=st.integers(0, 1000))
def test_any_sizes(name, dtype, m, k, n, seed):
    check(name, m, k, n, dtype, seed)


@pytest.mark.parametrize("name", PRODUCTS)
@pytest.mark.parametrize("size", [4, 5, 6, 7])
def test_every_remainder(name, size):
    for m, k, n in ((size, 8, 3), (8, size, 3), (3, 8, size), (size, size, size)):
        check(name, m, k, n, "float64", seed=size)


@pytest.mark.parametrize("name", PRODUCTS)
def test_larger_than_a_vector(name):
    check(name, 37, 53, 41, "float32", seed=0)


@pytest.mark.parametrize("name", PRODUCTS)
def test_nan_and_infinity_keep_their_meaning(name):
    """The sums may be reordered, but not on the assumption that every number is finite."""
    kernel, shapes, _, _ = PRODUCTS[name]
    for special in (np.nan, np.inf):
        C, left, right = operands(shapes, {"m": 5, "k": 6, "n": 7}, "float64", 1)
        left[0, 0] = special
        right[:] = 1
        with np.errstate(invalid="ignore"):
            kernel(C, left, right)
        spoiled = ~np.isfinite(C)
        assert spoiled.any()
        assert not spoiled.all()
        assert np.isnan(C[spoiled]).all() == np.isnan(special)


@pytest.mark.parametrize("name", PRODUCTS)
def test_the_order_of_a_sum_depends_on_the_sizes_alone(name):
    kernel, shapes, _, _ = PRODUCTS[name]
    C, left, right = operands(shapes, {"m": 9, "k": 11, "n": 13}, "float32", 2)
    other = C.copy()
    kernel(C, left, right)
    # At another place in memory, aligned otherwise.
    shifted = [np.concatenate([np.zeros(1, np.float32), a.ravel()])[1:].reshape(a.shape) for a in (left, right)]
    kernel(other, *shifted)
    assert np.array_equal(C, other)
