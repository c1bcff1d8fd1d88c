"""Dropout: which units, how many, and what a step with them is, against the same written out in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from inside import begin_together, groups_of, steps_taken
from numba import njit
from scipy import stats
from tileprop.kernels import loss_and_grad, make_plan, make_state, make_workspace, predict, train_epoch
from tileprop.kernels.training.dropout import WHOLE, is_dropped, key_of, step_key
from trainings import Training

SEED = 20_26


@njit
def hashed(seed, step):
    return step_key(seed, step)


@njit
def dropped(seed, step, layer, rows, units, threshold):
    """Whether each unit of a layer is, for all rows of a batch."""
    result = np.zeros((rows, units), np.bool_)
    layer_key = key_of(np.uint64(step_key(seed, step)), np.uint64(layer))
    for r in range(rows):
        row_key = key_of(layer_key, np.uint64(r))
        for j in range(units):
            result[r, j] = is_dropped(row_key, j, threshold)
    return result


def mask(step: int, layer: int, rows: int, units: int, rate: float, seed: int = SEED) -> np.ndarray:
    return dropped(seed, step, layer, rows, units, np.uint32(rate * WHOLE))


# Which units ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.0, 0.01, 0.25, 0.5, 0.9])
def test_as_many_as_the_rate_says(rate):
    drawn = mask(3, 1, 2000, 100, rate)
    assert stats.binomtest(int(drawn.sum()), drawn.size, rate).pvalue > 1e-4 if rate else not drawn.any()


def test_rows_units_steps_layers_and_seeds_are_independent():
    """In pairs, half of the units' states agree; and so do neighbours in either direction."""
    first = mask(3, 1, 1000, 64, 0.5)
    others = [
        mask(4, 1, 1000, 64, 0.5),
        mask(3, 2, 1000, 64, 0.5),
        mask(3, 1, 1000, 64, 0.5, seed=SEED + 1),
        mask(3 + (1 << 32), 1, 1000, 64, 0.5),
        np.roll(first, 1, axis=0),
        np.roll(first, 1, axis=1),
        first[::-1],
        first[:, ::-1],
    ]
    for other in others:
        agree = int((first == other).sum())
        assert stats.binomtest(agree, first.size, 0.5).pvalue > 1e-4


def test_rows_and_units_are_dropped_evenly():
    drawn = mask(0, 1, 4000, 50, 0.3)
    for axis, n in ((0, 4000), (1, 50)):
        counts = drawn.sum(axis=axis)
        assert 1e-4 < stats.chi2.sf(((counts - n * 0.3) ** 2).sum() / (n * 0.21), counts.size) < 1 - 1e-4


@pytest.mark.plain
def test_the_hash_is_the_same_everywhere():
    """A change would make other networks of the same seed."""
    assert [hashed(seed, step) for seed, step in ((0, 0), (1, 0), (0, 1), (SEED, 1 << 40))] == HASHES


HASHES = [945847668, 3756592646, 2979443943, 974164680]


# A step --------------------------------------------------------------------------------------------------------------------


def written_out(training: Training, rates: list[float], batch: int, learning_rate: float, clip: float) -> np.ndarray:
    """theta after an epoch of plain SGD on half the mean squares: a' = a m / (1 - p), tanh hidden, identity outputs."""
    theta = training.theta.copy()
    weights, biases = training.plan.unflatten(theta)
    for step, start in enumerate(range(0, len(training.order), batch)):
        rows = training.order[start : start + batch]
        kept = [1 - mask(step, layer + 1, len(rows), W.shape[1], rates[layer]) for layer, W in enumerate(weights[:-1])]
        scaled = [m / (1 - int(rate * WHOLE) / WHOLE) for m, rate in zip(kept, rates, strict=True)]
        inputs, hidden = [training.X[rows]], []
        for layer, (W, b) in enumerate(zip(weights, biases, strict=True)):
            z = inputs[-1] @ W + b
            if layer < len(rates):
                hidden.append(np.tanh(z))
                inputs.append(hidden[-1] * scaled[layer])
        delta = (z - training.T[rows]) / z.size
        gradients = []
        for layer in reversed(range(len(weights))):
            gradients.insert(0, (inputs[layer].T @ delta, delta.sum(axis=0)))
            if layer:
                delta = (delta @ weights[layer].T) * scaled[layer - 1] * (1 - hidden[layer - 1] ** 2)
        length = np.sqrt(sum((dW**2).sum() + (db**2).sum() for dW, db in gradients))
        factor = clip / length if clip and length > clip else 1.0
        for (dW, db), W, b in zip(gradients, weights, biases, strict=True):
            W -= learning_rate * factor * dW
            b -= learning_rate * factor * db
    return theta


