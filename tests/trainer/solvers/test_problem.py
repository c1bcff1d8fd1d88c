"""What a solver descends, and arguments of `fit` that it does not know."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from tileprop.kernels import make_plan
from tileprop.trainer import LBFGS, DivergenceError, InputError, LevenbergMarquardt, MissingExtraError, Network
from tileprop.trainer.fit.schedules import Cosine
from tileprop.trainer.solvers.problem import Problem, check_finite

pytestmark = pytest.mark.plain

X, T = np.linspace(-1, 1, 8)[:, None], np.linspace(0, 1, 8)[:, None]
SOLVERS = [LevenbergMarquardt(), LBFGS()]


def test_penalty_and_frozen_parameters():
    """alpha / 2 times the sum of squared weights, by that of the sample weights; biases count nothing."""
    plan, weight, theta = make_plan([1, 2, 1]), np.arange(8.0), np.arange(1.0, 8.0)
    problem = Problem(plan, X, T, weight, alpha=0.6, frozen_layers=[1])
    (W0, W1), _ = plan.unflatten(theta)
    assert problem.penalty(theta) == pytest.approx(0.3 * ((W0**2).sum() + (W1**2).sum()) / 28)
    np.testing.assert_array_equal(problem.frozen, [False] * 4 + [True] * 3)
    assert Problem(plan, X, T, np.empty(0)).total_weight == 8.0


def test_arrays_are_float64_whatever_is_given():
    problem = Problem(make_plan([1, 1]), X.astype("float32"), T, np.empty(0, "float32"))
    assert {array.dtype.name for array in (problem.X, problem.T, problem.weight)} == {"float64"}


def test_what_a_network_can_hold():
    plan, theta = make_plan([1, 1]), np.array([1.0, -1e39])
    assert Problem(plan, X, T, np.empty(0)).fits(theta)
    assert not Problem(plan, X, T, np.empty(0), dtype=np.float32).fits(theta)
    assert not Problem(plan, X, T, np.empty(0)).fits(np.array([np.nan, 1.0]))


def test_check_finite():
    check_finite(1.0, np.ones(3))
    for bad in (np.nan, np.inf, np.array([0.0, -np.inf])):
        with pytest.raises(DivergenceError, match="infinite or NaN"):
            check_finite(0.0, bad)


@pytest.mark.parametrize("solver", SOLVERS, ids=["LevenbergMarquardt", "LBFGS"])
@pytest.mark.parametrize(
    "option",
    [
        {"batch_size": 8},
        {"l1": 0.1},
        {"weight_decay": 0.1},
        {"clip_norm": 1.0},
        {"dropout": 0.1},
        {"dropout": [0.0, 0.2]},
        {"schedule": Cosine()},
        {"shuffle": np.arange},
    ],
    ids=lambda option: next(iter(option)),
)
def test_what_means_nothing_to_a_solver_is_refused(solver, option):
    network = Network([1, 2, 2, 1], "tanh", "identity")
    before = network.theta.copy()
    with pytest.raises(InputError, match=f"^{next(iter(option))} is .*{type(solver).__name__} uses all rows"):
        network.fit(X, T, optimizer=solver, **option)
    np.testing.assert_array_equal(network.theta, before)


@pytest.mark.parametrize("solver", SOLVERS, ids=["LevenbergMarquardt", "LBFGS"])
@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("X", np.where(X > 0.9, np.nan, X), InputError),
        ("T", np.where(T > 0.9, np.inf, T), InputError),
        ("sample_weight", -np.ones(8), InputError),
        ("epochs", 0, ValueError),
        ("n_threads", 0, ValueError),
        ("frozen_layers", [3], InputError),
        ("alpha", -1.0, InputError),
    ],
)
def test_bad_input_is_named(solver, name, value, error):
    arguments = {"X": X, "T": T, name: value}
    with pytest.raises(error, match=name):
        Network([1, 2, 1], "tanh", "identity").fit(optimizer=solver, **arguments)


@pytest.mark.parametrize("solver", SOLVERS, ids=["LevenbergMarquardt", "LBFGS"])
@pytest.mark.parametrize("module", ["scipy.optimize", "threadpoolctl"])
def test_what_is_to_be_installed_is_told(monkeypatch, solver, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf"{type(solver).__name__} needs .*tileprop\[sklearn\]"):
        Network([1, 2, 1], "tanh", "identity").fit(X, T, optimizer=solver)
