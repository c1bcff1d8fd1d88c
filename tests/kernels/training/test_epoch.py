"""The batch loop against the slow oracle's, in pieces, under a stop flag, under divergence, and without allocating."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit
from numba.core import config
from tileprop.kernels import make_plan, make_state, make_workspace, train_epoch, train_step
from tileprop.kernels.training.optimizers import DIVERGED, POSITION, RUNNING, SEED, STATUS, STEP, STOPPED
from tileprop.kernels.training.step import WHOLE_AT_ONCE
from tileprop.kernels.workspace import BATCH, BATCH_MEAN, BLOCK, GROUPS, MEAN, PACKED, PENALTY, WIDTH, ZEROS
from trainings import RULES, Training, make_training, oracle_epoch

DTYPES = ["float32", "float64"]
without_jit = bool(config.DISABLE_JIT)
compiled_only = pytest.mark.skipif(without_jit, reason="about compiled code")

# Against the oracle ----------------------------------------------------------------------------------------------------------


def check_epochs(training: Training, rule: str, tolerance: float, epochs: int = 1) -> None:
    """Losses, the penalty on weights, and parameters; each epoch starts from where the oracle's ended."""
    mine = RULES[rule][1]()
    for _ in range(epochs):
        expected = oracle_epoch(training, mine)
        assert training.run() == training.work.passes[0, MEAN] == pytest.approx(expected.loss, rel=tolerance)
        assert training.work.passes[0, BATCH_MEAN] == pytest.approx(expected.batch_mean, rel=tolerance)
        assert training.work.passes[0, PENALTY] == pytest.approx(expected.penalty, rel=tolerance)
        np.testing.assert_allclose(training.theta, expected.theta, rtol=0, atol=tolerance * np.abs(expected.theta).max())
        training.theta[:] = expected.theta


