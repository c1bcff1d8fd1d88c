"""Step rules against the oracle's, and against PyTorch's optimizers."""

from __future__ import annotations

from typing import Any

import numpy as np
import oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inside import mean_square, steps_taken, velocity
from numba.core import config
from tileprop.kernels import apply_gradient, make_plan, make_state
from tileprop.kernels.training.optimizers import NEGLIGIBLE

PLAN = make_plan([3, 3, 1])
N = PLAN.n_parameters
DTYPES = ["float32", "float64"]


def run(rule: Any, steps: list[np.ndarray], theta: np.ndarray) -> np.ndarray:
    """The oracle's parameters after the gradients `steps`."""
    for grad in steps:
        theta = rule.step(theta, grad.astype(np.float64))
    return theta


@st.composite
def rules(draw: st.DrawFn) -> tuple[dict[str, Any], Any]:
    """What make_state takes, and the oracle's rule."""
    rate = draw(st.floats(1e-3, 1))
    if draw(st.booleans()):
        beta_1, beta_2 = draw(st.floats(0, 0.95)), draw(st.floats(0, 0.999))
        epsilon, hat = draw(st.floats(1e-8, 1e-2)), draw(st.booleans())
        options = {"beta_1": beta_1, "beta_2": beta_2, "epsilon": epsilon, "learning_rate": rate}
        if draw(st.booleans()):
            return options | {"rule": "nadam"}, oracle.Nadam(rate, beta_1, beta_2, epsilon)
        return options | {"rule": "adam", "epsilon_hat": hat}, oracle.Adam(rate, beta_1, beta_2, epsilon, hat)
    momentum, nesterov = draw(st.sampled_from([0.0, 0.5, 0.9, 0.99])), draw(st.booleans())
    rule = oracle.Momentum(rate, momentum, nesterov) if momentum else oracle.SGD(rate)
    return {"learning_rate": rate, "momentum": momentum, "nesterov": nesterov}, rule


@pytest.mark.plain
@pytest.mark.parametrize("dtype", DTYPES)
@given(rule=rules(), n_steps=st.integers(1, 12), seed=st.integers(0, 1000), scale=st.sampled_from([1e-3, 1.0, 1e3]))
def test_steps_are_the_oracles(dtype, rule, n_steps, seed, scale):
    options, mine = rule
    rng = np.random.default_rng(seed)
    theta = rng.normal(size=N).astype(dtype)
    steps = [(scale * rng.normal(size=N)).astype(dtype) for _ in range(n_steps)]
    expected = run(mine, steps, theta.astype(np.float64))
    state = make_state(PLAN, dtype=dtype, **options)
    for grad in steps:
        grad.flags.writeable = False
        apply_gradient(theta, grad, state)
    assert steps_taken(state) == n_steps
    tolerance = 1e-12 if dtype == "float64" else 1e-4
    np.testing.assert_allclose(theta, expected, rtol=0, atol=tolerance * np.abs(expected).max())
    if hasattr(mine, "velocity"):
        np.testing.assert_allclose(velocity(state), mine.velocity, rtol=0, atol=tolerance * np.abs(mine.velocity).max())
    if hasattr(mine, "second"):
        np.testing.assert_allclose(velocity(state), mine.first, rtol=0, atol=tolerance * np.abs(mine.first).max())
        np.testing.assert_allclose(mean_square(state), mine.second, rtol=0, atol=tolerance * np.abs(mine.second).max())


@pytest.mark.plain
def test_steps_by_hand():
    plan = make_plan([1, 1], bias=False)
    theta, grad = np.array([1.0]), np.array([2.0])
    apply_gradient(theta, grad, make_state(plan, learning_rate=0.25))
    assert theta[0] == 0.5
    state = make_state(plan, learning_rate=0.25, momentum=0.5)
    theta[0] = 1
    apply_gradient(theta, grad, state)  # v = -1/2
    apply_gradient(theta, grad, state)  # v = -1/4 - 1/2
    assert theta[0] == 1 - 0.5 - 0.75
    state = make_state(plan, learning_rate=0.25, momentum=0.5, nesterov=True)
    theta[0] = 1
    apply_gradient(theta, grad, state)  # v = -1/2, moves by v/2 - 1/2
    assert theta[0] == 0.25


@pytest.mark.plain
def test_adams_first_step_is_the_learning_rate_whatever_the_gradient():
    state = make_state(PLAN, "adam", learning_rate=0.01, epsilon=1e-12)
    theta = np.zeros(N)
    grad = np.where(np.arange(N) % 2, 1e-3, -1e5)
    apply_gradient(theta, grad, state)
    np.testing.assert_allclose(theta, -0.01 * np.sign(grad), rtol=1e-8)


@pytest.mark.plain
def test_the_two_places_of_adams_epsilon_differ():
    moved = []
    for hat in (False, True):
        state = make_state(PLAN, "adam", learning_rate=0.01, epsilon=0.1, epsilon_hat=hat)
        theta = np.zeros(N)
        apply_gradient(theta, np.full(N, 0.01), state)
        moved.append(-theta[0])
    # After the correction: 0.01 g / (g + 0.1). Before it: epsilon stands beside sqrt(0.001) g instead of g.
    assert moved[0] == pytest.approx(0.01 * 0.01 / 0.11, rel=1e-12)
    assert moved[1] == pytest.approx(0.01 * 0.01 * np.sqrt(0.001) / (0.01 * np.sqrt(0.001) + 0.1), rel=1e-12)


