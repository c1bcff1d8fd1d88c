"""The normal equations of a problem, factored and solved, beside NumPy's; which losses are sums of squares."""

from __future__ import annotations

import numpy as np
import pytest
from differentiation import Case, make_case
from tileprop.kernels import make_plan
from tileprop.trainer import Network
from tileprop.trainer.solvers import normal_equations, squares
from tileprop.trainer.solvers.normal_equations import NormalEquations
from tileprop.trainer.solvers.problem import Problem
from tileprop.trainer.solvers.squares import squares_factor


def problem_of(case: Case, **options) -> Problem:
    return Problem(case.plan, case.X, case.T, case.weight, **options)


def full(matrix: np.ndarray) -> np.ndarray:
    return np.triu(matrix) + np.triu(matrix, 1).T


def formed(case: Case, **options) -> tuple[NormalEquations, np.ndarray]:
    """At the case's parameters; and the whole matrix."""
    equations = NormalEquations(problem_of(case, **options), squares_factor(case.plan))
    equations.form(case.theta)
    return equations, full(equations.matrix)


CASE = make_case([2, 5, 3], ["tanh", "sigmoid"], "mse", rows=15, weighted=True)


@pytest.mark.plain
def test_squares_factor():
    for loss, factor in {"mse": 1 / 3, "squared_error": 1 / 6, "sum_squared_error": 1 / 2}.items():
        plan = make_plan([2, 3], loss=loss)
        assert squares_factor(plan) == pytest.approx(factor)
        Y, T = np.array([[0.1, 0.7, 0.4]]), np.array([[0.5, 0.5, 0.1]])
        network = Network([2, 3], (), "identity", loss, dtype="float64", initial=np.concatenate([np.zeros(6), Y[0]]))
        assert network.loss_and_grad(np.ones((1, 2)), T)[0] == pytest.approx(factor * ((Y - T) ** 2).sum())
    assert squares_factor(make_plan([2, 3], loss="mae")) is None


@pytest.mark.plain
@pytest.mark.parametrize("alpha", [0.0, 0.4])
def test_loss_and_gradient(alpha):
    """The gradient with the penalty, the loss without."""
    problem = problem_of(CASE, alpha=alpha)
    equations, _ = formed(CASE, alpha=alpha)
    assert equations.loss(CASE.theta) == pytest.approx(CASE.loss_value(), rel=1e-13)
    np.testing.assert_allclose(equations.gradient, CASE.gradient() + problem.ridge * CASE.theta, rtol=1e-9, atol=1e-13)


@pytest.mark.plain
def test_the_matrix_with_the_penalty_and_without_what_is_frozen():
    case = make_case([2, 3, 1], ["tanh", "identity"], "sum_squared_error", rows=7)
    plain = formed(case)[1]
    ridge = np.concatenate([np.full(6, 0.2 / 7), np.zeros(3), np.full(3, 0.2 / 7), np.zeros(1)])
    np.testing.assert_allclose(formed(case, alpha=0.2)[1], plain + np.diag(ridge), rtol=1e-12)
    equations, matrix = formed(case, frozen_layers=[0])
    np.testing.assert_array_equal(matrix[:9], 0.0)
    np.testing.assert_array_equal(equations.gradient[:9], 0.0)
    np.testing.assert_allclose(matrix[9:, 9:], plain[9:, 9:], rtol=1e-12)


@pytest.mark.plain
@pytest.mark.parametrize("damping", [1e-6, 1.0])
def test_damped_solutions(damping):
    equations, A = formed(CASE)
    before, size = equations.N[: len(A) + 1].copy(), len(A)
    assert equations.factor(damping)
    v = equations.velocity()
    np.testing.assert_allclose((A + damping * np.eye(size)) @ v, -equations.gradient, rtol=1e-9, atol=1e-12)
    b = np.arange(size, dtype=float)
    np.testing.assert_allclose((A + damping * np.eye(size)) @ equations.solve(b), b, rtol=1e-8, atol=1e-9)
    np.testing.assert_array_equal(equations.N[: size + 1], before)  # for another damping


@pytest.mark.plain
def test_a_matrix_without_a_factor_does_not_spoil_the_next():
    equations, A = formed(CASE)
    equations.matrix[:] = -np.eye(len(A))
    assert not equations.factor(0.5)
    equations.matrix[:] = np.eye(len(A))
    assert equations.factor(1.0)
    np.testing.assert_allclose(equations.solve(np.ones(len(A))), 0.5)


@pytest.mark.plain
@pytest.mark.parametrize("rows", [4, 15])
def test_acceleration_is_the_curve_of_the_outputs(monkeypatch, rows):
    """Of the residuals' second derivative along v, by a difference of complex steps; the probe is exact as it shrinks."""
    for module in (normal_equations, squares):
        monkeypatch.setattr(module, "PROBE", 1e-4)
    monkeypatch.setattr(squares, "MOST_ROWS", rows)
    equations, A = formed(CASE, alpha=0.3)
    assert equations.factor(0.1)
    v, h = equations.velocity(), 1e-5
    root = np.sqrt(equations.squares.scale * CASE.weight)[:, None]

    def moved(at):
        return (root * (CASE.outputs(at + 1e-30j * v, CASE.X).imag / 1e-30)).ravel()

    J = (root[:, :, None] * CASE.parameter_jacobian()).reshape(-1, len(A))
    curve = (moved(CASE.theta + h * v) - moved(CASE.theta - h * v)) / (2 * h)
    expected = np.linalg.solve(A + 0.1 * np.eye(len(A)), -J.T @ curve)
    np.testing.assert_allclose(equations.acceleration(v, 0.1), expected, rtol=2e-3, atol=1e-3 * np.abs(expected).max())


@pytest.mark.plain
def test_parameters_that_the_network_cannot_hold_have_no_finite_loss():
    equations = NormalEquations(problem_of(CASE, dtype=np.float32), squares_factor(CASE.plan))
    assert equations.loss(np.full_like(CASE.theta, 1e39)) == np.inf
    assert np.isfinite(equations.loss(CASE.theta))
