"""Levenberg-Marquardt: each iteration is the oracle's with whole Jacobians; the optimum is SciPy's; what it is told."""

from __future__ import annotations

import time

import numpy as np
import pytest
from differentiation import Case, make_case
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares
from tileprop.trainer import DivergenceError, InputError, LevenbergMarquardt, Network
from tileprop.trainer.solvers import levenberg_marquardt, squares
from tileprop.trainer.solvers.normal_equations import PROBE, NormalEquations

SQUARES = {"mse": 1.0, "squared_error": 0.5, "sum_squared_error": 0.5}


def network_of(case: Case, dtype: str = "float64") -> Network:
    *hidden, last = case.activations
    return Network(case.sizes, hidden, last, case.loss, case.bias, dtype, initial=case.theta.astype(dtype))


def weights_of(case: Case) -> np.ndarray | None:
    return case.weight if case.weight.size else None


def oracle(case: Case, epochs: int, alpha: float = 0.0, frozen: tuple[int, ...] = (), accelerated: bool = True):
    """The iterations, with J (rows * outputs, parameters) of complex steps and NumPy's solve: parameters and loss of each."""
    n_out, total = case.sizes[-1], case.row_weights.sum()
    mean = 1.0 if case.loss == "sum_squared_error" else 1.0 / n_out
    root = np.sqrt(2 * SQUARES[case.loss] * mean * case.row_weights / total)[:, None]
    ridge, free = np.zeros(case.theta.size), np.ones(case.theta.size, bool)
    for layer, (part, n_in) in enumerate(zip(case.layers, case.sizes, strict=False)):
        ridge[part][: n_in * case.sizes[layer + 1]] = alpha / total
        free[part] = layer not in frozen

    def residuals(theta):
        return (root * (case.outputs(theta, case.X) - case.T)).ravel()

    def objective(theta):
        return 0.5 * residuals(theta) @ residuals(theta) + 0.5 * ridge @ theta**2

    theta, damping, growth, found = case.theta.astype(float), None, 2.0, []
    for _ in range(epochs):
        case.theta = theta
        case.__dict__.pop("exact", None)
        J = (root[:, :, None] * case.parameter_jacobian()).reshape(-1, theta.size) * free
        r = residuals(theta)
        A, g = J.T @ J + np.diag(ridge * free), J.T @ r + ridge * theta * free
        damping = 1e-3 * A.diagonal().max() if damping is None else damping
        while True:
            M = A + damping * np.eye(theta.size)
            v = np.linalg.solve(M, -g)
            curve = 2 / PROBE * ((residuals(theta + PROBE * v) - r) / PROBE - J @ v)
            a = np.linalg.solve(M, -J.T @ curve) if accelerated else 0 * v
            there = theta + v + a / 2
            fall, gain = objective(theta) - objective(there), 0.5 * v @ (damping * v - g)
            if np.linalg.norm(a) <= np.linalg.norm(v) and fall > 0:
                break
            damping, growth = damping * growth, growth * 2
        theta, growth = there, 2.0
        damping *= max(1 / 3, 1 - (2 * min(fall / gain, 1.0) - 1) ** 3)
        found.append((theta, 0.5 * residuals(theta) @ residuals(theta)))
    return found


