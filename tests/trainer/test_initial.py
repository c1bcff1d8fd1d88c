"""Initial weights: their distribution, their seed, their dtype."""

import numpy as np
import pytest
from tileprop.kernels import make_plan
from tileprop.trainer import InputError, Network
from tileprop.trainer.initial import glorot, he, initial_theta

pytestmark = pytest.mark.plain


def test_glorot_fills_its_interval():
    W = glorot(np.random.default_rng(0), 300, 200)
    limit = np.sqrt(6 / 500)
    assert np.abs(W).max() <= limit
    assert np.abs(W).max() > 0.999 * limit
    assert abs(W.mean()) < 0.01 * limit
    assert W.std() == pytest.approx(limit / np.sqrt(3), rel=0.01)


def test_he_has_its_variance():
    W = he(np.random.default_rng(0), 300, 200)
    assert W.std() == pytest.approx(np.sqrt(2 / 300), rel=0.01)


def test_auto_takes_he_for_relu_and_glorot_elsewhere():
    plan = make_plan([50, 60, 70, 5], activation=["relu", "tanh"])
    draws = [np.random.default_rng(3) for _ in range(2)]
    theta = initial_theta(plan, "auto", draws[0], np.dtype("float64"))
    expected = [he(draws[1], 50, 60), glorot(draws[1], 60, 70), glorot(draws[1], 70, 5)]
    weights, biases = plan.unflatten(theta)
    for W, reference in zip(weights, expected, strict=True):
        np.testing.assert_array_equal(W, reference)
    assert not any(b.any() for b in biases)


def test_seeds():
    thetas = [Network([3, 4, 2], random_state=seed).theta for seed in (1, 1, 2)]
    np.testing.assert_array_equal(thetas[0], thetas[1])
    assert not np.array_equal(thetas[0], thetas[2])


def test_both_dtypes_start_from_the_same_numbers():
    single, double = (Network([3, 4, 2], dtype=dtype).theta for dtype in ("float32", "float64"))
    np.testing.assert_array_equal(single, double.astype("float32"))


def test_unknown_scheme():
    with pytest.raises(InputError, match="initial is 'xavier'; it must be one of auto, glorot, he"):
        Network([2, 1], initial="xavier")


def test_parameters_in_place_of_a_scheme():
    theta = np.arange(9, dtype="float32")
    network = Network([2, 3], initial=theta)
    assert network.theta is theta
    assert np.shares_memory(network.weights[0], theta)
    theta.flags.writeable = False
    for given in (theta, theta.astype("float64")):
        network = Network([2, 3], initial=given)
        assert not np.shares_memory(network.theta, theta)
        np.testing.assert_array_equal(network.theta, theta)
        network.theta[:] = 0


@pytest.mark.parametrize(
    ("theta", "message"),
    [
        (np.ones(8), r"initial has shape \(8,\); a parameter vector of this network is \(9,\)"),
        (np.ones((3, 3)), r"initial has shape \(3, 3\)"),
        (np.full(9, np.nan), "initial contains nan"),
        (np.full(9, "a"), "initial has dtype <U1"),
    ],
)
def test_parameters_that_do_not_fit(theta, message):
    with pytest.raises(InputError, match=message):
        Network([2, 3], initial=theta)