@pytest.mark.plain
@pytest.mark.parametrize("beta_1", [0.0, 0.5, 0.9, 0.999, 1 - 1e-9, np.nextafter(1, 0)])
def test_nadams_product_of_momenta_is_that_of_all_steps(beta_1):
    """Past NEGLIGIBLE steps, too, where it is no longer formed, and from a step that a state goes on from."""
    rng = np.random.default_rng(0)
    mine, theta, steps = oracle.Nadam(0.01, beta_1, 0.999, 1e-3), rng.normal(size=N), rng.normal(size=(3 * NEGLIGIBLE, N))
    state, expected = make_state(PLAN, "nadam", learning_rate=0.01, beta_1=beta_1, epsilon=1e-3), theta
    for grad in steps:
        before, expected = expected, mine.step(expected, grad)
        theta[:] = before
        apply_gradient(theta, grad, state)
        np.testing.assert_allclose(theta - before, expected - before, rtol=0, atol=1e-15 * max(1, np.abs(before).max()))


@pytest.mark.plain
def test_what_is_negligible_in_nadam_changes_no_bit():
    """Not even beside a beta_1 of 1."""
    assert 1 - np.prod(1 - 0.5 * 0.96 ** (0.004 * np.arange(1, NEGLIGIBLE + 1))) == 1


@pytest.mark.plain
def test_a_gradient_of_zero_moves_nothing_at_rest():
    for options in ({}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}, {"rule": "adam"}, {"rule": "nadam"}):
        theta = np.arange(float(N))
        apply_gradient(theta, np.zeros(N), make_state(PLAN, **options))
        assert np.array_equal(theta, np.arange(float(N)))


@pytest.mark.plain
@pytest.mark.parametrize("options", [{}, {"momentum": 0.9}, {"rule": "adam"}, {"rule": "nadam"}])
def test_a_penalty_is_left_to_those_who_know_the_layers(options):
    """A rule sees no layers, and so not which parameters are weights: `train_epoch` adds a penalty to the gradient."""
    with_it, without = np.arange(1.0, N + 1), np.arange(1.0, N + 1)
    apply_gradient(with_it, np.ones(N), make_state(PLAN, alpha=0.5, **options))
    apply_gradient(without, np.ones(N), make_state(PLAN, **options))
    assert np.array_equal(with_it, without)


@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="about compilations")
def test_one_compilation_for_each_dtype():
    def step(dtype: str, **options: Any) -> None:
        apply_gradient(np.zeros(N, dtype), np.ones(N, dtype), make_state(PLAN, dtype=dtype, **options))

    for dtype in DTYPES:
        step(dtype)
    before = set(apply_gradient.overloads)
    for dtype in DTYPES:
        for options in ({"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}, {"rule": "adam"}, {"rule": "nadam"}):
            step(dtype, **options)
    assert set(apply_gradient.overloads) == before


@pytest.fixture
def torch():
    """PyTorch in float64: Nadam's product of momenta is of its default dtype."""
    torch = pytest.importorskip("torch")
    torch.set_default_dtype(torch.float64)
    yield torch
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("name", ["sgd", "momentum", "nesterov", "adam", "nadam"])
def test_steps_are_pytorchs(name, torch):
    rng = np.random.default_rng(0)
    theta, steps = rng.normal(size=N), [rng.normal(size=N) for _ in range(7)]
    theirs = torch.tensor(theta, requires_grad=True)
    optimizer, options = {
        "sgd": (lambda p: torch.optim.SGD(p, lr=0.1), {}),
        "momentum": (lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9), {"momentum": 0.9}),
        "nesterov": (lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True), {"momentum": 0.9, "nesterov": True}),
        "adam": (lambda p: torch.optim.Adam(p, lr=0.1, eps=1e-3), {"rule": "adam", "epsilon": 1e-3}),
        "nadam": (lambda p: torch.optim.NAdam(p, lr=0.1, eps=1e-3), {"rule": "nadam", "epsilon": 1e-3}),
    }[name]
    optimizer = optimizer([theirs])
    state = make_state(PLAN, learning_rate=0.1, **options)
    for grad in steps:
        apply_gradient(theta, grad, state)
        theirs.grad = torch.tensor(grad)
        optimizer.step()
    np.testing.assert_allclose(theta, theirs.detach().numpy(), rtol=1e-12)


@pytest.mark.plain
def test_what_does_not_fit_is_refused_and_nothing_is_changed():
    other = make_plan([1, 1])
    for plan, grad, message in ((PLAN, np.ones(N - 1), "grad needs the length of theta"), (other, np.ones(N), "another plan")):
        theta, state = np.zeros(N), make_state(plan, "adam")
        with pytest.raises(ValueError, match=message):
            apply_gradient(theta, grad, state)
        assert not theta.any()
        assert not velocity(state).any()
        assert steps_taken(state) == 0
