"""Jacobians and gradients of single rows: the slow oracle, finite differences, PyTorch, JAX."""

from __future__ import annotations

import computed
import numpy as np
import pytest
from computed import SHAPES, check_allocations, wide_case, without_jit
from differentiation import ACTIVATIONS, DTYPES, LOSSES, Case, apart, cases, check, make_case
from differentiation_peers import NAMES, check_against_peer
from hypothesis import given
from hypothesis import strategies as st
from inside import block_rows
from numba import njit
from tileprop.kernels import input_jacobian, make_plan, parameter_jacobian, predict, sample_gradients
from tileprop.kernels.layout import STACKED_ROWS

QUANTITIES = ["input_jacobian", "parameter_jacobian", "sample_gradients"]


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
def test_all_are_the_oracles(dtype, data):
    case, batch = data.draw(cases(dtype))
    work = case.workspace(batch, derivatives=True)
    for name in QUANTITIES:
        check(case, getattr(computed, name)(case, work), getattr(Case, name))


@pytest.mark.plain
@pytest.mark.parametrize("sizes", SHAPES)
def test_shapes(sizes):
    """Back from fewer outputs and on from fewer inputs; softmax, whose slopes are a matrix, and those of single numbers."""
    for activation in ACTIVATIONS:
        names = ["tanh" if activation == "exp" else activation] * (len(sizes) - 2) + [activation]
        case = make_case(sizes, names, "mse", rows=5, seed=1)
        expected = {name: getattr(case, name)() for name in QUANTITIES}
        for batch in (1, 2, 9):
            work = case.workspace(batch, derivatives=True)
            for name in QUANTITIES:
                assert apart(getattr(computed, name)(case, work), expected[name]) <= 1e-10


@pytest.mark.plain
@pytest.mark.parametrize("loss", LOSSES)
def test_losses(loss):
    case = make_case([3, 4, 2], ["tanh", "tanh"], loss, rows=5, weighted=True)
    check(case, computed.sample_gradients(case, case.workspace(2)), Case.sample_gradients)


@pytest.mark.parametrize("peer", NAMES)
@pytest.mark.parametrize("quantity", QUANTITIES)
def test_all_are_the_peers(quantity, peer):
    check_against_peer(
        peer,
        lambda case, batch: getattr(computed, quantity)(case, case.workspace(batch, derivatives=True)),
        lambda library, case: getattr(library, quantity)(case),
    )


@pytest.mark.plain
@pytest.mark.parametrize("sizes", SHAPES)
def test_jacobians_by_finite_differences(sizes):
    case = make_case(sizes, ["gelu", "tanh", "sigmoid"][: len(sizes) - 1], "mse", rows=4)
    work, step = case.workspace(3, derivatives=True), 1e-5

    def outputs(theta: np.ndarray, X: np.ndarray) -> np.ndarray:
        Y = case.empty(case.rows, sizes[-1])
        predict(case.plan, theta, X, Y, work)
        return Y

    J, P = computed.input_jacobian(case, work), computed.parameter_jacobian(case, work)
    for i in range(sizes[0]):
        move = step * (np.arange(sizes[0]) == i)
        differences = (outputs(case.theta, case.X + move) - outputs(case.theta, case.X - move)) / (2 * step)
        np.testing.assert_allclose(J[:, :, i], differences, atol=1e-8)
    for i in range(case.theta.size):
        move = step * (np.arange(case.theta.size) == i)
        differences = (outputs(case.theta + move, case.X) - outputs(case.theta - move, case.X)) / (2 * step)
        np.testing.assert_allclose(P[:, :, i], differences, atol=1e-8)


@pytest.mark.parametrize("sizes", [[5, 9, 3], [3, 9, 5], [4, 9, 300], [300, 9, 200]])
@pytest.mark.parametrize("rows", [STACKED_ROWS - 1, STACKED_ROWS, STACKED_ROWS + 1])
def test_stacks_of_every_height(sizes, rows):
    """Some outputs, or inputs, at a time, and rows in blocks: each row's result is what it is by itself."""
    case = make_case(sizes, ["tanh", "softplus"], "mse", rows=rows, seed=rows)
    for batch in (rows, 50, 1):
        work = case.workspace(batch, derivatives=True)
        J = computed.input_jacobian(case, work)
        if batch == rows:
            assert apart(J[:3], make_smaller(case, 3).input_jacobian()) <= 1e-10
            whole = J
        assert apart(J, whole) <= 1e-13


def make_smaller(case: Case, rows: int) -> Case:
    return Case(case.sizes, case.activations, case.loss, case.bias, case.theta, case.X[:rows], case.T[:rows], case.weight)


