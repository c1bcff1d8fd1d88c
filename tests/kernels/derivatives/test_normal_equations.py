"""Normal equations beside whole Jacobians: those of the slow oracle, and central differences."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from differentiation import Case, apart, cases, make_case
from hypothesis import given, settings
from tileprop.kernels import forward, gauss_newton_vector, make_workspace
from tileprop.kernels.derivatives.normal_equations import (
    JACOBIAN_ROWS,
    add_normal_equations,
    make_normal_equations,
)

SQUARES = ["mse", "squared_error", "sum_squared_error"]


def formed(case: Case, scale: float = 1.0, batch: int | None = None) -> np.ndarray:
    """(J r)^T (J r), the upper triangle alone; rows in batches that add up."""
    N, batch = make_normal_equations(case.theta.size), batch or case.rows
    work = case.workspace(batch, derivatives=True)
    for start in range(0, case.rows, batch):
        part = slice(start, start + batch)
        forward(case.plan, case.theta, case.X[part], work)
        add_normal_equations(case.plan, case.X[part], case.T[part], case.weight[part], scale, N, work)
    return N[: case.theta.size + 1, : case.theta.size + 1]


def expected(case: Case, J: np.ndarray, scale: float = 1.0) -> np.ndarray:
    root = np.sqrt(scale * case.row_weights)[:, None]
    residuals = root * (case.outputs(*case.exact[:2]) - case.exact[2])
    R = np.concatenate([root[:, :, None] * J, residuals[:, :, None]], axis=2).reshape(-1, case.theta.size + 1)
    return R.T @ R


def check(found: np.ndarray, wanted: np.ndarray, tolerance: float = 1e-11) -> None:
    assert apart(np.triu(found), np.triu(wanted)) <= tolerance


@settings(max_examples=40)
@given(cases("float64", SQUARES))
def test_all_are_the_oracles(drawn):
    case, batch = drawn
    check(formed(case, 0.7, batch), expected(case, case.parameter_jacobian(), 0.7))


@pytest.mark.plain
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("sizes", [[3, 5, 1], [2, 4, 7], [6, 3, 4, 5], [1, 1]])
def test_shapes(sizes, weighted):
    case = make_case(sizes, ["tanh"] * (len(sizes) - 1), "mse", rows=5, weighted=weighted)
    check(formed(case), expected(case, case.parameter_jacobian()))


@pytest.mark.plain
def test_by_central_differences():
    case, step = make_case([2, 4, 2], ["sigmoid", "softmax"], "mse", rows=6, weighted=True), 1e-5
    J = np.empty((case.rows, 2, case.theta.size))
    for i in range(case.theta.size):
        move = step * (np.arange(case.theta.size) == i)
        ends = [case.outputs(case.theta + sign * move, case.X) for sign in (1, -1)]
        J[:, :, i] = (ends[0] - ends[1]) / (2 * step)
    check(formed(case), expected(case, J), 1e-8)


@pytest.mark.parametrize("rows", [JACOBIAN_ROWS - 1, JACOBIAN_ROWS, JACOBIAN_ROWS + 1, 3 * JACOBIAN_ROWS + 5])
def test_rows_in_blocks(rows):
    case = make_case([3, 20, 2], ["tanh", "identity"], "mse", rows=rows, seed=rows)
    check(formed(case), expected(case, case.parameter_jacobian()), 1e-12)


@pytest.mark.parametrize("loss", SQUARES)
def test_they_are_the_gauss_newton_matrix(loss):
    """Scaled as the loss is."""
    case = make_case([3, 6, 2], ["tanh", "sigmoid"], loss, rows=20, weighted=True)
    factor = {"mse": 1 / 2, "squared_error": 1 / 4, "sum_squared_error": 1 / 2}[loss]
    N = formed(case, 2 * factor / case.weight.sum())
    size = case.theta.size
    A = np.triu(N[:size, :size]) + np.triu(N[:size, :size], 1).T
    work = case.workspace(20, curvature=True)
    for i in range(0, size, 5):
        v, Gv = np.eye(size)[i], np.empty(size)
        loss_value = gauss_newton_vector(case.plan, case.theta, case.X, case.T, case.weight, v, Gv, work)
        np.testing.assert_allclose(A @ v, Gv, rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(N[:size, size], case.gradient(), rtol=1e-9, atol=1e-13)
    assert N[size, size] / 2 == pytest.approx(loss_value, rel=1e-13)


@pytest.mark.plain
def test_what_does_not_fit_is_refused():
    case = make_case([3, 4, 2], ["tanh", "sigmoid"], "mse", rows=4, weighted=True)
    N, work = make_normal_equations(case.theta.size), case.workspace(4, derivatives=True)
    small = make_normal_equations(case.theta.size - 8)
    fewer = replace(case, X=case.X[:, :2].copy())
    few, other = case.workspace(3, derivatives=True), make_workspace(make_case([3, 5, 2], ["tanh"] * 2, "mse").plan, 4)
    for message, arguments in {
        "N is too small": (case.X, case.T, case.weight, 1.0, small, work),
        "columns": (fewer.X, case.T, case.weight, 1.0, N, work),
        "T needs as many rows": (case.X, case.T[:3], case.weight, 1.0, N, work),
        "weight needs one": (case.X, case.T, case.weight[:3], 1.0, N, work),
        "cannot keep the activations of this many rows": (case.X, case.T, case.weight, 1.0, N, few),
        "another plan": (case.X, case.T, case.weight, 1.0, N, other),
    }.items():
        with pytest.raises(ValueError, match=message):
            add_normal_equations(case.plan, *arguments)
