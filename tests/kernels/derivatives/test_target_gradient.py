"""The loss's gradient to the targets: the slow oracle, finite differences, PyTorch, JAX; where there is none."""

from __future__ import annotations

import computed
import numpy as np
import oracle
import pytest
from choosing import by_default
from computed import SHAPES, check_allocations, wide_case, without_jit
from differentiation import DTYPES, LOSSES, Case, apart, cases, check, make_case
from differentiation_peers import NAMES, check_against_peer
from fourth_power import quartic, quartic_gradient, quartic_target_gradient
from hypothesis import given
from hypothesis import strategies as st
from numba import njit
from tileprop.kernels import loss_and_grad, make_plan, make_workspace, register_loss, target_gradient

WITH_TARGETS = [loss for loss in LOSSES if loss != "label_log_loss"]


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
def test_it_is_the_oracles(dtype, data):
    case, batch = data.draw(cases(dtype, WITH_TARGETS))
    check(case, computed.target_gradient(case, case.workspace(batch, derivatives=True)), Case.target_gradient)


@pytest.mark.plain
@pytest.mark.parametrize("sizes", SHAPES)
def test_shapes(sizes):
    for loss in WITH_TARGETS:
        case = make_case(sizes, ["tanh"] * (len(sizes) - 1), loss, rows=5, weighted=True, seed=1)
        for batch in (1, 2, 9):
            check(case, computed.target_gradient(case, case.workspace(batch, derivatives=True)), Case.target_gradient)


@pytest.mark.parametrize("peer", NAMES)
def test_it_is_the_peers(peer):
    check_against_peer(
        peer,
        lambda case, batch: computed.target_gradient(case, case.workspace(batch, derivatives=True)),
        lambda library, case: library.target_gradient(case),
        losses=WITH_TARGETS,
    )


@pytest.mark.plain
@pytest.mark.parametrize("loss", WITH_TARGETS)
def test_it_by_finite_differences(loss):
    case = make_case([2, 3, 4], ["tanh", "tanh"], loss, rows=3, weighted=True, seed=3)
    work, none = case.workspace(2, derivatives=True), np.zeros(0)
    found = computed.target_gradient(case, work)

    def loss_of(t: np.ndarray) -> float:
        return loss_and_grad(case.plan, case.theta, case.X, t.reshape(case.T.shape), case.weight, none, work)

    expected = oracle.finite_differences(loss_of, case.T.ravel(), step=1e-4)
    np.testing.assert_allclose(found.ravel(), expected, rtol=1e-8, atol=1e-10)


def test_a_batch_longer_than_a_block():
    case = wide_case(200)
    assert apart(computed.target_gradient(case, case.workspace(700, derivatives=True)), case.target_gradient()) <= 1e-10


@pytest.mark.plain
def test_a_count_of_zero_has_no_slope_and_a_row_without_weight_has_none_to_give():
    case = make_case([2, 3, 2], ["tanh", "exp"], "poisson", rows=3)
    case.T[0, 1] = case.T[2, 0] = 0
    case.weight = np.array([1.0, 2.0, 0.0])
    dT = case.empty(3, 2)
    target_gradient(case.plan, case.theta, case.X, case.T, case.weight, dT, case.workspace(derivatives=True))
    assert dT[0, 1] == -np.inf
    assert np.isfinite(dT.ravel()[[0, 2, 3, 4, 5]]).all()
    assert not dT[2].any()


@pytest.mark.plain
def test_probabilities_are_clipped():
    plan = make_plan([1, 2], output_activation="softmax", loss="log_loss", bias=False)
    work, dT = make_workspace(plan, derivatives=True), np.empty((1, 2))
    target_gradient(plan, np.array([500.0, -500.0]), np.ones((1, 1)), np.array([[0.5, 0.5]]), np.empty(0), dT, work)
    np.testing.assert_allclose(dT, [[0, 52 * np.log(2)]], atol=1e-15)