def test_a_batch_longer_than_a_block():
    case = wide_case(67)
    work, blocks = case.workspace(700, derivatives=True), case.workspace(10, derivatives=True)
    assert block_rows(work) < case.rows
    for name in ("input_jacobian", "sample_gradients"):
        assert apart(getattr(computed, name)(case, work), getattr(computed, name)(case, blocks)) <= 1e-12
    assert apart(computed.input_jacobian(case, work), case.input_jacobian()) <= 1e-10


@pytest.mark.plain
def test_sample_gradients_add_up_to_the_gradient():
    case = make_case([3, 4, 2], ["tanh", "sigmoid"], "mse", rows=7, weighted=True)
    work = case.workspace(3)
    G, grad = computed.sample_gradients(case, work), computed.gradient(case, work)
    np.testing.assert_allclose(G.sum(axis=0) / case.weight.sum(), grad, rtol=1e-12)


@pytest.mark.plain
@pytest.mark.parametrize("rows", [0, 1])
def test_few_rows(rows):
    case = make_smaller(make_case([3, 4, 2], ["tanh", "sigmoid"], "mse", rows=2), rows)
    work = case.workspace(4, derivatives=True)
    for name in ("input_jacobian", "parameter_jacobian"):
        found = getattr(computed, name)(case, work)
        assert len(found) == rows
        assert not np.isnan(found).any()


@pytest.mark.plain
def test_what_does_not_fit_is_refused():
    case = make_case([3, 4, 2], ["tanh", "sigmoid"], "mse", rows=4, weighted=True)
    plan, theta, X, T, weight, size = case.plan, case.theta, case.X, case.T, case.weight, case.theta.size
    work, Y = case.workspace(4, derivatives=True), case.empty(4, 2)
    for kernel, columns in ((input_jacobian, 3), (parameter_jacobian, size)):
        J = case.empty(4, 2, columns)
        for message, arguments in {
            "derivatives=True": (plan, theta, X, Y, J, case.workspace(4)),
            "theta has the wrong length": (plan, theta[1:], X, Y, J, work),
            "X has the wrong number of columns": (plan, theta, X[:, :2].copy(), Y, J, work),
            "Y needs as many rows": (plan, theta, X, Y[1:], J, work),
            "Y has the wrong number of columns": (plan, theta, X, Y[:, :1].copy(), J, work),
            "J has the wrong shape": (plan, theta, X, Y, J[1:], work),
            "J has the wrong": (plan, theta, X, Y, J[:, :1].copy(), work),
            "J has the": (plan, theta, X, Y, J[:, :, 1:].copy(), work),
            "another plan": (make_plan([3, 5, 2]), np.zeros(32), X, Y, J, work),
        }.items():
            with pytest.raises(ValueError, match=message):
                kernel(*arguments)
    G = case.empty(4, size)
    for message, arguments in {
        "theta has the wrong length": (plan, theta[1:], X, T, weight, G, work),
        "X has no rows": (plan, theta, X[:0], T[:0], weight[:0], G[:0], work),
        "T needs as many rows": (plan, theta, X, T[1:], weight, G, work),
        "weight needs one entry": (plan, theta, X, T, weight[1:], G, work),
        "G needs a row for each": (plan, theta, X, T, weight, G[1:], work),
        "G needs a row for": (plan, theta, X, T, weight, G[:, 1:].copy(), work),
        "another plan's loss": (make_plan([3, 4, 2], "tanh", loss="mae"), theta, X, T, weight, G, work),
    }.items():
        with pytest.raises(ValueError, match=message):
            sample_gradients(*arguments)


@pytest.mark.plain
def test_callers_compiled_by_numba():
    """Newton's method on the inputs: where do two outputs vanish?"""

    @njit
    def solve(plan, theta, x, Y, J, work, steps):
        for _ in range(steps):
            input_jacobian(plan, theta, x, Y, J, work)
            a, b, c, d = J[0, 0, 0], J[0, 0, 1], J[0, 1, 0], J[0, 1, 1]
            x[0, 0], x[0, 1] = (
                x[0, 0] - (d * Y[0, 0] - b * Y[0, 1]) / (a * d - b * c),
                x[0, 1] - (a * Y[0, 1] - c * Y[0, 0]) / (a * d - b * c),
            )

    plan = make_plan([2, 4, 2], "tanh", "identity")
    case = make_case([2, 4, 2], ["tanh", "identity"], "mse", rows=1, seed=4)
    case.theta[:] *= 0.5
    x, Y = np.zeros((1, 2)), np.zeros((1, 2))
    solve(plan, case.theta, x, Y, np.zeros((1, 2, 2)), case.workspace(1, derivatives=True), 20)
    np.testing.assert_allclose(case.outputs(case.theta, x), 0, atol=1e-12)


@pytest.mark.skipif(without_jit, reason="about compiled kernels")
def test_nothing_is_allocated():
    check_allocations(
        "input_jacobian(plan, theta, X, Y, J, work)",
        "parameter_jacobian(plan, theta, X, Y, P, work)",
        "sample_gradients(plan, theta, X, T, weight, G, work)",
    )
