"""What losses are summed with: numbers in two parts against exact arithmetic, and the shapes of rows."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit
from tileprop.kernels.losses import sums

pytestmark = pytest.mark.plain

# Kept from overflow, and from errors that would be subnormal.
NUMBERS = st.one_of(st.floats(1e-70, 1e70), st.floats(-1e70, -1e-70), st.just(0.0))


@st.composite
def pairs(draw):
    """A number in two parts: the second is below the first's last place."""
    high = draw(NUMBERS)
    return high, high * 2.0**-53 * draw(st.floats(-0.5, 0.5))


def exact(parts):
    return Fraction(parts[0]) + Fraction(parts[1])


@njit
def call_added(a, b):
    return sums.added(a, b)


@njit
def call_times(a, b):
    return sums.times(a, b)


@njit
def call_difference(y, t):
    return sums.difference(y, t)


@njit
def call_weighted(factor, parts):
    return sums.weighted(factor, parts)


@njit
def call_divided(a, b):
    return sums.divided(a, b)


@njit
def call_rounded(total):
    return sums.rounded(total)


@njit
def call_halved(y, t):
    return sums.halved_difference(y, t)


@given(pairs(), pairs())
def test_sums_in_two_parts(a, b):
    error = exact(call_added(a, b)) - (exact(a) + exact(b))
    assert abs(error) <= 2.0**-102 * (abs(exact(a)) + abs(exact(b)))


@given(pairs(), pairs())
def test_products_in_two_parts(a, b):
    wanted = exact(a) * exact(b)
    assert abs(exact(call_times(a, b)) - wanted) <= 2.0**-102 * abs(wanted)
    wanted = Fraction(a[0]) * exact(b)
    assert abs(exact(call_weighted(a[0], b)) - wanted) <= 2.0**-102 * abs(wanted)


@given(NUMBERS, NUMBERS)
def test_differences_are_exact(y, t):
    assert exact(call_difference(y, t)) == Fraction(y) - Fraction(t)
    assert call_halved(y, t) == y / 2 - t / 2


@given(NUMBERS, NUMBERS.filter(bool))
def test_quotients_in_two_parts(a, b):
    wanted = Fraction(a) / Fraction(b)
    assert abs(exact(call_divided(a, b)) - wanted) <= 2.0**-104 * abs(wanted)


def test_a_sum_of_many_keeps_what_single_ones_lose():
    total = (1.0, 0.0)
    for _ in range(1000):
        total = call_added(total, (2.0**-60, 2.0**-100))
    assert call_rounded(total) == 1.0 + 1000 * 2.0**-60
    assert exact(total) == 1 + 1000 * (Fraction(1, 2**60) + Fraction(1, 2**100))


@pytest.mark.parametrize("total", [np.inf, -np.inf])
def test_an_overflow_is_infinite(total):
    """Although its rounding error is not a number."""
    assert call_rounded((total, np.nan)) == total
    assert np.isnan(call_rounded((np.nan, 0.0)))


@njit
def rows(Y):
    return sums.row_count(Y)


def test_rows():
    """A 1-D array holds one output for each."""
    for shape, count in (((5,), 5), ((5, 3), 5), ((2, 3, 4), 6), ((0,), 0), ((0, 3), 0), ((4, 0), 0)):
        assert rows(np.zeros(shape)) == count


def test_a_derivatives_place():
    @njit
    def place(Y, T, out):
        return sums.derivative_for(Y, T, out)

    Y, out = np.zeros((2, 3), np.float32), np.zeros((2, 3), np.float32)
    assert place(Y, Y, out) is out
    made = place(Y, Y, None)
    assert (made.shape, made.dtype) == (Y.shape, Y.dtype)
    assert not np.shares_memory(made, Y)
    with pytest.raises(ValueError, match="differ in shape"):
        place(Y, Y[:1], None)
    with pytest.raises(ValueError, match="differ in shape"):
        place(Y, Y, out[:1])


sum_of_differences = sums.sum_of(sums.difference, "sum_of_differences")


@njit
def call_sum(Y, T):
    return sum_of_differences(Y, T)


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=20))
def test_sums_over_arrays_are_rounded_once(elements):
    Y, T = np.array(elements).T.copy()
    wanted = sum((Fraction(y) - Fraction(t) for y, t in elements), Fraction(0))
    magnitude = sum((abs(Fraction(y)) + abs(Fraction(t)) for y, t in elements), Fraction(0))
    assert abs(Fraction(call_sum(Y, T)) - wanted) <= 2.0**-53 * abs(wanted) + 2.0**-98 * magnitude


def test_sums_are_named_and_refuse_what_does_not_fit():
    assert sum_of_differences.__name__ == "sum_of_differences"
    with pytest.raises(ValueError, match="differ in shape"):
        call_sum(np.zeros(3), np.zeros(4))
