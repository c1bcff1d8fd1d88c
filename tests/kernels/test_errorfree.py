"""Error-free transformations: the rounded result and its error together make the sum or product."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numba import njit
from tileprop.kernels.errorfree import product_error, sum_error

pytestmark = pytest.mark.plain


@njit
def sum_and_error(a, b):
    s = a + b
    return s, sum_error(a, b, s)


@njit
def product_and_error(a, b):
    p = a * b
    return p, product_error(a, b, p)


# Kept from overflow, and from sums or products whose error would be subnormal.
summands = st.one_of(st.floats(-1e300, 1e300), st.floats(-10, 10))
factors = st.one_of(st.floats(1e-140, 1e140), st.floats(-1e140, -1e-140), st.just(0.0))


@given(summands, summands)
def test_sum_and_its_error_are_exact(a, b):
    s, error = sum_and_error(a, b)
    assert s == a + b
    assert Fraction(s) + Fraction(error) == Fraction(a) + Fraction(b)


def assert_product(a, b, p, error):
    """Exact to 104 bits, twice a float64: without fused multiply-adds the last bit or two may go."""
    product = Fraction(a) * Fraction(b)
    assert abs(Fraction(p) + Fraction(error) - product) <= abs(product) / 2**104


@given(factors, factors)
def test_product_and_its_error_make_twice_the_digits(a, b):
    p, error = product_and_error(a, b)
    assert p == a * b
    assert_product(a, b, p, error)


@given(st.floats(1e307, 1.7e308), st.floats(0.5, 1.0))
def test_a_product_near_the_largest_number_does_not_overflow_inside(a, b):
    p, error = product_and_error(a, b)
    assert_product(a, b, p, error)


@given(st.floats(0.5, 1), st.floats(0.5, 1))
def test_errors_are_not_always_zero(a, b):
    assume(Fraction(a) * Fraction(b) != Fraction(a * b))
    _, error = product_and_error(a, b)
    assert error != 0
    assert abs(error) <= 2.0**-54


@pytest.mark.parametrize(
    ("a", "b", "error"), [(1.0, 2.0**-60, 2.0**-60), (2.0**53, 1.0, 1.0), (-1.0, -(2.0**-70), -(2.0**-70))]
)
def test_known_errors_of_sums(a, b, error):
    assert sum_and_error(a, b)[1] == error
    assert sum_and_error(b, a)[1] == error
