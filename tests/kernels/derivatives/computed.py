"""What the kernels make of a case: each function is named as the quantity of `differentiation.Case` that it should be.

The kernel's other result, the loss or the outputs, is checked on the way; arrays OUT hold NaN before.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
from differentiation import Case, make_case
from numba import njit
from numba.core import config
from numba.core.runtime import _nrt_python, rtsys
from tileprop import kernels
from tileprop.kernels import Workspace

without_jit = bool(config.DISABLE_JIT)
# Networks whose shapes take every way through the kernels: one output, more outputs than inputs, one row, several blocks.
SHAPES = [[3, 5, 1], [2, 4, 7], [6, 3, 4, 5], [1, 1], [17, 16, 9]]


def close(value: float, expected: float, case: Case) -> None:
    assert value == pytest.approx(expected, rel=1e-11 if case.dtype == "float64" else 1e-4, abs=1e-7)


def check_outputs(case: Case, Y: np.ndarray) -> None:
    expected = case.outputs(*case.exact[:2])
    tolerance = 1e-11 if case.dtype == "float64" else 1e-4
    np.testing.assert_allclose(Y, expected, rtol=tolerance, atol=tolerance * np.abs(expected).max(initial=0.0))


def gradient(case: Case, work: Workspace) -> np.ndarray:
    grad = case.empty(case.theta.size)
    close(kernels.loss_and_grad(case.plan, case.theta, case.X, case.T, case.weight, grad, work), case.loss_value(), case)
    return grad


def input_gradient(case: Case, work: Workspace) -> np.ndarray:
    dX = case.empty(*case.X.shape)
    close(kernels.input_gradient(case.plan, case.theta, case.X, case.T, case.weight, dX, work), case.loss_value(), case)
    return dX


def target_gradient(case: Case, work: Workspace) -> np.ndarray:
    dT = case.empty(*case.T.shape)
    close(kernels.target_gradient(case.plan, case.theta, case.X, case.T, case.weight, dT, work), case.loss_value(), case)
    return dT


def sample_gradients(case: Case, work: Workspace) -> np.ndarray:
    G = case.empty(case.rows, case.theta.size)
    close(kernels.sample_gradients(case.plan, case.theta, case.X, case.T, case.weight, G, work), case.loss_value(), case)
    return G


def input_jacobian(case: Case, work: Workspace) -> np.ndarray:
    n_in, n_out = case.sizes[0], case.sizes[-1]
    Y, J = case.empty(case.rows, n_out), case.empty(case.rows, n_out, n_in)
    kernels.input_jacobian(case.plan, case.theta, case.X, Y, J, work)
    check_outputs(case, Y)
    return J


def parameter_jacobian(case: Case, work: Workspace) -> np.ndarray:
    Y, J = case.empty(case.rows, case.sizes[-1]), case.empty(case.rows, case.sizes[-1], case.theta.size)
    kernels.parameter_jacobian(case.plan, case.theta, case.X, Y, J, work)
    check_outputs(case, Y)
    return J


def hessian_vector(case: Case, v: np.ndarray, work: Workspace) -> np.ndarray:
    Hv = case.empty(case.theta.size)
    close(kernels.hessian_vector(case.plan, case.theta, case.X, case.T, case.weight, v, Hv, work), case.loss_value(), case)
    return Hv


def gauss_newton_vector(case: Case, v: np.ndarray, work: Workspace) -> np.ndarray:
    Gv = case.empty(case.theta.size)
    close(kernels.gauss_newton_vector(case.plan, case.theta, case.X, case.T, case.weight, v, Gv, work), case.loss_value(), case)
    return Gv


def wide_case(rows: int, loss: str = "mse") -> Case:
    """A network so wide that its rows are taken in blocks shorter than a batch of 700."""
    return make_case([2, 600, 520, 2], ["tanh", "sigmoid", "sigmoid"], loss, rows=rows, weighted=True, seed=rows)


@functools.cache
def _one_array() -> Any:
    return njit(lambda n: np.zeros(n))


def check_allocations(*calls: str) -> None:
    """Calls of kernels on 200 rows make as few allocations by Numba's runtime as on 3. Names in them: see below."""
    on = _nrt_python.memsys_stats_enabled()
    _nrt_python.memsys_enable_stats()
    try:
        counts = _allocations(calls)
    finally:
        if not on:
            _nrt_python.memsys_disable_stats()
    assert counts.pop("one array") >= 1  # the statistics do count
    assert len(counts) == 2 * len(calls)
    for call in calls:
        assert counts[f"{call} 200"] == counts[f"{call} 3"], call


def _allocations(calls: tuple[str, ...]) -> dict[str, int]:
    """Of each call, the last on 3 rows and that on 200; and of one array."""
    _one_array()(3)
    before = rtsys.get_allocation_stats().alloc
    _one_array()(3)
    counts = {"one array": rtsys.get_allocation_stats().alloc - before}
    plan = kernels.make_plan([3, 5, 2], "tanh", "sigmoid")
    theta, v = np.full(plan.n_parameters, 0.1), np.full(plan.n_parameters, 0.2)
    for rows in (3, 3, 200):
        X, T, weight = np.ones((rows, 3)), np.full((rows, 2), 0.5), np.ones(rows)
        Y, dX, dT, grad = np.ones((rows, 2)), np.ones((rows, 3)), np.ones((rows, 2)), np.ones_like(theta)
        J, P, G = np.ones((rows, 2, 3)), np.ones((rows, 2, theta.size)), np.ones((rows, theta.size))
        work = kernels.make_workspace(plan, 2, curvature=True)
        names = dict(
            plan=plan, theta=theta, v=v, X=X, T=T, weight=weight, Y=Y, dX=dX, dT=dT, grad=grad, J=J, P=P, G=G, work=work
        )
        for call in calls:
            code = compile(call, "a call", "eval")
            before = rtsys.get_allocation_stats().alloc
            eval(code, vars(kernels) | names)
            counts[f"{call} {rows}"] = rtsys.get_allocation_stats().alloc - before
    return counts
