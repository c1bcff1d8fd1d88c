"""What losses share: the shapes of rows, their weights, and sums over all elements."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit
from tileprop.kernels.losses import rows as losses_rows
from tileprop.kernels.numerics.double_double import two_difference

pytestmark = pytest.mark.plain

# Kept from overflow, and from errors that would be subnormal.
NUMBERS = st.one_of(st.floats(1e-70, 1e70), st.floats(-1e70, -1e-70), st.just(0.0))


@njit
def halved_difference(y, t):
    return losses_rows.halved_difference(y, t)


@given(NUMBERS, NUMBERS)
def test_half_a_difference(y, t):
    assert halved_difference(y, t) == y / 2 - t / 2


def test_half_a_difference_does_not_overflow():
    largest = float(np.finfo(np.float64).max)
    assert halved_difference(largest, -largest) == largest


@njit
def weight_of(weight, r):
    return losses_rows.weight_of(weight, r)


def test_a_rows_weight():
    assert weight_of(np.array([3.0, 4.0], np.float32), 1) == 4
    assert weight_of(np.empty(0, np.float32), 1) == 1


@njit
def rows(Y):
    return losses_rows.row_count(Y)


def test_rows():
    """A 1-D array holds one output for each."""
    for shape, count in (((5,), 5), ((5, 3), 5), ((2, 3, 4), 6), ((0,), 0), ((0, 3), 0), ((4, 0), 0)):
        assert rows(np.zeros(shape)) == count


def test_a_derivatives_place():
    @njit
    def place(Y, T, out):
        return losses_rows.derivative_for(Y, T, out)

    Y, out = np.zeros((2, 3), np.float32), np.zeros((2, 3), np.float32)
    assert place(Y, Y, out) is out
    made = place(Y, Y, None)
    assert (made.shape, made.dtype) == (Y.shape, Y.dtype)
    assert not np.shares_memory(made, Y)
    with pytest.raises(ValueError, match="differ in shape"):
        place(Y, Y[:1], None)
    with pytest.raises(ValueError, match="differ in shape"):
        place(Y, Y, out[:1])


sum_of_differences = losses_rows.sum_of(two_difference, "sum_of_differences")


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
