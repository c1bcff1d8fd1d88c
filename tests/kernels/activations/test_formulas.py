"""Activations against exact arithmetic: accuracy, extremes, shapes, layouts, and what Python may pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from numba.core import config
from tileprop import kernels

BOUNDED = ["identity", "sigmoid", "tanh", "relu", "softmax"]  # finite for every finite input
NAMES = [*BOUNDED, "exp"]
DTYPES = ["float32", "float64"]
# The promise, in units in the last place.
MOST_ULPS = 2.0
# numpy's long double is wider than float64 on x86-64 Linux and macOS.
HAS_WIDE_FLOAT = np.finfo(np.longdouble).nmant > np.finfo(np.float64).nmant


def forward_kernel(name: str) -> Callable[..., Any]:
    return getattr(kernels, name)


def backward_kernel(name: str) -> Callable[..., Any]:
    return getattr(kernels, f"{name}_backward")


def exact_forward(name: str, x: np.ndarray) -> list[Any]:
    """Exact outputs in row-major order; softmax along the last axis."""
    rows = x.reshape(-1, x.shape[-1]) if name == "softmax" else [x]
    return [v for row in rows for v in getattr(oracle, f"exact_{name}")(oracle.numbers(row))]


def exact_backward(name: str, y: np.ndarray, dy: np.ndarray) -> list[Any]:
    pairs = zip(*(a.reshape(-1, a.shape[-1]) if name == "softmax" else [a] for a in (y, dy)), strict=True)
    function = getattr(oracle, f"exact_{name}_backward")
    return [v for a, b in pairs for v in function(oracle.numbers(a), oracle.numbers(b))]


# Matrices in every layout ------------------------------------------------------------------------------------------------

LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "strided": lambda a: np.repeat(np.repeat(a, 2, axis=0), 3, axis=1)[::2, ::3],
    "reversed": lambda a: np.ascontiguousarray(a[::-1, ::-1])[::-1, ::-1],
}


def floats(dtype: str) -> st.SearchStrategy[float]:
    """The whole range of a dtype, and more often the part where activations bend."""
    width = 32 if dtype == "float32" else 64
    return st.one_of(
        st.floats(width=width, allow_nan=False, allow_infinity=False),
        st.floats(-1, 1, width=width),
        st.floats(-25, 25, width=width),
        st.floats(-800, 800, width=width),
    )


# Each number of axes, and each layout, is a compilation of its own: float32 does with one.
VECTORS = st.tuples(st.integers(1, 12))
MATRICES = st.tuples(st.integers(1, 4), st.integers(1, 5))


@st.composite
def arrays(draw: st.DrawFn, dtype: str, shape: Any = None) -> np.ndarray:
    if shape is None:
        shape = draw(VECTORS if dtype == "float32" else st.one_of(VECTORS, MATRICES))
    size = int(np.prod(shape))
    values = draw(st.lists(floats(dtype), min_size=size, max_size=size))
    return np.array(values, dtype).reshape(shape)


# Accuracy ------------------------------------------------------------------------------------------------------------------


@pytest.mark.plain
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_forward_is_within_two_ulp(name, dtype, data):
    x = data.draw(arrays(dtype))
    with np.errstate(over="ignore"):  # as plain Python, exp's own warnings
        y = forward_kernel(name)(x)
    assert y.dtype == x.dtype
    assert y.shape == x.shape
    assert oracle.ulps(y, exact_forward(name, x), dtype) <= MOST_ULPS


@pytest.mark.plain
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_backward_is_within_two_ulp(name, dtype, data):
    with np.errstate(over="ignore"):
        y = np.nan_to_num(forward_kernel(name)(data.draw(arrays(dtype))))
        dy = data.draw(arrays(dtype, shape=y.shape))
        dx = backward_kernel(name)(y, dy)
    assert dx.dtype == y.dtype
    assert dx.shape == y.shape
    assert oracle.ulps(dx, exact_backward(name, y, dy), dtype) <= MOST_ULPS


@pytest.mark.plain
@pytest.mark.parametrize(
    ("name", "dtype", "y", "dy"),
    [
        ("sigmoid", "float32", 0.48584964871406555, 1.0008015632629395),
        ("sigmoid", "float32", 0.15335825085639954, 1.9192531108856201),
        ("tanh", "float32", 0.6958912014961243, 1.9288151264190674),
        ("tanh", "float64", 0.698947358839274, 1.9206373739296063),
    ],
)
def test_hard_slopes(name, dtype, y, dy):
    outputs, slopes = np.array([y], dtype), np.array([dy], dtype)
    dx = backward_kernel(name)(outputs, slopes)
    assert oracle.ulps(dx, exact_backward(name, outputs, slopes), dtype) <= MOST_ULPS


def wide_forward(name: str, x: np.ndarray) -> np.ndarray:
    wide = x.astype(np.float64 if x.dtype == np.float32 else np.longdouble)
    if name == "softmax":
        powers = np.exp(wide - wide.max(axis=-1, keepdims=True))
        return powers / powers.sum(axis=-1, keepdims=True)
    with np.errstate(over="ignore", under="ignore"):
        return 1 / (1 + np.exp(-wide)) if name == "sigmoid" else np.tanh(wide)


def worst_of_every_float32(name: str, stride: int) -> float:
    worst = 0.0
    chunk = 1 << 18
    for start in range(0, 1 << 32, chunk * stride):
        bits = np.arange(start, min(start + chunk * stride, 1 << 32), stride, dtype=np.uint64).astype(np.uint32)
        x = bits.view(np.float32)
        x = x[np.isfinite(x)]
        if x.size:
            worst = max(worst, float(oracle.ulps_of_many(forward_kernel(name)(x), wide_forward(name, x)).max()))
    return worst


@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
def test_every_4099th_float32(name):
    assert 0.5 <= worst_of_every_float32(name, 4099) <= MOST_ULPS


@pytest.mark.full
@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
def test_every_float32(name):
    assert 0.5 <= worst_of_every_float32(name, 1) <= MOST_ULPS


def worst_of_random_float64(name: str, n: int, seed: Any) -> float:
    rng = np.random.default_rng(seed)
    if name == "softmax":
        x = rng.normal(size=(n // 8, 8)) * rng.choice([0.3, 1, 3, 10], (n // 8, 1))
    else:
        x = np.concatenate([rng.uniform(-2, 2, n // 2), rng.uniform(-40, 40, n // 4), rng.uniform(-745, 745, n // 4)])
    return float(oracle.ulps_of_many(forward_kernel(name)(x), wide_forward(name, x)).max())


@pytest.mark.skipif(not HAS_WIDE_FLOAT, reason="needs a float type wider than float64")
@pytest.mark.parametrize("name", ["sigmoid", "tanh", "softmax"])
def test_many_float64(name):
    assert 0.5 <= worst_of_random_float64(name, 200_000, 1) <= MOST_ULPS


@pytest.mark.full
@pytest.mark.skipif(not HAS_WIDE_FLOAT, reason="needs a float type wider than float64")
@pytest.mark.parametrize("name", ["sigmoid", "tanh", "softmax"])
def test_very_many_float64(name):
    assert max(worst_of_random_float64(name, 4_000_000, seed) for seed in range(20)) <= MOST_ULPS


def wide_backward(name: str, y: np.ndarray, dy: np.ndarray) -> np.ndarray:
    wide, slope = y.astype(np.longdouble), dy.astype(np.longdouble)
    return slope * wide * (1 - wide) if name == "sigmoid" else slope * (1 - wide) * (1 + wide)


@pytest.mark.skipif(not HAS_WIDE_FLOAT, reason="needs a float type wider than float64")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
def test_many_slopes(name, dtype):
    rng = np.random.default_rng(2)
    y = np.concatenate([rng.random(100_000), 1 - np.exp2(-rng.uniform(0, 50, 100_000)), np.exp2(-rng.uniform(0, 80, 100_000))])
    y, dy = y.astype(dtype), rng.uniform(1, 2, y.size).astype(dtype)
    assert 0.5 <= oracle.ulps_of_many(backward_kernel(name)(y, dy), wide_backward(name, y, dy)).max() <= MOST_ULPS


# Extremes ------------------------------------------------------------------------------------------------------------------


def extremes(dtype: str) -> np.ndarray:
    info = np.finfo(dtype)
    values = [
        info.max,
        info.max / 2,
        1e30,
        800.0,
        709.0,
        88.0,
        20.0,
        1.0,
        0.1,
        info.eps,
        info.tiny,
        info.smallest_subnormal,
        0.0,
    ]
    return np.array([sign * v for v in values for sign in (1, -1)], dtype)


@pytest.mark.plain
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BOUNDED)
def test_extremes_are_finite_and_right(name, dtype):
    x = extremes(dtype)
    with np.errstate(all="ignore"):  # as plain Python, the scalars' own warnings
        y = forward_kernel(name)(x)
        dx = backward_kernel(name)(y, np.full_like(y, np.finfo(dtype).max))
    assert np.isfinite(y).all()
    assert oracle.ulps(y, exact_forward(name, x), dtype) <= MOST_ULPS
    assert np.isfinite(dx).all()


@pytest.mark.plain
@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
def test_pairs_of_extremes_in_softmax(dtype, data):
    x = np.array(data.draw(st.lists(st.sampled_from(list(extremes(dtype))), min_size=1, max_size=6)), dtype)
    dy = np.array(data.draw(st.lists(st.sampled_from(list(extremes(dtype))), min_size=x.size, max_size=x.size)), dtype)
    with np.errstate(all="ignore"):
        y = kernels.softmax(x)
        dx = kernels.softmax_backward(y, dy)
    assert oracle.ulps(y, exact_forward("softmax", x), dtype) <= MOST_ULPS
    assert np.isfinite(dx).all()


@pytest.mark.plain
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_nan_passes_through(name, dtype):
    x = np.array([0.25, np.nan, 0.5], dtype)
    y = forward_kernel(name)(x)
    assert np.isnan(y[1])
    if name != "softmax":
        assert np.isfinite(y[[0, 2]]).all()
    ones = np.ones(3, dtype)
    assert np.isnan(backward_kernel(name)(ones / 2, x)[1])
    if name not in ("identity", "relu"):  # their slopes do not come from the value of y
        assert np.isnan(backward_kernel(name)(y, ones)[1])


# Shapes and layouts ----------------------------------------------------------------------------------------------------------


@pytest.mark.plain
@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=30)
@given(data=st.data())
def test_any_layout(name, data):
    x = data.draw(arrays("float64", data.draw(MATRICES)))
    layout = LAYOUTS[data.draw(st.sampled_from(sorted(LAYOUTS)))]
    given_x = layout(x)
    assert np.array_equal(given_x, x)
    with np.errstate(over="ignore"):
        y = forward_kernel(name)(given_x)
        assert y.shape == x.shape
        assert oracle.ulps(y, exact_forward(name, x), np.float64) <= MOST_ULPS
        y, dy = np.nan_to_num(y), data.draw(arrays("float64", shape=x.shape))
        dx = backward_kernel(name)(layout(y), layout(dy))
    assert dx.shape == x.shape
    assert oracle.ulps(dx, exact_backward(name, y, dy), np.float64) <= MOST_ULPS
    assert np.array_equal(given_x, x)


@pytest.mark.plain
@pytest.mark.parametrize(("name", "layout"), [*((name, "C") for name in NAMES), ("softmax", "F"), ("softmax", "strided")])
def test_in_place(name, layout):
    x = np.random.default_rng(3).normal(size=(4, 6)) * 4
    expected = forward_kernel(name)(x)
    array = LAYOUTS[layout](x.copy())
    assert forward_kernel(name)(array, array) is array
    np.testing.assert_array_max_ulp(array, expected, maxulp=4)
    # The gradient may overwrite dy, or y.
    dy = np.random.default_rng(4).normal(size=(4, 6))
    wanted = backward_kernel(name)(expected, dy)
    for target in (0, 1):
        pair = [LAYOUTS[layout](expected.copy()), LAYOUTS[layout](dy.copy())]
        assert backward_kernel(name)(*pair, pair[target]) is pair[target]
        np.testing.assert_allclose(pair[target], wanted, rtol=1e-14, atol=1e-300)


@pytest.mark.plain
def test_output_of_another_layout():
    x = np.random.default_rng(5).normal(size=(3, 4))
    out = np.full((3, 8), np.nan)
    result = kernels.sigmoid(x, out=out[:, ::2])
    assert np.shares_memory(result, out)
    np.testing.assert_array_max_ulp(out[:, ::2], kernels.sigmoid(x), maxulp=4)
    assert np.isnan(out[:, 1::2]).all()


@pytest.mark.plain
@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)])
@pytest.mark.parametrize("name", ["sigmoid", "softmax"])
def test_empty_arrays(name, shape):
    y = forward_kernel(name)(np.zeros(shape))
    assert y.shape == shape
    assert backward_kernel(name)(y, y).shape == shape


@pytest.mark.plain
def test_three_axes_and_read_only_input():
    x = np.random.default_rng(6).normal(size=(2, 3, 4))
    x.flags.writeable = False
    assert oracle.ulps(kernels.tanh(x), exact_forward("tanh", x), np.float64) <= MOST_ULPS
    assert oracle.ulps(kernels.softmax(x), exact_forward("softmax", x), np.float64) <= MOST_ULPS


# What Python may pass --------------------------------------------------------------------------------------------------------


@pytest.mark.plain
@pytest.mark.parametrize("number", [0, 1, -2.5, True, np.int32(3), np.float64(0.5), np.array(0.5), np.float16(0.5)])
@pytest.mark.parametrize("name", NAMES)
def test_numbers_give_numbers(name, number):
    y = forward_kernel(name)(number)
    assert isinstance(y, float)
    assert oracle.ulps(y, exact_forward(name, np.array([float(number)])), np.float64) <= MOST_ULPS
    assert isinstance(backward_kernel(name)(y, number), float)


@pytest.mark.plain
def test_single_precision_numbers_are_computed_in_single_precision():
    y = kernels.sigmoid(np.float32(0.3))
    assert isinstance(y, float)
    assert y == float(kernels.sigmoid(np.array([0.3], np.float32))[0])
    assert y != kernels.sigmoid(float(np.float32(0.3)))


@pytest.mark.plain
@pytest.mark.parametrize("values", [[1, 2, 3], [[0.5, -1], [2, 3]], (1.5, 2), range(4)])
@pytest.mark.parametrize("name", NAMES)
def test_lists_give_float64_arrays(name, values):
    y = forward_kernel(name)(values)
    assert y.dtype == np.float64
    assert np.array_equal(y, forward_kernel(name)(np.array(values, np.float64)))


@pytest.mark.plain
@pytest.mark.parametrize("dtype", ["int8", "int64", "uint16", "bool", "float16"])
def test_other_dtypes_are_computed_in_float64(dtype):
    x = np.array([[0, 1, 1], [1, 0, 1]]).astype(dtype)
    assert np.array_equal(kernels.sigmoid(x), kernels.sigmoid(x.astype(np.float64)))
    assert kernels.sigmoid(x).dtype == np.float64


@pytest.mark.plain
@pytest.mark.parametrize("name", NAMES)
def test_shapes_that_differ_are_refused(name):
    with pytest.raises(ValueError, match="shape"):
        forward_kernel(name)(np.zeros(3), np.zeros(4))
    with pytest.raises(ValueError, match="shape"):
        backward_kernel(name)(np.zeros(3), np.zeros(4))
    with pytest.raises(ValueError, match="shape"):
        backward_kernel(name)(np.zeros(3), np.zeros(3), np.zeros(2))


@pytest.mark.plain
def test_words_are_refused():
    with pytest.raises(ValueError, match="could not convert"):
        kernels.sigmoid("half")


# From compiled code, and in the chain ----------------------------------------------------------------------------------------


@pytest.mark.plain
def test_callers_compiled_by_numba():
    @njit
    def call(x):
        return kernels.sigmoid(x), kernels.sigmoid_backward(kernels.sigmoid(x), np.ones_like(x))

    x = np.linspace(-3, 3, 7)
    y, dx = call(x)
    np.testing.assert_array_max_ulp(y, kernels.sigmoid(x), maxulp=2)
    np.testing.assert_array_max_ulp(dx, kernels.sigmoid_backward(y, np.ones(7)), maxulp=4)


@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="about compilations")
def test_one_compilation_serves_writable_and_repeated_calls():
    x = np.random.default_rng(7).normal(size=(5, 3))
    kernels.relu(x)
    before = len(kernels.relu.overloads)
    for rows in range(1, 5):
        kernels.relu(x[:rows])
    assert len(kernels.relu.overloads) == before


# exp beyond its ends ---------------------------------------------------------------------------------------------------------


@pytest.mark.plain
@pytest.mark.parametrize("dtype", DTYPES)
def test_extremes_of_exp_are_right(dtype):
    """Infinite where they are too large; so is a slope there, and elsewhere none is NaN."""
    x = extremes(dtype)
    with np.errstate(all="ignore"):
        y = kernels.exp(x)
        dx = kernels.exp_backward(y, np.full_like(y, np.finfo(dtype).max))
    assert oracle.ulps(y, exact_forward("exp", x), dtype) <= MOST_ULPS
    assert np.isinf(dx[np.isinf(y)]).all()
    assert not np.isnan(dx).any()


@pytest.mark.plain
def test_exp_takes_what_the_others_take():
    assert isinstance(kernels.exp(1), float)
    assert kernels.exp(0) == 1
    with np.errstate(over="ignore"):
        assert kernels.exp([0, -np.inf, np.inf]).tolist() == [1, 0, np.inf]
    x = np.linspace(-3, 3, 12).reshape(3, 4)
    expected = kernels.exp(x)
    np.testing.assert_array_max_ulp(expected, np.exp(x), maxulp=2)
    array = np.asfortranarray(x)
    assert kernels.exp(array, array) is array
    np.testing.assert_array_max_ulp(array, expected, maxulp=2)
    with pytest.raises(ValueError, match="shape"):
        kernels.exp(x, np.zeros((3, 3)))


@pytest.mark.plain
def test_exp_is_zero_where_it_would_be_subnormal():
    for dtype, x in ((np.float32, -88), (np.float64, -709)):
        assert kernels.exp(np.full(3, x, dtype)).tolist() == [0, 0, 0]


@pytest.mark.plain
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_far_end_of_the_sigmoid_is_subnormal(dtype):
    """Not zero: its docstring says so. Everywhere else it is the nearest number or the next."""
    info = np.finfo(dtype)
    y = kernels.sigmoid(np.array([-np.inf, -info.max, -1000], dtype))
    assert (y > 0).all()
    assert (y < info.tiny).all()
    assert (kernels.sigmoid(-np.array([-np.inf, -info.max, -1000], dtype)) == 1).all()
