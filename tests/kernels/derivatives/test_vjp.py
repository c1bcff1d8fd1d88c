"""Vector-Jacobian products, with a forward pass and after one, against the whole Jacobians of the slow oracle."""

from __future__ import annotations

import numpy as np
import pytest
from computed import SHAPES, check_allocations, wide_case, without_jit
from differentiation import ACTIVATIONS, DTYPES, Case, apart, cases, check, make_case
from differentiation_peers import NAMES, Peer
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from tileprop.kernels import Workspace, backward, forward, forward_loaded, load_parameters, make_plan, vjp

NONE = np.zeros(0)


def seeds(case: Case) -> np.ndarray:
    return np.random.default_rng(9).normal(size=(case.rows, case.sizes[-1])).astype(case.dtype)


def to_parameters(case: Case) -> np.ndarray:
    return np.einsum("ro,rop->p", seeds(case).astype(np.float64), case.parameter_jacobian())


def to_inputs(case: Case) -> np.ndarray:
    return np.einsum("ro,roi->ri", seeds(case).astype(np.float64), case.input_jacobian())


def products(case: Case, work: Workspace) -> tuple[np.ndarray, np.ndarray]:
    grad, dX = case.empty(case.theta.size), case.empty(*case.X.shape)
    vjp(case.plan, case.theta, case.X, seeds(case), grad, dX, work)
    return grad, dX


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
def test_both_are_the_oracles(dtype, data):
    case, batch = data.draw(cases(dtype))
    work = case.workspace(batch, derivatives=True)
    grad, dX = products(case, work)
    check(case, grad, to_parameters)
    check(case, dX, to_inputs)
    if case.rows <= batch:
        again, dX_again = case.empty(grad.size), case.empty(*dX.shape)
        forward(case.plan, case.theta, case.X, work)
        backward(case.plan, case.X, seeds(case), again, dX_again, work)
        if case.rows > 1:
            assert np.array_equal(again, grad)
            assert np.array_equal(dX_again, dX)
        else:  # `vjp` takes a single row another way, see `one_row.py`
            check(case, again, to_parameters)
            check(case, dX_again, to_inputs)


@pytest.mark.plain
@pytest.mark.parametrize("sizes", SHAPES)
def test_shapes(sizes):
    for activation in ACTIVATIONS:
        names = ["tanh" if activation == "exp" else activation] * (len(sizes) - 2) + [activation]
        case = make_case(sizes, names, "mse", rows=5, seed=1)
        expected = to_parameters(case), to_inputs(case)
        for batch in (1, 2, 9):
            found = products(case, case.workspace(batch, derivatives=True))
            assert max(map(apart, found, expected)) <= 1e-10


@pytest.mark.parametrize("peer", NAMES)
def test_both_are_the_peers(peer):
    library = Peer(peer)

    @settings(max_examples=15 if peer == "torch" else 3)
    @given(cases())
    def agree(drawn):
        case, batch = drawn
        grad, dX = products(case, case.workspace(batch, derivatives=True))
        assert apart(grad, np.einsum("ro,rop->p", seeds(case), library.parameter_jacobian(case))) <= 1e-10
        assert apart(dX, np.einsum("ro,roi->ri", seeds(case), library.input_jacobian(case))) <= 1e-10

    agree()


def test_a_batch_longer_than_a_block():
    case = wide_case(200)
    for one, other in zip(
        products(case, case.workspace(700, derivatives=True)), products(case, case.workspace(64, derivatives=True)), strict=True
    ):
        assert apart(one, other) <= 1e-12


@pytest.mark.plain
@pytest.mark.parametrize("batch", [1, 3, 8])
def test_one_of_both_is_enough(batch):
    """Without the inputs', any workspace will do."""
    case = make_case([3, 4, 2], ["tanh", "gelu"], "mse", rows=7)
    grad, dX = products(case, case.workspace(batch, derivatives=True))
    only, only_dX = case.empty(grad.size), case.empty(*dX.shape)
    vjp(case.plan, case.theta, case.X, seeds(case), only, np.empty((0, 0)), case.workspace(batch))
    vjp(case.plan, case.theta, case.X, seeds(case), NONE, only_dX, case.workspace(batch, derivatives=True))
    np.testing.assert_allclose(only, grad, rtol=1e-12)
    assert np.array_equal(only_dX, dX)


