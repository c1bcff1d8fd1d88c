"""Absolute differences, Huber's and quantiles': by hand, at their kinks, over long sums, and at the ends of their dtypes."""

from __future__ import annotations

import numpy as np
import pytest
from cases import DTYPES, MOST_ULPS, ROBUST, backward, backward_ulps, value, value_ulps
from choosing import by_turns
from tileprop import kernels

pytestmark = pytest.mark.plain

Y, T = np.array([[0.5, 0.25], [3.0, -1.0]]), np.array([[1.0, 0.0], [1.0, -1.0]])


def test_values_by_hand():
    assert kernels.mae(Y, T) == (0.5 + 0.25 + 2.0 + 0.0) / 4
    assert kernels.mae_backward(Y, T).tolist() == [[-0.25, 0.25], [0.25, 0.0]]
    assert kernels.huber(Y, T, 0.5) == (0.125 + 0.03125 + 0.5 * (2.0 - 0.25) + 0.0) / 4
    assert kernels.huber_backward(Y, T, 0.5).tolist() == [[-0.125, 0.0625], [0.125, 0.0]]
    assert kernels.quantile(Y, T, 0.25) == (0.125 + 0.1875 + 1.5 + 0.0) / 4
    assert kernels.quantile_backward(Y, T, 0.25).tolist() == [[-0.0625, 0.1875], [0.1875, 0.0]]


def test_several_levels_by_hand():
    """A row's outputs are all targets at the first level, then all at the next."""
    outputs = np.array([[0.0, 10.0, 2.0, 11.0]])
    targets = np.array([[1.0, 10.5]])
    levels = np.array([0.25, 0.75])
    assert kernels.quantile(outputs, targets, levels) == (0.25 * 1 + 0.25 * 0.5 + 0.25 * 1 + 0.25 * 0.5) / 4
    expected = [[-0.25 / 4, -0.25 / 4, 0.25 / 4, 0.25 / 4]]
    assert kernels.quantile_backward(outputs, targets, levels).tolist() == expected


def test_levels_are_losses_of_their_own():
    rng = np.random.default_rng(0)
    targets, levels = rng.normal(size=(6, 3)), [0.1, 0.5, 0.8]
    parts = [rng.normal(size=(6, 3)) for _ in levels]
    together = np.hstack(parts)
    alone = [kernels.quantile(part, targets, level) for part, level in zip(parts, levels, strict=True)]
    assert kernels.quantile(together, targets, levels) == pytest.approx(np.mean(alone), rel=1e-15)
    slopes = [kernels.quantile_backward(part, targets, level) / 3 for part, level in zip(parts, levels, strict=True)]
    np.testing.assert_allclose(kernels.quantile_backward(together, targets, levels), np.hstack(slopes), rtol=1e-15)


def test_what_each_is_a_case_of():
    rng = np.random.default_rng(1)
    outputs, targets = rng.normal(size=(5, 2)), rng.normal(size=(5, 2))
    assert kernels.quantile(outputs, targets, 0.5) == pytest.approx(kernels.mae(outputs, targets) / 2, rel=1e-15)
    assert kernels.huber(outputs, targets, 1e3) == pytest.approx(kernels.squared_error(outputs, targets), rel=1e-15)
    assert kernels.huber(outputs, targets, 1e-9) / 1e-9 == pytest.approx(kernels.mae(outputs, targets), rel=1e-8)


def test_the_quantile_of_a_sample_has_the_least_loss():
    sample = np.arange(1.0, 12.0)
    for level, least in ((0.05, 1), (0.25, 3), (0.5, 6), (0.9, 10)):
        losses = [kernels.quantile(np.full(11, candidate), sample, level) for candidate in sample]
        assert sample[np.argmin(losses)] == least


