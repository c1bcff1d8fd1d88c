"""Piecewise-linear bins of numbers: where the knots lie, and that nothing of a number is lost between them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tileprop.trainer.data.piecewise import bins, find_knots, smooth_clip

columns = arrays(np.float64, st.integers(3, 60), elements=st.floats(-1e6, 1e6, width=32))


@given(columns)
def test_knots_increase_and_span_the_values(x):
    knots = find_knots(x)
    if len(np.unique(x)) < 3:
        assert knots.size == 0
    else:
        assert knots[0] == x.min()
        assert knots[-1] == x.max()
        assert (np.diff(knots) > 0).all()
        assert len(knots) <= 10


@given(columns)
def test_the_number_is_the_lowest_knot_and_the_bins_weighted_by_their_widths(x):
    knots = find_knots(x)
    features = bins(x, knots)
    assert features.shape == (len(x), max(len(knots) - 1, 0))
    assert ((features >= 0) & (features <= 1)).all()
    if knots.size:
        np.testing.assert_allclose(knots[0] + features @ np.diff(knots), x, rtol=1e-6, atol=1e-6 * np.ptp(x))


def test_few_values_are_told_apart():
    features = bins(np.array([1, 2, 5, 9.0]), find_knots(np.array([1, 2, 5, 9, 9.0])))
    np.testing.assert_array_equal(features, [[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1]])


def test_knots_are_quantiles():
    x = np.random.default_rng(0).permutation(801)
    np.testing.assert_allclose(find_knots(x), np.arange(0, 801, 100))


def test_a_column_of_mostly_one_value_still_has_knots_among_the_others():
    x = np.append(np.zeros(900), np.arange(1, 101.0))
    knots = find_knots(x)
    assert knots[0] == 0
    assert len(knots) == 10
    assert ((knots > 0) & (knots < 100)).sum() >= 7


def test_numbers_beyond_the_knots_are_as_the_outermost():
    knots = find_knots(np.arange(100.0))
    np.testing.assert_array_equal(bins(np.array([-1e9, 1e9]), knots), [[0] * 8, [1] * 8])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_smooth_clip(dtype):
    z = np.array([-np.finfo(dtype).max, -3, -0.01, 0, 0.01, 3, 1e30], dtype)
    clipped = smooth_clip(z)
    assert (np.diff(clipped) >= 0).all()
    assert np.abs(clipped).max() <= 3 * (1 + np.finfo(dtype).eps)
    np.testing.assert_allclose(clipped[[2, 4]], [-0.01, 0.01], rtol=1e-4)
    np.testing.assert_allclose(clipped[5], 3 / np.sqrt(2), rtol=1e-6)
