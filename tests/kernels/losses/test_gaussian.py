"""The normal density's logarithm: by hand, against SciPy, at its floor and far beyond."""

from __future__ import annotations

import numpy as np
import pytest
from cases import DTYPES, MOST_ULPS, backward_ulps, value_ulps
from scipy.stats import norm
from tileprop import kernels
from tileprop.kernels.losses.gaussian import LEAST_LOG_VARIANCE

pytestmark = pytest.mark.plain


def test_values_by_hand():
    """Means 1 and 2, variances 1 and 4, of targets 3 and 2."""
    Y, T = np.array([[1.0, 2.0, 0.0, np.log(4.0)]]), np.array([[3.0, 2.0]])
    assert kernels.gaussian_nll(Y, T) == pytest.approx((4.0 + np.log(4.0)) / 2, rel=1e-15)
    np.testing.assert_allclose(kernels.gaussian_nll_backward(Y, T), [[-2.0, 0.0, -1.5, 0.5]], rtol=1e-15)


def test_it_is_the_negative_log_density_less_a_constant():
    rng = np.random.default_rng(0)
    m, s, T = (rng.normal(size=(20, 3)) for _ in range(3))
    expected = -norm.logpdf(T, m, np.exp(s / 2)).sum(axis=1).mean() - 1.5 * np.log(2 * np.pi)
    assert kernels.gaussian_nll(np.hstack([m, s]), T) == pytest.approx(expected, rel=1e-13)


def test_targets_of_one_dimension():
    Y, t = np.array([[0.5, 0.1], [0.2, -0.3]]), np.array([0.0, 1.0])
    assert kernels.gaussian_nll(Y, t) == kernels.gaussian_nll(Y, t[:, None])
    assert np.array_equal(kernels.gaussian_nll_backward(Y, t), kernels.gaussian_nll_backward(Y, t[:, None]))


def test_targets_are_losses_of_their_own():
    rng = np.random.default_rng(1)
    m, s, T = (rng.normal(size=(4, 2)) for _ in range(3))
    alone = [kernels.gaussian_nll(np.stack([m[:, j], s[:, j]], 1), T[:, j].copy()) for j in range(2)]
    assert kernels.gaussian_nll(np.hstack([m, s]), T) == pytest.approx(sum(alone), rel=1e-14)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_variance_below_the_floor_counts_as_the_floor(dtype):
    """Met exactly, a target costs no less than this; and the variance is not drawn further down."""
    floor, below = (np.array([[0.5, s]], dtype) for s in (LEAST_LOG_VARIANCE, -1e30))
    met, missed = np.array([[0.5]], dtype), np.array([[0.25]], dtype)
    for t in (met, missed):
        assert kernels.gaussian_nll(below, t) == kernels.gaussian_nll(floor, t)
        slopes, at_floor = kernels.gaussian_nll_backward(below, t), kernels.gaussian_nll_backward(floor, t)
        assert slopes[0, 0] == at_floor[0, 0]
        assert slopes[0, 1] == 0
        assert at_floor[0, 1] != 0
    assert kernels.gaussian_nll(below, met) == LEAST_LOG_VARIANCE / 2


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("s", [-30.0, 0.0, 88.0, 700.0, 1e4, 1e30])
def test_extremes(dtype, s):
    """A residual that overflows when squared, or as a difference, meets a variance that does, too."""
    largest = np.finfo(dtype).max
    far = largest if dtype == "float32" else 1e150
    for m, t in ((far, -far), (0.0, far), (far, far)):
        Y, T = np.array([[m, s]], dtype), np.array([[t]], dtype)
        with np.errstate(all="ignore"):  # as plain Python, the scalars' own warnings
            assert value_ulps("gaussian_nll", kernels.gaussian_nll(Y, T), Y, T) <= MOST_ULPS
            assert backward_ulps("gaussian_nll", kernels.gaussian_nll_backward(Y, T), Y, T) <= MOST_ULPS
    # Half of 1 - z^2, next to nothing where z is 1 and s is, may be off by last places of 1.
    Y, T = np.array([[1.0, 4e-84 if dtype == "float64" else 4e-37]], dtype), np.array([[0.0]], dtype)
    assert backward_ulps("gaussian_nll", kernels.gaussian_nll_backward(Y, T), Y, T) <= MOST_ULPS
    Y, T = np.array([[largest, s]], dtype), np.array([[-largest]], dtype)
    with np.errstate(all="ignore"):
        assert not np.isnan(kernels.gaussian_nll(Y, T))
        assert not np.isnan(kernels.gaussian_nll_backward(Y, T)).any()


@pytest.mark.parametrize("dtype", DTYPES)
def test_nan_passes_through(dtype):
    for place in range(3):
        numbers = np.array([0.5, 0.25, 0.75], dtype)
        numbers[place] = np.nan
        Y, T = numbers[None, :2], numbers[None, 2:]
        assert np.isnan(kernels.gaussian_nll(Y, T))
        assert np.isnan(kernels.gaussian_nll_backward(Y, T)).all()


def test_long_sums_keep_their_last_digit():
    rng = np.random.default_rng(0)
    Y, T = rng.normal(size=(3000, 2)), rng.normal(size=(3000, 1))
    assert value_ulps("gaussian_nll", kernels.gaussian_nll(Y, T), Y, T) <= MOST_ULPS


def test_columns_that_are_not_two_for_each_target_are_refused():
    for kernel in (kernels.gaussian_nll, kernels.gaussian_nll_backward):
        for columns in (1, 3, 4):
            with pytest.raises(ValueError, match="differ in rows, or their columns do not fit") as caught:
                kernel(np.zeros((3, columns)), np.zeros((3, 1)))
            assert caught.value.args[1:] == (columns, 1, 2)