@pytest.mark.parametrize("name", ROBUST)
def test_slopes_at_kinks(name):
    """Where output and target meet there is none; at Huber's delta both sides have the same."""
    met = np.array([[0.5]])
    assert value(name, met, met) == 0
    assert backward(name, met, met).tolist() == [[0.0]]
    delta, step = 0.75, 2.0**-30
    slopes = [backward("huber", np.array([[delta + k * step]]), np.zeros((1, 1)))[0, 0] for k in (-1, 0, 1)]
    assert slopes == [delta - step, delta, delta]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ROBUST)
def test_long_sums_keep_their_last_digit(name, dtype):
    rng = np.random.default_rng(0)
    outputs, targets = (rng.random((5000, 2)).astype(dtype) for _ in range(2))
    assert value_ulps(name, value(name, outputs, targets), outputs, targets) <= MOST_ULPS


@pytest.mark.parametrize(("name", "dtype"), by_turns(ROBUST, DTYPES))
def test_losses_and_slopes_are_finite_wherever_they_can_be(name, dtype):
    """Of a difference that overflows in float32, the loss is a number in float64; its slopes are numbers in both."""
    largest = np.finfo(dtype).max
    outputs, targets = np.array([[largest, 0.0, 1.0]], dtype), np.array([[-largest, largest, 1.0]], dtype)
    with np.errstate(all="ignore"):  # as plain Python, the scalars' own warnings
        loss, dY = value(name, outputs, targets), backward(name, outputs, targets)
    assert backward_ulps(name, dY, outputs, targets) <= MOST_ULPS
    if dtype == "float32":
        assert value_ulps(name, loss, outputs, targets) <= MOST_ULPS
    else:
        assert loss == np.inf


def test_a_parameter_may_be_a_number_a_list_or_an_array():
    single = Y.astype(np.float32), T.astype(np.float32)
    for kernel in (kernels.huber, kernels.quantile):
        assert kernel(Y, T, 0.3) == kernel(Y, T, [0.3]) == kernel(Y, T, np.array([0.3]))
        assert kernel(*single, 0.3) == kernel(*single, np.array([0.3], np.float32))
    assert kernels.quantile(0.25, 1, 0.5) == 0.5 * 0.75
    assert isinstance(kernels.quantile_backward(0.25, 1, 0.5), float)


def test_a_number_as_parameter_leaves_the_dtype_alone():
    single, out = Y.astype(np.float32), np.full(Y.shape, 7, np.float32)
    assert kernels.huber_backward(single, T.astype(np.float32), 0.3).dtype == np.float32
    assert kernels.huber_backward(single, T.astype(np.float32), 0.3, out) is out
    assert out.tolist() == kernels.huber_backward(single, T.astype(np.float32), 0.3).tolist()


@pytest.mark.parametrize("bad", [-1.0, 0.0, np.nan, np.inf])
def test_parameters_out_of_bounds_are_refused(bad):
    bounds = {"huber": (0.0, np.inf), "quantile": (0.0, 1.0)}
    for name in ("huber", "huber_backward", "quantile", "quantile_backward"):
        with pytest.raises(ValueError, match="the loss's parameter is out of bounds") as caught:
            getattr(kernels, name)(Y, T, bad)
        assert caught.value.args[2:] == bounds[name.removesuffix("_backward")]
    with pytest.raises(ValueError, match="the loss's parameter is out of bounds"):
        kernels.quantile(Y, T, 1.0)


@pytest.mark.parametrize("count", [0, 2])
def test_hubers_parameter_is_one_number(count):
    for kernel in (kernels.huber, kernels.huber_backward):
        with pytest.raises(ValueError, match="the loss takes one number as its parameter") as caught:
            kernel(Y, T, np.ones(count))
        assert caught.value.args[1:] == (count,)


def test_outputs_that_do_not_fit_the_levels_are_refused():
    for kernel in (kernels.quantile, kernels.quantile_backward):
        for levels in ([0.2, 0.8], []):
            with pytest.raises(ValueError, match="differ in rows, or their columns do not fit") as caught:
                kernel(Y, T, levels)
            assert caught.value.args[1:] == (2, 2, len(levels))
