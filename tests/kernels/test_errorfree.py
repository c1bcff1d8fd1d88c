"""Error-free transformations: the rounded result and its error together make the sum or product."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numba import njit
from tileprop.kernels.numerics import error_free as errorfree
from tileprop.kernels.numerics.error_free import product_error, sum_error

pytestmark = pytest.mark.plain


@njit
def sum_and_error(a, b):
    s = a + b
    return s, sum_error(a, b, s)


@njit
def product_and_error(a, b):
    p = a * b
    return p, product_error(a, b, p)


@njit
def sum_in_parts(a, a_low, b, b_low):
    return errorfree.sum_in_parts(a, a_low, b, b_low)


@njit
def product_in_parts(a, a_low, b, b_low):
    return errorfree.product_in_parts(a, a_low, b, b_low)


@njit
def quotient_in_parts(a, a_low, b, b_low):
    return errorfree.quotient_in_parts(a, a_low, b, b_low)


@njit
def scaled_difference(whole, scale, part, part_low):
    return errorfree.scaled_difference(whole, scale, part, part_low)


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


# Numbers in two parts --------------------------------------------------------------------------------------------------------

parts = st.tuples(st.one_of(st.floats(0.01, 100), st.floats(-100, -0.01)), st.floats(-1, 1)).map(
    lambda pair: (pair[0], pair[1] * np.spacing(abs(pair[0])))
)


def fraction(pair):
    return Fraction(pair[0]) + Fraction(pair[1])


@given(parts, parts)
def test_operations_on_two_parts_keep_twice_the_digits(a, b):
    left, right = fraction(a), fraction(b)
    largest = max(abs(left), abs(right))
    assert abs(fraction(sum_in_parts(*a, *b)) - (left + right)) <= largest / 2**100
    for operation, exact in ((product_in_parts, left * right), (quotient_in_parts, left / right)):
        result = operation(*a, *b)
        assert abs(fraction(result) - exact) <= abs(exact) / 2**98
        assert abs(result[1]) <= 4 * np.spacing(abs(result[0]))


@given(st.sampled_from([0.0, 1.0, 7.5]), st.integers(-200, 4), parts)
def test_a_scaled_difference_is_rounded_once(whole, power, part):
    exact = Fraction(whole) - Fraction(2.0**power) * fraction(part)
    result = scaled_difference(whole, 2.0**power, *part)
    largest = max(whole, 2.0**power * abs(part[0]))
    assert abs(Fraction(result) - exact) <= Fraction(np.spacing(abs(result))) / 2 + Fraction(largest) / 2**100
    assert scaled_difference(whole, 0.0, *part) == whole
