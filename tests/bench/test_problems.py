"""The race's problems: the same everywhere, and as DESIGN counts them."""

from dataclasses import replace

import numpy as np
import pytest
from tileprop.bench.problems import PROBLEMS, QUICK_PROBLEMS, Event, Problem, events

SMALL = Problem("test", (3, 4, 2), 5, 20)


def test_six_problems():
    assert list(PROBLEMS) == ["tiny", "small", "mid", "mnist", "big", "chains"]
    assert set(QUICK_PROBLEMS) < set(PROBLEMS)
    assert str(PROBLEMS["mnist"]) == "mnist 784-256-10, batch 128"
    assert PROBLEMS["mnist"].kind == "sigmoid, sigmoid outputs, mse, sgd"
    assert PROBLEMS["chains"].kind == "tanh, identity outputs, mse, adam"
    assert Problem("one layer", (2, 1), 1, 1).kind == "sigmoid outputs, mse, sgd"


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_whole_batches(problem):
    assert problem.steps_per_epoch * problem.batch_size == problem.n_rows


def test_counts():
    # W = 3 4 + 4 2 = 20; 2 5 (3 20 - 12) = 480, which is 4 and 6 for each weight of the layers, times the batch.
    assert SMALL.n_weights == 20
    assert SMALL.flops_per_step == 480 == 5 * (4 * 12 + 6 * 8)
    assert SMALL.steps_per_epoch == 4


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_deterministic(dtype):
    real = np.dtype(dtype)
    X, T = SMALL.data(real)
    theta = SMALL.initial_theta(real)
    assert (X.shape, T.shape, theta.shape) == ((20, 3), (20, 2), (26,))
    assert X.dtype == T.dtype == theta.dtype == real
    again = (*SMALL.data(real), SMALL.initial_theta(real))
    for array, same in zip((X, T, theta), again, strict=True):
        np.testing.assert_array_equal(array, same)


def test_both_dtypes_start_from_the_same_numbers():
    double, single = np.dtype("float64"), np.dtype("float32")
    np.testing.assert_array_equal(SMALL.initial_theta(double).astype(single), SMALL.initial_theta(single))
    for right, rounded in zip(SMALL.data(double), SMALL.data(single), strict=True):
        np.testing.assert_array_equal(right.astype(single), rounded)


def test_biases_are_not_zero():
    assert np.all(SMALL.initial_theta(np.dtype("float64")) != 0)


def test_gain():
    double = np.dtype("float64")
    np.testing.assert_allclose(replace(SMALL, gain=4.0).initial_theta(double), 4 * SMALL.initial_theta(double))


def test_labels_are_equally_frequent():
    _, T = Problem("labels", (2, 3), 3, 12, output_activation="softmax", loss="log_loss").data(np.dtype("float32"))
    assert np.issubdtype(T.dtype, np.integer)
    np.testing.assert_array_equal(np.bincount(T), [4, 4, 4])


def test_events():
    assert events([SMALL], ["float32", "float64"], (1, 2)) == [
        Event(SMALL, "float32", 1),
        Event(SMALL, "float32", 2),
        Event(SMALL, "float64", 1),
        Event(SMALL, "float64", 2),
    ]
    assert str(Event(SMALL, "float32", 2)) == "test 3-4-2, batch 5, float32, 2 threads"
