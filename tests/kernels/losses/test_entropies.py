"""Cross-entropies: by hand, sums that are hard to round, clipping."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
from cases import CLASSIFICATION, DTYPES, MOST_ULPS, backward, exact_loss, value
from tileprop import kernels

pytestmark = pytest.mark.plain


def test_values_by_hand():
    Y, T = np.array([[0.5, 0.25], [0.75, 0.5]]), np.array([[1.0, 0.0], [0.0, 1.0]])
    assert kernels.log_loss(Y, T) == pytest.approx(np.log(2), rel=1e-15)
    assert kernels.binary_log_loss(Y, T) == pytest.approx((2 * np.log(2) + np.log(4 / 3) + np.log(4)) / 2, rel=1e-15)
    assert kernels.log_loss_backward(Y, T).tolist() == [[-1, 0], [0, -1]]
    np.testing.assert_allclose(kernels.binary_log_loss_backward(Y, T), [[-1, 2 / 3], [2, -1]], rtol=1e-15)


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
]


@pytest.mark.parametrize(("name", "dtype", "y", "t"), HARD_CASES)
def test_hard_sums(name, dtype, y, t):
    Y, T = np.array(y, dtype), np.array(t, dtype)
    assert oracle.ulps(value(name, Y, T), exact_loss(name, Y, T), np.float64) <= MOST_ULPS


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CLASSIFICATION)
def test_probabilities_are_clipped_at_eps_of_their_dtype(name, dtype):
    eps = float(np.finfo(dtype).eps)
    worst = value(name, np.array([[0.0]], dtype), np.array([[1.0]], dtype))
    assert worst == pytest.approx(-np.log(eps), rel=1e-14)
    assert value(name, np.array([[eps / 4]], dtype), np.array([[1.0]], dtype)) == worst
    best = value(name, np.array([[1.0]], dtype), np.array([[1.0]], dtype))
    assert best == pytest.approx(eps if name == "binary_log_loss" else -np.log1p(-eps), rel=1e-6)
    assert backward(name, np.array([[0.0]], dtype), np.array([[1.0]], dtype))[0, 0] == pytest.approx(-1 / eps, rel=1e-6)


def test_wrong_and_certain_costs_as_much_on_both_sides():
    zero, one = np.array([[0.0]]), np.array([[1.0]])
    assert kernels.binary_log_loss(zero, one) == pytest.approx(kernels.binary_log_loss(one, zero), rel=1e-15)


def test_one_dimension_is_one_distribution():
    y, t = np.array([0.2, 0.6, 0.9]), np.array([0.0, 1.0, 1.0])
    assert kernels.log_loss(y, t) == kernels.log_loss(y[None], t[None])


@pytest.mark.parametrize("name", CLASSIFICATION)
def test_outputs_outside_the_unit_interval_are_clipped(name):
    Y, T = np.array([[-1e308, 1e308, -0.5, 1.5]]), np.array([[1.0, 1.0, 0.0, 0.0]])
    inside = np.array([[0.0, 1.0, 0.0, 1.0]])
    assert value(name, Y, T) == value(name, inside, T)
    assert np.array_equal(backward(name, Y, T), backward(name, inside, T))
    assert np.isfinite(backward(name, Y, T)).all()
