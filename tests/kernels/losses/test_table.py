"""Losses against exact arithmetic: accuracy, clipping, averaging over rows, extremes, shapes and layouts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from tileprop import kernels

pytestmark = pytest.mark.plain

REGRESSION = ["mse", "squared_error", "sum_squared_error"]
CLASSIFICATION = ["log_loss", "binary_log_loss"]
NAMES = [*REGRESSION, *CLASSIFICATION, "poisson"]
DTYPES = ["float32", "float64"]
MOST_ULPS = 2.0
# The log losses still exceed it now and then, by up to one unit: the mark goes when the kernels have mended that.

LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "strided": lambda a: np.repeat(a, 3, axis=1)[:, ::3],
    "reversed": lambda a: np.ascontiguousarray(a[::-1, ::-1])[::-1, ::-1],
}


def loss_kernel(name: str) -> Callable[..., Any]:
    return getattr(kernels, name)


def backward_kernel(name: str) -> Callable[..., Any]:
    return getattr(kernels, f"{name}_backward")


def row_count(name: str, Y: np.ndarray) -> int:
    """A 1-D array is one distribution for `log_loss`, and one output for each row elsewhere."""
    if Y.ndim == 1:
        return 1 if name == "log_loss" else len(Y)
    return Y.size // Y.shape[-1]


def reference(name: str, Y: np.ndarray) -> np.ndarray:
    return oracle.clipped(Y) if name in CLASSIFICATION else Y


def exact_loss(name: str, Y: np.ndarray, T: np.ndarray) -> list[Any]:
    numbers = oracle.numbers(reference(name, Y)), oracle.numbers(T)
    return [getattr(oracle, f"exact_{name}")(*numbers, row_count(name, Y))]


def exact_backward(name: str, Y: np.ndarray, T: np.ndarray) -> list[Any]:
    numbers = oracle.numbers(reference(name, Y)), oracle.numbers(T)
    return getattr(oracle, f"exact_{name}_backward")(*numbers, row_count(name, Y))


# Each number of axes, and each layout, is a compilation of its own: float32 does with one.
VECTORS = st.tuples(st.integers(1, 10))
MATRICES = st.tuples(st.integers(1, 4), st.integers(1, 4))


@st.composite
def outputs_and_targets(draw: st.DrawFn, name: str, dtype: str, shapes: Any = None) -> tuple[np.ndarray, np.ndarray]:
    """Y and T of one shape. Probabilities come from all of [0, 1], rates and counts so that their ratio is a number; other
    outputs so that no sum of squares overflows."""
    if shapes is None:
        shapes = MATRICES if dtype == "float32" else st.one_of(VECTORS, MATRICES)
    shape = draw(shapes)
    width = 32 if dtype == "float32" else 64
    if name in CLASSIFICATION:
        closer = st.floats(0, 1, width=width).map(lambda v: v**8)
        y = st.one_of(st.floats(0, 1, width=width), closer, closer.map(lambda v: 1 - v))
        t = st.one_of(st.floats(0, 1, width=width), st.sampled_from([0.0, 1.0]))
    elif name == "poisson":
        largest = 2.0**60 if width == 32 else 2.0**500
        y = st.one_of(st.floats(1 / largest, largest, width=width), st.floats(2.0**-6, 8, width=width))
        t = st.one_of(y, st.integers(0, 9).map(float))
    else:
        largest = float(np.float32(3e38)) if width == 32 else 1e150
        y = st.one_of(st.floats(-largest, largest, width=width), st.floats(-4, 4, width=width))
        t = y
    size = int(np.prod(shape))
    Y, T = (np.array(draw(st.lists(v, min_size=size, max_size=size)), dtype).reshape(shape) for v in (y, t))
    if name not in CLASSIFICATION and draw(st.booleans()):
        T = Y + (T * np.finfo(dtype).eps).astype(dtype)  # differences that cancel
    return Y, T


# Accuracy --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_loss_is_within_two_ulp(name, dtype, data):
    Y, T = data.draw(outputs_and_targets(name, dtype))
    loss = loss_kernel(name)(Y, T)
    assert isinstance(loss, float)
    assert oracle.ulps(loss, exact_loss(name, Y, T), np.float64) <= MOST_ULPS


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_backward_is_within_two_ulp(name, dtype, data):
    Y, T = data.draw(outputs_and_targets(name, dtype))
    with np.errstate(over="ignore"):  # a slope beyond the largest float32 is infinite; plain Python warns of it
        dY = backward_kernel(name)(Y, T)
    assert dY.dtype == Y.dtype
    assert dY.shape == Y.shape
    assert oracle.ulps(dY, exact_backward(name, Y, T), dtype) <= MOST_ULPS


# Inputs on which a plain sum of products was more than 2 ulp off.
HARD_CASES = [
    (
        "log_loss",
        "float64",
        [[0.36314002003193857], [0.9999999999999829], [0.9999987501403624]],
        [[0.35827827256911493], [0.17562147040330744], [0.209885934864244]],
    ),
    (
        "log_loss",
        "float32",
        [[0.5979715585708618], [0.9999998807907104], [0.9999998807907104]],
        [[0.34220653772354126], [0.15732158720493317], [0.5629849433898926]],
    ),
    (
        "binary_log_loss",
        "float32",
        [[0.9947893023490906], [0.9999998807907104], [0.47425577044487]],
        [[0.2126455307006836], [0.9847620725631714], [0.06739496439695358]],
    ),
    ("poisson", "float64", [[1.1]], [[1.0]]),
    ("poisson", "float64", [[1e6], [1e6 + 1]], [[1e6 + 0.125], [1e6]]),
    ("poisson", "float64", [[1e15], [7e9]], [[1.42e15], [7e9 * 0.703]]),
    ("poisson", "float64", [[1.0 + 2.0**-52]], [[1.0]]),
]


@pytest.mark.parametrize(("name", "dtype", "y", "t"), HARD_CASES)
def test_hard_sums(name, dtype, y, t):
    Y, T = np.array(y, dtype), np.array(t, dtype)
    assert oracle.ulps(loss_kernel(name)(Y, T), exact_loss(name, Y, T), np.float64) <= MOST_ULPS


@pytest.mark.parametrize("low", [-1e-14, -1e-7, -0.2, -0.4, -3.0])
def test_rates_near_their_counts(low):
    """What remains of t log(t / y) - t + y where nearly all of it cancels has its last digit, and is never negative."""
    rng = np.random.default_rng(0)
    T = np.exp(rng.uniform(-3, 30, 200))
    for Y in (T * np.exp(rng.uniform(low, 0, 200)), T * np.exp(rng.uniform(0, -low, 200))):
        for y, t in zip(Y, T, strict=True):
            loss = kernels.poisson(y, t)
            assert loss >= 0
            assert oracle.ulps(loss, exact_loss("poisson", np.array([y]), np.array([t])), np.float64) <= MOST_ULPS


def test_a_long_sum_keeps_its_last_digit():
    """A running sum in float64 would be dozens of units off here."""
    rng = np.random.default_rng(0)
    Y, T = rng.random((20_000, 1)), rng.random((20_000, 1))
    squares = [(float(a) - float(b)) ** 2 for a, b in zip(Y.ravel(), T.ravel(), strict=True)]
    assert abs(sum(squares) - np.sum(np.array(squares, np.longdouble))) > 4 * np.spacing(sum(squares))
    assert oracle.ulps(kernels.mse(Y, T), exact_loss("mse", Y, T), np.float64) <= MOST_ULPS


# Meaning -------------------------------------------------------------------------------------------------------------------


def test_values_by_hand():
    Y, T = np.array([[0.5, 0.25], [0.75, 0.5]]), np.array([[1.0, 0.0], [0.0, 1.0]])
    assert kernels.mse(Y, T) == (0.25 + 0.0625 + 0.5625 + 0.25) / 4
    assert kernels.squared_error(Y, T) == (0.25 + 0.0625 + 0.5625 + 0.25) / 8
    assert kernels.sum_squared_error(Y, T) == (0.25 + 0.0625 + 0.5625 + 0.25) / 4
    assert kernels.poisson(Y, T) == pytest.approx((2 * np.log(2) - 0.5 + 0.25 + 0.75 - 0.5) / 2, rel=1e-15)
    assert kernels.log_loss(Y, T) == pytest.approx(np.log(2), rel=1e-15)
    assert kernels.binary_log_loss(Y, T) == pytest.approx((2 * np.log(2) + np.log(4 / 3) + np.log(4)) / 2, rel=1e-15)
    assert kernels.mse_backward(Y, T).tolist() == [[-0.25, 0.125], [0.375, -0.25]]
    assert kernels.squared_error_backward(Y, T).tolist() == [[-0.125, 0.0625], [0.1875, -0.125]]
    assert kernels.sum_squared_error_backward(Y, T).tolist() == [[-0.25, 0.125], [0.375, -0.25]]
    assert kernels.poisson_backward(Y, T).tolist() == [[-0.5, 0.5], [0.5, -0.5]]
    assert kernels.log_loss_backward(Y, T).tolist() == [[-1, 0], [0, -1]]
    np.testing.assert_allclose(kernels.binary_log_loss_backward(Y, T), [[-1, 2 / 3], [2, -1]], rtol=1e-15)


@pytest.mark.parametrize("name", NAMES)
def test_backward_is_the_derivative(name):
    rng = np.random.default_rng(1)
    Y, T = rng.uniform(0.2, 0.8, (3, 2)), rng.random((3, 2))
    differences = oracle.finite_differences(lambda y: loss_kernel(name)(y.reshape(3, 2), T), Y.ravel(), step=1e-3)
    np.testing.assert_allclose(backward_kernel(name)(Y, T).ravel(), differences, rtol=1e-8)


@pytest.mark.parametrize("name", NAMES)
def test_losses_are_means_over_rows(name):
    """Rows given twice change nothing."""
    rng = np.random.default_rng(2)
    Y, T = rng.uniform(0.1, 0.9, (5, 3)), rng.random((5, 3))
    twice = loss_kernel(name)(np.vstack([Y, Y]), np.vstack([T, T]))
    assert twice == pytest.approx(loss_kernel(name)(Y, T), rel=1e-15)
    np.testing.assert_allclose(
        backward_kernel(name)(np.vstack([Y, Y]), np.vstack([T, T]))[:5], backward_kernel(name)(Y, T) / 2, rtol=1e-15
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CLASSIFICATION)
def test_probabilities_are_clipped_at_eps_of_their_dtype(name, dtype):
    eps = float(np.finfo(dtype).eps)
    worst = loss_kernel(name)(np.array([[0.0]], dtype), np.array([[1.0]], dtype))
    assert worst == pytest.approx(-np.log(eps), rel=1e-14)
    assert loss_kernel(name)(np.array([[eps / 4]], dtype), np.array([[1.0]], dtype)) == worst
    best = loss_kernel(name)(np.array([[1.0]], dtype), np.array([[1.0]], dtype))
    assert best == pytest.approx(eps if name == "binary_log_loss" else -np.log1p(-eps), rel=1e-6)
    assert backward_kernel(name)(np.array([[0.0]], dtype), np.array([[1.0]], dtype))[0, 0] == pytest.approx(-1 / eps, rel=1e-6)


def test_wrong_and_certain_costs_as_much_on_both_sides():
    zero, one = np.array([[0.0]]), np.array([[1.0]])
    assert kernels.binary_log_loss(zero, one) == pytest.approx(kernels.binary_log_loss(one, zero), rel=1e-15)


def test_one_dimension_is_one_output_for_each_row():
    y, t = np.array([0.2, 0.6, 0.9]), np.array([0.0, 1.0, 1.0])
    for name in (*REGRESSION, "binary_log_loss", "poisson"):
        assert loss_kernel(name)(y, t) == loss_kernel(name)(y[:, None], t[:, None])
        assert np.array_equal(backward_kernel(name)(y, t), backward_kernel(name)(y[:, None], t[:, None]).ravel())
    assert kernels.log_loss(y, t) == kernels.log_loss(y[None], t[None])


# Extremes --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_nan_passes_through(name, dtype):
    """Also through the logarithms: an epoch recognises a failed step by its loss."""
    clean, spoiled = np.array([[0.25, 0.5]], dtype), np.array([[0.25, np.nan]], dtype)
    for Y, T in ((spoiled, clean), (clean, spoiled)):
        assert np.isnan(loss_kernel(name)(Y, T))
        dY = backward_kernel(name)(Y, T)
        assert np.isnan(dY).tolist() == [[False, True]]


@pytest.mark.parametrize("name", REGRESSION)
def test_a_square_beyond_the_largest_number_is_infinite(name):
    largest = np.finfo(np.float64).max
    with np.errstate(all="ignore"):  # as plain Python, the scalars' own warnings
        for y, t in ((largest, -largest), (1e200, 0.0), (1.0, -1e180)):
            assert loss_kernel(name)(np.array([[y, 1.0]]), np.array([[t, 1.0]])) == np.inf


@pytest.mark.parametrize("name", REGRESSION)
def test_largest_float32_numbers_have_finite_losses_and_slopes(name):
    largest = np.finfo(np.float32).max
    Y, T = np.array([[largest, largest, 0]], np.float32), np.array([[-largest, largest, largest]], np.float32)
    assert oracle.ulps(loss_kernel(name)(Y, T), exact_loss(name, Y, T), np.float64) <= MOST_ULPS
    dY = backward_kernel(name)(Y, np.zeros_like(Y))
    assert np.isfinite(dY).all()
    assert oracle.ulps(dY, exact_backward(name, Y, np.zeros_like(Y)), np.float32) <= MOST_ULPS


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", REGRESSION)
def test_slopes_are_finite_wherever_they_can_be(name, dtype):
    """The difference of the two largest numbers overflows, its half divided by the size does not."""
    largest = np.finfo(dtype).max
    Y, T = np.full((2, 4), largest, dtype), np.full((2, 4), -largest, dtype)
    dY = backward_kernel(name)(Y, T)
    assert np.isfinite(dY).all()
    assert oracle.ulps(dY, exact_backward(name, Y, T), dtype) <= MOST_ULPS


@pytest.mark.parametrize("name", CLASSIFICATION)
def test_outputs_outside_the_unit_interval_are_clipped(name):
    Y, T = np.array([[-1e308, 1e308, -0.5, 1.5]]), np.array([[1.0, 1.0, 0.0, 0.0]])
    inside = np.array([[0.0, 1.0, 0.0, 1.0]])
    assert loss_kernel(name)(Y, T) == loss_kernel(name)(inside, T)
    assert np.array_equal(backward_kernel(name)(Y, T), backward_kernel(name)(inside, T))
    assert np.isfinite(backward_kernel(name)(Y, T)).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_rates_and_counts_at_their_ends(dtype):
    """No rate where there are counts costs infinitely much; no counts cost the rate, and the right rate nothing."""
    zero, one = np.zeros((1, 1), dtype), np.ones((1, 1), dtype)
    largest, tiny = one * np.finfo(dtype).max, one * np.finfo(dtype).tiny
    with np.errstate(all="ignore"):  # as plain Python, the scalars' own warnings
        assert kernels.poisson(zero, one) == np.inf
        assert kernels.poisson_backward(zero, one) == -np.inf
        assert kernels.poisson(largest, tiny) == largest[0, 0]
    assert kernels.poisson(zero, zero) == 0
    assert kernels.poisson(largest, one) == pytest.approx(float(largest[0, 0]), rel=1e-15)
    for rate in (tiny, one, largest):
        assert kernels.poisson(rate, zero) == rate[0, 0]
        assert kernels.poisson_backward(rate, zero) == 1
    for rate in (tiny, one, largest / 4):
        assert kernels.poisson(rate, rate) == 0
        assert kernels.poisson_backward(rate, rate) == 0
    assert oracle.ulps(kernels.poisson(tiny, one), exact_loss("poisson", tiny, one), np.float64) <= MOST_ULPS


# Shapes, layouts, and what Python may pass -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=30)
@given(data=st.data())
def test_any_layout(name, data):
    Y, T = data.draw(outputs_and_targets(name, "float64", MATRICES))
    layout = LAYOUTS[data.draw(st.sampled_from(sorted(LAYOUTS)))]
    loss = loss_kernel(name)(layout(Y), layout(T))
    assert oracle.ulps(loss, exact_loss(name, Y, T), np.float64) <= MOST_ULPS
    assert oracle.ulps(backward_kernel(name)(layout(Y), layout(T)), exact_backward(name, Y, T), np.float64) <= MOST_ULPS


@pytest.mark.parametrize("name", NAMES)
def test_in_place(name):
    Y, T = np.array([[0.2, 0.7], [0.4, 0.1]]), np.array([[0.0, 1.0], [1.0, 0.0]])
    wanted = backward_kernel(name)(Y, T)
    assert backward_kernel(name)(Y, T, Y) is Y
    assert np.array_equal(Y, wanted)


@pytest.mark.parametrize("name", NAMES)
def test_numbers_and_lists(name):
    array = loss_kernel(name)(np.array([0.25, 0.5]), np.array([0.0, 1.0]))
    assert loss_kernel(name)([0.25, 0.5], [0, 1]) == array
    assert isinstance(loss_kernel(name)(0.25, 1), float)
    assert loss_kernel(name)(0.25, 1) == loss_kernel(name)(np.array([0.25]), np.array([1.0]))
    assert isinstance(backward_kernel(name)(0.25, 1), float)
    assert np.array_equal(
        backward_kernel(name)([0.25, 0.5], [0, 1]), backward_kernel(name)(np.array([0.25, 0.5]), np.array([0.0, 1.0]))
    )


@pytest.mark.parametrize("name", NAMES)
def test_integer_targets(name):
    Y, T = np.array([[0.2, 0.7]]), np.array([[0, 1]])
    assert loss_kernel(name)(Y, T) == loss_kernel(name)(Y, T.astype(float))


@pytest.mark.parametrize("name", NAMES)
def test_shapes_that_differ_are_refused(name):
    with pytest.raises(ValueError, match="shape"):
        loss_kernel(name)(np.zeros((2, 3)), np.zeros((3, 2)))
    with pytest.raises(ValueError, match="shape"):
        backward_kernel(name)(np.zeros(3), np.zeros(4))
    with pytest.raises(ValueError, match="shape"):
        backward_kernel(name)(np.zeros(3), np.zeros(3), np.zeros(4))


def test_callers_compiled_by_numba():
    @njit
    def call(Y, T):
        return kernels.mse(Y, T), kernels.mse_backward(Y, T)

    rng = np.random.default_rng(3)
    Y, T = rng.random((3, 2)), rng.random((3, 2))
    loss, dY = call(Y, T)
    assert loss == pytest.approx(kernels.mse(Y, T), rel=1e-15)
    np.testing.assert_allclose(dY, kernels.mse_backward(Y, T), rtol=1e-15)
