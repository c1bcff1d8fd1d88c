"""Panels and the products over them: packing there and back, and C = Init + alpha A B in every form that the chain uses.

All operands lie in memory filled with NaN: a read beyond an operand would spoil a sum, and a write beyond one is found.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numba import njit
from tileprop.kernels import matrices
from tileprop.kernels.compiler.processor import SIMD
from tileprop.kernels.matrices import ByRows, Operand, Panels, padded_width
from tileprop.kernels.passes import Net
from tileprop.kernels.places import HEADER
from tileprop.kernels.records import make_records

pytestmark = pytest.mark.plain

DTYPES = ["float32", "float64"]
LINE = 64
# All small sizes, and those around the widths of panels.
SIZES = st.one_of(st.integers(1, 70), st.sampled_from([1, 2, 3, 4, 5, 7, 8, 11, 13, 16, 17, 31, 32, 33, 47, 48, 49, 64, 67]))


@njit
def panel_width(columns, lanes):
    return matrices.panel_width(columns, lanes)


@njit
def pack(S, panels, source, at, n_in, n_out):
    matrices.pack(S, panels, source, at, n_in, n_out)


@njit
def unpack(S, panels, target, at, n_in, n_out):
    matrices.unpack(S, panels, target, at, n_in, n_out)


@njit
def pack_transposed(S, source, target, n_out, first_row, last_row):
    matrices.pack_transposed(S, source, target, n_out, first_row, last_row)


@njit
def sums(S, panels, n_in, n_out):
    squares = matrices.weighted_norms(S, panels, n_in, n_out, 1.0, 0.0)
    return squares, matrices.weighted_norms(S, panels, n_in, n_out, 0.0, 1.0)


@njit
def multiply(S, A, B, init, out, depth, alpha):
    matrices.multiply(S, A, B, init, out, depth, alpha)


@njit
def multiply_into_panels(header, S, A, D, out, first, last, alpha, accumulate):
    matrices.multiply_into_panels(Net(header[0], header, S), A, D, out, first, last, alpha, accumulate)


@njit
def set_product_panel(S, A, D, out, columns, alpha, zeros):
    matrices.set_product_panel(S, A, D, out, columns, alpha, zeros)


def lanes(dtype: str) -> int:
    return SIMD.vector_bytes // np.dtype(dtype).itemsize


def padded(n: int, dtype: str) -> int:
    return padded_width(n, lanes(dtype))


def panels(columns: int, dtype: str) -> list[tuple[int, int]]:
    """Where each panel begins, and its width."""
    found, column = [], 0
    while column < columns:
        found.append((column, panel_width(columns - column, lanes(dtype))))
        column += found[-1][1]
    return found


def panel_places(rows: int, columns: int, dtype: str) -> np.ndarray:
    """(rows, columns): where each entry of a matrix in panels of `rows` rows lies, as `matrices.py` describes it."""
    places = np.zeros((rows, columns), int)
    for first, width in panels(columns, dtype):
        places[:, first : first + width] = rows * first + width * np.arange(rows)[:, None] + np.arange(width)
    return places


class Memory:
    """A vector of NaN, in which stretches are taken with NaN around each."""

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype
        self.end = LINE
        self.filled: list[tuple[np.ndarray, np.ndarray]] = []

    def matrix(self, values: np.ndarray, row: int) -> int:
        """Row by row, from one row to the next `row`; 0 for one row."""
        return self._take(np.arange(values.shape[0])[:, None] * row + np.arange(values.shape[1]), values)

    def in_panels(self, values: np.ndarray, rows: int) -> int:
        """`values` (n_in, n_out) in panels of `rows` rows, padded with zeros."""
        columns = padded(values.shape[1], self.dtype)
        whole = np.zeros((rows, columns), self.dtype)
        whole[: values.shape[0], : values.shape[1]] = values
        return self._take(panel_places(rows, columns, self.dtype), whole)

    def _take(self, places: np.ndarray, values: np.ndarray) -> int:
        at = self.end
        self.filled.append((at + places, values))
        self.end = at + int(places.max(initial=0)) + 1 + LINE
        return at

    def make(self) -> np.ndarray:
        S = np.full(self.end, np.nan, self.dtype)
        for places, values in self.filled:
            S[places] = values
        return S


def random(shape: tuple[int, ...], dtype: str, seed: int) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype(dtype)


# Panels ----------------------------------------------------------------------------------------------------------------------


@given(st.integers(1, 400), st.sampled_from([2, 4, 8, 16]))
def test_a_padded_width_is_the_smallest_that_panels_have(n, full):
    possible = [part for part in (full // 4, full // 2) if part > 1] + list(range(full, 400 + full, full))
    assert padded_width(n, full) == min(width for width in possible if width >= n)


@given(st.integers(1, 400), st.sampled_from([2, 4, 8, 16]))
def test_panels_are_up_to_three_vectors_wide_and_make_up_the_whole(n, full):
    left = padded_width(n, full)
    found = []
    while left > 0:
        found.append(panel_width(left, full))
        left -= found[-1]
    assert left == 0
    if len(found) > 1:
        assert set(found) <= {full, 2 * full, 3 * full}
        # Only the last may be narrow, and none of them a single vector: those fill no tile.
        assert full not in found
        assert all(width == 3 * full for width in found[:-2])


@pytest.mark.parametrize("dtype", DTYPES)
@given(n_in=SIZES, n_out=SIZES, spare=st.integers(0, 20), seed=st.integers(0, 1000))
def test_packing_there_and_back(dtype, n_in, n_out, spare, seed):
    W = random((n_in, n_out), dtype, seed)
    source = np.concatenate([np.full(3, np.nan, dtype), W.ravel(), np.full(2, np.nan, dtype)])
    rows, columns = n_in + spare, padded(n_out, dtype)
    places = LINE + panel_places(rows, columns, dtype)
    assert sorted(places.ravel()) == list(range(LINE, LINE + rows * columns))
    S = np.full(rows * columns + 2 * LINE, np.nan, dtype)
    expected = S.copy()
    expected[places[:n_in, :n_out]] = W
    pack(S, Panels(LINE, rows, columns), source, 3, n_in, n_out)
    assert S.tobytes() == expected.tobytes()
    target = np.full_like(source, np.nan)
    unpack(S, Panels(LINE, rows, columns), target, 3, n_in, n_out)
    assert target.tobytes() == source.tobytes()
    assert S.tobytes() == expected.tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
@given(n_in=SIZES, n_out=SIZES, parts=st.integers(1, 5), seed=st.integers(0, 1000))
def test_a_transpose_made_in_parts(dtype, n_in, n_out, parts, seed):
    """Each part writes its own columns of the transpose, so that threads may do it together."""
    W = random((n_in, n_out), dtype, seed)
    rows, columns = padded(n_in, dtype), padded(n_out, dtype)
    memory = Memory(dtype)
    at = memory.in_panels(W, rows)
    target = memory.in_panels(np.zeros((n_out, n_in), dtype), columns)
    S = memory.make()
    places = target + panel_places(columns, rows, dtype)
    S[places] = -7
    before = S.copy()
    units = -(-n_in // lanes(dtype))
    bounds = [min(n_in, units * part // parts * lanes(dtype)) for part in range(parts + 1)]
    done = np.zeros(rows, bool)
    for first, last in pairwise(bounds):
        pack_transposed(S, Panels(at, rows, columns), Panels(target, columns, rows), n_out, first, last)
        # Up to the next multiple of the lanes, which no other part begins before.
        done[first : -(-last // lanes(dtype)) * lanes(dtype) if last > first else first] = True
        assert np.array_equal(S[places[:n_out, :n_in]][:, done[:n_in]], W.T[:, done[:n_in]])
        assert (S[places[:, ~done]] == -7).all()
    S[places] = before[places]
    assert S.tobytes() == before.tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
@given(n_in=SIZES, n_out=SIZES, spare=st.integers(0, 20), seed=st.integers(0, 1000))
def test_sums_over_a_matrix_in_panels(dtype, n_in, n_out, spare, seed):
    """In float64, of what is in use: the padding, here NaN, takes no part."""
    W = random((n_in, n_out), dtype, seed)
    rows, columns = n_in + spare, padded(n_out, dtype)
    S = np.full(rows * columns + 2 * LINE, np.nan, dtype)
    S[LINE + panel_places(rows, columns, dtype)[:n_in, :n_out]] = W
    squares, magnitudes = sums(S, Panels(LINE, rows, columns), n_in, n_out)
    assert squares == pytest.approx(np.sum(W.astype(np.float64) ** 2), rel=1e-13)
    assert magnitudes == pytest.approx(np.sum(np.abs(W.astype(np.float64))), rel=1e-13)


# Products --------------------------------------------------------------------------------------------------------------------


def check(
    memory: Memory,
    run: Callable[[np.ndarray], None],
    wide: list[np.ndarray],
    places: np.ndarray,
    alpha: float = 1.0,
    rows: tuple[int, int] | None = None,
) -> None:
    """run writes Init + alpha A B; wide: A (rows, depth), B (depth, n) and Init (rows, n).

    places (rows, n) and whatever else of the result is padding. rows: those that are written, all unless given.
    """
    S = memory.make()
    before, dtype = S.copy(), memory.dtype
    run(S)
    first, last = (0, len(places)) if rows is None else rows
    left, right, init = (operand.astype(np.longdouble) for operand in wide)
    expected, n, depth = init + np.longdouble(alpha) * (left @ right), right.shape[1], right.shape[0]
    magnitude = np.abs(init) + np.abs(np.longdouble(alpha)) * (np.abs(left) @ np.abs(right))
    C = S[places]
    error = np.abs(C[first:last, :n] - expected[first:last])
    assert (error <= (2 * depth + 2) * np.finfo(dtype).eps / 2 * magnitude[first:last]).all()
    assert np.array_equal(C[first:last, n:], np.zeros_like(C[first:last, n:]))
    S[places[first:last]] = before[places[first:last]]
    assert S.tobytes() == before.tobytes()


def guarded(values: np.ndarray, row: int) -> np.ndarray:
    """A matrix as a vector, `row` from one row to the next, with NaN around and between the rows."""
    memory = np.full(2 * LINE + values.shape[0] * row, np.nan, values.dtype)
    memory[LINE + np.arange(values.shape[0])[:, None] * row + np.arange(values.shape[1])] = values
    memory.flags.writeable = False
    return memory


def row_by_row(memory: Memory, rows: int, columns: int, stride: int) -> tuple[ByRows, np.ndarray]:
    """Where results go, NaN before, and the place of each."""
    at = memory.matrix(np.full((rows, columns), np.nan, memory.dtype), stride)
    return ByRows(at, stride, rows), at + np.arange(rows)[:, None] * stride + np.arange(columns)


def number(dtype: str, value: float) -> Any:
    return np.dtype(dtype).type(value)


@pytest.mark.parametrize("dtype", DTYPES)
@given(rows=SIZES, depth=SIZES, n=SIZES, gap=st.integers(0, 5), seed=st.integers(0, 1000))
def test_rows_times_weights_plus_biases(dtype, rows, depth, n, gap, seed):
    """Forward: the weights in panels, one row of biases in panels, and results row by row."""
    X, W, b = random((rows, depth), dtype, seed), random((depth, n), dtype, seed + 1), random((1, n), dtype, seed + 2)
    columns, panel_rows = padded(n, dtype), depth + gap
    memory = Memory(dtype)
    weights = Panels(memory.in_panels(W, panel_rows), panel_rows, columns)
    biases = ByRows(memory.in_panels(b, 1), 0, rows)
    z, places = row_by_row(memory, rows, columns, columns + gap)
    A = Operand(guarded(X, depth + gap), LINE, depth + gap, 1)
    check(
        memory,
        lambda S: multiply(S, A, weights, biases, z, depth, number(dtype, 1)),
        [X, W, np.repeat(b, rows, axis=0)],
        places,
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("added", [True, False])
@given(data=st.data(), n_in=SIZES, rows=SIZES, n_out=SIZES, seed=st.integers(0, 1000))
def test_a_gradient_into_panels(dtype, added, data, n_in, rows, n_out, seed):
    """Inputs transposed, deltas row by row, weights in panels: added to them, a step of plain SGD, or in their place."""
    X, D, W = random((rows, n_in), dtype, seed), random((rows, n_out), dtype, seed + 1), random((n_in, n_out), dtype, seed + 2)
    first = data.draw(st.integers(0, n_in))
    last = data.draw(st.integers(first, n_in))
    gap = data.draw(st.integers(0, 5))
    columns, panel_rows = padded(n_out, dtype), n_in + gap
    memory = Memory(dtype)
    weights = Panels(memory.in_panels(W, panel_rows), panel_rows, columns)
    wide_D = np.zeros((rows, columns), dtype)
    wide_D[:, :n_out] = D
    deltas, zeros = memory.matrix(wide_D, columns + gap), memory.matrix(np.zeros((1, columns), dtype), 0)
    A, D_rows = Operand(guarded(X, n_in + gap), LINE, 1, n_in + gap), ByRows(deltas, columns + gap, rows)

    header = make_records(1, HEADER)
    header.zeros = zeros

    def run(S: np.ndarray) -> None:
        multiply_into_panels(header, S, A, D_rows, weights, first, last, number(dtype, -0.25), added)

    places = weights.at + panel_places(panel_rows, columns, dtype)
    check(memory, run, [X.T, D, W if added else np.zeros_like(W)], places, -0.25, (first, last))


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data(), n_in=SIZES, rows=st.integers(1, 300), seed=st.integers(0, 1000))
def test_a_panel_of_a_gradient(dtype, data, n_in, rows, seed):
    """Of many rows, whose terms are added up some at a time."""
    columns = data.draw(st.sampled_from([part for _, part in panels(padded(5 * lanes(dtype), dtype), dtype)]))
    X, D = random((rows, n_in), dtype, seed), random((rows, columns), dtype, seed + 1)
    memory = Memory(dtype)
    deltas, zeros = memory.matrix(D, columns), memory.matrix(np.zeros((1, columns), dtype), 0)
    out, places = row_by_row(memory, n_in, columns, columns)
    A = Operand(guarded(X, n_in), LINE, 1, n_in)
    check(
        memory,
        lambda S: set_product_panel(S, A, ByRows(deltas, columns, rows), out, columns, number(dtype, 0.5), zeros),
        [X.T, D, np.zeros((n_in, columns))],
        places,
        0.5,
    )


@pytest.mark.parametrize("dtype", DTYPES)
@given(rows=SIZES, n_in=SIZES, n_out=SIZES, seed=st.integers(0, 1000))
def test_deltas_times_transposed_weights(dtype, rows, n_in, n_out, seed):
    """Backward: one row of zeros in place of all, as wide as a panel."""
    D, W = random((rows, n_out), dtype, seed), random((n_in, n_out), dtype, seed + 1)
    columns, width = padded(n_in, dtype), padded(n_out, dtype)
    memory = Memory(dtype)
    weights = Panels(memory.in_panels(W.T, width), width, columns)
    zeros = ByRows(memory.matrix(np.zeros((1, columns), dtype), 0), 0, rows)
    out, places = row_by_row(memory, rows, columns, columns)
    A = Operand(guarded(D, width), LINE, width, 1)
    check(
        memory,
        lambda S: multiply(S, A, weights, zeros, out, n_out, number(dtype, 1)),
        [D, W.T, np.zeros((rows, n_in))],
        places,
    )


@pytest.mark.parametrize("dtype", DTYPES)
@given(rows=SIZES, depth=SIZES, n=SIZES, cut=st.integers(0, 70), seed=st.integers(0, 1000))
@example(rows=17, depth=3, n=1, cut=1, seed=0)
def test_rows_have_the_same_bits_in_any_two_parts_and_at_any_place(dtype, rows, depth, n, cut, seed):
    """What several threads, blocks and chunks rest on; and alignment does not matter."""
    X, W = random((rows, depth), dtype, seed), random((depth, n), dtype, seed + 1)
    columns, cut = padded(n, dtype), min(cut, rows)
    results = []
    for bounds, shift in (([0, rows], 0), ([0, cut, rows], 0), ([0, rows], 1)):
        memory = Memory(dtype)
        memory.end += shift
        weights = Panels(memory.in_panels(W, depth), depth, columns)
        zeros = memory.matrix(np.zeros((1, columns), dtype), 0)
        z, places = row_by_row(memory, rows, columns, columns)
        S, A = memory.make(), guarded(X, depth)
        for first, last in pairwise(bounds):
            part, out = Operand(A, LINE + first * depth, depth, 1), ByRows(z.at + first * columns, columns, last - first)
            multiply(S, part, weights, ByRows(zeros, 0, last - first), out, depth, number(dtype, 1))
        results.append(S[places].tobytes())
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("special", [np.nan, np.inf])
def test_nan_and_infinity_keep_their_meaning(special):
    X, W = random((5, 6), "float64", 1), np.ones((6, 7))
    X[2, 3] = special
    memory = Memory("float64")
    columns = padded(7, "float64")
    weights, zeros = Panels(memory.in_panels(W, 6), 6, columns), ByRows(memory.matrix(np.zeros((1, columns)), 0), 0, 5)
    z, places = row_by_row(memory, 5, columns, columns)
    S = memory.make()
    with np.errstate(invalid="ignore"):
        multiply(S, Operand(guarded(X, 6), LINE, 6, 1), weights, zeros, z, 6, 1.0)
    Z = S[places][:, :7]
    assert np.isfinite(np.delete(Z, 2, axis=0)).all()
    assert np.array_equal(Z[2], np.full(7, special), equal_nan=True)
