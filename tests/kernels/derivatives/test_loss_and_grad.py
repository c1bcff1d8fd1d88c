"""The loss and its gradient against the slow oracle, finite differences and PyTorch: any activation, loss, depth and block."""

from __future__ import annotations

import itertools

import numpy as np
import oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inside import batch_rows, block_rows, groups_of, spoil
from numba import njit
from numba.core import config
from numba.core.errors import TypingError
from problems import (
    ACTIVATIONS,
    DTYPES,
    KINKED,
    LOSSES,
    Problem,
    calmed,
    check_against_oracle,
    described,
    fitting,
    gradient,
    make_problem,
    problems,
    some_problem,
)
from tileprop.kernels import loss_and_grad, make_workspace

without_jit = bool(config.DISABLE_JIT)

# Against the oracle ----------------------------------------------------------------------------------------------------------


@pytest.mark.plain
@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
def test_gradient_is_the_oracles(dtype, data):
    check_against_oracle(*data.draw(problems(dtype)))


@pytest.mark.full
@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=2000, derandomize=False)
@given(data=st.data())
def test_gradient_is_the_oracles_in_volume(dtype, data):
    check_against_oracle(*data.draw(problems(dtype)))


@pytest.mark.parametrize("rows", [97, pytest.param(200, marks=pytest.mark.full)])
def test_a_batch_longer_than_a_block(rows):
    """A network wide enough works through its rows in blocks that stay in cache."""
    network = oracle.Network([2, 600, 520, 2], ["tanh", "relu", "sigmoid"], "mse")
    problem = make_problem(network, rows, "float64", np.random.default_rng(rows), weighted=True)
    work = make_workspace(problem.plan, 700)
    assert batch_rows(work) == 700
    assert block_rows(work) < rows
    check_against_oracle(problem, work)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_workspace_for_groups_and_threads_serves_as_well(dtype):
    network = oracle.Network([700, 3, 2], ["tanh", "sigmoid"], "mse")
    problem = make_problem(network, 150, dtype, np.random.default_rng(54), weighted=True)
    work = make_workspace(problem.plan, 1000, dtype, n_threads=3)
    assert groups_of(work) > 0
    check_against_oracle(problem, work)


@pytest.mark.plain
@pytest.mark.parametrize("names", [["tanh"], ["sigmoid"], ["relu"], ["identity"], ["tanh", "relu", "identity", "sigmoid"]])
def test_fifty_layers(names):
    network = oracle.Network([4] + [6] * 49 + [3], [names[i % len(names)] for i in range(50)], "mse")
    check_against_oracle(make_problem(network, 5, "float64", np.random.default_rng(50)))


