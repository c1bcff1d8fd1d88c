"""Ranges of numbers: where the knots lie, and that nothing of a number is lost between them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tileprop.trainer.errors import InputError
from tileprop.trainer.tables.ranges import find_knots
from tileprop.trainer.tables.standard import Standard

columns = arrays(np.float64, st.integers(3, 60), elements=st.one_of(st.floats(-1e6, 1e6, width=32), st.just(0.0)))


def written(values, knots) -> np.ndarray:
    out = np.full((len(values), len(knots) + 1), np.nan)
    Standard(0.0, 0.0, 1.0, knots).write(np.asarray(values, float), out)
    assert np.isnan(out[:, -1]).all()
    return out[:, 1:-1]


@given(columns)
def test_knots_rise_from_the_least_value_to_the_greatest(values):
    knots = find_knots(values, 8)
    if len(np.unique(values)) < 3:
        assert knots == ()
    elif knots:
        assert (knots[0], knots[-1]) == (values.min(), values.max())
        assert (np.diff(knots) > 0).all()
        assert len(knots) <= 9
        assert set(knots) <= set(values)


@given(columns)
def test_a_number_is_the_least_knot_and_its_inputs_times_the_widths_of_the_ranges(values):
    knots = find_knots(values, 8)
    if knots:
        inputs = written(values, knots)
        assert ((inputs >= 0) & (inputs <= 1)).all()
        np.testing.assert_allclose(knots[0] + inputs @ np.diff(knots), values, rtol=1e-6, atol=1e-6 * np.ptp(values))


def test_few_values_are_all_knots():
    knots = find_knots(np.array([5, 1, 2, 9, 9, 9, np.nan]), 8)
    assert knots == (1, 2, 5, 9)
    np.testing.assert_array_equal(written([1, 2, 5, 9], knots), np.tri(4, 3, -1))


def test_many_values_are_cut_at_their_quantiles():
    values = np.random.default_rng(0).permutation(801) ** 2.0
    np.testing.assert_allclose(np.sqrt(find_knots(values, 8)), np.arange(0, 801, 100), atol=1)


def test_a_column_of_mostly_one_value_has_knots_among_the_others():
    values = np.append(np.zeros(920), np.arange(1, 81.0))
    knots = find_knots(values, 8)
    assert knots[0] == 0
    assert len(knots) == 9
    assert max(np.diff(knots)) < 20
    assert len(find_knots(np.append(values, np.full(1000, 80.0)), 8)) >= 8


def test_beyond_the_knots_nothing_changes():
    np.testing.assert_array_equal(written([-1e9, 1e9], (0.0, 1.0, 3.0)), [[0, 0], [1, 1]])


def test_names_and_what_is_refused():
    named = Standard(0.0, 0.0, 1.0, (1.0, 2.5, 1e6))
    assert named.features("x") == ["x", "x from 1 to 2.5", "x from 2.5 to 1e+06"]
    assert named.ranges == 2
    with pytest.raises(InputError, match="do not rise"):
        Standard(0.0, 0.0, 1.0, (1.0, 1.0, 2.0))


@pytest.mark.parametrize("values", [[], [np.nan] * 5, [1.0, 2.0] * 9, [-1.7e308, 1.7e308, 1.75e308], [0.0, 5e-324, 1e-323]])
def test_no_knots_where_there_is_no_range(values):
    assert find_knots(np.array(values), 8) == ()
