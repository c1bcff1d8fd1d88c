"""Epochs that are asked to stop, and such as diverge: whole steps alone are taken."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from inside import (
    ask_to_abandon,
    ask_to_stop,
    begin_at,
    begin_together,
    block_rows,
    epoch_losses,
    go_on,
    groups_of,
    progress,
    set_hyperparameters,
    set_progress,
    steps_taken,
    velocity,
)
from tileprop.kernels import make_plan, make_state, make_workspace, train_epoch
from trainings import RULES, make_training


@pytest.mark.plain
@pytest.mark.parametrize("rule", RULES)
def test_a_stop_flag_ends_after_a_whole_step(rule):
    stopped = make_training(rule=rule, order="permutation", weighted=True, alpha=0.1)
    one_batch = stopped.copy()
    one_batch.order, one_batch.work = stopped.order[:5], make_workspace(stopped.plan, 5)
    ask_to_stop(stopped.work)
    loss = stopped.run()
    assert progress(stopped.state) == (1, 5, "stopped")
    ask_to_stop(stopped.work, False)
    assert loss == one_batch.run()
    assert np.array_equal(epoch_losses(stopped.work), epoch_losses(one_batch.work))
    assert progress(one_batch.state) == (1, 5, "running")
    assert np.array_equal(stopped.theta, one_batch.theta)


@pytest.mark.plain
def test_a_stopped_epoch_can_be_resumed():
    whole = make_training(rule="adam", order="permutation")
    resumed = whole.copy()
    whole.run()
    ask_to_stop(resumed.work)
    resumed.run()
    ask_to_stop(resumed.work, False)
    resumed.order = resumed.order[progress(resumed.state).rows :]
    resumed.run()
    assert np.array_equal(whole.theta, resumed.theta)
    assert progress(resumed.state).status == "running"


def test_a_step_of_several_blocks_that_is_abandoned_is_not_taken():
    training = make_training([3, 2000, 2], n=150, rule="adam", order="permutation", batch_size=150)
    assert block_rows(training.work) < 150
    before = training.copy()
    ask_to_abandon(training.work)
    training.run()
    assert progress(training.state) == (0, 0, "stopped")
    assert np.array_equal(training.theta, before.theta)
    assert np.array_equal(velocity(training.state), velocity(before.state))


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("clip_norm", [0.0, 0.1])
@pytest.mark.parametrize(("sizes", "grouped"), [([40, 64, 3], True), ([40, 600, 500, 3], False)])
def test_threads_abandon_the_same_step(threads, clip_norm, sizes, grouped):
    """At some moment of an epoch: what is there then is what whole steps come to."""
    plan, rng = make_plan(sizes, "tanh", "identity"), np.random.default_rng(0)
    X, T = rng.normal(size=(6000, 40)), rng.normal(size=(6000, 3))
    first, none, order = rng.normal(size=plan.n_parameters) / 9, np.empty(0), np.empty(0, np.int64)
    for moment in (0.0, 0.003, 0.01, 0.02):
        theta, state = first.copy(), make_state(plan, learning_rate=0.01, clip_norm=clip_norm)
        work = make_workspace(plan, 2000 if grouped else 500, "float64", threads)
        assert bool(groups_of(work)) == grouped
        begin_together(work)
        with ThreadPoolExecutor(threads) as pool:
            members = [work.member(number, threads) for number in range(threads)]
            calls = [pool.submit(train_epoch, plan, theta, state, X, T, none, order, member) for member in members]
            time.sleep(moment)
            ask_to_abandon(work)
            for call in calls:
                call.result(60.0)
        steps, rows, status = progress(state)
        assert status in ("stopped", "running")
        expected, other = first.copy(), make_state(plan, learning_rate=0.01, clip_norm=clip_norm)
        if rows:
            alone = make_workspace(plan, 2000 if grouped else 500, "float64")
            train_epoch(plan, expected, other, X[:rows], T[:rows], none, order, alone)
        assert steps == steps_taken(other)
        assert theta.tobytes() == expected.tobytes()


@pytest.mark.parametrize("order", ["none", "permutation"])
@pytest.mark.parametrize(
    ("sizes", "options"),
    [
        ([3, 5, 2], {"rule": "adam", "weighted": True, "alpha": 0.1}),
        ([2, 2, 1], {"batch_size": 1}),
        ([2, 2, 2], {"batch_size": 1}),
        ([2, 7, 1], {"batch_size": 1}),
        ([5, 1], {"batch_size": 1}),
    ],
)
def test_an_epoch_that_is_gone_on_with_after_each_step_has_the_same_losses(sizes, options, order):
    whole = make_training(sizes, order=order, **options)
    cut = whole.copy()
    cut.work = whole.work.for_epochs(1)
    loss = whole.run()
    ask_to_stop(cut.work)
    assert cut.run() != loss
    while progress(cut.state).rows < 22:
        go_on(cut.work, cut.state)
        last = cut.run()
    ask_to_stop(cut.work, False)
    assert last == loss
    assert epoch_losses(cut.work) == epoch_losses(whole.work)
    assert np.array_equal(cut.theta, whole.theta)
    assert progress(cut.state)[:2] == progress(whole.state)[:2]


@pytest.mark.plain
@pytest.mark.parametrize("begin", [-5, 3, 22, 25])
def test_an_epoch_cannot_be_gone_on_with_elsewhere(begin):
    training = make_training()
    training.work = training.work.for_epochs(1)
    begin_at(training.work, begin)
    with pytest.raises(ValueError, match="begin must lie between two batches"):
        training.run()
    begin_at(training.work, 5)
    training.run()
    training.work = training.work.for_epochs(2)
    begin_at(training.work, 5)
    with pytest.raises(ValueError, match="begin must lie between two batches"):
        training.run()


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
    assert progress(training.state) == (2, 10, "diverged")
    before.run()
    assert np.isfinite(training.theta).all()
    assert np.array_equal(training.theta, before.theta)
    assert np.array_equal(velocity(training.state), velocity(before.state))


@pytest.mark.plain
def test_a_penalty_that_is_not_finite_takes_no_step():
    """Squares of weights overflow where the outputs, and their loss, do not."""
    training = make_training(rule="momentum", alpha=0.5)
    training.theta[4] = 1e200
    before = training.theta.copy()
    with np.errstate(over="ignore"):  # as plain Python, the scalars' own warnings
        training.run()
    assert progress(training.state) == (0, 0, "diverged")
    assert np.array_equal(training.theta, before)


@pytest.mark.plain
def test_a_label_without_an_output_takes_no_step():
    """The gradient would be finite there; the loss is not."""
    training = make_training(n=6, batch_size=2, output_activation="softmax", loss="log_loss", n_targets=1)
    training.T[:] = np.array([[0], [1], [1], [7], [0], [1]])
    before = training.copy()
    before.X, before.T = before.X[:2], before.T[:2]
    assert np.isnan(training.run())
    assert progress(training.state) == (1, 2, "diverged")
    before.run()
    assert np.array_equal(training.theta, before.theta)


@pytest.mark.plain
def test_a_step_size_that_is_too_large_leaves_finite_parameters():
    training = make_training([1, 1], n=400, batch_size=1, activation="identity", output_activation="identity")
    set_hyperparameters(training.state, learning_rate=5.0)
    training.X[:], training.T[:] = 1, 0
    with np.errstate(over="ignore", invalid="ignore"):
        training.run()
    assert progress(training.state).status == "diverged"
    assert 10 < steps_taken(training.state) < 399
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
    assert progress(training.state) == (1, 1, "diverged")


@pytest.mark.plain
def test_a_status_is_cleared_by_the_next_epoch():
    training = make_training()
    set_progress(training.state, 3, "diverged")
    training.run()
    assert progress(training.state).status == "running"
    assert progress(training.state).rows == 22
