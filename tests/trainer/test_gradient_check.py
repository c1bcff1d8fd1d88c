"""check_gradients: right networks pass, wrong slopes are found and told where, kinks are named."""

import re

import numpy as np
import pytest
from differentiation import ACTIVATIONS, LOSSES, make_case
from fourth_power import quartic, quartic_gradient
from numba import njit
from tileprop.kernels import register_activation, register_loss
from tileprop.trainer import InputError, Network, check_gradients

RNG = np.random.default_rng(5)


@njit
def square(x):
    return x * x


@njit
def twice(x):
    return x + x


@njit
def nearly_twice(x):
    return type(x)(2.0001) * x


@njit
def nothing(x):
    return type(x)(np.nan)


@njit
def wrong_target_gradient(y, t, dt):
    for j in range(y.size):
        dt[j] = 4 * (y[j] - t[j]) ** 3


@pytest.mark.plain
@pytest.mark.parametrize("loss", LOSSES)
def test_losses_pass(loss):
    case = make_case([2, 3, 2], ["tanh", "sigmoid"], loss, rows=5, weighted=True)
    network = Network(**case.plan.arguments, dtype="float64")
    network.theta = case.theta
    report = check_gradients(network, case.X, case.T[:, 0] if loss == "label_log_loss" else case.T, case.weight)
    assert report.passed, str(report)
    assert [part.name for part in report.parts] == [
        "layer 1 weights", "layer 1 biases", "layer 2 weights", "layer 2 biases", "inputs", "targets",
    ]  # fmt: skip
    assert "all right" in str(report)
    assert ("class labels" in str(report)) == (loss == "label_log_loss")


@pytest.mark.plain
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations_pass(activation, dtype):
    case = make_case([2, 4, 3, 2], [activation] * 3, "mse", bias=False, rows=6)
    network = Network(**case.plan.arguments, dtype=dtype)
    network.theta = case.theta
    report = check_gradients(network, case.X, case.T)
    assert report.passed, str(report)
    assert not any(part.kinks for part in report.parts)
    assert len(report.parts) == 5


@pytest.mark.plain
@pytest.mark.parametrize("slope", [nearly_twice, square, nothing])
def test_a_wrong_slope_is_found(registries, slope):
    """Only what lies below it is wrong."""
    register_activation("square", square, slope)
    network = Network([3, 4, 5, 2], ["tanh", "square"], "identity", dtype="float64")
    report = check_gradients(network, RNG.normal(size=(9, 3)), RNG.normal(size=(9, 2)))
    assert not report.passed
    wrong = {part.name for part in report.parts if part.failed}
    assert wrong == {"layer 1 weights", "layer 1 biases", "layer 2 weights", "layer 2 biases", "inputs"}
    text = str(report)
    assert text.endswith("WRONG: layer 1 weights, layer 1 biases, layer 2 weights, layer 2 biases, inputs")
    assert re.search(r"layer 2 weights +20 .*WRONG at \d+ of 20", text)
    part = report.parts[2]
    if slope is nearly_twice:
        assert part.analytic == pytest.approx(part.numeric * 1.00005, rel=1e-6)
        assert 1e-5 < part.error < 1e-4


@pytest.mark.plain
def test_a_right_slope_of_a_users_passes(registries):
    register_activation("square", square, twice)
    network = Network([3, 4, 2], "square", "identity", dtype="float64")
    assert check_gradients(network, RNG.normal(size=(9, 3)), RNG.normal(size=(9, 2))).passed


@pytest.mark.plain
def test_a_users_loss(registries):
    X, T = RNG.normal(size=(9, 3)), RNG.normal(size=(9, 2))
    register_loss("quartic", quartic, quartic_gradient)
    report = check_gradients(Network([3, 2], output_activation="tanh", loss="quartic"), X, T)
    assert report.passed
    assert "the loss has no target_gradient" in str(report)
    register_loss("quartic", quartic, quartic_gradient, target_gradient=wrong_target_gradient)
    report = check_gradients(Network([3, 2], output_activation="tanh", loss="quartic"), X, T)
    assert [part.name for part in report.parts if part.failed] == ["targets"]


@pytest.mark.plain
@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
def test_kinks_are_named(activation):
    """A row of zeros leaves units without a bias on their kinks."""
    network = Network([3, 4, 2], activation, "identity", dtype="float64")
    X, T = RNG.normal(size=(9, 3)), RNG.normal(size=(9, 2))
    X[6] = 0
    report = check_gradients(network, X, T)
    assert report.passed, str(report)
    biases = report.parts[1]
    assert len(biases.kinks) == 4
    assert biases.verdict == "right; 4 at a kink"
    assert f"  layer 1 biases [2]: unit 2 of layer 1 ({activation}), row 6" in str(report)


@pytest.mark.plain
def test_a_kink_in_the_loss_is_named():
    network = Network([3, 2], output_activation="identity", loss="quantile", quantile=0.2, dtype="float64")
    X = RNG.normal(size=(4, 3))
    T = RNG.normal(size=(4, 2))
    T[1] = network.predict(X[1:2])
    report = check_gradients(network, X, T)
    assert report.passed
    assert report.parts[-1].kinks == tuple(f"[1, {j}]: the loss (quantile), or a registered activation" for j in range(2))


@pytest.mark.plain
def test_a_kink_within_a_step_is_no_kink():
    """A smaller step does not reach it."""
    network = Network([1, 1, 1], "relu", "identity", dtype="float64")
    network.theta = [1.0, 0.0, 1.0, 0.0]
    report = check_gradients(network, [[1e-6], [1.0]], [[1.0], [0.0]])
    assert report.passed, str(report)
    assert not any(part.kinks for part in report.parts)


@pytest.mark.plain
def test_a_wrong_sign_is_no_kink(registries):
    """Beyond both one-sided derivatives, even on the kink."""

    @njit
    def ramp(x):
        return x if x > type(x)(0.0) else type(x)(0.0)

    @njit
    def downhill(x):
        return type(x)(-1.0) if x >= type(x)(0.0) else type(x)(0.0)

    register_activation("ramp", ramp, downhill)
    network = Network([1, 1], output_activation="ramp", dtype="float64")
    network.theta = [1.0, 0.0]
    report = check_gradients(network, [[0.0]], [[1.0]])
    assert report.parts[1].failed == ((0,),)


@pytest.mark.plain
def test_large_arrays_are_sampled_and_nothing_is_changed():
    network = Network([30, 20, 2], "tanh", dtype="float64")
    X, T, theta = RNG.normal(size=(4, 30)), RNG.random((4, 2)), network.theta.copy()
    kept = X.copy(), T.copy()
    report = check_gradients(network, X, T, entries=25)
    assert report.passed
    assert [part.checked for part in report.parts] == [25, 20, 25, 2, 25, 8]
    assert "25 of 600" in str(report)
    assert str(report) == str(check_gradients(network, X, T, entries=25))
    assert np.array_equal(network.theta, theta)
    assert np.array_equal(X, kept[0])
    assert np.array_equal(T, kept[1])


@pytest.mark.plain
def test_what_does_not_fit_is_refused():
    network = Network([3, 2])
    X, T = np.ones((4, 3)), np.ones((4, 2))
    with pytest.raises(InputError, match="X has no rows"):
        check_gradients(network, X[:0], T[:0])
    with pytest.raises(InputError, match="T has 3 rows"):
        check_gradients(network, X, T[:3])
    with pytest.raises(ValueError, match="entries is 0"):
        check_gradients(network, X, T, entries=0)
    with pytest.raises(InputError, match="tolerance is 2"):
        check_gradients(network, X, T, tolerance=2)