@pytest.mark.plain
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("order", ["none", "permutation", "sample"])
@pytest.mark.parametrize("alpha", [0.0, 0.5])
def test_two_epochs_are_the_oracles(rule, dtype, order, alpha):
    """With a last batch that is smaller, and the state carried from one epoch to the next."""
    training = make_training(rule=rule, dtype=dtype, order=order, weighted=order == "permutation", seed=1, alpha=alpha)
    before = training.theta.copy()
    check_epochs(training, rule, 1e-12 if dtype == "float64" else 2e-5, epochs=2)
    assert np.abs(training.theta - before).max() > 0.01
    mean, batch_mean, penalty = training.work.passes[0]
    assert (mean == pytest.approx(batch_mean, rel=1e-9)) == (order != "permutation")
    assert (penalty > 0) == (alpha > 0)
    assert training.state.codes.tolist()[1:] == [2 * -(-expected_rows(training) // 5), expected_rows(training), RUNNING]


def expected_rows(training: Training) -> int:
    return training.order.size or len(training.X)


# A loss, the parameter that it is drawn with, and the output activation that it needs.
LOSSES: list[tuple[str, dict[str, Any], str]] = [
    ("mse", {}, ""),
    ("squared_error", {}, ""),
    ("sum_squared_error", {}, ""),
    ("mae", {}, ""),
    ("huber", {"delta": 0.2}, ""),
    ("quantile", {"quantile": 0.3}, ""),
    ("quantile", {"quantile": [0.1, 0.5, 0.75]}, ""),
    ("gaussian_nll", {}, "identity"),
    ("poisson", {}, "exp"),
    ("log_loss", {}, "softmax"),
    ("log_loss", {}, "sigmoid"),
]
BOUNDED = ["sigmoid", "tanh", "softmax"]
HIDDEN = ["sigmoid", "tanh", "identity", "relu", "leaky_relu", "elu", "silu", "gelu", "softplus"]


@pytest.mark.plain
@given(data=st.data())
def test_any_epoch_is_the_oracles(data):
    sizes = data.draw(st.lists(st.integers(1, 6), min_size=2, max_size=5))
    loss, parameter, output = data.draw(st.sampled_from(LOSSES))
    levels = parameter.get("quantile", 0.5)
    sizes[-1] *= len(levels) if isinstance(levels, list) else 2 if loss == "gaussian_nll" else 1
    output = output or data.draw(st.sampled_from([*BOUNDED, "gelu", "elu", "identity"]))
    # Steps as long as the gradient of an unbounded loss of unbounded outputs leave all bounds.
    calm = output in BOUNDED or loss in ("mae", "huber", "quantile")
    rules = sorted(RULES) if calm else [rule for rule in sorted(RULES) if "adam" in rule]
    training = make_training(
        sizes,
        n=data.draw(st.integers(1, 30)),
        batch_size=data.draw(st.integers(1, 33)),
        rule=(rule := data.draw(st.sampled_from(rules))),
        weighted=data.draw(st.booleans()),
        order=data.draw(st.sampled_from(["none", "permutation", "sample"])),
        seed=data.draw(st.integers(0, 1000)),
        activation=data.draw(st.sampled_from(HIDDEN)),
        output_activation=output,
        loss=loss,
        bias=data.draw(st.booleans()),
        alpha=data.draw(st.sampled_from([0.0, 0.3])),
        **parameter,
    )
    if loss == "log_loss" and output == "softmax":
        training.T /= training.T.sum(axis=1, keepdims=True)
    training.X /= 4
    check_epochs(training, rule, 1e-9)


@pytest.mark.plain
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rule", ["sgd", "adam"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("hidden", "output", "loss"),
    [
        ("tanh", "identity", "sum_squared_error"),
        ("tanh", "exp", "poisson"),
        ("exp", "exp", "mse"),
        ("exp", "softmax", "log_loss"),
        ("silu", "identity", "huber"),
        ("gelu", "identity", "quantile"),
        ("leaky_relu", "identity", "mae"),
        ("softplus", "identity", "gaussian_nll"),
        ("elu", "exp", "poisson"),
        ("elu", "softplus", "squared_error"),
    ],
)
def test_sums_of_squares_counts_and_exponentials(hidden, output, loss, rule, weighted, dtype):
    options = {"activation": hidden, "output_activation": output, "loss": loss}
    training = make_training(rule=rule, dtype=dtype, weighted=weighted, order="permutation", seed=2, alpha=0.1, **options)
    training.X /= 4
    if loss == "poisson":
        training.T[:] = np.floor(3 * training.T)
        assert not training.T.all()
    if loss == "log_loss":
        training.T[:] = np.eye(2)[training.T[:, 0].round().astype(int)]
    check_epochs(training, rule, 1e-12 if dtype == "float64" else 2e-5, epochs=2)


@pytest.mark.parametrize("order", ["none", "permutation"])
def test_batches_longer_than_a_block(order):
    """A network wide enough works through its batch in blocks that stay in cache."""
    training = make_training([2, 600, 520, 1], n=270, batch_size=262, order=order, weighted=True, rule="momentum")
    assert training.work.layout[0, BLOCK] < 262 / 2
    assert training.work.layout[0, GROUPS] == 0
    check_epochs(training, "momentum", 1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rule", ["sgd", "nesterov", "adam"])
@pytest.mark.parametrize("order", ["none", "sample"])
def test_batches_in_groups_are_the_oracles(rule, order, dtype):
    """Long batches of few parameters: three of them, the last one with fewer rows, but more than one chunk."""
    options = {"weighted": True, "dtype": dtype, "alpha": 30.0 if order == "sample" else 0.0}
    training = make_training([600, 4, 3], n=1040, batch_size=470, rule=rule, order=order, **options)
    training.theta[:] /= 8
    assert training.work.layout[0, GROUPS] > 1
    check_epochs(training, rule, 1e-12 if dtype == "float64" else 1e-4)
    assert training.state.codes[STEP] == 3


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("bias", [True, False])
def test_a_penalty_on_many_parameters(rule, bias, dtype):
    """More than a whole gradient is kept for: the steps are taken a few rows of a panel at a time."""
    options = {"weighted": True, "dtype": dtype, "bias": bias, "alpha": 0.5}
    training = make_training([200, 170, 3], n=11, batch_size=4, rule=rule, order="permutation", **options)
    training.theta[:] /= 8
    assert training.work.layout[0, PACKED] > WHOLE_AT_ONCE
    check_epochs(training, rule, 1e-12 if dtype == "float64" else 1e-4, epochs=2)


@pytest.mark.plain
@pytest.mark.parametrize("batch_size", [23, 100, 5000])
def test_a_batch_larger_than_the_data_is_one_of_all_rows(batch_size):
    training = make_training(batch_size=22, rule="adam", order="permutation", weighted=True)
    larger = training.copy()
    larger.work = make_workspace(training.plan, batch_size)
    expected = oracle_epoch(training, RULES["adam"][1]())
    assert training.run() == pytest.approx(expected.loss, rel=1e-12)
    assert larger.run() == pytest.approx(expected.loss, rel=1e-12)
    for theta in (training.theta, larger.theta):
        np.testing.assert_allclose(theta, expected.theta, rtol=0, atol=1e-12 * np.abs(expected.theta).max())
    assert larger.state.codes.tolist()[1:] == [1, 22, RUNNING]


@pytest.mark.plain
@pytest.mark.parametrize("alpha", [0.0, 0.5])
def test_weights_that_are_zero_in_a_batch_leave_it_out(alpha):
    """Its rows count where batches are averaged by their numbers of rows, with no loss and no penalty."""
    training = make_training(n=10, batch_size=5, weighted=True, alpha=alpha)
    training.weight[5:] = 0
    alone = training.copy()
    alone.work = make_workspace(training.plan, 5)
    alone.X, alone.T, alone.weight = training.X[:5], training.T[:5], training.weight[:5]
    assert training.run() == alone.run()
    assert np.array_equal(training.theta, alone.theta)
    assert training.work.passes[0, BATCH_MEAN] == pytest.approx(alone.work.passes[0, BATCH_MEAN] / 2, rel=1e-15)
    assert training.work.passes[0, PENALTY] == pytest.approx(alone.work.passes[0, PENALTY] / 2, rel=1e-15)


@pytest.mark.plain
@pytest.mark.parametrize("weighted", [False, True])
def test_a_penalty_by_hand(weighted):
    """It shrinks weights by learning rate times alpha over the batch's weight, leaves biases, and is no part of the loss."""
    training = make_training([1, 1], n=2, batch_size=2, weighted=weighted, alpha=0.5, output_activation="identity")
    training.X[:], training.T[:], training.theta[:] = [[1], [-1]], [[3], [1]], [1, 2]  # outputs are right
    weight = training.weight.sum() if weighted else 2
    assert training.run() == 0
    np.testing.assert_allclose(training.theta, [1 - 0.3 * 0.5 / weight, 2], rtol=1e-15)
    np.testing.assert_allclose(training.work.passes, [[0, 0, 0.5 * 0.5 / weight]], rtol=1e-15)


@pytest.mark.plain
def test_the_loss_falls():
    training = make_training(n=40, batch_size=8, rule="adam", order="permutation")
    first = training.run()
    for _ in range(30):
        last = training.run()
    assert last < 0.9 * first


# In pieces -------------------------------------------------------------------------------------------------------------------


@pytest.mark.plain
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cuts", [[10], [5, 10, 15, 20], [20]])
def test_pieces_of_an_epoch_give_the_same_bits(rule, dtype, cuts):
    whole = make_training(rule=rule, dtype=dtype, order="permutation", weighted=True)
    pieces = whole.copy()
    whole.run()
    for part in np.split(whole.order, cuts):
        pieces.order = part
        pieces.run()
        assert pieces.state.codes[POSITION] == len(part)
    assert np.array_equal(pieces.theta, whole.theta)
    assert np.array_equal(pieces.state.first, whole.state.first)
    assert np.array_equal(pieces.state.second, whole.state.second)
    assert pieces.state.codes[STEP] == whole.state.codes[STEP] == 5


@pytest.mark.plain
@pytest.mark.parametrize("alpha", [0.0, 0.1])
def test_pieces_of_the_rows_give_the_same_bits(alpha):
    whole = make_training(rule="nesterov", alpha=alpha)
    pieces = whole.copy()
    whole.run()
    X, T = pieces.X, pieces.T
    for rows in (slice(0, 10), slice(10, 15), slice(15, 22)):
        pieces.X, pieces.T = X[rows], T[rows]
        pieces.run()
    assert np.array_equal(pieces.theta, whole.theta)


@pytest.mark.plain
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("order", ["none", "permutation", "sample"])
@pytest.mark.parametrize(("sizes", "batch_size", "alpha"), [([3, 5, 2], 5, 0.0), ([2, 2, 1], 1, 0.0), ([3, 5, 2], 5, 0.1)])
def test_passes_of_one_call_give_the_bits_of_a_call_each(rule, order, sizes, batch_size, alpha):
    options = {"rule": rule, "order": order, "batch_size": batch_size, "alpha": alpha, "weighted": alpha > 0}
    apart, together = (make_training(sizes, **options) for _ in range(2))
    other = apart.order[::-1]
    losses, passes = [apart.run()], [apart.work.passes[0].tolist()]
    apart.order = other.copy()
    losses.append(apart.run())
    passes.append(apart.work.passes[0].tolist())
    together.order = np.concatenate([together.order, other])
    together.work = together.work.for_passes(2)
    assert together.run() == losses[-1]
    assert together.work.passes.tolist() == passes
    assert together.work.passes[:, MEAN].tolist() == losses
    codes = together.state.codes
    codes[2] -= expected_rows(apart)
    assert together.result() == apart.result()


@pytest.mark.plain
def test_a_stop_flag_ends_the_first_of_several_passes():
    training = make_training()
    training.work = training.work.for_passes(3)
    training.work.control[0] = 1
    training.run()
    assert training.state.codes[1:].tolist() == [1, 5, 1]


@pytest.mark.plain
def test_a_divergence_in_a_later_pass_is_told():
    training = make_training(order="permutation")
    training.work = training.work.for_passes(2)
    training.order = np.concatenate([training.order, training.order])
    training.order[22:27] = 3  # a batch of one row, of no finite loss
    training.order[:22] = 4
    training.T = training.T.copy()
    training.T[3] = np.nan
    training.run()
    assert training.state.codes[1:].tolist() == [5, 22, 2]


@pytest.mark.plain
def test_an_order_that_is_not_as_long_for_every_pass():
    training = make_training(order="permutation")
    training.work = training.work.for_passes(3)
    with pytest.raises(ValueError, match="order needs as many rows for each pass"):
        training.run()


@pytest.mark.plain
def test_in_order_and_by_index_give_the_same_bits():
    straight = make_training(weighted=True)
    indexed = straight.copy()
    indexed.order = np.arange(22)
    assert straight.run() == indexed.run()
    assert np.array_equal(straight.theta, indexed.theta)


@pytest.mark.plain
@pytest.mark.parametrize("rule", RULES)
def test_the_same_call_gives_the_same_bits(rule):
    """Whatever the scratch memory held before, the padding included."""
    training = make_training(rule=rule, order="sample", weighted=True, alpha=0.1)
    again = training.copy()
    again.work = work = make_workspace(training.plan, 5)
    kept = np.zeros(work.numbers.size, bool)
    kept[work.layout[0, ZEROS] :][: work.layout[1:, WIDTH].max()] = True
    work.numbers[~kept] = np.nan
    work.losses[:] = np.nan
    with np.errstate(invalid="ignore"):
        assert training.run() == again.run()
    assert training.result() == again.result()


@pytest.mark.plain
def test_a_workspace_serves_again_after_a_divergence():
    training = make_training(rule="momentum", output_activation="identity")
    diverging, expected = training.copy(), training.copy()
    diverging.X = training.X.copy()
    diverging.X[7] = np.inf
    with np.errstate(invalid="ignore", over="ignore"):
        diverging.run()
        diverging.state.scalars[0] = 1e300
        diverging.X = training.X
        diverging.run()
    assert diverging.state.codes[STATUS] == DIVERGED
    expected.work = make_workspace(training.plan, 5)
    with np.errstate(invalid="ignore"):  # in the padding
        assert training.run() == expected.run()
    assert training.result() == expected.result()


# By steps --------------------------------------------------------------------------------------------------------------------


STATES: dict[str, dict[str, Any]] = {
    **{name: options for name, (options, _) in RULES.items()},
    "rmsprop": {"rule": "rmsprop", "learning_rate": 0.01, "momentum": 0.5},
    "rprop": {"rule": "rprop", "learning_rate": 0.01},
}
# Sizes, rows of a batch, and what the state has besides its rule: in registers, small, with penalties, in groups.
STEPS: dict[str, tuple[list[int], int, dict[str, float]]] = {
    "one row": ([2, 2, 1], 1, {}),
    "few rows": ([3, 5, 2], 5, {}),
    "penalties": ([3, 5, 2], 5, {"alpha": 0.1, "l1": 0.01, "weight_decay": 0.1, "clip_norm": 0.05}),
    "groups": ([600, 4, 3], 470, {}),
}


def steps_of(training: Training) -> list[float]:
    """The rows in order, a call for each batch."""
    batch = int(training.work.layout[0, BATCH])
    losses = []
    for start in range(0, len(training.X), batch):
        rows = slice(start, start + batch)
        part = (training.X[rows], training.T[rows], training.weight[rows])
        losses.append(train_step(training.plan, training.theta, training.state, *part, training.work))
    return losses


def epochs_of(training: Training) -> list[float]:
    """The same by epochs of one batch each."""
    batch, X, T, weight = int(training.work.layout[0, BATCH]), training.X, training.T, training.weight
    losses = []
    for start in range(0, len(X), batch):
        training.X, training.T, training.weight = (array[start : start + batch] for array in (X, T, weight))
        losses.append(training.run())
    return losses


@pytest.mark.plain
@pytest.mark.parametrize("rule", STATES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", [name if name != "groups" else pytest.param(name, marks=compiled_only) for name in STEPS])
def test_steps_have_the_bits_of_epochs(rule, dtype, kind):
    sizes, batch, more = STEPS[kind]
    training = make_training(sizes, n=2 * batch + batch // 2 + 1, batch_size=batch, dtype=dtype, weighted=kind != "one row")
    training.theta[:] /= 4
    training.state = make_state(training.plan, **{**STATES[rule], "dtype": dtype, **more})
    assert (training.work.layout[0, GROUPS] > 0) == (kind == "groups")
    apart, whole = training.copy(), training.copy()
    losses = steps_of(training)
    assert losses == epochs_of(apart)
    assert training.result() == apart.result()
    whole.run()
    assert training.theta.tobytes() == whole.theta.tobytes()
    assert training.state.codes[STEP] == whole.state.codes[STEP] == len(losses)


@compiled_only
@pytest.mark.parametrize("rule", STATES)
def test_steps_in_a_compiled_loop_have_the_bits_of_epochs(rule):
    @njit
    def steps(plan, theta, state, X, T, weight, work, batch):
        for start in range(0, X.shape[0], batch):
            stop = start + batch
            train_step(plan, theta, state, X[start:stop], T[start:stop], weight, work)

    training = make_training(n=33, batch_size=5)
    training.state = make_state(training.plan, **STATES[rule])
    expected = training.copy()
    steps(training.plan, training.theta, training.state, training.X, training.T, training.weight, training.work, 5)
    expected.run()
    assert training.theta.tobytes() == expected.theta.tobytes()
    assert np.array_equal(training.state.first, expected.state.first)
    assert np.array_equal(training.state.second, expected.state.second)


@pytest.mark.plain
def test_steps_leave_out_units_as_epochs_do():
    training = make_training([3, 8, 2], n=20, batch_size=5)
    training.work = training.work.dropping([0.5])
    training.state.scalars[SEED] = 7
    kept, apart = training.copy(), training.copy()
    kept.work = make_workspace(training.plan, 5)
    steps_of(training)
    epochs_of(apart)
    assert training.theta.tobytes() == apart.theta.tobytes()
    steps_of(kept)
    assert not np.array_equal(training.theta, kept.theta)


@pytest.mark.plain
def test_a_step_without_a_finite_loss_is_not_taken():
    training = make_training(rule="momentum", n=5)
    training.X[2, 1] = np.nan
    before = training.theta.copy()
    with np.errstate(invalid="ignore"):  # as plain Python, the scalars' own warnings
        assert not np.isfinite(steps_of(training)).any()
    assert np.array_equal(training.theta, before)
    assert training.state.codes.tolist()[1:] == [0, 0, DIVERGED]


# Inputs ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.plain
@pytest.mark.parametrize("order", ["none", "permutation"])
def test_inputs_are_never_changed(order):
    training = make_training(weighted=True, order=order)
    inputs = (training.X, training.T, training.weight, training.order)
    before = [a.copy() for a in inputs]
    training.run()
    assert all(np.array_equal(a, b) for a, b in zip(inputs, before, strict=True))


@pytest.mark.plain
def test_read_only_inputs_serve_as_well():
    training = make_training(weighted=True, order="permutation")
    frozen = training.copy()
    for name in ("X", "T", "weight", "order"):
        array = getattr(frozen, name).copy()
        array.flags.writeable = False
        setattr(frozen, name, array)
    assert training.run() == frozen.run()
    assert np.array_equal(training.theta, frozen.theta)


@pytest.mark.plain
@pytest.mark.parametrize("mode", ["r", "r+"])
def test_memory_mapped_inputs_serve_as_well(tmp_path, mode):
    training = make_training(weighted=True, order="permutation")
    mapped = training.copy()
    contents = {}
    for name in ("X", "T", "weight", "order"):
        np.save(tmp_path / name, getattr(training, name))
        setattr(mapped, name, np.load(tmp_path / f"{name}.npy", mmap_mode=mode))
        contents[name] = (tmp_path / f"{name}.npy").read_bytes()
    before = None if without_jit else len(train_epoch.overloads)
    assert training.run() == mapped.run()
    assert np.array_equal(training.theta, mapped.theta)
    assert isinstance(mapped.X, np.memmap)
    assert all((tmp_path / f"{name}.npy").read_bytes() == content for name, content in contents.items())
    if not without_jit and before:
        assert len(train_epoch.overloads) == before


# Stopping and diverging ------------------------------------------------------------------------------------------------------


@pytest.mark.plain
@pytest.mark.parametrize("rule", RULES)
def test_a_stop_flag_ends_after_a_whole_step(rule):
    stopped = make_training(rule=rule, order="permutation", weighted=True, alpha=0.1)
    one_batch = stopped.copy()
    one_batch.order, one_batch.work = stopped.order[:5], make_workspace(stopped.plan, 5)
    stopped.work.control[0] = 1
    loss = stopped.run()
    assert stopped.state.codes.tolist()[1:] == [1, 5, STOPPED]
    stopped.work.control[0] = 0
    assert loss == one_batch.run()
    assert np.array_equal(stopped.work.passes, one_batch.work.passes)
    assert one_batch.state.codes.tolist()[1:] == [1, 5, RUNNING]
    assert np.array_equal(stopped.theta, one_batch.theta)


@pytest.mark.plain
def test_a_stopped_epoch_can_be_resumed():
    whole = make_training(rule="adam", order="permutation")
    resumed = whole.copy()
    whole.run()
    resumed.work.control[0] = 1
    resumed.run()
    resumed.work.control[0] = 0
    resumed.order = resumed.order[resumed.state.codes[POSITION] :]
    resumed.run()
    assert np.array_equal(whole.theta, resumed.theta)
    assert resumed.state.codes[STATUS] == RUNNING


@pytest.mark.plain
@pytest.mark.parametrize("loss", ["mse", "log_loss"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_batch_without_a_finite_loss_takes_no_step(loss, bad):
    """The parameters stay those of the last whole step."""
    training = make_training(rule="momentum", loss=loss, output_activation="identity" if loss == "mse" else "softmax")
    training.T[:] = np.eye(2)[np.arange(22) % 2]
    training.plan = make_plan([3, 5, 2], "identity", training.plan.activations[-1], loss)
    training.work = make_workspace(training.plan, 5)
    before = training.copy()
    before.X, before.T = before.X[:10], before.T[:10]
    training.X[12, 1] = bad
    with np.errstate(invalid="ignore"):  # as plain Python, the scalars' own warnings
        result = training.run()
    assert not np.isfinite(result)
    assert training.state.codes.tolist()[1:] == [2, 10, DIVERGED]
    before.run()
    assert np.isfinite(training.theta).all()
    assert np.array_equal(training.theta, before.theta)
    assert np.array_equal(training.state.first, before.state.first)


@pytest.mark.plain
def test_a_penalty_that_is_not_finite_takes_no_step():
    """Squares of weights overflow where the outputs, and their loss, do not."""
    training = make_training(rule="momentum", alpha=0.5)
    training.theta[4] = 1e200
    before = training.theta.copy()
    with np.errstate(over="ignore"):  # as plain Python, the scalars' own warnings
        training.run()
    assert training.state.codes.tolist()[1:] == [0, 0, DIVERGED]
    assert np.array_equal(training.theta, before)


@pytest.mark.plain
def test_a_label_without_an_output_takes_no_step():
    """The gradient would be finite there; the loss is not."""
    training = make_training(n=6, batch_size=2, output_activation="softmax", loss="log_loss", n_targets=1)
    training.T[:] = np.array([[0], [1], [1], [7], [0], [1]])
    before = training.copy()
    before.X, before.T = before.X[:2], before.T[:2]
    assert np.isnan(training.run())
    assert training.state.codes.tolist()[1:] == [1, 2, DIVERGED]
    before.run()
    assert np.array_equal(training.theta, before.theta)


@pytest.mark.plain
def test_a_step_size_that_is_too_large_leaves_finite_parameters():
    training = make_training([1, 1], n=400, batch_size=1, activation="identity", output_activation="identity")
    training.state.scalars[0] = 5.0
    training.X[:], training.T[:] = 1, 0
    with np.errstate(over="ignore", invalid="ignore"):
        training.run()
    assert training.state.codes[STATUS] == DIVERGED
    assert 10 < training.state.codes[STEP] < 399
    assert np.isfinite(training.theta).all()


@pytest.mark.plain
@pytest.mark.parametrize("weighted", [False, True])
def test_a_gradient_that_overflows_shows_in_the_next_loss(weighted):
    """Only the loss is looked at, and in float32 it is summed in float64, so that a gradient overflows before it."""
    options = {"activation": "identity", "output_activation": "identity", "dtype": "float32", "weighted": weighted}
    training = make_training([1, 1, 1], n=3, batch_size=1, **options)
    training.X[:] = [[1e20], [1], [1]]
    with np.errstate(over="ignore", invalid="ignore"):
        assert not np.isfinite(training.run())
    assert training.state.codes.tolist()[1:] == [1, 1, DIVERGED]


@pytest.mark.plain
def test_a_status_is_cleared_by_the_next_epoch():
    training = make_training()
    training.state.codes[STATUS], training.state.codes[POSITION] = DIVERGED, 3
    training.run()
    assert training.state.codes[STATUS] == RUNNING
    assert training.state.codes[POSITION] == 22


# Compilation and memory ------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(without_jit, reason="about compilations")
def test_one_compilation_for_each_dtype():
    for dtype in DTYPES:
        make_training(dtype=dtype).run()
    before = set(train_epoch.overloads)
    for dtype in DTYPES:
        for rule in RULES:
            for alpha in (0.0, 0.1):
                make_training(dtype=dtype, rule=rule, weighted=True, order="permutation", alpha=alpha).run()
        for activation in (*HIDDEN, "softmax", "exp"):
            make_training([4, 3, 3, 6], dtype=dtype, activation=activation, output_activation=activation).run()
        more = [("log_loss", {"n_targets": 1}, "softmax"), ("log_loss", {"bias": False}, "sigmoid")]
        for loss, options, output in (*LOSSES, *more):
            sizes = [2] * 8 + [6 if loss == "quantile" else 2]
            training = make_training(sizes, dtype=dtype, output_activation=output or "tanh", loss=loss, **options)
            training.T[:] = np.round(training.T)
            training.run()
    assert set(train_epoch.overloads) == before


ALLOCATIONS = """
import json
import numpy as np
from numba import njit
from numba.core.runtime import rtsys
from tileprop.kernels import make_plan, make_state, make_workspace, train_epoch

one_array = njit(lambda n: np.zeros(n))
one_array(3)
before = rtsys.get_allocation_stats().alloc
one_array(3)
counts = {"one array": rtsys.get_allocation_stats().alloc - before}
networks = {
    "direct": ([3, 5, 2], 2, np.ones(400)),
    "in registers": ([2, 2, 1], 1, np.zeros(0)),
    "in groups": ([600, 3, 2], 460, np.ones(92_000)),
}
for name, (sizes, batch, weight) in networks.items():
    for rule in ("sgd", "adam"):
        plan = make_plan(sizes, "tanh", "sigmoid")
        state, work = make_state(plan, rule), make_workspace(plan, batch)
        theta, n = np.full(plan.n_parameters, 0.01), 200 * batch
        X, T, order = np.ones((n, sizes[0])), np.full((n, sizes[-1]), 0.5), np.arange(n)
        for steps in (1, 1, 200):
            for chosen in (order[: steps * batch], order[:0]):
                rows = n if chosen.size else steps * batch
                before = rtsys.get_allocation_stats().alloc
                train_epoch(plan, theta, state, X[:rows], T[:rows], weight[:rows], chosen, work)
                key = f"{name}, {rule}, {'by order' if chosen.size else 'as they stand'}, {steps}"
                counts[key] = rtsys.get_allocation_stats().alloc - before
                assert state.codes[2] == steps * batch and state.codes[3] == 0
print(json.dumps(counts))
"""


@pytest.mark.skipif(without_jit, reason="about the compiled step")
def test_a_training_step_allocates_nothing(tmp_path):
    """Two hundred steps count as many allocations by Numba's runtime as one does."""
    make_training().run()  # so that the process below finds the kernel in the cache
    environment = dict(os.environ, NUMBA_NRT_STATS="1")
    output = subprocess.run(
        [sys.executable, "-c", ALLOCATIONS], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    counts = json.loads(output)
    assert counts.pop("one array") >= 1  # the statistics do count
    assert len(counts) == 24
    for name, count in counts.items():
        if name.endswith(" 200"):
            assert count == counts[name.replace(" 200", " 1")], name


# Errors ----------------------------------------------------------------------------------------------------------------------


def set_field(**changes: Any) -> Callable[[Training], None]:
    def change(training: Training) -> None:
        for name, value in changes.items():
            setattr(training, name, value)

    return change


WRONG: dict[str, tuple[Callable[[Training], None], str, tuple[int, int]]] = {
    "theta too short": (set_field(theta=np.zeros(31)), "theta has the wrong length", (31, 32)),
    "theta too long": (set_field(theta=np.zeros(33)), "theta has the wrong length", (33, 32)),
    "columns of X": (set_field(X=np.zeros((22, 4))), "X has the wrong number of columns", (4, 3)),
    "no rows": (set_field(X=np.zeros((0, 3)), T=np.zeros((0, 2))), "X has no rows", (0, 1)),
    "rows of T": (set_field(T=np.zeros((21, 2))), "T needs as many rows as X", (21, 22)),
    "columns of T": (set_field(T=np.zeros((22, 1))), "T has the wrong number of columns", (1, 2)),
    "weight": (set_field(weight=np.ones(21)), "weight needs one entry for each row", (21, 22)),
    "order too large": (set_field(order=np.array([0, 22])), "order names a row that X does not have", (22, 22)),
    "order negative": (set_field(order=np.array([3, -1])), "order names a row that X does not have", (-1, 22)),
    "state": (
        lambda t: set_field(state=make_state(make_plan([3, 4, 2]), "adam"))(t),
        "state was made for another plan",
        (26, 32),
    ),
    "state without vectors": (
        lambda t: set_field(state=t.state._replace(codes=np.array([1, 0, 0, 0])))(t),
        "state was made for another plan",
        (0, 32),
    ),
    "workspace": (set_field(work=make_workspace(make_plan([3, 4, 2]), 22)), "work was made for another plan", ()),
    "workspace of other layers": (
        set_field(work=make_workspace(make_plan([3, 5, 2, 2]), 22)),
        "work was made for another plan",
        (),
    ),
    "workspace of another activation": (
        set_field(work=make_workspace(make_plan([3, 5, 2], "elu"), 22)),
        "work was made for another plan",
        (),
    ),
    "workspace of another loss": (
        set_field(work=make_workspace(make_plan([3, 5, 2], "tanh", loss="mae"), 22)),
        "work was made for another plan's loss",
        (),
    ),
    "more threads than room": (
        lambda t: set_field(work=t.work.member(0, 2))(t),
        "work was made for fewer threads",
        (2, 1),
    ),
}


def check_refused(caller: Callable[..., float], what: str) -> None:
    training = make_training(batch_size=22)
    change, message, numbers = WRONG[what]
    change(training)
    before = training.theta.copy()
    with pytest.raises(ValueError, match=message) as caught:
        caller(*training.__dict__.values())
    assert caught.value.args[1:] == numbers
    assert np.array_equal(training.theta, before)
    assert training.state.codes[STEP] == 0


@pytest.mark.plain
@pytest.mark.parametrize("what", WRONG)
def test_what_does_not_fit_is_refused_by_name_before_any_step(what):
    check_refused(train_epoch, what)


def step(plan, theta, state, X, T, weight, order, work):
    return train_step(plan, theta, state, X, T, weight, work)


@pytest.mark.plain
@pytest.mark.parametrize("what", [what for what in WRONG if "order" not in what])
def test_a_step_refuses_the_same(what):
    check_refused(step, what)


@pytest.mark.plain
def test_a_step_of_more_rows_than_a_batch_is_refused():
    training = make_training()
    before = training.result()
    with pytest.raises(ValueError, match="X has more rows than the workspace's batch size") as caught:
        step(*training.__dict__.values())
    assert caught.value.args[1:] == (22, 5)
    assert training.result() == before


@pytest.mark.plain
def test_a_workspace_for_fewer_target_columns_is_refused():
    """Gathered targets would lie over what comes after them."""
    options = {"output_activation": "softmax", "loss": "log_loss"}
    training = make_training([3, 5, 4], order="permutation", **options)
    training.work = make_workspace(make_plan([3, 5, 4], n_targets=1, **options), 5)
    with pytest.raises(ValueError, match="work was made for another plan"):
        training.run()


@pytest.mark.plain
def test_a_workspace_for_other_parameters_of_the_loss_is_refused():
    training = make_training(loss="huber", delta=0.5)
    before = training.theta.copy()
    training.work = make_workspace(make_plan([3, 5, 2], "tanh", loss="huber", delta=0.25), 5)
    with pytest.raises(ValueError, match="work was made for other parameters of the loss"):
        training.run()
    assert np.array_equal(training.theta, before)


@pytest.mark.plain
def test_compiled_callers_are_guarded_and_served_as_well():
    @njit
    def caller(plan, theta, state, X, T, weight, order, work):
        return train_epoch(plan, theta, state, X, T, weight, order, work)

    for what in WRONG:
        check_refused(caller, what)
        if "order" not in what:
            check_refused(njit(step), what)
    training = make_training(rule="adam", weighted=True, order="permutation")
    called = training.copy()
    assert training.run() == pytest.approx(caller(*called.__dict__.values()), rel=1e-14)
    np.testing.assert_allclose(called.theta, training.theta, rtol=1e-13)
