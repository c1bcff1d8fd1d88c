"""A single row on theta as it is gives what it gives among others, which say nothing."""

from __future__ import annotations

from dataclasses import replace

import computed
import numpy as np
import pytest
from computed import SHAPES
from differentiation import ACTIVATIONS, DTYPES, LOSSES, Case, apart, make_case
from inside import deltas_of
from numba import njit
from tileprop.kernels import loss_and_grad, vjp
from tileprop.kernels.derivatives.one_row import backward_one, input_delta_one
from tileprop.kernels.llvm import span, unowned
from tileprop.kernels.passes import Net
from tileprop.kernels.predict import forward_one

TOLERANCE = {"float32": 1e-5, "float64": 1e-13}


def alone(case: Case, row: int = 0) -> Case:
    return replace(case, X=case.X[row : row + 1], T=case.T[row : row + 1], weight=case.weight[row : row + 1])


def beside(case: Case, row: int = 0) -> Case:
    """The same row, and another one of no weight."""
    rows = [row, (row + 1) % case.rows]
    weight = np.array([case.weight[row] if case.weight.size else 1, 0], case.dtype)
    return replace(case, X=case.X[rows], T=case.T[rows], weight=weight)


def check_alone(case: Case) -> None:
    one, two, tolerance = alone(case), beside(case), TOLERANCE[case.dtype]
    works = [each.workspace(4, derivatives=True) for each in (one, two)]
    names = ["gradient", "input_gradient", "sample_gradients", *(["target_gradient"] if case.loss != "label_log_loss" else [])]
    for name in names:
        found, expected = (getattr(computed, name)(each, work) for each, work in zip((one, two), works, strict=True))
        assert apart(found, expected if name == "gradient" else expected[:1]) <= tolerance, name
    losses = [
        loss_and_grad(each.plan, each.theta, each.X, each.T, each.weight, np.empty(0, case.dtype), work)
        for each, work in zip((one, two), works, strict=True)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=tolerance)
    dY = np.zeros((2, case.sizes[-1]), case.dtype)
    dY[0] = np.random.default_rng(5).normal(size=case.sizes[-1])
    results = []
    for each, work in zip((one, two), works, strict=True):
        grad, dX = case.empty(case.theta.size), case.empty(*each.X.shape)
        vjp(each.plan, each.theta, each.X, dY[: each.rows], grad, dX, work)
        results.append((grad, dX[:1]))
    for found, expected in zip(*results, strict=True):
        assert apart(found, expected) <= tolerance


@pytest.mark.plain
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations(activation):
    for dtype in DTYPES:
        check_alone(make_case([3, 4, 5, 2], [activation] * 3, "mse", rows=12, dtype=dtype, seed=3))


@pytest.mark.plain
@pytest.mark.parametrize("loss", LOSSES)
def test_losses(loss):
    for dtype in DTYPES:
        check_alone(make_case([3, 4, 3], ["tanh", "tanh"], loss, rows=12, dtype=dtype, weighted=True, seed=3))


@pytest.mark.plain
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sizes", [*SHAPES, [33, 65, 31, 10]])
def test_shapes(sizes, dtype):
    for bias in [True, False]:
        check_alone(make_case(sizes, ["gelu"] * (len(sizes) - 1), "squared_error", bias, rows=4, dtype=dtype, seed=4))


@pytest.mark.plain
def test_what_the_workspace_held_does_not_matter():
    case = alone(make_case([3, 5, 2], ["softmax", "tanh"], "mse", rows=4))
    work = case.workspace(4, derivatives=True)
    before = [computed.gradient(case, work), computed.input_gradient(case, work)]
    computed.gradient(make_case([3, 5, 2], ["softmax", "tanh"], "mse", rows=9, seed=8), work)
    for one, other in zip(before, [computed.gradient(case, work), computed.input_gradient(case, work)], strict=True):
        assert np.array_equal(one, other)


@pytest.mark.plain
def test_deltas_of_hidden_layers():
    case = alone(make_case([3, 4, 5, 2], ["tanh", "gelu", "identity"], "mse", rows=4))
    work = case.workspace(1, derivatives=True)
    out = np.full(5, np.nan)

    @njit
    def run(work, theta, x, dY, out):
        net = Net(work.header[0], unowned(work.layers), unowned(work.numbers))
        forward_one(net, theta, x)
        for j in range(dY.size):
            net.memory[net.layers[2].deltas + j] = dY[j]
        backward_one(net, theta)
        input_delta_one(net, theta, span(out, 1, out.size - 1))

    dY = np.array([0.3, -2.0])
    run(work, case.theta, case.X[0], dY, out)
    assert apart(out[1:4], dY @ case.input_jacobian()[0]) <= 1e-13
    assert np.isnan(out[[0, 4]]).all()
    weights = case.plan.unflatten(case.theta)[0]
    np.testing.assert_allclose(deltas_of(work, 0, 1)[0, :4] @ weights[0].T, out[1:4], rtol=1e-13)
