"""The gradient to the inputs, and that to the parameters beside it: the slow oracle, finite differences, PyTorch, JAX."""

from __future__ import annotations

from dataclasses import replace

import computed
import numpy as np
import oracle
import pytest
from computed import SHAPES, check_allocations, wide_case, without_jit
from differentiation import ACTIVATIONS, DTYPES, LOSSES, Case, apart, cases, check, make_case
from differentiation_peers import NAMES, check_against_peer
from hypothesis import given
from hypothesis import strategies as st
from numba import njit
from tileprop.kernels import input_gradient, loss_and_grad, make_plan, make_workspace, vjp

QUANTITIES = ["gradient", "input_gradient"]


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
def test_both_are_the_oracles(dtype, data):
    case, batch = data.draw(cases(dtype))
    work = case.workspace(batch, derivatives=True)
    check(case, computed.gradient(case, work), Case.gradient)
    check(case, computed.input_gradient(case, work), Case.input_gradient)


@pytest.mark.plain
@pytest.mark.parametrize("sizes", SHAPES)
def test_shapes(sizes):
    for loss in LOSSES:
        case = make_case(sizes, ["tanh"] * (len(sizes) - 1), loss, rows=5, weighted=True, seed=1)
        expected = {name: getattr(case, name)() for name in QUANTITIES}
        for batch in (1, 2, 9):
            work = case.workspace(batch, derivatives=True)
            for name in QUANTITIES:
                assert apart(getattr(computed, name)(case, work), expected[name]) <= 1e-10


@pytest.mark.plain
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations(activation):
    case = make_case([3, 4, 4, 3], [activation] * 3, "mse", rows=6, seed=2)
    assert case.rows
    for name in QUANTITIES:
        check(case, getattr(computed, name)(case, case.workspace(derivatives=True)), getattr(Case, name))


@pytest.mark.parametrize("peer", NAMES)
@pytest.mark.parametrize("quantity", QUANTITIES)
def test_both_are_the_peers(quantity, peer):
    check_against_peer(
        peer,
        lambda case, batch: getattr(computed, quantity)(case, case.workspace(batch, derivatives=True)),
        lambda library, case: getattr(library, quantity)(case),
    )


@pytest.mark.parametrize("loss", LOSSES)
def test_gradient_to_inputs_by_finite_differences(loss):
    for activation in ACTIVATIONS:
        check_by_finite_differences(make_case([2, 3, 2], [activation] * 2, loss, rows=40, seed=3))


def check_by_finite_differences(case: Case) -> None:
    # Away from kinks by more than the differences reach.
    keep = [row for row in range(case.rows) if all(np.abs(z[row]).min() > 0.02 for z in case.forward(*case.exact[:2])[0])]
    case = replace(case, X=case.X[keep[:2]], T=case.T[keep[:2]], weight=np.array([0.5, 2.0]))
    work, none = case.workspace(2, derivatives=True), np.zeros(0)
    found = computed.input_gradient(case, work)

    def loss_of(x: np.ndarray) -> float:
        return loss_and_grad(case.plan, case.theta, x.reshape(2, 2), case.T, case.weight, none, work)

    expected = oracle.finite_differences(loss_of, case.X.ravel(), step=1e-4)
    np.testing.assert_allclose(found.ravel(), expected, rtol=0, atol=1e-8 * max(1, np.abs(expected).max()))


@pytest.mark.parametrize("rows", [97, pytest.param(200, marks=pytest.mark.full)])
def test_a_batch_longer_than_a_block(rows):
    """One row's gradient says nothing of another's; the sums do."""
    case = wide_case(rows)
    work, blocks = case.workspace(700, derivatives=True), case.workspace(7, derivatives=True)
    for name in QUANTITIES:
        np.testing.assert_allclose(getattr(computed, name)(case, work), getattr(computed, name)(case, blocks), atol=1e-14)
    assert apart(computed.input_gradient(case, work), case.input_gradient()) <= 1e-10


@pytest.mark.plain
@pytest.mark.parametrize("dtype", DTYPES)
def test_what_the_workspace_held_does_not_matter(dtype):
    case = make_case([3, 4, 2], ["gelu", "sigmoid"], "mse", rows=9, dtype=dtype, weighted=True)
    work, used = case.workspace(4, derivatives=True), case.workspace(4, derivatives=True)
    computed.parameter_jacobian(case, used)
    computed.input_jacobian(case, used)
    for name in QUANTITIES:
        assert np.array_equal(getattr(computed, name)(case, used), getattr(computed, name)(case, work))