def training(sizes: list[int], n: int, batch: int, rates: list[float], threads: int = 1, **options) -> Training:
    rng = np.random.default_rng(5)
    plan = make_plan(sizes, "tanh", "identity", "squared_error")
    state = make_state(plan, learning_rate=0.2, seed=SEED, **options)
    theta = rng.normal(size=plan.n_parameters) / np.sqrt(sizes[1])
    X, T = rng.normal(size=(n, sizes[0])), rng.normal(size=(n, sizes[-1]))
    work = make_workspace(plan, batch, "float64", threads).dropping(rates)
    return Training(plan, theta, state, X, T, np.zeros(0), rng.permutation(n), work)


CASES = [
    ([3, 6, 2], 23, 5, [0.5]),  # dot products or transposed weights
    ([3, 17, 9, 2], 23, 2, [0.2, 0.7]),
    ([4, 40, 24, 3], 70, 32, [0.3, 0.0]),
    ([2, 2, 1], 9, 1, [0.5]),  # would fit registers
    ([3, 8, 8, 1], 9000, 4500, [0.1, 0.4]),  # in groups
]


@pytest.mark.parametrize("clip", [0.0, 0.05])
@pytest.mark.parametrize(("sizes", "n", "batch", "rates"), CASES)
def test_an_epoch_is_the_one_written_out(sizes, n, batch, rates, clip):
    run = training(sizes, n, batch, rates, clip_norm=clip)
    assert (groups_of(run.work) > 0) == (n > 1000)
    expected = written_out(run, rates, batch, 0.2, clip)
    run.run()
    np.testing.assert_allclose(run.theta, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.parametrize(("sizes", "n", "batch", "rates"), CASES)
def test_the_number_of_threads_changes_no_bit(sizes, n, batch, rates, threads):
    rule = {"rule": "adam"} if batch == 32 else {}
    one, several = training(sizes, n, batch, rates, **rule), training(sizes, n, batch, rates, threads, **rule)
    one.run()
    several.run_by(threads)
    assert np.array_equal(one.theta, several.theta)


def test_an_epoch_in_pieces_drops_the_same():
    whole, pieces = training([4, 20, 3], 64, 8, [0.4]), training([4, 20, 3], 64, 8, [0.4])
    whole.run()
    for start in (0, 24, 40):
        order = pieces.order[start : {0: 24, 24: 40, 40: 64}[start]]
        begin_together(pieces.work)
        train_epoch(pieces.plan, pieces.theta, pieces.state, pieces.X, pieces.T, pieces.weight, order, pieces.work)
    assert steps_taken(pieces.state) == 8
    assert np.array_equal(whole.theta, pieces.theta)


def test_predictions_and_losses_drop_nothing():
    run = training([4, 20, 3], 64, 8, [0.4])
    plain = make_workspace(run.plan, 8)
    Y, expected = np.zeros((64, 3)), np.zeros((64, 3))
    predict(run.plan, run.theta, run.X, Y, run.work)
    predict(run.plan, run.theta, run.X, expected, plain)
    assert np.array_equal(Y, expected)
    results = []
    for work in (run.work, plain):
        grad = np.zeros_like(run.theta)
        results.append((loss_and_grad(run.plan, run.theta, run.X, run.T, run.weight, grad, work), grad.tobytes()))
    assert results[0] == results[1]
