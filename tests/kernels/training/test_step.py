"""Fused steps: the gradient formed and taken at once is the gradient of `loss_and_grad`, taken by `apply_gradient`."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inside import groups_of, hyperparameters, mean_square, packed_size, steps_taken, velocity
from numba import njit
from tileprop.kernels import apply_gradient, loss_and_grad, make_workspace, train_epoch
from tileprop.kernels.places import SCRATCH_ROWS
from tileprop.kernels.training.optimizers import step_sizes, take_step
from tileprop.kernels.training.step import WHOLE_AT_ONCE
from trainings import RULES, Training, make_training

pytestmark = pytest.mark.plain

DTYPES = ["float32", "float64"]


@njit
def one_step(state, step, w, g, first, second):
    rule, no_penalty = state.counters[0].rule, w.dtype.type(0.0)
    take_step(rule, step_sizes(rule, state.hyperparameters[0], step, w.dtype.type), no_penalty, w, g, first, second)


def check_step(training: Training) -> None:
    """One batch of all rows, beside the two kernels one after the other, with the penalty on weights between them."""
    apart = training.copy()
    grad = np.empty_like(apart.theta)
    work = make_workspace(apart.plan, 32, apart.theta.dtype)
    loss = loss_and_grad(apart.plan, apart.theta, apart.X, apart.T, apart.weight, grad, work)
    for W, dW in zip(apart.plan.unflatten(apart.theta)[0], apart.plan.unflatten(grad)[0], strict=True):
        dW += hyperparameters(apart.state)["alpha"] * W / (apart.weight.sum() if apart.weight.size else len(apart.X))
    apply_gradient(apart.theta, grad, apart.state)
    tolerance = 1e-12 if training.theta.dtype == np.float64 else 1e-5
    assert training.run() == pytest.approx(loss, rel=tolerance)
    assert steps_taken(training.state) == steps_taken(apart.state) == 1
    # Adam's first step divides a gradient by itself: what is next to nothing could be anything. Its epsilon is large here.
    for ours, theirs in ((training.theta, apart.theta), (velocity(training.state), velocity(apart.state))):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * max(1, np.abs(theirs).max(initial=0)))
    second = mean_square(apart.state)
    np.testing.assert_allclose(mean_square(training.state), second, rtol=0, atol=tolerance * np.abs(second).max(initial=0))


@pytest.mark.parametrize("dtype", DTYPES)
@given(
    sizes=st.lists(st.one_of(st.integers(1, 9), st.integers(1, 70)), min_size=2, max_size=4),
    rows=st.integers(1, 40),
    rule=st.sampled_from(sorted(RULES)),
    bias=st.booleans(),
    alpha=st.sampled_from([0.0, 0.5]),
    seed=st.integers(0, 1000),
)
def test_a_step_is_the_gradient_and_the_rule(dtype, sizes, rows, rule, bias, alpha, seed):
    check_step(make_training(sizes, n=rows, batch_size=rows, rule=rule, dtype=dtype, bias=bias, seed=seed, alpha=alpha))


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("n_in", [SCRATCH_ROWS, SCRATCH_ROWS + 1, 3 * SCRATCH_ROWS - 1])
@pytest.mark.parametrize("n_out", [20, WHOLE_AT_ONCE // SCRATCH_ROWS + 1])
@pytest.mark.parametrize("alpha", [0.0, 0.5])
def test_more_weight_rows_than_the_scratch_holds(n_in, n_out, rule, alpha):
    training = make_training([n_in, n_out, 5], n=7, batch_size=7, rule=rule, alpha=alpha)
    assert (packed_size(training.work) > WHOLE_AT_ONCE) == (n_out > 20)
    check_step(training)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("alpha", [0.0, 50.0])
def test_a_step_from_the_sums_of_groups(rule, alpha):
    training = make_training([600, 3, 2], n=500, batch_size=500, rule=rule, weighted=True, alpha=alpha)
    training.theta /= 8
    assert groups_of(training.work) > 0
    check_step(training)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rule", RULES)
def test_a_rule_on_a_stretch_is_apply_gradient(rule, dtype):
    """With state vectors as the rule has them; the others are not touched."""
    training = make_training([3, 4, 2], rule=rule, dtype=dtype)
    rng = np.random.default_rng(0)
    state, grad = training.state, rng.normal(size=training.theta.size).astype(dtype)
    w, first, second = training.theta.copy(), np.zeros_like(training.theta), np.zeros_like(training.theta)
    for step in (1, 2, 3):
        apply_gradient(training.theta, grad, state)
        one_step(state, step, w, grad, first, second)
    np.testing.assert_allclose(w, training.theta, rtol=1e-6 if dtype == "float32" else 1e-14)
    assert first.any() == (rule != "sgd")
    assert second.any() == ("adam" in rule)


def test_transposed_weights_follow_every_step():
    """The second batch's deltas come from weights after the first's step: two epochs of one batch are one of two."""
    two = make_training([4, 19, 18, 3], n=16, batch_size=8, rule="sgd", activation="tanh")
    apart = two.copy()
    train_epoch(*two.__dict__.values())
    for rows in (slice(0, 8), slice(8, 16)):
        piece = apart.copy()
        piece.X, piece.T, piece.work = apart.X[rows], apart.T[rows], make_workspace(apart.plan, 8)
        piece.run()
        apart.theta[:] = piece.theta
    assert two.theta.tobytes() == apart.theta.tobytes()
