"""L-BFGS: SciPy's iterations on the network's own loss, for any loss; when it ends; what it is told."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy.optimize import minimize
from tileprop.trainer import LBFGS, DivergenceError, InputError, Network
from tileprop.trainer.solvers import problem as problems

RNG = np.random.default_rng(5)
X = RNG.normal(size=(60, 2))
T = np.stack([np.sin(X[:, 0]), X[:, 0] * X[:, 1] / 2], axis=1) + 0.1 * RNG.normal(size=(60, 2))
WEIGHT = RNG.uniform(0.2, 2, 60)
LABELS = (X[:, 0] * X[:, 1] > 0).astype(int)


def small(loss: str = "mse", dtype: str = "float64", seed: int = 0, **options) -> Network:
    return Network([2, 4, 2], "tanh", "identity", loss, dtype=dtype, random_state=seed, **options)


def objective(network: Network, targets: np.ndarray, weight: np.ndarray | None = None, alpha: float = 0.0):
    """For SciPy, with the network's public methods."""
    is_weight = np.zeros(network.plan.n_parameters)
    for W in network.unflatten(is_weight)[0]:
        W[:] = alpha / (len(X) if weight is None else weight.sum())

    def value(theta):
        network.theta = theta
        loss, grad = network.loss_and_grad(X, targets, weight)
        return loss + 0.5 * is_weight @ theta**2, grad + is_weight * theta

    return value


@pytest.mark.parametrize("weight", [None, WEIGHT])
@pytest.mark.parametrize("alpha", [0.0, 0.5])
def test_iterations_are_scipys(weight, alpha):
    network, other = small(), small()
    history = network.fit(X, T, epochs=12, optimizer=LBFGS(memory=5), sample_weight=weight, alpha=alpha)
    seen = []
    options = {"maxcor": 5, "maxiter": 12, "ftol": 0.0, "gtol": 1e-8}
    value = objective(other, T, weight, alpha)
    found = minimize(value, small().theta.copy(), method="L-BFGS-B", jac=True, options=options, callback=seen.append)
    assert history.epochs == len(seen) == 12
    np.testing.assert_allclose(network.theta, found.x, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(np.add(history.loss, history.penalty), [value(theta)[0] for theta in seen], rtol=1e-8)
    assert (history.penalty[-1] > 0) == (alpha > 0)


@pytest.mark.parametrize(
    ("loss", "output", "targets", "options"),
    [
        ("huber", "identity", T, {"delta": 0.5}),
        ("gaussian_nll", "identity", T[:, :1], {}),
        ("log_loss", "softmax", LABELS, {}),
        ("poisson", "exp", np.abs(T), {}),
    ],
)
def test_any_loss_comes_to_where_its_gradient_vanishes(loss, output, targets, options):
    network = Network([2, 3, 2], "tanh", output, loss, dtype="float64", **options)
    history = network.fit(X, targets, epochs=2000, optimizer=LBFGS(tol=1e-5), alpha=1.0)
    assert history.epochs < 2000
    assert np.abs(objective(network, targets, alpha=1.0)(network.theta.copy())[1]).max() <= 1e-5
    assert history.loss[-1] < history.loss[0]


def test_a_float32_networks_iterations_are_made_in_float64():
    network = small(dtype="float32")
    history = network.fit(X, T, epochs=300, optimizer=LBFGS(tol=1e-7), alpha=1.0)
    assert network.theta.dtype == np.float32
    assert history.epochs < 300
    double = small(seed=3)
    double.theta = network.theta
    assert double.loss_and_grad(X, T)[0] == pytest.approx(history.loss[-1], rel=1e-4)


@pytest.mark.parametrize("frozen", [[0], [1]])
def test_frozen_layers_stay(frozen):
    network = small()
    before = network.theta.copy()
    network.fit(X, T, epochs=10, optimizer=LBFGS(), frozen_layers=frozen, alpha=0.1)
    moved = network.theta != before
    for layer, (W, b) in enumerate(zip(*network.unflatten(moved), strict=True)):
        assert W.all() == b.all() == (layer not in frozen)
        assert W.any() == (layer not in frozen)


def test_the_number_of_iterations_is_bounded():
    assert small().fit(X, T, epochs=1, optimizer=LBFGS()).epochs == 1


def test_time_is_bounded(monkeypatch):
    """By a clock that goes a second at each look."""
    seconds = iter(range(10_000))
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(seconds)))
    history = small().fit(X, T, epochs=1000, optimizer=LBFGS(time_limit=50.0))
    assert 2 < history.epochs < 50


def test_without_time_nothing_moves():
    network = small()
    before = network.theta.copy()
    assert network.fit(X, T, epochs=5, optimizer=LBFGS(time_limit=1e-9)).epochs == 1
    np.testing.assert_array_equal(network.theta, before)


def test_it_ends_where_the_gradient_vanishes():
    network = small()
    history = network.fit(X, network.predict(X), epochs=5, optimizer=LBFGS())
    assert history.loss == [0.0]


def test_a_callback_that_sets_parameters_is_followed():
    network, other = small(), small(seed=5)
    start = other.theta.copy()

    def restart(running):
        if running.history.epochs == 3:
            running.network.theta = start

    history = network.fit(X, T, epochs=8, optimizer=LBFGS(), callbacks=[restart])
    assert history.loss[3:] == other.fit(X, T, epochs=5, optimizer=LBFGS()).loss


@pytest.mark.plain
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"memory": 0}, "memory is 0"),
        ({"tol": -1.0}, r"tol is -1\.0; it must be at least 0"),
        ({"time_limit": -1.0}, r"time_limit is -1\.0; it must be above 0"),
    ],
)
def test_options_out_of_bounds(options, message):
    with pytest.raises(ValueError, match=message):
        LBFGS(**options)


def test_a_loss_beyond_all_bounds():
    network = Network([1, 2, 1], "exp", "identity", dtype="float64", initial=np.full(7, 400.0))
    with pytest.raises(DivergenceError, match="scale X and T"):
        network.fit(np.ones((3, 1)), np.ones((3, 1)), optimizer=LBFGS())
    assert (network.theta == 400.0).all()


def test_ctrl_c_leaves_the_last_iteration(monkeypatch):
    network, before = small(), []
    original = problems.loss_and_grad

    def interrupted(plan, theta, *rest):
        if len(before) == 3:
            raise KeyboardInterrupt
        return original(plan, theta, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(problems, "loss_and_grad", interrupted)
        with pytest.raises(KeyboardInterrupt):
            network.fit(X, T, epochs=50, optimizer=LBFGS(), callbacks=[lambda r: before.append(r.network.theta.copy())])
    np.testing.assert_array_equal(network.theta, before[-1])
    assert network.fit(X, T, epochs=4, optimizer=LBFGS()).epochs == 4


def test_bad_input_is_an_input_error():
    with pytest.raises(InputError, match=r"optimizer is 'lbfg'.*did you mean 'lbfgs'"):
        small().fit(X, T, optimizer="lbfg")
