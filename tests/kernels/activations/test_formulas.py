"""Activations against exact arithmetic: accuracy, extremes, shapes, layouts, and what Python may pass.

Each number of axes and each layout is a compilation of its own, and `elementwise` puts the same code around every formula. So
every formula is tried on matrices, and what has other numbers of axes or lies in memory in another way on two that stand for
all: one of single numbers, and softmax, of whole rows, which is written by itself. The marker `full` tries the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import oracle
import pytest
from choosing import by_default, by_turns
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from numba.core import config
from promises import (
    CROSSING_UNITS,
    FROM_INPUT,
    MOST_ULPS,
    assert_forward,
    assert_slopes,
    may_vanish,
    near_crossing,
    wide_pi,
    wide_tail,
)
from scipy.special import ndtr
from tileprop import kernels

# Finite for every finite input.
BOUNDED = ["identity", "sigmoid", "tanh", "relu", "softmax", "leaky_relu", "elu", "silu", "gelu", "softplus"]
NAMES = [*BOUNDED, "exp"]
DTYPES = ["float32", "float64"]
# numpy's long double is wider than float64 on x86-64 Linux and macOS.
HAS_WIDE_FLOAT = np.finfo(np.longdouble).nmant > np.finfo(np.float64).nmant


# One of single numbers, one of whole rows.
TWO = ("sigmoid", "softmax")
LAYOUT_NAMES = by_default(NAMES, TWO)


def forward_kernel(name: str) -> Callable[..., Any]:
    return getattr(kernels, name)


def backward_kernel(name: str) -> Callable[..., Any]:
    return getattr(kernels, f"{name}_backward")


def in_a_row(kernel: Callable[..., Any], *vectors: np.ndarray) -> np.ndarray:
    """What a kernel gives for vectors, which it gets as matrices of one row."""
    return kernel(*(vector[None] for vector in vectors))[0]


def source_of(name: str, x: np.ndarray) -> np.ndarray:
    """What the backward half takes beside dy: the output, or the input."""
    with np.errstate(over="ignore"):
        return x if name in FROM_INPUT else np.nan_to_num(forward_kernel(name)(x))


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


VECTORS = st.tuples(st.integers(1, 12))
ROWS = st.tuples(st.just(1), st.integers(1, 12))
MATRICES = st.tuples(st.integers(1, 4), st.integers(1, 5))


def shapes(name: str, dtype: str) -> st.SearchStrategy[tuple[int, ...]]:
    return st.one_of(VECTORS, ROWS, MATRICES) if name in TWO and dtype == "float64" else st.one_of(ROWS, MATRICES)


@st.composite
def arrays(draw: st.DrawFn, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    size = int(np.prod(shape))
    values = draw(st.lists(floats(dtype), min_size=size, max_size=size))
    return np.array(values, dtype).reshape(shape)


# Accuracy ------------------------------------------------------------------------------------------------------------------


@pytest.mark.plain
@pytest.mark.parametrize(("name", "dtype"), by_turns(NAMES, DTYPES))
@given(data=st.data())
def test_forward_is_within_two_ulp(name, dtype, data):
    x = data.draw(arrays(dtype, data.draw(shapes(name, dtype))))
    with np.errstate(over="ignore", invalid="ignore"):  # as plain Python, the scalars' own warnings
        y = forward_kernel(name)(x)
    assert y.dtype == x.dtype
    assert y.shape == x.shape
    assert_forward(name, x, y)


@pytest.mark.plain
@pytest.mark.parametrize(("name", "dtype"), by_turns(NAMES, DTYPES, first=1))
@given(data=st.data())
def test_backward_is_within_two_ulp(name, dtype, data):
    source = source_of(name, data.draw(arrays(dtype, data.draw(shapes(name, dtype)))))
    with np.errstate(over="ignore"):
        dy = data.draw(arrays(dtype, shape=source.shape))
        dx = backward_kernel(name)(source, dy)
    assert dx.dtype == source.dtype
    assert dx.shape == source.shape
    assert_slopes(name, source, dy, dx)


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
    assert_slopes(name, outputs, slopes, in_a_row(backward_kernel(name), outputs, slopes))


# Of many numbers at once, from references in a wider float type --------------------------------------------------------------

CURVED = ["sigmoid", "tanh", "elu", "silu", "gelu", "softplus"]


def wide_distribution(x: np.ndarray, wide: np.ndarray) -> np.ndarray:
    """The normal distribution function."""
    if x.dtype == np.float32:
        return ndtr(wide)
    below = wide_tail(np.abs(x))
    return np.where(x < 0, below, 1 - below)


def wide_forward(name: str, x: np.ndarray) -> np.ndarray:
    wide = x.astype(np.float64 if x.dtype == np.float32 else np.longdouble)
    with np.errstate(over="ignore", under="ignore"):
        match name:
            case "softmax":
                powers = np.exp(wide - wide.max(axis=-1, keepdims=True))
                return powers / powers.sum(axis=-1, keepdims=True)
            case "sigmoid":
                return 1 / (1 + np.exp(-wide))
            case "elu":
                return np.where(wide > 0, wide, np.expm1(np.minimum(wide, 0)))
            case "silu":
                return wide / (1 + np.exp(-wide))
            case "gelu":
                return wide * wide_distribution(x, wide)
            case "softplus":
                return np.logaddexp(wide, 0)
    assert name == "tanh"
    return np.tanh(wide)


def wide_backward(name: str, source: np.ndarray, dy: np.ndarray) -> np.ndarray:
    wide = source.astype(np.float64 if source.dtype == np.float32 else np.longdouble)
    slope = dy.astype(wide.dtype)
    with np.errstate(over="ignore", under="ignore"):
        match name:
            case "sigmoid":
                return slope * wide * (1 - wide)
            case "elu":
                return slope * np.where(wide > 0, 1, 1 + wide)
            case "silu":
                e = np.exp(-np.abs(wide))
                return slope * np.where(wide < 0, e * (1 + e + wide), 1 + e + wide * e) / (1 + e) ** 2
            case "gelu":
                density = np.exp(-(wide**2) / 2) / np.sqrt(2 * wide_pi().astype(wide.dtype))
                return slope * (wide_distribution(source, wide) + wide * density)
            case "softplus":
                return slope * -np.expm1(-wide)
    assert name == "tanh"
    return slope * (1 - wide) * (1 + wide)


def worst_forward(name: str, x: np.ndarray) -> float:
    y = forward_kernel(name)(x) if x.ndim == 2 else in_a_row(forward_kernel(name), x)
    errors = oracle.ulps_of_many(y, wide_forward(name, x))
    return float(errors[~may_vanish("forward", name, x, y)].max(initial=0.0))


def worst_backward(name: str, source: np.ndarray, dy: np.ndarray) -> float:
    """Where a slope crosses zero: in its own units, of which as many are allowed."""
    dx, wide = in_a_row(backward_kernel(name), source, dy), wide_backward(name, source, dy)
    errors = oracle.ulps_of_many(dx, wide)
    if name in FROM_INPUT:
        near = near_crossing(name, source)
        unit = np.abs(dy[near]).astype(wide.dtype) * CROSSING_UNITS * np.finfo(dx.dtype).eps
        others = np.abs(dx[near] - wide[near]) / unit
        errors[near] = np.minimum(errors[near], MOST_ULPS * others)
    return float(errors[~may_vanish("backward", name, source, dx)].max(initial=0.0))


def every_float32(stride: int) -> Iterator[np.ndarray]:
    chunk = 1 << 18
    for start in range(0, 1 << 32, chunk * stride):
        bits = np.arange(start, min(start + chunk * stride, 1 << 32), stride, dtype=np.uint64).astype(np.uint32)
        x = bits.view(np.float32)
        yield x[np.isfinite(x)]


def worst_of_every_float32(name: str, stride: int) -> float:
    return max(worst_forward(name, x) for x in every_float32(stride))


def worst_slope_of_every_float32(name: str, stride: int) -> float:
    """Of every number that the backward half may be given: an elu is -1 at least, a softplus positive."""
    lowest = {"elu": -1.0, "softplus": 0.0}.get(name, -np.inf)
    rng = np.random.default_rng(8)
    sources = (x[x >= lowest] for x in every_float32(stride))
    return max(worst_backward(name, x, rng.uniform(1, 2, x.size).astype(np.float32)) for x in sources)


@pytest.mark.parametrize("name", CURVED)
def test_every_4099th_float32(name):
    assert 0.5 <= worst_of_every_float32(name, 4099) <= MOST_ULPS


@pytest.mark.full
@pytest.mark.parametrize("name", CURVED)
def test_every_float32(name):
    assert 0.5 <= worst_of_every_float32(name, 1) <= MOST_ULPS


@pytest.mark.parametrize("name", ["elu", "silu", "gelu", "softplus"])
def test_every_4099th_float32_backward(name):
    assert 0.5 <= worst_slope_of_every_float32(name, 4099) <= MOST_ULPS


@pytest.mark.full
@pytest.mark.parametrize("name", ["elu", "silu", "gelu", "softplus"])
def test_every_float32_backward(name):
    assert 0.5 <= worst_slope_of_every_float32(name, 1) <= MOST_ULPS


def worst_of_random_float64(name: str, n: int, seed: Any) -> float:
    rng = np.random.default_rng(seed)
    if name == "softmax":
        x = rng.normal(size=(n // 8, 8)) * rng.choice([0.3, 1, 3, 10], (n // 8, 1))
    else:
        x = np.concatenate([rng.uniform(-2, 2, n // 2), rng.uniform(-40, 40, n // 4), rng.uniform(-745, 745, n // 4)])
    return worst_forward(name, x)


@pytest.mark.skipif(not HAS_WIDE_FLOAT, reason="needs a float type wider than float64")
@pytest.mark.parametrize("name", [*CURVED, "softmax"])
def test_many_float64(name):
    assert 0.5 <= worst_of_random_float64(name, 200_000, 1) <= MOST_ULPS


@pytest.mark.full
@pytest.mark.skipif(not HAS_WIDE_FLOAT, reason="needs a float type wider than float64")
@pytest.mark.parametrize("name", [*CURVED, "softmax"])
def test_very_many_float64(name):
    assert max(worst_of_random_float64(name, 4_000_000, seed) for seed in range(20)) <= MOST_ULPS


def worst_of_random_slopes(name: str, dtype: str, n: int, seed: Any) -> float:
    rng = np.random.default_rng(seed)
    if name in FROM_INPUT:
        parts = [rng.uniform(-2, 2, n), rng.uniform(-40, 40, n), rng.uniform(-745, 745, n)]
    else:
        small, rest = np.exp2(-rng.uniform(0, 80, n)), 1 - np.exp2(-rng.uniform(0, 50, n))
        parts = [rng.random(n), rest, small]
        if name == "elu":
            parts = [-part for part in parts]
        elif name == "softplus":
            parts.append(rng.uniform(0, 40, n))
    source = np.concatenate(parts).astype(dtype)
    return worst_backward(name, source, rng.uniform(1, 2, source.size).astype(dtype))


@pytest.mark.skipif(not HAS_WIDE_FLOAT, reason="needs a float type wider than float64")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CURVED)
def test_many_slopes(name, dtype):
    assert 0.5 <= worst_of_random_slopes(name, dtype, 100_000, 2) <= MOST_ULPS


@pytest.mark.full
@pytest.mark.skipif(not HAS_WIDE_FLOAT, reason="needs a float type wider than float64")
@pytest.mark.parametrize("name", CURVED)
def test_very_many_slopes(name):
    assert max(worst_of_random_slopes(name, "float64", 1_500_000, seed) for seed in range(20)) <= MOST_ULPS


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
    # silu's and gelu's slopes exceed 1.
    dy = np.full_like(x, np.finfo(dtype).max / (2 if name in FROM_INPUT else 1))
    with np.errstate(all="ignore"):  # as plain Python, the scalars' own warnings
        y = in_a_row(forward_kernel(name), x)
        dx = in_a_row(backward_kernel(name), x if name in FROM_INPUT else y, dy)
    assert np.isfinite(y).all()
    assert_forward(name, x, y)
    assert np.isfinite(dx).all()
    if name in FROM_INPUT:
        assert_slopes(name, x, dy, dx)


@pytest.mark.plain
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("name", "below", "above"),
    [("leaky_relu", -np.inf, np.inf), ("elu", -1, np.inf), ("silu", 0, np.inf), ("gelu", 0, np.inf), ("softplus", 0, np.inf)],
)
def test_infinite_inputs(name, below, above, dtype):
    x = np.array([-np.inf, np.inf], dtype)
    with np.errstate(all="ignore"):
        y = in_a_row(forward_kernel(name), x)
        dx = in_a_row(backward_kernel(name), x if name in FROM_INPUT else y, np.ones(2, dtype))
    assert y.tolist() == [below, above]
    assert dx.tolist() == [np.dtype(dtype).type(0.01) if name == "leaky_relu" else 0, 1]


@pytest.mark.plain
@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
def test_pairs_of_extremes_in_softmax(dtype, data):
    x = np.array(data.draw(st.lists(st.sampled_from(list(extremes(dtype))), min_size=1, max_size=6)), dtype)
    dy = np.array(data.draw(st.lists(st.sampled_from(list(extremes(dtype))), min_size=x.size, max_size=x.size)), dtype)
    with np.errstate(all="ignore"):
        y = in_a_row(kernels.softmax, x)
        dx = in_a_row(kernels.softmax_backward, y, dy)
    assert_forward("softmax", x, y)
    assert np.isfinite(dx).all()


@pytest.mark.plain
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_nan_passes_through(name, dtype):
    x = np.array([0.25, np.nan, 0.5], dtype)
    y = in_a_row(forward_kernel(name), x)
    assert np.isnan(y[1])
    if name != "softmax":
        assert np.isfinite(y[[0, 2]]).all()
    ones = np.ones(3, dtype)
    assert np.isnan(in_a_row(backward_kernel(name), ones / 2, x)[1])
    if name not in ("identity", "relu", "leaky_relu"):  # their slopes do not come from the value of y
        assert np.isnan(in_a_row(backward_kernel(name), y, ones)[1])


# Shapes and layouts ----------------------------------------------------------------------------------------------------------


@pytest.mark.plain
@pytest.mark.parametrize("name", by_default(NAMES, ["sigmoid"]))
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
        assert_forward(name, x, y)
        source, dy = source_of(name, x), data.draw(arrays("float64", shape=x.shape))
        dx = backward_kernel(name)(layout(source), layout(dy))
    assert dx.shape == x.shape
    assert_slopes(name, source, dy, dx)
    assert np.array_equal(given_x, x)


IN_PLACE = [
    *(pytest.param(name, "C", marks=[] if name in TWO else [pytest.mark.full]) for name in NAMES),
    *(pytest.param("softmax", layout, marks=pytest.mark.full) for layout in ("F", "strided")),
]


@pytest.mark.plain
@pytest.mark.parametrize(("name", "layout"), IN_PLACE)
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


@pytest.mark.full
@pytest.mark.plain
def test_three_axes_and_read_only_input():
    x = np.random.default_rng(6).normal(size=(2, 3, 4))
    x.flags.writeable = False
    assert_forward("sigmoid", x, kernels.sigmoid(x))
    assert_forward("softmax", x, kernels.softmax(x))


# What Python may pass --------------------------------------------------------------------------------------------------------


@pytest.mark.plain
@pytest.mark.parametrize("name", LAYOUT_NAMES)
def test_numbers_give_numbers(name):
    for number in [0, 1, -2.5, True, np.int32(3), np.float64(0.5), np.array(0.5), np.float16(0.5)]:
        y = forward_kernel(name)(number)
        assert isinstance(y, float)
        assert_forward(name, np.array([float(number)]), np.array([y]))
        assert isinstance(backward_kernel(name)(y, number), float)


@pytest.mark.plain
def test_single_precision_numbers_are_computed_in_single_precision():
    y = kernels.sigmoid(np.float32(0.3))
    assert isinstance(y, float)
    assert y == float(kernels.sigmoid(np.array([0.3], np.float32))[0])
    assert y != kernels.sigmoid(float(np.float32(0.3)))


@pytest.mark.plain
@pytest.mark.parametrize("name", LAYOUT_NAMES)
def test_lists_give_float64_arrays(name):
    for values in [[1, 2, 3], (1.5, 2), range(4)]:
        check_list(name, values)


@pytest.mark.plain
@pytest.mark.parametrize("name", LAYOUT_NAMES)
def test_lists_of_lists_give_float64_matrices(name):
    check_list(name, [[0.5, -1], [2, 3]])


def check_list(name: str, values: Any) -> None:
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
@pytest.mark.parametrize("name", LAYOUT_NAMES)
def test_shapes_that_differ_are_refused(name):
    # Layouts that test_in_place has as well.
    two, three, four = (LAYOUTS["strided" if name == "softmax" else "C"](np.zeros((rows, 2))) for rows in (2, 3, 4))
    with pytest.raises(ValueError, match="shape"):
        forward_kernel(name)(three, four)
    with pytest.raises(ValueError, match="shape"):
        backward_kernel(name)(np.zeros((3, 2)), np.zeros((4, 2)))
    with pytest.raises(ValueError, match="shape"):
        backward_kernel(name)(three, three, two)


@pytest.mark.plain
@pytest.mark.parametrize("wrong", ["half", None, 1j, np.zeros(3, complex), np.array([None])])
def test_what_is_no_real_number_is_refused(wrong):
    with pytest.raises(TypeError, match="Cannot cast"):
        kernels.sigmoid(wrong)


@pytest.mark.plain
def test_out_by_name_and_of_another_dtype():
    x = np.linspace(-1, 1, 5)
    for out in (np.empty(5), np.empty(5, "float32"), np.empty(10)[::2]):
        assert kernels.sigmoid(x, out=out) is out
        np.testing.assert_allclose(out, kernels.sigmoid(x), rtol=1e-6)
    assert np.array_equal(kernels.sigmoid(x=x, out=None), kernels.sigmoid(x, None))
    integers = np.full(5, 7)
    with pytest.raises(TypeError, match="Cannot cast"):
        kernels.sigmoid(x, out=integers)
    assert (integers == 7).all()


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


# Beside other ways to the same numbers ---------------------------------------------------------------------------------------


@pytest.mark.plain
@pytest.mark.parametrize("name", [name for name in NAMES if name != "softmax"])
def test_slopes_are_finite_differences(name):
    """At points away from 0, where some have a kink."""
    x = np.array([-6.3, -2.1, -1.2784645, -0.7517915, -0.3, 0.2, 0.9, 2.4, 5.7])
    wanted = [oracle.finite_differences(lambda v: in_a_row(forward_kernel(name), v)[0], np.array([v]))[0] for v in x]
    slopes = backward_kernel(name)(source_of(name, x[None]), np.ones((1, x.size)))
    np.testing.assert_allclose(slopes[0], wanted, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", ["leaky_relu", "elu", "silu", "gelu", "softplus"])
def test_as_in_pytorch(name):
    torch = pytest.importorskip("torch")
    # Beyond its threshold PyTorch's softplus is the identity.
    options = {"leaky_relu": {"negative_slope": 0.01}, "gelu": {"approximate": "none"}, "softplus": {"threshold": 40}}
    x = np.linspace(-12, 12, 101)[None]
    theirs = torch.tensor(x, requires_grad=True)
    outputs = getattr(torch.nn.functional, name)(theirs, **options.get(name, {}))
    outputs.sum().backward()
    np.testing.assert_allclose(forward_kernel(name)(x), outputs.detach().numpy(), rtol=1e-10, atol=1e-15)
    slopes = backward_kernel(name)(source_of(name, x), np.ones_like(x))
    np.testing.assert_allclose(slopes, theirs.grad.numpy(), rtol=1e-10, atol=1e-15)


# exp beyond its ends ---------------------------------------------------------------------------------------------------------


@pytest.mark.plain
@pytest.mark.parametrize("dtype", DTYPES)
def test_extremes_of_exp_are_right(dtype):
    """Infinite where they are too large; so is a slope there, and elsewhere none is NaN."""
    x = extremes(dtype)
    with np.errstate(all="ignore"):
        y = in_a_row(kernels.exp, x)
        dx = in_a_row(kernels.exp_backward, y, np.full_like(y, np.finfo(dtype).max))
    assert_forward("exp", x, y)
    assert np.isinf(dx[np.isinf(y)]).all()
    assert not np.isnan(dx).any()


@pytest.mark.plain
def test_exp_takes_what_the_others_take():
    assert isinstance(kernels.exp(1), float)
    assert kernels.exp(0) == 1
    with np.errstate(over="ignore"):
        assert kernels.exp([0, -np.inf, np.inf]).tolist() == [1, 0, np.inf]
    x = np.linspace(-3, 3, 12)
    expected = kernels.exp(x)
    np.testing.assert_array_max_ulp(expected, np.exp(x), maxulp=2)
    array = x.copy()
    assert kernels.exp(array, array) is array
    np.testing.assert_array_max_ulp(array, expected, maxulp=2)
    with pytest.raises(ValueError, match="shape"):
        kernels.exp(x, np.zeros(11))


@pytest.mark.plain
def test_exp_is_zero_where_it_would_be_subnormal():
    for dtype, x in ((np.float32, -88), (np.float64, -709)):
        assert kernels.exp(np.full((1, 3), x, dtype)).tolist() == [[0, 0, 0]]


@pytest.mark.plain
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_far_end_of_the_sigmoid_is_subnormal(dtype):
    """Not zero: its docstring says so. Everywhere else it is the nearest number or the next."""
    info = np.finfo(dtype)
    x = np.array([[-np.inf, -info.max, -1000]], dtype)
    y = kernels.sigmoid(x)
    assert (y > 0).all()
    assert (y < info.tiny).all()
    assert (kernels.sigmoid(-x) == 1).all()


def test_the_way_back_from_the_inputs_of_a_matrix():
    """gelu's, for those that take theirs from the inputs, has the bits of its rows."""
    x, dy = np.random.default_rng(7).normal(size=(2, 3, 5))
    rows = [kernels.gelu_backward(x[i], dy[i]) for i in range(3)]
    assert np.array_equal(kernels.gelu_backward(x, dy), np.array(rows))
