"""One dense layer, forward and backward, against NumPy."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit
from numba.core import config
from numba.core.errors import TypingError
from tileprop.kernels import dense_backward, dense_backward_input, dense_forward

pytestmark = pytest.mark.plain

RELATIVE = {"float32": 1e-5, "float64": 1e-13}


def layer(rows: int, n_in: int, n_out: int, bias: bool, dtype: str, seed: int) -> tuple[np.ndarray, ...]:
    """X, W, b and a delta D."""
    rng = np.random.default_rng(seed)
    shapes = (rows, n_in), (n_in, n_out), (n_out if bias else 0,), (rows, n_out)
    return tuple(rng.normal(size=shape).astype(dtype) for shape in shapes)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(rows=st.integers(0, 9), n_in=st.integers(1, 9), n_out=st.integers(1, 9), bias=st.booleans(), seed=st.integers(0, 1000))
def test_forward_and_backward(dtype, rows, n_in, n_out, bias, seed):
    X, W, b, D = layer(rows, n_in, n_out, bias, dtype, seed)
    tolerance = {"rtol": 0, "atol": RELATIVE[dtype] * 10}
    Z = np.full((rows, n_out), np.nan, dtype)
    dense_forward(Z, X, W, b)
    np.testing.assert_allclose(Z, X.astype(float) @ W + (b if bias else 0), **tolerance)
    dW, db = np.ones_like(W), np.ones_like(b)
    dense_backward(dW, db, D, X)
    np.testing.assert_allclose(dW, 1 + X.T.astype(float) @ D, **tolerance)
    if bias:
        np.testing.assert_allclose(db, 1 + D.astype(float).sum(axis=0), **tolerance)
    dX = np.full_like(X, np.nan)
    dense_backward_input(dX, D, W)
    np.testing.assert_allclose(dX, D.astype(float) @ W.T, **tolerance)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_rows_add_nothing(dtype):
    """And nothing is read: the memory behind them may hold anything."""
    X, D = np.full((4, 3), np.nan, dtype)[:0], np.full((4, 2), np.nan, dtype)[:0]
    dW, db = np.ones((3, 2), dtype), np.ones(2, dtype)
    dense_backward(dW, db, D, X)
    assert (dW == 1).all()
    assert (db == 1).all()


def test_backward_is_the_derivative():
    X, W, b, D = layer(3, 4, 2, True, "float64", 0)

    def weighted_sum(vector: np.ndarray) -> float:
        Z = np.empty((3, 2))
        dense_forward(Z, vector[:12].reshape(3, 4), vector[12:20].reshape(4, 2), vector[20:])
        return float((Z * D).sum())

    differences = oracle.finite_differences(weighted_sum, np.concatenate([X.ravel(), W.ravel(), b]))
    dX, dW, db = np.empty_like(X), np.zeros_like(W), np.zeros_like(b)
    dense_backward_input(dX, D, W)
    dense_backward(dW, db, D, X)
    np.testing.assert_allclose(np.concatenate([dX.ravel(), dW.ravel(), db]), differences, rtol=1e-9, atol=1e-10)


def test_read_only_inputs_are_taken_and_left_alone():
    arrays = layer(5, 3, 2, True, "float64", 1)
    kept = [a.copy() for a in arrays]
    for array in arrays:
        array.flags.writeable = False
    X, W, b, D = arrays
    dense_forward(np.empty((5, 2)), X, W, b)
    dense_backward(np.zeros((3, 2)), np.zeros(2), D, X)
    dense_backward_input(np.empty((5, 3)), D, W)
    assert all(np.array_equal(a, c) for a, c in zip(arrays, kept, strict=True))


WRONG = {
    "columns of X": ({"X": (5, 4)}, "do not fit its weights"),
    "columns of Z": ({"Z": (5, 3)}, "do not fit its weights"),
    "rows": ({"Z": (6, 2)}, "differ in rows"),
    "biases": ({"b": (3,)}, "biases have the wrong length"),
}


@pytest.mark.parametrize("change", WRONG)
def test_shapes_that_do_not_fit_are_refused(change):
    """In the place of each array, its derivative."""
    shapes, message = WRONG[change]
    X, W, b, Z = (np.full(shapes.get(k, fits), 7.0) for k, fits in {"X": (5, 3), "W": (3, 2), "b": (2,), "Z": (5, 2)}.items())
    calls = [lambda: dense_forward(Z, X, W, b), lambda: dense_backward(W, b, Z, X), lambda: dense_backward_input(X, Z, W)]
    for call in calls[: 2 if change == "biases" else 3]:
        with pytest.raises(ValueError, match=message):
            call()
    assert all((array == 7).all() for array in (X, W, b, Z))


@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="plain Python takes any layout")
def test_an_array_that_is_not_contiguous_is_named():
    X, W, b, _ = layer(5, 3, 2, True, "float64", 2)
    with pytest.raises(TypingError, match=r"dense_forward: argument W .*C-contiguous"):
        dense_forward(np.empty((5, 2)), X, np.asfortranarray(W), b)


def test_callers_compiled_by_numba():
    @njit
    def two_layers(X, W, V, none):
        hidden = np.empty((X.shape[0], W.shape[1]))
        dense_forward(hidden, X, W, none)
        Z = np.empty((X.shape[0], V.shape[1]))
        dense_forward(Z, hidden, V, none)
        return Z

    X, W, _, _ = layer(4, 3, 5, False, "float64", 3)
    V = np.random.default_rng(4).normal(size=(5, 2))
    np.testing.assert_allclose(two_layers(X, W, V, np.zeros(0)), X @ W @ V, rtol=1e-12)
