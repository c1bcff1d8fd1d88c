"""The register tile at every width and height, with any strides: against float64, its plain twin, and what lies around it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit
from tileprop.kernels.compiler.processor import SIMD
from tileprop.kernels.llvm import dots, lanes_of, panel, tile, transpose_block

pytestmark = pytest.mark.plain

DTYPES = ["float32", "float64"]
GUARD = 2 * SIMD.vector_bytes
MOST_ROWS = 2 * SIMD.tile_rows + 3


@njit
def run_panel(
    A, a_at, a_row, a_step, S, b_at, b_row, init_at, init_row, c_at, c_row, rows, width, depth, alpha
):  # fmt: skip
    panel(A, a_at, a_row, a_step, S, b_at, b_row, init_at, init_row, c_at, c_row, rows, width, depth, alpha)


@njit
def run_transpose(S, source_at, source_row, target_at, target_row):
    transpose_block(S, source_at, source_row, target_at, target_row)


@njit
def run_dots(S, d_at, w_at, panel_rows, columns, rows, to):
    dots(S, d_at, w_at, panel_rows, columns, rows, to)


@njit
def run_lanes(S):
    return lanes_of(S)


def lanes(dtype: str) -> int:
    return SIMD.vector_bytes // np.dtype(dtype).itemsize


def widths(dtype: str) -> list[int]:
    """Columns of every panel that there is."""
    full = lanes(dtype)
    return [part for part in (full // 4, full // 2) if part > 1] + [full, 2 * full, 3 * full]


@dataclass
class Operands:
    """A in a vector of its own; B, Init and C in one vector, with NaN between them and in the gaps between their rows."""

    A: np.ndarray
    a_places: np.ndarray  # (rows, depth), indices
    S: np.ndarray
    b_places: np.ndarray  # (depth, width)
    init_places: np.ndarray  # (rows, width)
    c_places: np.ndarray  # (rows, width)
    alpha: np.generic
    arguments: tuple[int, ...]

    def run(self, function=run_panel) -> np.ndarray:
        """C; nothing but C was written."""
        before = self.S.copy()
        A, S = self.A.copy(), self.S.copy()
        a_at, a_row, a_step, b_at, b_row, init_at, init_row, c_at, c_row, rows, width, depth = self.arguments
        function(A, a_at, a_row, a_step, S, b_at, b_row, init_at, init_row, c_at, c_row, rows, width, depth, self.alpha)
        assert A.tobytes() == self.A.tobytes()
        C = S[self.c_places]
        S[self.c_places] = before[self.c_places]
        assert S.tobytes() == before.tobytes()
        return C

    def exact(self) -> tuple[np.ndarray, np.ndarray]:
        """C in float64, and the sum of the magnitudes of its terms."""
        A, B = self.A[self.a_places].astype(np.longdouble), self.S[self.b_places].astype(np.longdouble)
        init, alpha = self.S[self.init_places].astype(np.longdouble), np.longdouble(self.alpha)
        return init + alpha * (A @ B), np.abs(init) + np.abs(alpha) * (np.abs(A) @ np.abs(B))


def places(start: int, rows: int, row: int, columns: int, column: int) -> np.ndarray:
    return start + row * np.arange(rows)[:, None] + column * np.arange(columns)


@st.composite
def operands(draw: st.DrawFn, dtype: str, whole: bool = False) -> Operands:
    """whole: small integers, whose sums are exact."""
    width, rows, depth = draw(st.sampled_from(widths(dtype))), draw(st.integers(1, MOST_ROWS)), draw(st.integers(1, 12))
    gaps = st.integers(0, 5)
    a_row, a_step = draw(
        st.sampled_from([(depth, 1), (depth + 3, 1), (1, rows), (1, rows + 5), (0, 1), (1, 0), (0, 0), (2 * depth, 2)])
    )
    b_row, init_row, c_row = (width + draw(gaps) for _ in range(3))
    b_row, init_row = draw(st.sampled_from([b_row, 0])), draw(st.sampled_from([init_row, 0]))
    offsets = [GUARD + draw(gaps) for _ in range(4)]
    a_at = offsets[0]
    b_at = offsets[1]
    init_at = b_at + max(b_row * (depth - 1) + width, 1) + offsets[2]
    c_at = init_at + init_row * (rows - 1) + width + offsets[3]
    if draw(st.booleans()):  # in place
        init_at, init_row = c_at, c_row
    a_places = places(a_at, rows, a_row, depth, a_step)
    b_places, init_places, c_places = (
        places(at, n, row, width, 1) for at, n, row in ((b_at, depth, b_row), (init_at, rows, init_row), (c_at, rows, c_row))
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def numbers(shape: tuple[int, ...]) -> np.ndarray:
        return (rng.integers(-8, 9, shape) if whole else rng.normal(size=shape)).astype(dtype)

    A = np.full(a_places.max() + 1 + GUARD, np.nan, dtype)
    S = np.full(c_places.max() + 1 + GUARD, np.nan, dtype)
    for memory, where in ((A, a_places), (S, b_places), (S, init_places)):
        memory[where] = numbers(where.shape)
    alpha = A.dtype.type(draw(st.sampled_from([1.0, -2.0, 0.0])) if whole else rng.normal())
    arguments = (a_at, a_row, a_step, b_at, b_row, init_at, init_row, c_at, c_row, rows, width, depth)
    return Operands(A, a_places, S, b_places, init_places, c_places, alpha, arguments)


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
def test_sums_are_right_and_nothing_else_is_written_or_read(dtype, data):
    given_operands = data.draw(operands(dtype))
    C = given_operands.run()
    expected, magnitude = given_operands.exact()
    depth = given_operands.arguments[-1]
    assert np.isfinite(C).all()
    assert (np.abs(C - expected) <= (depth + 2) * np.finfo(dtype).eps / 2 * magnitude).all()


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
def test_small_integers_come_out_exact_as_from_the_plain_twin(dtype, data):
    given_operands = data.draw(operands(dtype, whole=True))
    C = given_operands.run()
    assert np.array_equal(C, given_operands.exact()[0])
    assert np.array_equal(C, given_operands.run(tile._plain_panel))


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
def test_the_plain_twin_is_close(dtype, data):
    given_operands = data.draw(operands(dtype))
    depth = given_operands.arguments[-1]
    difference = np.abs(given_operands.run() - given_operands.run(tile._plain_panel))
    assert (difference <= (depth + 2) * np.finfo(dtype).eps * given_operands.exact()[1]).all()


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
def test_a_row_has_the_same_bits_whatever_rows_are_taken_with_it(dtype, data):
    """That is what lets any number of threads share the rows."""
    given_operands = data.draw(operands(dtype))
    together = given_operands.run()
    a_at, a_row, a_step, b_at, b_row, init_at, init_row, c_at, c_row, rows, width, depth = given_operands.arguments
    for r in range(rows):
        S = given_operands.S.copy()
        run_panel(
            given_operands.A, a_at + r * a_row, a_row, a_step, S, b_at, b_row,
            init_at + r * init_row, init_row, c_at + r * c_row, c_row, 1, width, depth, given_operands.alpha,
        )  # fmt: skip
        assert S[given_operands.c_places[r]].tobytes() == together[r].tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_width_and_height(dtype):
    rng = np.random.default_rng(0)
    for width in widths(dtype):
        for rows in range(MOST_ROWS + 1):
            A, B, C = (rng.integers(-8, 9, shape).astype(dtype) for shape in ((rows, 5), (5, width), (rows, width)))
            S = np.concatenate([B.ravel(), C.ravel(), np.full(GUARD, np.nan, dtype)])
            run_panel(
                np.append(A.ravel(), A.dtype.type(np.nan)), 0, 5, 1, S, 0, width, 5 * width, width, 5 * width, width,
                rows, width, 5, A.dtype.type(2),
            )  # fmt: skip
            assert np.array_equal(S[: 5 * width], B.ravel())
            assert np.array_equal(S[5 * width : (5 + rows) * width], (C + 2 * (A @ B)).ravel())
            assert np.isnan(S[(5 + rows) * width :]).all()


@pytest.mark.parametrize("special", [np.nan, np.inf])
def test_nan_and_infinity_keep_their_meaning(special):
    width = lanes("float64")
    S = np.ones(4 * width)
    S[0] = special
    with np.errstate(invalid="ignore"):
        run_panel(np.array([0.5, 0.0, 0.0, 2.0]), 0, 2, 1, S, 0, width, width, 0, 2 * width, width, 2, width, 2, 1.0)
    C = S[2 * width :].reshape(2, width)
    assert np.array_equal(C[0, 0], special, equal_nan=True)
    assert np.isnan(C[1, 0])  # zero times infinity
    assert (C[:, 1:] == [[1.5], [3.0]]).all()


# Transposes, lanes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@given(gaps=st.tuples(*[st.integers(0, 5)] * 4))
def test_a_block_is_transposed_and_nothing_else_is_written(dtype, gaps):
    n = lanes(dtype)
    source_at, source_row, target_row = gaps[0], n + gaps[1], n + gaps[2]
    target_at = source_at + n * source_row + gaps[3]
    source, target = places(source_at, n, source_row, n, 1), places(target_at, n, target_row, n, 1)
    S = np.full(target.max() + 1 + GUARD, np.nan, dtype)
    S[source] = np.arange(n * n).reshape(n, n)
    expected, twin = S.copy(), S.copy()
    expected[target] = S[source].T
    run_transpose(S, source_at, source_row, target_at, target_row)
    assert S.tobytes() == expected.tobytes()
    tile._plain_transpose(twin, source_at, source_row, target_at, target_row)
    assert twin.tobytes() == expected.tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_transpose_moves_bits_and_computes_nothing(dtype):
    n = lanes(dtype)
    info = np.finfo(dtype)
    special = np.array([np.nan, np.inf, -np.inf, -0.0, info.smallest_subnormal, info.tiny, info.max], dtype)
    S = np.zeros(2 * n * n, dtype)
    S[: n * n] = np.resize(special, n * n)
    run_transpose(S, 0, n, n * n, n)
    assert S[n * n :].tobytes() == np.ascontiguousarray(S[: n * n].reshape(n, n).T).tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
def test_lanes_are_the_elements_of_a_vector(dtype):
    assert run_lanes(np.zeros(1, dtype)) * np.dtype(dtype).itemsize == SIMD.vector_bytes


@pytest.mark.parametrize("dtype", DTYPES)
@given(rows=st.integers(1, MOST_ROWS), vectors=st.integers(1, 9), spare=st.integers(0, 5), seed=st.integers(0, 1000))
def test_dots_are_products_with_rows_in_panels(dtype, rows, vectors, spare, seed):
    generator = np.random.default_rng(seed)
    columns, panel_rows = vectors * lanes(dtype), rows + spare
    W = generator.normal(size=(rows, columns)).astype(dtype)
    d = generator.normal(size=columns).astype(dtype)
    d_at, w_at = GUARD, 2 * GUARD + columns
    to = w_at + panel_rows * columns + GUARD
    S = np.full(to + rows + GUARD, np.nan, dtype)
    S[d_at : d_at + columns] = d
    column = 0
    while column < columns:  # written out: of 4 vectors 2, else up to 3
        left = (columns - column) // lanes(dtype)
        width = lanes(dtype) * (2 if left == 4 else min(left, 3))
        at = w_at + panel_rows * column
        S[at : at + rows * width] = W[:, column : column + width].ravel()
        column += width
    before = S.copy()
    run_dots(S, d_at, w_at, panel_rows, columns, rows, to)
    expected = W.astype(np.float64) @ d.astype(np.float64)
    bound = np.finfo(dtype).eps * columns * (np.abs(W.astype(np.float64)) @ np.abs(d.astype(np.float64)))
    assert (np.abs(S[to : to + rows] - expected) <= bound).all()
    before[to : to + rows] = S[to : to + rows]
    assert np.array_equal(S, before, equal_nan=True)
