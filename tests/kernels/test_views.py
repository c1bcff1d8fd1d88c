"""A matrix as a view of a vector."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit
from tileprop.kernels import views

pytestmark = pytest.mark.plain


@njit
def view(vector, start, rows, columns):
    return views.matrix(vector, start, rows, columns)


@njit
def fill(vector, start, rows, columns, value):
    made = views.matrix(vector, start, rows, columns)
    made[:] = value
    return made.sum()


@given(st.integers(0, 5), st.integers(0, 6), st.integers(0, 6), st.integers(0, 3))
def test_a_view_is_the_slice_in_two_dimensions(start, rows, columns, spare):
    vector = np.arange(float(start + rows * columns + spare))
    made = view(vector, start, rows, columns)
    assert made.shape == (rows, columns)
    assert made.flags.c_contiguous
    assert np.array_equal(made, vector[start : start + rows * columns].reshape(rows, columns))
    if made.size:
        assert np.shares_memory(made, vector)


def test_writing_through_a_view_writes_the_vector_and_nothing_else():
    vector = np.zeros(10)
    assert fill(vector, 2, 2, 3, 1.5) == 9
    assert vector.tolist() == [0, 0, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 0, 0]


def test_a_view_keeps_its_vector_alive():
    made = view(np.full(1000, 3.0), 0, 10, 100)
    np.ones((10, 100))
    assert (made == 3).all()


def test_a_view_of_a_read_only_vector_is_read_only():
    vector = np.arange(6.0)
    vector.flags.writeable = False
    assert not view(vector, 0, 2, 3).flags.writeable


@pytest.mark.parametrize(("start", "rows", "columns"), [(0, 3, 4), (7, 2, 2), (11, 0, 5), (0, 11, 1)])
def test_a_vector_that_is_too_short_is_refused(start, rows, columns):
    with pytest.raises(ValueError, match="a vector is too short for this plan; make the workspace for the same plan"):
        view(np.zeros(10), start, rows, columns)