@pytest.mark.plain
def test_backward_after_loaded_parameters_and_several_times():
    case = make_case([3, 4, 2], ["tanh", "gelu"], "mse", rows=7)
    work = case.workspace(7, derivatives=True)
    grad, dX = products(case, work)
    again, dX_again = case.empty(grad.size), case.empty(*dX.shape)
    load_parameters(case.plan, case.theta, work)
    for _ in range(2):
        forward_loaded(case.plan, case.X, work)
        for factor in (1.0, 2.0):
            backward(case.plan, case.X, factor * seeds(case), again, dX_again, work)
            np.testing.assert_allclose(again, factor * grad, rtol=1e-12)
            np.testing.assert_allclose(dX_again, factor * dX, rtol=1e-12)


@pytest.mark.plain
@pytest.mark.parametrize("kernel", [vjp, backward])
def test_no_rows_have_a_gradient_of_zero(kernel):
    case = make_case([3, 4, 2], ["tanh", "tanh"], "mse", rows=3)
    work, grad = case.workspace(derivatives=True), case.empty(case.theta.size)
    products(case, work)
    X, dY, dX = case.X[:0], seeds(case)[:0], case.empty(0, 3)
    if kernel is vjp:
        vjp(case.plan, case.theta, X, dY, grad, dX, work)
    else:
        forward(case.plan, case.theta, X, work)
        backward(case.plan, X, dY, grad, dX, work)
    assert not grad.any()


@pytest.mark.plain
def test_what_does_not_fit_is_refused():
    case = make_case([3, 4, 2], ["tanh", "sigmoid"], "mse", rows=4)
    plan, theta, X, dY = case.plan, case.theta, case.X, seeds(case)
    work, grad, dX = case.workspace(4, derivatives=True), case.empty(theta.size), case.empty(*X.shape)
    refused = {
        "derivatives=True": (X, dY, grad, dX, case.workspace(4)),
        "X has the wrong number of columns": (X[:, :2].copy(), dY, grad, dX, work),
        "as many rows as X": (X, dY[1:], grad, dX, work),
        "wrong number of columns": (X, dY[:, :1].copy(), grad, dX, work),
        "wrong length": (X, dY, grad[1:], dX, work),
        "dX needs the shape of X, and dT that of T": (X, dY, grad, dX[1:], work),
    }
    for message, arguments in refused.items():
        with pytest.raises(ValueError, match=message):
            vjp(plan, theta, *arguments)
        with pytest.raises(ValueError, match=message):
            backward(plan, *arguments)
    with pytest.raises(ValueError, match="theta has the wrong length"):
        vjp(plan, theta[1:], X, dY, grad, dX, work)
    with pytest.raises(ValueError, match="another plan"):
        vjp(make_plan([3, 5, 2]), np.zeros(32), X, dY, np.zeros(32), dX, work)
    few = case.workspace(2, derivatives=True)
    with pytest.raises(ValueError, match="cannot keep the activations of this many rows"):
        backward(plan, X, dY, grad, dX, few)


@pytest.mark.plain
def test_callers_compiled_by_numba():
    """The network inside a larger program: of its outputs, the sum of sines."""

    @njit
    def of_sines(plan, theta, X, grad, dX, work):
        Y = forward(plan, theta, X, work)
        total, dY = np.sum(np.sin(Y)), np.cos(Y)
        backward(plan, X, dY, grad, dX, work)
        return total

    case = make_case([3, 4, 2], ["tanh", "softplus"], "mse", rows=5)
    grad, dX = case.empty(case.theta.size), case.empty(5, 3)
    total = of_sines(case.plan, case.theta, case.X, grad, dX, case.workspace(derivatives=True))
    Y = case.outputs(*case.exact[:2])
    assert total == pytest.approx(np.sin(Y).sum(), rel=1e-12)
    assert apart(grad, np.einsum("ro,rop->p", np.cos(Y), case.parameter_jacobian())) < 1e-12
    assert apart(dX, np.einsum("ro,roi->ri", np.cos(Y), case.input_jacobian())) < 1e-12


@pytest.mark.skipif(without_jit, reason="about compiled kernels")
def test_nothing_is_allocated():
    check_allocations("vjp(plan, theta, X, Y, grad, dX, work)", "vjp(plan, theta, X, Y, grad, X[:0, :0], work)")
