"""Piecewise-linear bins of numbers: where the knots lie, and that nothing of a number is lost between them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tileprop.trainer.tables.ranges import find_knots, write_ranges


def bins(x, knots):
    out = np.empty((len(x), max(len(knots) - 1, 0)))
    write_ranges(x, knots, out)
    return out


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
