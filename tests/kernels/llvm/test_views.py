"""Views of stretches of a vector: made and used inside compiled code, over memory that they do not own."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit
from numba.core import config
from numba.core.errors import TypingError
from tileprop.kernels.llvm import copy, doubles, empty_integers, held_matrix, matrix, record_view, span, unowned
from tileprop.kernels.records import with_attributes

pytestmark = pytest.mark.plain


@njit
def copied_matrix(vector, start, rows, columns):
    return matrix(vector, start, rows, columns).copy()


@njit
def returned_matrix(vector, start, rows, columns):
    return held_matrix(vector, start, rows, columns)


@njit
def copied_span(array, start, count):
    return span(array, start, count).copy()


@njit
def run_copy(target, to, source, start, count):
    copy(target, to, source, start, count)


@njit
def facts(vector, start, rows, columns):
    made = matrix(vector, start, rows, columns)
    part = span(made, 0, made.size)
    return made.shape, made.strides, made.size, part.shape, part.strides


@njit
def fill(vector, start, rows, columns, value):
    made = matrix(vector, start, rows, columns)
    made[:] = value
    return made.sum()


@njit
def fill_span(vector, start, count, value):
    made = span(vector, start, count)
    for i in range(made.size):
        made[i] = value


@given(st.integers(0, 5), st.integers(0, 6), st.integers(0, 6), st.integers(0, 3))
def test_a_matrix_is_the_slice_in_two_dimensions(start, rows, columns, spare):
    vector = np.arange(float(start + rows * columns + spare))
    made = copied_matrix(vector, start, rows, columns)
    assert made.shape == (rows, columns)
    assert np.array_equal(made, vector[start : start + rows * columns].reshape(rows, columns))


@given(st.integers(0, 5), st.integers(0, 12), st.integers(0, 3))
def test_a_span_is_the_slice(start, count, spare):
    vector = np.arange(float(start + count + spare))
    assert np.array_equal(copied_span(vector, start, count), vector[start : start + count])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_shapes_and_strides_are_those_of_contiguous_arrays(dtype):
    size = np.dtype(dtype).itemsize
    assert facts(np.zeros(40, dtype), 3, 4, 5) == ((4, 5), (5 * size, size), 20, (20,), (size,))


def test_a_span_of_an_array_of_two_dimensions_takes_it_row_by_row():
    array = np.arange(12.0).reshape(3, 4)
    assert copied_span(array, 0, array.size).tolist() == list(range(12))
    assert copied_span(array, 5, 4).tolist() == [5, 6, 7, 8]


def test_writing_through_a_view_writes_the_vector_and_nothing_else():
    vector = np.zeros(10)
    assert fill(vector, 2, 2, 3, 1.5) == 9
    assert vector.tolist() == [0, 0, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 0, 0]
    fill_span(vector, 8, 1, 2.0)
    assert vector.tolist() == [0, 0, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 2, 0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(to=st.integers(0, 5), start=st.integers(0, 5), count=st.integers(0, 40))
def test_a_copy_is_a_slice_assigned(dtype, to, start, count):
    source, target = np.arange(start + count + 3).astype(dtype), np.full(to + count + 3, -1, dtype)
    source.flags.writeable = False
    expected = target.copy()
    expected[to : to + count] = source[start : start + count]
    run_copy(target, to, source, start, count)
    assert np.array_equal(target, expected)


def test_a_view_of_a_read_only_vector_is_read_only():
    vector = np.arange(6.0)
    vector.flags.writeable = False
    assert copied_matrix(vector, 0, 2, 3).tolist() == [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(ValueError if config.DISABLE_JIT else TypingError, match=r"read-?only"):
        fill(vector, 0, 2, 3, 1.0)


@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="about compiled code")
def test_views_count_no_references():
    """A view of memory that a kernel made itself leaves its count as it was."""

    @njit
    def build(n):
        own = np.ones(n)
        total = 0.0
        for start in range(n - 3):
            total += span(own, start, 3).sum() + matrix(own, start, 1, 3).sum()
        return total, own

    total, own = build(100)
    assert total == 6 * 97
    assert (own == 1).all()


def test_a_held_matrix_may_be_returned_and_outlives_its_vector():
    vector = np.arange(12.0)
    made = returned_matrix(vector, 2, 3, 3)
    assert np.shares_memory(made, vector)
    assert made.flags.c_contiguous
    count = sys.getrefcount(vector)
    more = [returned_matrix(vector, 0, 1, 1) for _ in range(5)]
    assert [view.tolist() for view in more] == [[[0.0]]] * 5
    if not config.DISABLE_JIT:
        assert sys.getrefcount(vector) == count + 5
    del more
    assert sys.getrefcount(vector) == count
    del vector
    others = [np.full(12, -1.0) for _ in range(1000)]
    assert made.tolist() == [[2, 3, 4], [5, 6, 7], [8, 9, 10]]
    del others


# Other views of a vector's memory ---------------------------------------------------------------------------------------------

POINT = with_attributes(np.dtype([("x", np.int64), ("y", np.float64)]))
view_of_point = record_view(POINT)


@njit
def move_point(vector, start):
    points = view_of_point(vector, start)
    points[0].x += 3
    points[0].y *= 2.0
    return points[0].x


@njit
def double_all(vector, start, count):
    numbers = doubles(vector, start, count)
    for i in range(numbers.size):
        numbers[i] *= 2.0
    return numbers.size


@njit
def entries_of(array):
    plain, none = unowned(array), empty_integers()
    plain[0] = plain[0] + none.size + 1
    return plain.size


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_record_in_a_vectors_memory(dtype):
    memory = np.zeros(16, dtype)
    point = memory[8 : 8 + POINT.itemsize // memory.itemsize].view(POINT).view(np.recarray)
    point[0].x, point[0].y = 4, 1.5
    assert move_point(memory, 8) == 7
    assert point[0].tolist() == (7, 3.0)
    assert not memory[:8].any()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_doubles_in_a_vectors_memory(dtype):
    memory = np.zeros(32, dtype)
    numbers = memory[8 : 8 + 3 * 8 // memory.itemsize].view(np.float64)
    numbers[:] = 1.0, 1 / 3, -1e300
    assert double_all(memory, 8, 3) == 3
    assert numbers.tolist() == [2.0, 2 / 3, -2e300]
    assert not memory[:8].any()
    assert not memory[8 + 3 * 8 // memory.itemsize :].any()


def test_an_array_without_its_owner_is_the_same_array():
    array = np.arange(6.0)
    before = sys.getrefcount(array)
    assert entries_of(array) == 6
    assert array[0] == 1.0
    assert sys.getrefcount(array) == before
