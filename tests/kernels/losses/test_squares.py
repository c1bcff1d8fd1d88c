"""Squared differences: by hand, over long sums, and at the ends of their dtypes."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
from cases import DTYPES, MOST_ULPS, REGRESSION, backward, exact_backward, exact_loss, value
from tileprop import kernels

pytestmark = pytest.mark.plain


def test_values_by_hand():
    Y, T = np.array([[0.5, 0.25], [0.75, 0.5]]), np.array([[1.0, 0.0], [0.0, 1.0]])
    assert kernels.mse(Y, T) == (0.25 + 0.0625 + 0.5625 + 0.25) / 4
    assert kernels.squared_error(Y, T) == (0.25 + 0.0625 + 0.5625 + 0.25) / 8
    assert kernels.sum_squared_error(Y, T) == (0.25 + 0.0625 + 0.5625 + 0.25) / 4
    assert kernels.mse_backward(Y, T).tolist() == [[-0.25, 0.125], [0.375, -0.25]]
    assert kernels.squared_error_backward(Y, T).tolist() == [[-0.125, 0.0625], [0.1875, -0.125]]
    assert kernels.sum_squared_error_backward(Y, T).tolist() == [[-0.25, 0.125], [0.375, -0.25]]


def test_a_long_sum_keeps_its_last_digit():
    """A running sum in float64 would be dozens of units off here."""
    rng = np.random.default_rng(0)
    Y, T = rng.random((20_000, 1)), rng.random((20_000, 1))
    squares = [(float(a) - float(b)) ** 2 for a, b in zip(Y.ravel(), T.ravel(), strict=True)]
    assert abs(sum(squares) - np.sum(np.array(squares, np.longdouble))) > 4 * np.spacing(sum(squares))
    assert oracle.ulps(kernels.mse(Y, T), exact_loss("mse", Y, T), np.float64) <= MOST_ULPS


@pytest.mark.parametrize("name", REGRESSION)
def test_a_square_beyond_the_largest_number_is_infinite(name):
    largest = np.finfo(np.float64).max
    with np.errstate(all="ignore"):  # as plain Python, the scalars' own warnings
        for y, t in ((largest, -largest), (1e200, 0.0), (1.0, -1e180)):
            assert value(name, np.array([[y, 1.0]]), np.array([[t, 1.0]])) == np.inf


@pytest.mark.parametrize("name", REGRESSION)
def test_largest_float32_numbers_have_finite_losses_and_slopes(name):
    largest = np.finfo(np.float32).max
    Y, T = np.array([[largest, largest, 0]], np.float32), np.array([[-largest, largest, largest]], np.float32)
    assert oracle.ulps(value(name, Y, T), exact_loss(name, Y, T), np.float64) <= MOST_ULPS
    dY = backward(name, Y, np.zeros_like(Y))
    assert np.isfinite(dY).all()
    assert oracle.ulps(dY, exact_backward(name, Y, np.zeros_like(Y)), np.float32) <= MOST_ULPS


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", REGRESSION)
def test_slopes_are_finite_wherever_they_can_be(name, dtype):
    """The difference of the two largest numbers overflows, its half divided by the size does not."""
    largest = np.finfo(dtype).max
    Y, T = np.full((2, 4), largest, dtype), np.full((2, 4), -largest, dtype)
    dY = backward(name, Y, T)
    assert np.isfinite(dY).all()
    assert oracle.ulps(dY, exact_backward(name, Y, T), dtype) <= MOST_ULPS