@pytest.mark.plain
def test_what_does_not_fit_is_refused():
    case = make_case([3, 4, 2], ["tanh", "sigmoid"], "mse", rows=4, weighted=True)
    plan, theta, X, T, weight = case.plan, case.theta, case.X, case.T, case.weight
    work, dT = case.workspace(derivatives=True), case.empty(*T.shape)
    for message, arguments in {
        "derivatives=True": (plan, theta, X, T, weight, dT, case.workspace()),
        "theta has the wrong length": (plan, theta[1:], X, T, weight, dT, work),
        "X has no rows": (plan, theta, X[:0], T[:0], weight[:0], dT[:0], work),
        "T needs as many rows": (plan, theta, X, T[1:], weight, dT, work),
        "weight needs one entry": (plan, theta, X, T, weight[1:], dT, work),
        "dX needs the shape of X, and dT that of T": (plan, theta, X, T, weight, dT[1:], work),
        "another plan's loss": (make_plan([3, 4, 2], "tanh", loss="mae"), theta, X, T, weight, dT, work),
    }.items():
        with pytest.raises(ValueError, match=message):
            target_gradient(*arguments)


@pytest.mark.plain
def test_class_indices_are_refused():
    case = make_case([3, 4], ["softmax"], "label_log_loss", rows=4)
    with pytest.raises(ValueError, match=r"T holds class numbers.*one column for each output"):
        target_gradient(case.plan, case.theta, case.X, case.T, case.weight, case.empty(4, 1), case.workspace(derivatives=True))


@pytest.fixture
def quartic_loss(registries):
    """Registered for a test: a function of its optional formulas."""
    return lambda **optional: register_loss("quartic", quartic, quartic_gradient, **optional)


@pytest.mark.plain
@pytest.mark.parametrize("dtype", by_default(DTYPES, ["float64"]))
def test_a_users_loss(quartic_loss, dtype):
    rng = np.random.default_rng(5)
    X, T, weight = (rng.random(shape).astype(dtype) for shape in ((5, 3), (5, 2), 5))
    quartic_loss()
    plan = make_plan([3, 2], output_activation="tanh", loss="quartic")
    theta = rng.normal(size=plan.n_parameters).astype(dtype)
    dT = np.empty_like(T)
    with pytest.raises(ValueError, match="register it with a target_gradient"):
        target_gradient(plan, theta, X, T, weight, dT, make_workspace(plan, 2, dtype, derivatives=True))
    quartic_loss(target_gradient=quartic_target_gradient)
    target_gradient(plan, theta, X, T, weight, dT, make_workspace(plan, 2, dtype, derivatives=True))
    W, b = theta[:6].reshape(3, 2), theta[6:]
    expected = 4 * (T - np.tanh(X @ W + b)) ** 3 * (weight / weight.sum())[:, None]
    np.testing.assert_allclose(dT, expected, rtol=1e-10 if dtype == "float64" else 1e-3, atol=1e-7)


def test_a_users_formula_must_be_compiled(quartic_loss):
    if not without_jit:
        with pytest.raises(TypeError, match=r"target_gradient is .* compiled with numba's @njit"):
            quartic_loss(target_gradient=lambda y, t, dt: None)


@pytest.mark.plain
def test_callers_compiled_by_numba():
    """Targets are moved to where the outputs are."""

    @njit
    def follow(plan, theta, X, T, weight, dT, work, steps):
        for _ in range(steps):
            target_gradient(plan, theta, X, T, weight, dT, work)
            T -= dT

    case = make_case([3, 4, 2], ["tanh", "sigmoid"], "mse", rows=4)
    work, dT = case.workspace(derivatives=True), case.empty(4, 2)
    follow(case.plan, case.theta, case.X, case.T, case.weight, dT, work, 50)
    np.testing.assert_allclose(case.T, case.outputs(case.theta, case.X), atol=1e-4)


@pytest.mark.skipif(without_jit, reason="about compiled kernels")
def test_nothing_is_allocated():
    check_allocations("target_gradient(plan, theta, X, T, weight, dT, work)")
