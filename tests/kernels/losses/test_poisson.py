"""Half the Poisson deviance: by hand, near the counts, and at both ends."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
from cases import DTYPES, MOST_ULPS, exact_loss, value
from tileprop import kernels

pytestmark = pytest.mark.plain


def test_values_by_hand():
    Y, T = np.array([[0.5, 0.25], [0.75, 0.5]]), np.array([[1.0, 0.0], [0.0, 1.0]])
    assert kernels.poisson(Y, T) == pytest.approx((2 * np.log(2) - 0.5 + 0.25 + 0.75 - 0.5) / 2, rel=1e-15)
    assert kernels.poisson_backward(Y, T).tolist() == [[-0.5, 0.5], [0.5, -0.5]]


# Inputs on which a plain sum of products was more than 2 ulp off.
HARD_CASES = [
    ([[1.1]], [[1.0]]),
    ([[1e6], [1e6 + 1]], [[1e6 + 0.125], [1e6]]),
    ([[1e15], [7e9]], [[1.42e15], [7e9 * 0.703]]),
    ([[1.0 + 2.0**-52]], [[1.0]]),
]


@pytest.mark.parametrize(("y", "t"), HARD_CASES)
def test_hard_sums(y, t):
    Y, T = np.array(y), np.array(t)
    assert oracle.ulps(value("poisson", Y, T), exact_loss("poisson", Y, T), np.float64) <= MOST_ULPS


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