@pytest.mark.plain
def test_weights_that_sum_to_zero_give_zero():
    case = make_case([3, 4, 2], ["tanh", "sigmoid"], "mse", rows=4)
    work, dX = case.workspace(derivatives=True), case.empty(*case.X.shape)
    assert input_gradient(case.plan, case.theta, case.X, case.T, np.zeros(case.rows), dX, work) == 0
    assert not dX.any()


@pytest.mark.plain
def test_arrays_given_are_left_alone_and_may_be_read_only():
    case = make_case([3, 4, 2], ["tanh", "sigmoid"], "mse", rows=4, weighted=True)
    expected = computed.input_gradient(case, case.workspace(derivatives=True))
    for array in (case.theta, case.X, case.T, case.weight):
        array.flags.writeable = False
    assert np.array_equal(computed.input_gradient(case, case.workspace(derivatives=True)), expected)


@pytest.mark.plain
def test_what_does_not_fit_is_refused():
    case = make_case([3, 4, 2], ["tanh", "sigmoid"], "mse", rows=4, weighted=True)
    plan, theta, X, T, weight = case.plan, case.theta, case.X, case.T, case.weight
    work, dX = case.workspace(derivatives=True), case.empty(*X.shape)
    for message, arguments in {
        "derivatives=True": (plan, theta, X, T, weight, dX, case.workspace()),
        "theta has the wrong length": (plan, theta[1:], X, T, weight, dX, work),
        "X has the wrong number of columns": (plan, theta, X[:, :2].copy(), T, weight, dX, work),
        "X has no rows": (plan, theta, X[:0], T[:0], weight[:0], dX[:0], work),
        "T needs as many rows": (plan, theta, X, T[1:], weight, dX, work),
        "T has the wrong number of columns": (plan, theta, X, T[:, :1].copy(), weight, dX, work),
        "weight needs one entry": (plan, theta, X, T, weight[1:], dX, work),
        "dX needs the shape of X, and dT that of T": (plan, theta, X, T, weight, dX[1:], work),
        "another plan": (make_plan([3, 5, 2]), np.zeros(32), X, T, weight, dX, work),
        "another plan's loss": (make_plan([3, 4, 2], "tanh", loss="mae"), theta, X, T, weight, dX, work),
    }.items():
        with pytest.raises(ValueError, match=message):
            input_gradient(*arguments)


@pytest.mark.plain
def test_callers_compiled_by_numba():
    """An input is moved until the network says what is wanted of it."""

    @njit
    def search(plan, theta, x, t, weight, dx, work, steps):
        loss = 0.0
        for _ in range(steps):
            loss = input_gradient(plan, theta, x, t, weight, dx, work)
            x -= dx
        return loss

    case = make_case([3, 4, 2], ["tanh", "sigmoid"], "mse", rows=1)
    work, dx, none = case.workspace(derivatives=True), case.empty(1, 3), np.zeros(0)
    first = loss_and_grad(case.plan, case.theta, case.X, case.T, none, none, work)
    assert search(case.plan, case.theta, case.X, case.T, none, dx, work, 20) < first


@pytest.mark.plain
def test_gradient_to_inputs_is_the_pulled_back_slope_of_the_loss():
    case = make_case([3, 4, 2], ["tanh", "tanh"], "squared_error", rows=5)
    work, dX = case.workspace(derivatives=True), case.empty(5, 3)
    Y = case.outputs(*case.exact[:2])
    vjp(case.plan, case.theta, case.X, (Y - case.T) / Y.size, np.empty(0), dX, work)
    np.testing.assert_allclose(computed.input_gradient(case, work), dX, rtol=1e-12)


@pytest.mark.skipif(without_jit, reason="about compiled kernels")
def test_nothing_is_allocated():
    check_allocations(
        "loss_and_grad(plan, theta, X, T, weight, grad, work)",
        "input_gradient(plan, theta, X, T, weight, dX, work)",
    )


@pytest.mark.skipif(without_jit, reason="about compilations")
def test_one_compilation_for_each_dtype():
    for dtype in DTYPES:
        for loss in ("mse", "log_loss"):
            case = make_case([3, 2], ["tanh"], loss, rows=3, dtype=dtype)
            computed.input_gradient(case, make_workspace(case.plan, 2, dtype, derivatives=True))
    assert len(input_gradient.overloads) == 2
