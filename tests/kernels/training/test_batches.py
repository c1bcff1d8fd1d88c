"""Several threads on one epoch: the same bits whatever their number, in batches taken directly and in groups."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from inside import (
    arrivals,
    ask_to_stop,
    epoch_losses,
    groups_of,
    hyperparameters,
    mean_square,
    packed_size,
    progress,
    set_hyperparameters,
    steps_taken,
    velocity,
)
from numba import njit
from tileprop.kernels.training import batches
from tileprop.kernels.training.step import WHOLE_AT_ONCE
from trainings import RULES, Training, make_training, oracle_epoch

DTYPES = ["float32", "float64"]
THREADS = [2, 3, 4, 8]
HIDDEN = ["sigmoid", "tanh", "relu", "leaky_relu", "elu", "silu", "gelu", "softplus"]
LOSSES: list[tuple[str, str, dict[str, Any]]] = [
    ("mse", "sigmoid", {}),
    ("log_loss", "softmax", {}),
    ("log_loss", "sigmoid", {}),
    ("squared_error", "identity", {}),
    ("poisson", "exp", {}),
    ("mae", "silu", {}),
    ("huber", "identity", {"delta": 0.3}),
    ("quantile", "identity", {"quantile": 0.2}),
    ("quantile", "gelu", {"quantile": [0.1, 0.5, 0.8]}),
    ("gaussian_nll", "identity", {}),
]


@njit
def weight_of(weight, order, start, stop):
    return batches.batch_weight(batches.Rows(weight, weight, weight, order, None), start, stop)


def random_training(seed: int, grouped: bool) -> Training:
    """Any network, rule, loss and order; batches long enough for groups where asked."""
    rng = np.random.default_rng([seed, grouped])
    depth = int(rng.integers(1, 5))
    sizes = [int(n) for n in rng.choice([1, 2, 3, 5, 8, 16, 17, 33, 64, 90], depth + 1)]
    options: dict[str, Any] = {"activation": [str(name) for name in rng.choice(HIDDEN, depth - 1)]}
    loss, output, parameter = LOSSES[rng.integers(0, len(LOSSES))]
    levels = parameter.get("quantile", 0.5)
    sizes[-1] *= len(levels) if isinstance(levels, list) else 2 if loss == "gaussian_nll" else 1
    options |= {"output_activation": output, "loss": loss, **parameter}
    if grouped:
        sizes[0], batch = int(rng.integers(500, 700)), int(rng.integers(450, 800))
    else:
        batch = int(rng.integers(1, 300))
    training = make_training(
        sizes,
        n=int(batch * rng.uniform(1.1, 2.9)) + 1,
        batch_size=batch,
        rule=sorted(RULES)[rng.integers(0, len(RULES))],
        dtype=str(rng.choice(DTYPES)),
        weighted=bool(rng.integers(0, 2)),
        order=str(rng.choice(["none", "permutation", "sample"])),
        seed=seed,
        n_threads=8,
        bias=bool(rng.integers(0, 2)),
        alpha=float(rng.choice([0.0, 0.2])),
        **options,
    )
    training.theta /= training.theta.dtype.type(np.sqrt(sizes[0]))
    # Or deep networks of unbounded activations diverge.
    set_hyperparameters(training.state, learning_rate=hyperparameters(training.state)["learning_rate"] / 10)
    if output == "softmax":
        training.T /= training.T.sum(axis=1, keepdims=True)
    assert (groups_of(training.work) > 0) == grouped
    return training


def check_threads(seed: int, grouped: bool) -> None:
    """Two epochs, so that what one leaves behind is seen by the next."""
    original = random_training(seed, grouped)
    alone = original.copy()
    losses = [alone.run() for _ in range(2)]
    passes = epoch_losses(alone.work)
    assert np.isfinite(losses).all()
    assert alone.result() != original.result()
    for threads in THREADS:
        together = original.copy()
        assert [together.run_by(threads) for _ in range(2)] == losses, (seed, threads)
        assert together.result() == alone.result(), (seed, threads)
        assert epoch_losses(together.work) == passes, (seed, threads)


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("seed", range(16))
def test_the_number_of_threads_changes_no_bit(seed, grouped):
    check_threads(seed, grouped)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("sizes", "batch_size"), [([5, 9, 4, 3], 10), ([200, 170, 3], 10), ([2, 2, 1], 1), ([600, 4, 3], 470)])
def test_a_penalty_has_the_same_bits_by_any_number_of_threads(sizes, batch_size, dtype):
    """Of few parameters and of many, in batches of one row and in groups."""
    for rule in RULES:
        options = {"batch_size": batch_size, "rule": rule, "dtype": dtype, "weighted": True, "alpha": 0.1 * batch_size}
        original = make_training(sizes, n=int(2.3 * batch_size) + 3, order="permutation", n_threads=3, **options)
        original.theta /= original.theta.dtype.type(np.sqrt(sizes[0]))
        assert (packed_size(original.work) > WHOLE_AT_ONCE) == (sizes[0] == 200)
        assert (groups_of(original.work) > 0) == (sizes[0] == 600)
        alone = original.copy()
        losses = [alone.run() for _ in range(2)]
        passes = epoch_losses(alone.work)
        assert passes[0].penalty > 0
        for threads in (2, 3):
            together = original.copy()
            assert [together.run_by(threads) for _ in range(2)] == losses
            assert together.result() == alone.result()
            assert epoch_losses(together.work) == passes


@pytest.mark.full
@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("seed", range(16, 66))
def test_the_number_of_threads_changes_no_bit_in_volume(seed, grouped):
    check_threads(seed, grouped)


@pytest.mark.plain
@pytest.mark.parametrize("rule", ["sgd", "adam"])
@pytest.mark.parametrize("rows", [1, 3, 5])
def test_more_threads_than_rows(rows, rule):
    training = make_training([3, 4, 2], n=rows, batch_size=rows, rule=rule, n_threads=8, weighted=True)
    together = training.copy()
    expected = oracle_epoch(training, RULES[rule][1]())
    assert training.run() == together.run_by(8)
    assert training.result() == together.result()
    np.testing.assert_allclose(together.theta, expected.theta, rtol=1e-10)


@pytest.mark.plain
def test_pieces_by_any_number_of_threads_give_the_same_bits():
    whole = make_training([6, 20, 3], n=100, batch_size=25, rule="adam", order="permutation", n_threads=4)
    pieces = whole.copy()
    whole.run()
    for threads, part in zip((1, 4, 2), np.split(whole.order, [25, 75]), strict=True):
        pieces.order = part
        pieces.run_by(threads)
    for ours, theirs in ((pieces.theta, whole.theta), (velocity(pieces.state), velocity(whole.state))):
        assert ours.tobytes() == theirs.tobytes()
    assert mean_square(pieces.state).tobytes() == mean_square(whole.state).tobytes()
    assert steps_taken(pieces.state) == steps_taken(whole.state) == 4


@pytest.mark.plain
@pytest.mark.parametrize("threads", [1, 3])
def test_a_stop_flag_ends_all_threads_after_the_same_step(threads):
    training = make_training([3, 8, 2], n=40, batch_size=10, n_threads=3)
    ask_to_stop(training.work)
    training.run_by(threads)
    assert progress(training.state) == (1, 10, "stopped")
    ask_to_stop(training.work, False)
    training.run_by(threads)
    assert progress(training.state) == (5, 40, "running")
    assert arrivals(training.work) == (0 if threads == 1 else threads * (1 + 2 * 4))


@pytest.mark.plain
def test_a_batch_that_diverges_ends_all_threads_before_its_step():
    training = make_training([3, 8, 2], n=40, batch_size=10, n_threads=3, rule="momentum")
    training.X = training.X.copy()
    training.X[25] = np.nan
    alone = training.copy()
    assert np.isnan(training.run_by(3))
    assert np.isnan(alone.run())
    assert training.result() == alone.result()
    assert np.isfinite(training.theta).all()


@pytest.mark.plain
def test_threads_are_refused_together():
    training = make_training(n_threads=2)
    training.X = training.X[:, 1:].copy()
    with pytest.raises(ValueError, match="X has the wrong number of columns"):
        training.run_by(2)
    training = make_training(n_threads=2)
    with pytest.raises(ValueError, match="work was made for fewer threads"):
        training.run_by(3)


@pytest.mark.plain
def test_the_weight_of_a_batch():
    weight, order = np.array([0.5, 0.25, 2, 1]), np.array([3, 3, 0, 2, 1])
    assert weight_of(np.zeros(0), np.zeros(0, np.int64), 2, 5) == 3
    assert weight_of(np.zeros(0), order, 1, 5) == 4
    assert weight_of(weight, np.zeros(0, np.int64), 1, 4) == 3.25
    assert weight_of(weight, order, 0, 3) == 2.5