def test_fifty_layers_in_float32():
    network = oracle.Network([4] + [12] * 49 + [3], ["tanh"] * 49 + ["softmax"], "log_loss")
    check_against_oracle(make_problem(network, 5, "float32", np.random.default_rng(51)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_width_2000(dtype):
    network = oracle.Network([3, 2000, 2], ["relu", "sigmoid"], "squared_error")
    check_against_oracle(make_problem(network, 6, dtype, np.random.default_rng(52)))


@pytest.mark.full
@pytest.mark.parametrize("dtype", DTYPES)
def test_width_2000_throughout(dtype):
    network = oracle.Network([2000, 2000, 2000, 10], ["tanh", "sigmoid", "softmax"], "label_log_loss")
    check_against_oracle(make_problem(network, 5, dtype, np.random.default_rng(53)))


# By finite differences -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "depth",
    [
        pytest.param(1, marks=[pytest.mark.plain, pytest.mark.full]),
        pytest.param(2, marks=pytest.mark.plain),
        pytest.param(3, marks=pytest.mark.full),
        8,
    ],
)
@pytest.mark.parametrize("loss", LOSSES)
def test_gradient_by_finite_differences(loss, depth):
    for activation in ACTIVATIONS:
        check_by_finite_differences(activation, loss, depth)


def check_by_finite_differences(activation, loss, depth):
    """Outputs stay out of the zone where log losses are clipped, and pre-activations away from kinks.

    The differences are of the loss in float64: in float32 there would be nothing left of them.
    """
    network = described([2] + [3] * depth, calmed([activation] * (depth - 1) + [fitting(loss, activation)]), loss)
    rng = np.random.default_rng(60 + depth)
    for _ in range(20):
        problem = make_problem(network, 8, "float64", rng, kink=0.02)
        if len(problem.X):
            break
    problem.X, problem.T = problem.X[:2], problem.T[:2]
    problem.weight = np.array([0.5, 2.0])[: len(problem.X)]
    work = make_workspace(problem.plan, 2)
    _, grad = gradient(problem, work)
    none = np.zeros(0)

    def loss_of(theta: np.ndarray) -> float:
        return loss_and_grad(problem.plan, theta, problem.X, problem.T, problem.weight, none, work)

    differences = oracle.finite_differences(loss_of, problem.theta)
    assert np.abs(differences).max() > 1e-5
    np.testing.assert_allclose(grad, differences, rtol=0, atol=1e-8 * max(1, np.abs(differences).max()))
    single = Problem(
        network, problem.plan, *(a.astype(np.float32) for a in (problem.theta, problem.X, problem.T, problem.weight))
    )
    np.testing.assert_allclose(gradient(single)[1], differences, rtol=0, atol=1e-4 * max(1, np.abs(differences).max()))


# Against PyTorch -------------------------------------------------------------------------------------------------------------


def torch_gradient(problem: Problem) -> tuple[float, np.ndarray]:
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    activate = {
        "identity": lambda z: z,
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "relu": torch.relu,
        "softmax": lambda z: torch.softmax(z, dim=1),
        "exp": torch.exp,
        "leaky_relu": functional.leaky_relu,
        "elu": functional.elu,
        "silu": functional.silu,
        "gelu": functional.gelu,
        "softplus": functional.softplus,
    }
    theta = torch.tensor(problem.theta, requires_grad=True)
    T, weight = torch.tensor(problem.T), torch.tensor(problem.weight)
    A, start = torch.tensor(problem.X), 0
    sizes, name, parameters = problem.network.sizes, problem.network.loss, problem.network.parameters
    for n_in, n_out, activation in zip(sizes[:-1], sizes[1:], problem.network.activations, strict=True):
        W = theta[start : start + n_in * n_out].reshape(n_in, n_out)
        start += n_in * n_out
        b = theta[start : start + n_out] if problem.network.bias else torch.zeros(n_out, dtype=theta.dtype)
        start += n_out if problem.network.bias else 0
        Z = A @ W + b
        A = activate[activation](Z)
    if name in ("mse", "squared_error"):
        rows = functional.mse_loss(A, T, reduction="none").mean(dim=1) / (1 if name == "mse" else 2)
    elif name == "sum_squared_error":
        rows = functional.mse_loss(A, T, reduction="none").sum(dim=1) / 2
    elif name == "poisson":
        rows = (functional.poisson_nll_loss(Z, T, reduction="none") + torch.xlogy(T, T) - T).sum(dim=1)
    elif name == "log_loss":
        rows = functional.cross_entropy(Z, T, reduction="none")
    elif name == "label_log_loss":
        rows = functional.cross_entropy(Z, T[:, 0].long(), reduction="none")
    elif name == "mae":
        rows = functional.l1_loss(A, T, reduction="none").mean(dim=1)
    elif name == "huber":
        rows = functional.huber_loss(A, T, reduction="none", delta=parameters[0]).mean(dim=1)
    elif name == "quantile":
        levels = torch.tensor(parameters, dtype=A.dtype).repeat_interleave(T.shape[1])
        D = T.repeat(1, len(parameters)) - A
        rows = torch.maximum(levels * D, (levels - 1) * D).mean(dim=1)
    elif name == "gaussian_nll":
        m, s = A.chunk(2, dim=1)
        rows = functional.gaussian_nll_loss(m, T, s.exp(), reduction="none", eps=float(np.exp(-30))).sum(dim=1)
    else:
        rows = functional.binary_cross_entropy_with_logits(Z, T, reduction="none").sum(dim=1)
    loss = (rows * weight).sum() / weight.sum()
    loss.backward()
    return float(loss.detach()), theta.grad.numpy()


@pytest.mark.parametrize("loss", LOSSES)
def test_gradient_is_pytorchs(loss):
    for activation in ACTIVATIONS:
        names = [activation, "tanh", activation, fitting(loss, activation)]
        network = described([5, 7, 4, 6, 3], calmed(names), loss)
        problem = make_problem(network, 12, "float64", np.random.default_rng(70), weighted=True)
        their_loss, theirs = torch_gradient(problem)
        loss_value, ours = gradient(problem)
        assert loss_value == pytest.approx(their_loss, rel=1e-12)
        for part in network.layers:
            assert np.abs(ours[part] - theirs[part]).max() <= 1e-10 * np.abs(theirs[part]).max()


# Weights, labels -------------------------------------------------------------------------------------------------------------


@pytest.mark.plain
@pytest.mark.parametrize("loss", LOSSES)
def test_a_weight_counts_a_row_so_many_times(loss):
    problem = some_problem(loss)
    counts = np.array([1, 0, 3, 2, 0, 1])
    problem.weight = counts.astype(float)
    weighted = gradient(problem)
    problem.weight = np.zeros(0)
    problem.X, problem.T = np.repeat(problem.X, counts, axis=0), np.repeat(problem.T, counts, axis=0)
    repeated = gradient(problem)
    assert weighted[0] == pytest.approx(repeated[0], rel=1e-14)
    np.testing.assert_allclose(weighted[1], repeated[1], rtol=1e-12, atol=1e-15)


@pytest.mark.plain
def test_only_the_proportion_of_weights_matters():
    problem = some_problem(weighted=True)
    loss, grad = gradient(problem)
    problem.weight = problem.weight * 1e6
    assert gradient(problem)[0] == pytest.approx(loss, rel=1e-14)
    np.testing.assert_allclose(gradient(problem)[1], grad, rtol=1e-13)


@pytest.mark.plain
def test_weights_that_sum_to_zero_give_zero():
    problem = some_problem()
    problem.weight = np.zeros(6)
    loss, grad = gradient(problem)
    assert loss == 0
    assert not grad.any()


@pytest.mark.plain
def test_labels_are_one_hot_targets():
    labelled = some_problem("label_log_loss")
    one_hot = some_problem("log_loss")
    one_hot.T = np.eye(3)[labelled.T[:, 0].astype(int)]
    assert labelled.plan.n_targets == 1
    assert one_hot.plan.n_targets == 3
    loss, grad = gradient(labelled)
    assert loss == gradient(one_hot)[0]
    np.testing.assert_allclose(grad, gradient(one_hot)[1], rtol=1e-14)


@pytest.mark.plain
@pytest.mark.parametrize("label", [-1.0, 3.0, 1e9])
def test_a_label_without_an_output_makes_the_loss_nan(label):
    problem = some_problem("label_log_loss")
    problem.T[2, 0] = label
    assert np.isnan(gradient(problem)[0])


@pytest.mark.plain
@pytest.mark.parametrize("loss", KINKED)
def test_no_slope_where_output_and_target_meet(loss):
    """The oracle's choice at the kink; other outputs of the same row have theirs."""
    network = described([2, 2], ["identity"], loss)
    problem = make_problem(network, 3, "float64", np.random.default_rng(81))
    problem.theta[:] = np.round(4 * problem.theta)
    problem.X[:] = np.round(4 * problem.X)
    problem.T[:] = oracle.forward(network, problem.theta, problem.X)[:, :2]
    problem.T[1, 1] += 1.5
    check_against_oracle(problem)
    problem.X, problem.T = problem.X[:1], problem.T[:1]
    assert gradient(problem)[1].any() == (loss == "quantiles")  # at the first level alone they meet


@pytest.mark.plain
def test_a_variance_at_its_floor_has_no_slope():
    network = described([2, 1], ["identity"], "gaussian_nll")
    problem = make_problem(network, 3, "float64", np.random.default_rng(82))
    problem.theta[-1] = -40
    check_against_oracle(problem)
    _, biases = problem.plan.unflatten(gradient(problem)[1])
    assert biases[0][0] != 0
    assert biases[0][1] == 0


@pytest.mark.plain
@pytest.mark.parametrize("loss", LOSSES)
def test_nan_in_the_inputs_shows_in_the_loss(loss):
    problem = some_problem(loss)
    problem.X[4, 1] = np.nan
    assert np.isnan(gradient(problem)[0])


# Memory ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.plain
def test_gradient_is_overwritten_and_inputs_are_left_alone():
    problem = some_problem(weighted=True)
    before = [a.copy() for a in (problem.theta, problem.X, problem.T, problem.weight)]
    first, second = gradient(problem), gradient(problem)
    assert first[0] == second[0]
    assert np.array_equal(first[1], second[1])
    for now, then in zip((problem.theta, problem.X, problem.T, problem.weight), before, strict=True):
        assert np.array_equal(now, then)


@pytest.mark.plain
def test_read_only_arrays_serve_as_well():
    problem = some_problem(weighted=True)
    expected = gradient(problem)
    for array in (problem.theta, problem.X, problem.T, problem.weight):
        array.flags.writeable = False
    loss, grad = gradient(problem)
    assert loss == expected[0]
    assert np.array_equal(grad, expected[1])


@pytest.mark.plain
@pytest.mark.parametrize("loss", LOSSES)
def test_an_empty_gradient_stands_for_the_loss_alone(loss):
    problem = some_problem(loss, rows=11, weighted=True)
    work = make_workspace(problem.plan, 4)
    expected, _ = gradient(problem, work)
    none = np.zeros(0)
    assert loss_and_grad(problem.plan, problem.theta, problem.X, problem.T, problem.weight, none, work) == expected
    # Also in memory that has held no gradient.
    fresh = make_workspace(problem.plan, 4)
    assert loss_and_grad(problem.plan, problem.theta, problem.X, problem.T, problem.weight, none, fresh) == expected


@pytest.mark.plain
@pytest.mark.parametrize("dtype", DTYPES)
def test_what_the_workspace_held_does_not_matter(dtype):
    """Not even in the padding: it reaches no result."""
    problem = some_problem(rows=9, weighted=True, dtype=dtype)
    work = make_workspace(problem.plan, 4, dtype)
    expected = gradient(problem, work)
    spoil(work)
    with np.errstate(invalid="ignore"):
        again = gradient(problem, work)
    assert again[0] == expected[0]
    assert np.array_equal(again[1], expected[1])


@pytest.mark.plain
def test_blocks_of_any_length_agree():
    problem = some_problem(rows=23, weighted=True)
    loss, grad = gradient(problem, make_workspace(problem.plan, 23))
    for batch_size in (1, 2, 5, 22, 100):
        again, other = gradient(problem, make_workspace(problem.plan, batch_size))
        assert again == pytest.approx(loss, rel=1e-14)
        np.testing.assert_allclose(other, grad, rtol=1e-12, atol=1e-16)


@pytest.mark.skipif(without_jit, reason="about compilations")
def test_one_compilation_for_each_dtype():
    for dtype in DTYPES:
        gradient(some_problem(dtype=dtype))
    before = set(loss_and_grad.overloads)
    rng = np.random.default_rng(90)
    for loss, activation in zip(LOSSES, itertools.cycle(ACTIVATIONS), strict=False):
        for depth in (1, 2, 7):
            names = [activation] * (depth - 1) + [fitting(loss, activation)]
            network = described([3] * (depth + 1), calmed(names), loss, bias=bool(depth % 2))
            for dtype in DTYPES:
                gradient(make_problem(network, 5, dtype, rng, weighted=bool(depth % 2)))
    assert set(loss_and_grad.overloads) == before


@pytest.mark.skipif(without_jit, reason="plain Python takes any layout")
def test_an_array_that_is_not_contiguous_is_named():
    problem = some_problem()
    problem.X = np.asfortranarray(problem.X)
    with pytest.raises(TypingError, match=r"argument X .*C-contiguous"):
        gradient(problem)


@pytest.mark.plain
def test_callers_compiled_by_numba():
    @njit
    def descend(plan, theta, X, T, weight, work, steps):
        grad = np.empty_like(theta)
        loss = 0.0
        for _ in range(steps):
            loss = loss_and_grad(plan, theta, X, T, weight, grad, work)
            theta -= 0.1 * grad
        return loss

    problem = some_problem()
    theta = problem.theta.copy()
    work = make_workspace(problem.plan, 8)
    last = descend(problem.plan, theta, problem.X, problem.T, problem.weight, work, 5)
    for step in range(5):
        loss, grad = gradient(problem, work)
        problem.theta -= 0.1 * grad
        if step == 0:
            assert loss > last
    assert last == pytest.approx(loss, rel=1e-13)
    np.testing.assert_allclose(theta, problem.theta, rtol=1e-13)