def smooth(n: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    X = np.random.default_rng(seed).uniform(-1, 1, (n, 1))
    return X, np.sin(3 * X)


def small(seed: int = 0, dtype: str = "float64", loss: str = "mse") -> Network:
    return Network([1, 6, 1], "tanh", "identity", loss, dtype=dtype, random_state=seed)


# Steps ---------------------------------------------------------------------------------------------------------------------


@settings(max_examples=12)
@given(
    loss=st.sampled_from(sorted(SQUARES)),
    sizes=st.lists(st.integers(1, 5), min_size=2, max_size=4),
    weighted=st.booleans(),
    accelerated=st.booleans(),
    alpha=st.sampled_from([0.0, 0.3]),
    seed=st.integers(0, 99),
)
def test_iterations_are_the_oracles(loss, sizes, weighted, accelerated, alpha, seed):
    case = make_case(sizes, ["tanh"] * (len(sizes) - 2) + ["sigmoid"], loss, rows=9, weighted=weighted, seed=seed)
    network = network_of(case)
    solver = LevenbergMarquardt(acceleration=accelerated)
    history = network.fit(case.X, case.T, epochs=3, optimizer=solver, sample_weight=weights_of(case), alpha=alpha)
    expected = oracle(case, 3, alpha, accelerated=accelerated)
    np.testing.assert_allclose(history.loss, [loss for _, loss in expected], rtol=1e-6)
    np.testing.assert_allclose(network.theta, expected[-1][0], rtol=1e-5, atol=1e-7)


@pytest.mark.plain
@pytest.mark.parametrize("frozen", [(0,), (1,), (0, 2)])
def test_frozen_layers_stay(frozen):
    case = make_case([2, 3, 3, 1], ["tanh", "sigmoid", "identity"], "mse", rows=8)
    network, before = network_of(case), case.theta.copy()
    network.fit(case.X, case.T, epochs=3, optimizer=LevenbergMarquardt(), frozen_layers=frozen, alpha=0.1)
    for layer in frozen:
        np.testing.assert_array_equal(network.theta[case.layers[layer]], before[case.layers[layer]])
    np.testing.assert_allclose(network.theta, oracle(case, 3, 0.1, frozen)[-1][0], rtol=1e-6, atol=1e-9)


def test_with_every_layer_frozen_it_ends_at_once():
    network, (X, T) = small(), smooth()
    before = network.theta.copy()
    assert network.fit(X, T, epochs=9, optimizer=LevenbergMarquardt(), frozen_layers=[0, 1]).epochs == 1
    np.testing.assert_array_equal(network.theta, before)


@pytest.mark.parametrize("alpha", [0.0, 0.01])
def test_the_optimum_is_scipys(alpha):
    """Of few parameters, with noise, so that there is one to come to; the penalty is more residuals."""
    X, T = smooth(40)
    T = T + 0.3 * np.random.default_rng(1).normal(size=T.shape)
    network = Network([1, 1, 1], "tanh", "identity", dtype="float64", random_state=0)
    plan, theta = network.plan, network.theta.copy()
    is_weight = np.zeros(plan.n_parameters)
    for W in plan.unflatten(is_weight)[0]:
        W[:] = 1.0

    def residuals(theta):
        W, b = plan.unflatten(theta)
        fitted = np.tanh(X @ W[0] + b[0]) @ W[1] + b[1]
        return np.concatenate([(fitted - T).ravel(), np.sqrt(alpha / 2) * is_weight * theta]) / np.sqrt(len(X))

    found = least_squares(residuals, theta, method="trf", ftol=1e-14, xtol=1e-14, gtol=1e-14)
    history = network.fit(X, T, epochs=500, optimizer=LevenbergMarquardt(), alpha=alpha)
    assert history.epochs < 500
    assert history.loss[-1] + history.penalty[-1] == pytest.approx(2 * found.cost, rel=1e-10)
    np.testing.assert_allclose(network.theta, found.x, rtol=1e-5)


def test_a_linear_network_is_solved_in_few_steps():
    """Ordinary least squares, of weighted rows."""
    rng = np.random.default_rng(3)
    X, weight = rng.normal(size=(50, 3)), rng.uniform(0.1, 2, 50)
    T = X @ rng.normal(size=(3, 2)) + rng.normal(size=(50, 2))
    network = Network([3, 2], (), "identity", dtype="float64")
    network.fit(X, T, epochs=30, optimizer=LevenbergMarquardt(), sample_weight=weight)
    design, root = np.hstack([X, np.ones((50, 1))]), np.sqrt(weight)[:, None]
    expected = np.linalg.lstsq(root * design, root * T, rcond=None)[0]
    np.testing.assert_allclose(np.vstack([network.weights[0], network.biases[0]]), expected, rtol=1e-8, atol=1e-10)


def test_rows_in_several_blocks_are_as_all_at_once(monkeypatch):
    X, T = smooth(700)
    together, apart = small(), small()
    losses = together.fit(X, T, epochs=4, optimizer=LevenbergMarquardt()).loss
    monkeypatch.setattr(squares, "MOST_ROWS", 200)
    np.testing.assert_allclose(apart.fit(X, T, epochs=4, optimizer=LevenbergMarquardt()).loss, losses, rtol=1e-9)
    np.testing.assert_allclose(apart.theta, together.theta, rtol=1e-6, atol=1e-9)


def test_smooth_functions_are_fitted_to_a_millionth_of_their_range():
    X, T = smooth(200)
    network = Network([1, 8, 1], "tanh", "identity", dtype="float64", random_state=1)
    history = network.fit(X, T, epochs=300, optimizer=LevenbergMarquardt(), callbacks=[lambda r: r.history.loss[-1] < 1e-11])
    assert history.loss[-1] < 1e-11
    assert np.abs(network.predict(X) - T).max() < 1e-4


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_loss_falls_in_each_iteration(dtype):
    X, T = smooth()
    network = small(dtype=dtype)
    history = network.fit(X, T, epochs=40, optimizer=LevenbergMarquardt())
    assert (np.diff(history.loss) <= 0).all()
    assert history.loss[-1] < 1e-4
    assert network.theta.dtype == dtype
    # Iterations are made in float64; the network holds their parameters rounded.
    assert network.loss_and_grad(X, T)[0] == pytest.approx(history.loss[-1], rel=1e-2 if dtype == "float32" else 1e-10)


def test_steps_that_overflow_are_not_taken():
    """exp of far parameters is infinite; so is what a float32 network cannot hold."""
    X = np.linspace(-3, 3, 30)[:, None]
    network = Network([1, 4, 1], "exp", "exp", dtype="float32", random_state=3)
    history = network.fit(X, np.exp(-(X**2)), epochs=60, optimizer=LevenbergMarquardt(damping=1e-9))
    assert np.isfinite(network.theta).all()
    assert np.isfinite(history.loss).all()
    assert history.loss[-1] < history.loss[0]


@pytest.mark.parametrize(("exponent", "seed"), [(-153, 0), (-152, 1), (-150, 0), (-148, 2)])
def test_numbers_whose_squares_vanish(exponent, seed):
    """What a step is to gain is 0 then, and what it does gain is not."""
    X, least = np.linspace(-1, 1, 30)[:, None], 10.0**exponent
    network = small(seed)
    network.theta[:] *= least**0.5
    history = network.fit(X, least * np.sin(3 * X), epochs=20, optimizer=LevenbergMarquardt())
    assert np.isfinite(network.theta).all()
    assert history.loss[-1] <= history.loss[0]


def test_the_same_bits_again():
    X, T = smooth()
    fits = [small(), small()]
    losses = [network.fit(X, T, epochs=15, optimizer=LevenbergMarquardt()).loss for network in fits]
    assert losses[0] == losses[1]
    assert fits[0].theta.tobytes() == fits[1].theta.tobytes()


# When it ends --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("epochs", [1, 5])
def test_the_number_of_iterations_is_bounded(epochs):
    assert small().fit(*smooth(), epochs=epochs, optimizer=LevenbergMarquardt(tol=0.0)).epochs == epochs


def test_time_is_bounded(monkeypatch):
    """By a clock that goes a second at each look."""
    seconds = iter(range(10_000))
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(seconds)))
    history = small().fit(*smooth(), epochs=1000, optimizer=LevenbergMarquardt(tol=0.0, time_limit=40.0))
    assert 2 < history.epochs < 40


