"""Epochs cut into pieces, several in one call, and the same call again: the same bits."""

from __future__ import annotations

import numpy as np
import pytest
from inside import (
    ask_to_stop,
    epoch_losses,
    mean_square,
    progress,
    set_hyperparameters,
    set_progress,
    spoil,
    steps_taken,
    velocity,
)
from tileprop.kernels import make_workspace
from trainings import RULES, expected_rows, make_training

DTYPES = ["float32", "float64"]


@pytest.mark.plain
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_pieces_of_an_epoch_give_the_same_bits(rule, dtype):
    for cuts in [[10], [5, 10, 15, 20], [20]]:
        whole = make_training(rule=rule, dtype=dtype, order="permutation", weighted=True)
        pieces = whole.copy()
        whole.run()
        for part in np.split(whole.order, cuts):
            pieces.order = part
            pieces.run()
            assert progress(pieces.state).rows == len(part)
        assert np.array_equal(pieces.theta, whole.theta)
        assert np.array_equal(velocity(pieces.state), velocity(whole.state))
        assert np.array_equal(mean_square(pieces.state), mean_square(whole.state))
        assert steps_taken(pieces.state) == steps_taken(whole.state) == 5


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
@pytest.mark.parametrize("order", ["none", "permutation", "sample"])
@pytest.mark.parametrize(("sizes", "batch_size", "alpha"), [([3, 5, 2], 5, 0.0), ([2, 2, 1], 1, 0.0), ([3, 5, 2], 5, 0.1)])
def test_passes_of_one_call_give_the_bits_of_a_call_each(order, sizes, batch_size, alpha):
    for rule in RULES:
        options = {"rule": rule, "order": order, "batch_size": batch_size, "alpha": alpha, "weighted": alpha > 0}
        apart, together = (make_training(sizes, **options) for _ in range(2))
        other = apart.order[::-1]
        losses, passes = [apart.run()], [epoch_losses(apart.work)[0]]
        apart.order = other.copy()
        losses.append(apart.run())
        passes.append(epoch_losses(apart.work)[0])
        together.order = np.concatenate([together.order, other])
        together.work = together.work.for_epochs(2)
        assert together.run() == losses[-1]
        assert epoch_losses(together.work) == passes
        assert [epoch.loss for epoch in epoch_losses(together.work)] == losses
        set_progress(together.state, progress(together.state).rows - expected_rows(apart))
        assert together.result() == apart.result()


@pytest.mark.plain
def test_a_stop_flag_ends_the_first_of_several_passes():
    training = make_training()
    training.work = training.work.for_epochs(3)
    ask_to_stop(training.work)
    training.run()
    assert progress(training.state) == (1, 5, "stopped")


@pytest.mark.plain
def test_a_divergence_in_a_later_pass_is_told():
    training = make_training(order="permutation")
    training.work = training.work.for_epochs(2)
    training.order = np.concatenate([training.order, training.order])
    training.order[22:27] = 3  # a batch of one row, of no finite loss
    training.order[:22] = 4
    training.T = training.T.copy()
    training.T[3] = np.nan
    training.run()
    assert progress(training.state) == (5, 22, "diverged")


@pytest.mark.plain
def test_an_order_that_is_not_as_long_for_every_epoch():
    training = make_training(order="permutation")
    training.work = training.work.for_epochs(3)
    with pytest.raises(ValueError, match="order needs the same number of rows for each epoch"):
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
    spoil(work)
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
        set_hyperparameters(diverging.state, learning_rate=1e300)
        diverging.X = training.X
        diverging.run()
    assert progress(diverging.state).status == "diverged"
    expected.work = make_workspace(training.plan, 5)
    with np.errstate(invalid="ignore"):  # in the padding
        assert training.run() == expected.run()
    assert training.result() == expected.result()
