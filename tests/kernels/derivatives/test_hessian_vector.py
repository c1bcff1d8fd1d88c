"""Hessian and Gauss-Newton products: the slow oracle, differences of gradients, PyTorch, JAX; users' second derivatives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import computed
import numpy as np
import pytest
from choosing import by_default
from computed import SHAPES, check_allocations, wide_case, without_jit
from differentiation import ACTIVATIONS, DTYPES, LOSSES, apart, cases, check, direction, make_case
from differentiation_peers import NAMES, check_against_peer
from fourth_power import quartic, quartic_bend, quartic_gradient
from hypothesis import given
from hypothesis import strategies as st
from numba import njit
from tileprop.kernels import (
    gauss_newton_vector,
    hessian_vector,
    loss_and_grad,
    make_plan,
    make_workspace,
    register_activation,
    register_loss,
)
from tileprop.kernels.activations import activation_registry
from tileprop.kernels.losses import loss_registry

QUANTITIES = ["hessian_vector", "gauss_newton_vector"]


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
def test_both_are_the_oracles(dtype, data):
    case, batch = data.draw(cases(dtype))
    work, v = case.workspace(batch, curvature=True), direction(case)
    for name in QUANTITIES:
        check(case, getattr(computed, name)(case, v, work), lambda case, name=name: getattr(case, name)(v))


@pytest.mark.plain
@pytest.mark.parametrize("sizes", SHAPES)
def test_shapes(sizes):
    for loss in LOSSES:
        case = make_case(sizes, ["tanh"] * (len(sizes) - 1), loss, rows=5, weighted=True, seed=1)
        v = direction(case)
        expected = {name: getattr(case, name)(v) for name in QUANTITIES}
        for batch in (1, 2, 9):
            for name in QUANTITIES:
                found = getattr(computed, name)(case, v, case.workspace(batch, curvature=True))
                assert apart(found, expected[name]) <= 1e-10


@pytest.mark.plain
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations(activation):
    case = make_case([3, 4, 4, 3], [activation] * 3, "mse", rows=6, seed=2)
    assert case.rows
    v = direction(case)
    for name in QUANTITIES:
        found = getattr(computed, name)(case, v, case.workspace(curvature=True))
        check(case, found, lambda case, name=name: getattr(case, name)(v))


@pytest.mark.parametrize("peer", NAMES)
@pytest.mark.parametrize("quantity", QUANTITIES)
def test_both_are_the_peers(quantity, peer):
    check_against_peer(
        peer,
        lambda case, batch: getattr(computed, quantity)(case, direction(case), case.workspace(batch, curvature=True)),
        lambda library, case: getattr(library, quantity)(case, direction(case)),
    )


@pytest.mark.plain
@pytest.mark.parametrize("loss", LOSSES)
def test_hessian_by_differences_of_gradients(loss):
    case = make_case([2, 3, 2], ["gelu", "tanh"], loss, rows=4, weighted=True, seed=3)
    work, v, step = case.workspace(3, curvature=True), direction(case), 1e-5

    def gradient(theta: np.ndarray) -> np.ndarray:
        grad = case.empty(theta.size)
        loss_and_grad(case.plan, theta, case.X, case.T, case.weight, grad, work)
        return grad

    differences = (gradient(case.theta + step * v) - gradient(case.theta - step * v)) / (2 * step)
    found = computed.hessian_vector(case, v, work)
    np.testing.assert_allclose(found, differences, atol=1e-8 * max(1, np.abs(differences).max()))


@pytest.mark.plain
def test_the_hessian_is_symmetric_and_gauss_newton_is_semidefinite():
    case = make_case([2, 3, 2], ["tanh", "softmax"], "log_loss", rows=4, weighted=True)
    work, unit = case.workspace(3, curvature=True), np.eye(case.theta.size)
    H = np.array([computed.hessian_vector(case, v, work) for v in unit])
    G = np.array([computed.gauss_newton_vector(case, v, work) for v in unit])
    np.testing.assert_allclose(H, H.T, atol=1e-14)
    np.testing.assert_allclose(G, G.T, atol=1e-14)
    assert np.linalg.eigvalsh(G).min() > -1e-14
    assert np.linalg.eigvalsh(H).min() < -1e-5


@pytest.mark.plain
def test_both_agree_where_the_network_is_linear_in_its_parameters():
    case = make_case([3, 2], ["softmax"], "log_loss", rows=5)
    work, v = case.workspace(curvature=True), direction(case)
    np.testing.assert_allclose(computed.hessian_vector(case, v, work), computed.gauss_newton_vector(case, v, work), rtol=1e-10)


@pytest.mark.parametrize("name", QUANTITIES)
def test_a_batch_longer_than_a_block(name):
    case = wide_case(97)
    v = direction(case)
    one, other = (getattr(computed, name)(case, v, case.workspace(batch, curvature=True)) for batch in (700, 50))
    assert apart(one, other) <= 1e-11


@pytest.mark.plain
@pytest.mark.parametrize("dtype", DTYPES)
def test_what_the_workspace_held_does_not_matter(dtype):
    case = make_case([3, 4, 2], ["gelu", "sigmoid"], "mse", rows=9, dtype=dtype, weighted=True)
    v, work, used = direction(case), case.workspace(4, curvature=True), case.workspace(4, curvature=True)
    computed.parameter_jacobian(case, used)
    computed.hessian_vector(case, 7 * v, used)
    for name in QUANTITIES:
        expected = getattr(computed, name)(case, v, work)
        assert np.array_equal(getattr(computed, name)(case, v, used), expected)


@pytest.mark.plain
def test_what_does_not_fit_is_refused():
    case = make_case([3, 4, 2], ["tanh", "sigmoid"], "mse", rows=4, weighted=True)
    plan, theta, X, T, weight, v = case.plan, case.theta, case.X, case.T, case.weight, direction(case)
    work, Hv = case.workspace(4, curvature=True), case.empty(theta.size)
    for kernel in (hessian_vector, gauss_newton_vector):
        for message, arguments in {
            "curvature=True": (plan, theta, X, T, weight, v, Hv, case.workspace(4, derivatives=True)),
            "theta has the wrong length": (plan, theta[1:], X, T, weight, v, Hv, work),
            "the gradient has the wrong length": (plan, theta, X, T, weight, v[1:], Hv, work),
            "gradient has the wrong length": (plan, theta, X, T, weight, v, Hv[1:], work),
            "X has no rows": (plan, theta, X[:0], T[:0], weight[:0], v, Hv, work),
            "T needs as many rows": (plan, theta, X, T[1:], weight, v, Hv, work),
            "weight needs one entry": (plan, theta, X, T, weight[1:], v, Hv, work),
            "another plan's loss": (make_plan([3, 4, 2], "tanh", loss="mae"), theta, X, T, weight, v, Hv, work),
        }.items():
            with pytest.raises(ValueError, match=message):
                kernel(*arguments)


# Users' formulas --------------------------------------------------------------------------------------------------------------


@njit
def cubic(x):
    return x + type(x)(0.1) * x * x * x


@njit
def cubic_slope(x):
    return type(x)(1.0) + type(x)(0.3) * x * x


@njit
def cubic_bend(x):
    return type(x)(0.6) * x


@pytest.fixture(scope="module")
def own() -> Iterator[None]:
    """Their row kernels are compiled once."""
    register_activation("cubic", cubic, cubic_slope, cubic_bend)
    register_loss("quartic", quartic, quartic_gradient, quartic_bend)
    yield
    activation_registry.forget("cubic")
    loss_registry.forget("quartic")


def users_problem(activation: str, loss: str, dtype: str) -> tuple[Any, ...]:
    plan = make_plan([3, 4, 5, 2], activation, "tanh", loss)
    rng = np.random.default_rng(6)
    theta, v = (rng.normal(size=plan.n_parameters).astype(dtype) / 2 for _ in range(2))
    X, T, weight = (rng.random(shape).astype(dtype) for shape in ((7, 3), (7, 2), 7))
    return plan, theta, X, T, weight, v, np.empty_like(theta), make_workspace(plan, 3, dtype, curvature=True)


@pytest.mark.plain
def test_users_formulas_without_a_second_derivative(own, registries):
    """The error says what is missing."""
    register_activation("straight", cubic, cubic_slope)
    register_loss("straight", quartic, quartic_gradient)
    with pytest.raises(ValueError, match="the loss has no second derivative; register it with a bend"):
        hessian_vector(*users_problem("straight", "straight", "float64"))
    for kernel in (hessian_vector, gauss_newton_vector):
        with pytest.raises(ValueError, match=r"an activation has no second derivative.*register it with a bend"):
            kernel(*users_problem("straight", "quartic", "float64"))


@pytest.mark.plain
@pytest.mark.parametrize("dtype", by_default(DTYPES, ["float64"]))
def test_users_formulas(own, dtype):
    """With a second derivative they serve as built-in ones do."""
    plan, theta, X, T, weight, v, Hv, work = users_problem("cubic", "quartic", dtype)
    hessian_vector(plan, theta, X, T, weight, v, Hv, work)
    wide, step = make_workspace(plan, 3), 1e-5

    def gradient(theta: np.ndarray) -> np.ndarray:
        grad = np.empty(theta.size)
        loss_and_grad(plan, theta, *(a.astype(np.float64) for a in (X, T, weight)), grad, wide)
        return grad

    theta, v = theta.astype(np.float64), v.astype(np.float64)
    differences = (gradient(theta + step * v) - gradient(theta - step * v)) / (2 * step)
    assert apart(Hv, differences) <= (1e-8 if dtype == "float64" else 1e-4)


@pytest.mark.plain
def test_callers_compiled_by_numba():
    """Conjugate gradients on the damped Gauss-Newton matrix, without forming it."""

    @njit
    def solve(plan, theta, X, T, weight, work, damping, steps):
        grad, x, Gp = np.empty_like(theta), np.zeros_like(theta), np.empty_like(theta)
        loss_and_grad(plan, theta, X, T, weight, grad, work)
        r = -grad
        p = r.copy()
        rho = np.sum(r * r)
        for _ in range(steps):
            gauss_newton_vector(plan, theta, X, T, weight, p, Gp, work)
            Gp += damping * p
            alpha = rho / np.sum(p * Gp)
            x += alpha * p
            r -= alpha * Gp
            previous, rho = rho, np.sum(r * r)
            p = r + rho / previous * p
        return x, grad

    case = make_case([2, 3, 2], ["tanh", "sigmoid"], "mse", rows=8)
    work = case.workspace(4, curvature=True)
    x, grad = solve(case.plan, case.theta, case.X, case.T, case.weight, work, 0.1, 40)
    np.testing.assert_allclose(case.gauss_newton_vector(x) + 0.1 * x, -grad, atol=1e-10)


@pytest.mark.skipif(without_jit, reason="about compiled kernels")
def test_nothing_is_allocated():
    check_allocations(
        "hessian_vector(plan, theta, X, T, weight, v, grad, work)",
        "gauss_newton_vector(plan, theta, X, T, weight, v, grad, work)",
    )
