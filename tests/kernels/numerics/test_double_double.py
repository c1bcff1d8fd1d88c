"""Double-doubles against exact arithmetic: rounded results and their errors, and what is computed with both."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numba import njit
from tileprop.kernels.numerics import double_double

pytestmark = pytest.mark.plain


@njit
def two_sum(a, b):
    return double_double.two_sum(a, b)


@njit
def two_difference(a, b):
    return double_double.two_difference(a, b)


@njit
def two_product(a, b):
    return double_double.two_product(a, b)


@njit
def two_quotient(a, b):
    return double_double.two_quotient(a, b)


@njit
def dd_add(a, b):
    return double_double.dd_add(a, b)


@njit
def dd_accumulate(total, term):
    return double_double.dd_accumulate(total, term)


@njit
def dd_multiply(a, b):
    return double_double.dd_multiply(a, b)


@njit
def dd_scale(factor, a):
    return double_double.dd_scale(factor, a)


@njit
def dd_divide(a, b):
    return double_double.dd_divide(a, b)


@njit
def dd_round(a):
    return double_double.dd_round(a)


@njit
def dd_subtract_scaled(whole, scale, a):
    return double_double.dd_subtract_scaled(whole, scale, a)


# Kept from overflow, and from sums or products whose error would be subnormal.
summands = st.one_of(st.floats(-1e300, 1e300), st.floats(-10, 10))
factors = st.one_of(st.floats(1e-140, 1e140), st.floats(-1e140, -1e-140), st.just(0.0))


@given(summands, summands)
def test_sum_and_its_error_are_exact(a, b):
    s, error = two_sum(a, b)
    assert s == a + b
    assert Fraction(s) + Fraction(error) == Fraction(a) + Fraction(b)


def assert_product(a, b, p, error):
    """Exact to 104 bits, twice a float64: without fused multiply-adds the last bit or two may go."""
    product = Fraction(a) * Fraction(b)
    assert abs(Fraction(p) + Fraction(error) - product) <= abs(product) / 2**104


@given(factors, factors)
def test_product_and_its_error_make_twice_the_digits(a, b):
    p, error = two_product(a, b)
    assert p == a * b
    assert_product(a, b, p, error)


@given(st.floats(1e307, 1.7e308), st.floats(0.5, 1.0))
def test_a_product_near_the_largest_number_does_not_overflow_inside(a, b):
    p, error = two_product(a, b)
    assert_product(a, b, p, error)


@given(st.floats(0.5, 1), st.floats(0.5, 1))
def test_errors_are_not_always_zero(a, b):
    assume(Fraction(a) * Fraction(b) != Fraction(a * b))
    _, error = two_product(a, b)
    assert error != 0
    assert abs(error) <= 2.0**-54


@pytest.mark.parametrize(
    ("a", "b", "error"), [(1.0, 2.0**-60, 2.0**-60), (2.0**53, 1.0, 1.0), (-1.0, -(2.0**-70), -(2.0**-70))]
)
def test_known_errors_of_sums(a, b, error):
    assert two_sum(a, b)[1] == error
    assert two_sum(b, a)[1] == error


# Of plain numbers ------------------------------------------------------------------------------------------------------------

# Kept from overflow, and from errors that would be subnormal.
numbers = st.one_of(st.floats(1e-70, 1e70), st.floats(-1e70, -1e-70), st.just(0.0))


def fraction(pair):
    return Fraction(pair[0]) + Fraction(pair[1])


@given(numbers, numbers)
def test_a_difference_and_its_error_are_exact(a, b):
    assert fraction(two_difference(a, b)) == Fraction(a) - Fraction(b)


def test_a_difference_of_float32_is_taken_in_float64():
    a, b = np.float32(1.0), np.float32(2.0**-40)
    assert two_difference(a, b) == (1.0 - 2.0**-40, 0.0)


@given(numbers, numbers.filter(bool))
def test_a_quotient_and_its_error(a, b):
    wanted = Fraction(a) / Fraction(b)
    assert abs(fraction(two_quotient(a, b)) - wanted) <= 2.0**-104 * abs(wanted)


# Of double-doubles -----------------------------------------------------------------------------------------------------------

parts = st.tuples(st.one_of(st.floats(0.01, 100), st.floats(-100, -0.01)), st.floats(-1, 1)).map(
    lambda pair: (pair[0], pair[1] * np.spacing(abs(pair[0])))
)


@st.composite
def pairs(draw):
    """A double-double of any size, or 0."""
    high = draw(numbers)
    return high, high * 2.0**-53 * draw(st.floats(-0.5, 0.5))


@given(parts, parts)
def test_operations_keep_twice_the_digits(a, b):
    left, right = fraction(a), fraction(b)
    largest = max(abs(left), abs(right))
    assert abs(fraction(dd_add(a, b)) - (left + right)) <= largest / 2**100
    for operation, exact in ((dd_multiply, left * right), (dd_divide, left / right)):
        result = operation(a, b)
        assert abs(fraction(result) - exact) <= abs(exact) / 2**98
        assert abs(result[1]) <= 4 * np.spacing(abs(result[0]))


@given(pairs(), pairs())
def test_sums_of_numbers_of_any_size(a, b):
    for add in (dd_add, dd_accumulate):
        error = fraction(add(a, b)) - (fraction(a) + fraction(b))
        assert abs(error) <= 2.0**-102 * (abs(fraction(a)) + abs(fraction(b)))


@given(pairs(), pairs())
def test_products_of_numbers_of_any_size(a, b):
    wanted = fraction(a) * fraction(b)
    assert abs(fraction(dd_multiply(a, b)) - wanted) <= 2.0**-102 * abs(wanted)
    wanted = Fraction(a[0]) * fraction(b)
    assert abs(fraction(dd_scale(a[0], b)) - wanted) <= 2.0**-102 * abs(wanted)


def test_a_long_sum_keeps_what_plain_numbers_lose():
    total = (1.0, 0.0)
    for _ in range(1000):
        total = dd_accumulate(total, (2.0**-60, 2.0**-100))
    assert dd_round(total) == 1.0 + 1000 * 2.0**-60
    assert fraction(total) == 1 + 1000 * (Fraction(1, 2**60) + Fraction(1, 2**100))


@pytest.mark.parametrize("total", [np.inf, -np.inf])
def test_an_overflow_is_infinite(total):
    """Although its rounding error is not a number."""
    assert dd_round((total, np.nan)) == total
    assert np.isnan(dd_round((np.nan, 0.0)))


@given(st.sampled_from([0.0, 1.0, 7.5]), st.integers(-200, 4), parts)
def test_a_scaled_difference_is_rounded_once(whole, power, part):
    exact = Fraction(whole) - Fraction(2.0**power) * fraction(part)
    result = dd_subtract_scaled(whole, 2.0**power, part)
    largest = max(whole, 2.0**power * abs(part[0]))
    assert abs(Fraction(result) - exact) <= Fraction(np.spacing(abs(result))) / 2 + Fraction(largest) / 2**100
    assert dd_subtract_scaled(whole, 0.0, part) == whole