def test_without_time_nothing_moves():
    network = small()
    before = network.theta.copy()
    history = network.fit(*smooth(), epochs=9, optimizer=LevenbergMarquardt(time_limit=1e-9))
    assert history.epochs == 1
    np.testing.assert_array_equal(network.theta, before)


def test_it_ends_where_nothing_is_left_to_gain():
    X = np.zeros((5, 1))
    network = small()
    history = network.fit(X, network.predict(X), epochs=50, optimizer=LevenbergMarquardt())
    assert history.epochs == 1
    assert history.loss == [0.0]


def test_a_callback_that_sets_parameters_is_followed():
    X, T = smooth()
    network, other = small(0), small(5)
    start = other.theta.copy()

    def restart(running):
        if running.history.epochs == 3:
            running.network.theta = start

    history = network.fit(X, T, epochs=6, optimizer=LevenbergMarquardt(), callbacks=[restart])
    assert history.loss[3:] == other.fit(X, T, epochs=3, optimizer=LevenbergMarquardt()).loss


# What is refused -----------------------------------------------------------------------------------------------------------


@pytest.mark.plain
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"damping": 0.0}, r"damping is 0\.0; it must be above 0"),
        ({"damping": float("nan")}, "damping is nan"),
        ({"tol": -1.0}, r"tol is -1\.0; it must be at least 0"),
        ({"tol": 1.0}, r"tol is 1\.0; .*below 1"),
        ({"time_limit": 0.0}, r"time_limit is 0\.0; it must be above 0"),
    ],
)
def test_options_out_of_bounds(options, message):
    with pytest.raises(InputError, match=message):
        LevenbergMarquardt(**options)


@pytest.mark.plain
@pytest.mark.parametrize("loss", ["mae", "huber"])
def test_losses_that_sum_no_squares(loss):
    network = Network([1, 2, 1], "tanh", "identity", loss, delta=0.5 if loss == "huber" else None)
    with pytest.raises(InputError, match=rf"needs one of the losses mse, .*has '{loss}'.*LBFGS\(\)"):
        network.fit(*smooth(), optimizer=LevenbergMarquardt())


@pytest.mark.plain
def test_too_many_parameters():
    n = levenberg_marquardt.MOST_PARAMETERS
    with pytest.raises(InputError, match=f"at most {n} parameters; this network has {n + 1}.*Adam"):
        LevenbergMarquardt().check(Network([n, 1], (), "identity").plan)


def test_derivatives_beyond_all_bounds():
    """From finite parameters: the network keeps them."""
    network = Network([1, 2, 1], "exp", "identity", dtype="float64", initial=np.full(7, 400.0))
    with pytest.raises(DivergenceError, match="scale X and T"), np.errstate(all="ignore"):
        network.fit(np.ones((3, 1)), np.ones((3, 1)), optimizer=LevenbergMarquardt())
    assert (network.theta == 400.0).all()


def test_ctrl_c_leaves_the_last_iteration(monkeypatch):
    X, T = smooth()
    network, whole = small(), small()
    original, calls = NormalEquations.form, []

    def interrupted(self, theta):
        original(self, theta)
        calls.append(theta)
        if len(calls) == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(NormalEquations, "form", interrupted)
    with pytest.raises(KeyboardInterrupt):
        network.fit(X, T, epochs=50, optimizer=LevenbergMarquardt())
    monkeypatch.undo()
    whole.fit(X, T, epochs=3, optimizer=LevenbergMarquardt())
    np.testing.assert_array_equal(network.theta, whole.theta)
    assert network.fit(X, T, epochs=5, optimizer=LevenbergMarquardt()).epochs == 5
