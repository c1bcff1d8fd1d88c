"""The loop for the tiniest networks: the same bits as the general batch loop, which sample weights of one force.

Both make the same factor of each row, so that all else has to be equal as well.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inside import ask_to_stop, epoch_losses, progress, set_epoch_losses, set_hyperparameters, steps_taken
from numba import njit
from numba.core import config
from tileprop.kernels.tiny import epoch as tiny
from trainings import RULES, Training, make_training, oracle_epoch

DTYPES = ["float32", "float64"]
ACTIVATIONS = ["identity", "sigmoid", "tanh", "relu"]
without_jit = bool(config.DISABLE_JIT)


@njit
def fits(plan, state, weight, work):
    return tiny.fits_registers(work.header[0], work.layers, state, weight.size)


def in_registers(training: Training) -> bool:
    return bool(fits(training.plan, training.state, training.weight, training.work))


def make(sizes: list[int], dtype: str = "float64", **options: Any) -> Training:
    return make_training(sizes, **({"n": 12, "batch_size": 1, "dtype": dtype} | options))


def general(training: Training) -> Training:
    """The same training through the general batch loop."""
    other = training.copy()
    other.weight = np.ones(len(training.X), training.X.dtype)
    assert in_registers(training)
    assert not in_registers(other)
    return other


def check_same(training: Training, epochs: int = 1) -> None:
    other = general(training)
    for _ in range(epochs):
        with np.errstate(all="ignore"):  # as plain Python, the scalars' own warnings
            loss, expected = training.run(), other.run()
        if not np.isfinite(other.theta).all():  # idle units may then make NaN of infinity a sample sooner
            assert progress(training.state).status == progress(other.state).status == "diverged"
            return
        assert progress(training.state) == progress(other.state)
        assert loss == expected or (np.isnan(loss) and np.isnan(expected))
        assert np.array_equal(training.theta, other.theta, equal_nan=True)


# As plain Python the tile's twin adds up an array at a time, and this loop a number at a time: the same operations.
@pytest.mark.plain
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "sizes",
    [[2, 2, 1], [1, 2, 1], [2, 1, 1], [1, 1, 1], [2, 3, 1], [2, 8, 1], [1, 7, 1], [2, 2, 2], [1, 1, 2], [7, 1], [1, 1], [8, 1]],
)
def test_every_size_has_the_general_loops_bits(sizes, dtype):
    for order in ["none", "permutation", "sample"]:
        for bias, loss in itertools.product((True, False), ("mse", "squared_error")):
            check_same(make(sizes, dtype, order=order, bias=bias, loss=loss, seed=sum(sizes)), epochs=2)


@pytest.mark.plain
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("hidden", ACTIVATIONS)
def test_every_activation_has_the_general_loops_bits(hidden, dtype):
    for output in ACTIVATIONS:
        for sizes in ([2, 2, 1], [2, 5, 1], [2, 2, 2], [5, 1]):
            training = make(sizes, dtype, activation=hidden, output_activation=output, seed=3)
            set_hyperparameters(training.state, learning_rate=0.05)
            check_same(training, epochs=3)


@pytest.mark.plain
@given(
    sizes=st.tuples(st.integers(1, 2), st.integers(1, 8), st.just(1)).map(list),
    names=st.tuples(st.sampled_from(ACTIVATIONS), st.sampled_from(ACTIVATIONS)),
    dtype=st.sampled_from(DTYPES),
    bias=st.booleans(),
    order=st.sampled_from(["none", "permutation", "sample"]),
    seed=st.integers(0, 10_000),
    scale=st.sampled_from([1e-3, 1.0, 30.0]),
)
def test_any_training_has_the_general_loops_bits(sizes, names, dtype, bias, order, seed, scale):
    """Large inputs saturate the activations, or make the steps diverge."""
    options = {"activation": names[0], "output_activation": names[1], "bias": bias, "order": order, "seed": seed}
    training = make(sizes, dtype, **options)
    training.X *= training.X.dtype.type(scale)
    check_same(training, epochs=2)


@pytest.mark.plain
def test_it_is_the_oracles_epoch():
    for sizes, bias in (([2, 2, 1], True), ([1, 2, 1], False), ([2, 8, 1], True)):
        training = make(sizes, bias=bias, order="permutation", n=20)
        expected = oracle_epoch(training, RULES["sgd"][1]())
        assert in_registers(training)
        assert training.run() == pytest.approx(expected.loss, rel=1e-13)
        np.testing.assert_allclose(training.theta, expected.theta, rtol=1e-12)
        assert progress(training.state) == (20, 20, "running")


@pytest.mark.plain
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "options",
    [
        {"alpha": 0.05},
        {"activation": "exp"},
        {"output_activation": "exp"},
        {"loss": "sum_squared_error"},
        {"output_activation": "exp", "loss": "poisson", "alpha": 0.05},
    ],
)
def test_what_does_not_fit_is_the_oracles_epoch_too(options, dtype):
    """Of networks and batches as small, by the general loop."""
    for sizes in ([2, 2, 1], [2, 1]):
        training = make(sizes, dtype, order="permutation", n=20, **options)
        set_hyperparameters(training.state, learning_rate=0.05)
        expected = oracle_epoch(training, oracle.SGD(0.05))
        tolerance = 1e-12 if dtype == "float64" else 2e-5
        assert training.run() == pytest.approx(expected.loss, rel=tolerance)
        np.testing.assert_allclose(training.theta, expected.theta, rtol=0, atol=tolerance * np.abs(expected.theta).max())
        passes = [expected.loss, expected.batch_mean, expected.penalty]
        np.testing.assert_allclose(epoch_losses(training.work), [passes], rtol=tolerance)


@pytest.mark.plain
def test_the_figures_of_a_pass():
    """One row a batch: the batches' mean is the rows', and of a penalty before there is no trace."""
    training = make([2, 2, 1])
    set_epoch_losses(training.work, 7)
    loss = training.run()
    assert epoch_losses(training.work) == [(loss, loss, 0)]


@pytest.mark.plain
def test_what_is_of_this_kind_and_what_is_not():
    assert in_registers(make([2, 2, 1]))
    assert in_registers(make([1, 8, 1], loss="squared_error"))
    assert in_registers(make([1, 2, 2]))
    assert in_registers(make([8, 1]))
    for training in (
        make([2, 2, 1], batch_size=2),
        make([2, 2, 1], rule="momentum"),
        make([2, 2, 1], rule="adam"),
        make([2, 2, 1], weighted=True),
        make([3, 2, 1]),
        make([2, 9, 1]),
        make([2, 2, 3]),
        make([2, 3, 2]),
        make([9, 1]),
        make([2, 2]),
        make([2, 2, 2, 1]),
        make([2, 2, 1], output_activation="softmax"),
        make([2, 2, 1], activation="softmax"),
        make([2, 2, 1], output_activation="exp"),
        make([2, 2, 1], activation="exp"),
        make([2, 1], output_activation="exp"),
        make([2, 2, 1], alpha=1e-6),
        make([2, 2, 1], loss="sum_squared_error"),
        make([2, 2, 1], output_activation="exp", loss="poisson"),
        make([2, 2, 1], loss="log_loss"),
    ):
        assert not in_registers(training)


@pytest.mark.plain
@pytest.mark.parametrize("cuts", [[1], [5, 6], [11]])
def test_pieces_give_the_same_bits(cuts):
    whole = make([2, 3, 1], order="permutation")
    pieces = whole.copy()
    whole.run()
    for part in np.split(whole.order, cuts):
        pieces.order = part
        pieces.run()
    assert whole.theta.tobytes() == pieces.theta.tobytes()
    assert steps_taken(pieces.state) == steps_taken(whole.state) == 12


@pytest.mark.plain
def test_a_stop_flag_ends_after_one_sample():
    stopped = make([2, 2, 1])
    one = stopped.copy()
    one.X, one.T = stopped.X[:1], stopped.T[:1]
    ask_to_stop(stopped.work)
    loss = stopped.run()
    ask_to_stop(stopped.work, False)
    assert progress(stopped.state) == (1, 1, "stopped")
    assert loss == one.run()
    assert stopped.theta.tobytes() == one.theta.tobytes()


@pytest.mark.plain
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["input", "target"])
def test_a_sample_that_is_not_finite_ends_it_as_in_the_general_loop(where, bad, dtype):
    for sizes in [[2, 2, 1], [1, 2, 1], [2, 5, 1]]:
        training = make(sizes, dtype, activation="tanh", output_activation="identity")
        values = training.X if where == "input" else training.T
        values = values.copy()
        values[7, 0] = bad
        if where == "input":
            training.X = values
        else:
            training.T = values
        check_same(training)


@pytest.mark.plain
def test_squares_whose_sum_overflows_count_as_in_the_general_loop():
    training = make([2, 2, 1], n=3, output_activation="tanh")
    training.T[:] = 1.2e154
    set_hyperparameters(training.state, learning_rate=0.0)
    check_same(training)


@pytest.mark.plain
def test_a_target_that_is_not_finite_takes_no_step():
    training = make([2, 2, 1])
    before = training.copy()
    before.X, before.T = training.X[:4], training.T[:4]
    training.T = training.T.copy()
    training.T[4] = np.nan
    assert np.isnan(training.run())
    assert progress(training.state) == (4, 4, "diverged")
    before.run()
    assert training.theta.tobytes() == before.theta.tobytes()


@pytest.mark.plain
def test_several_threads_give_the_same_bits():
    """One of them does the work."""
    training = make([2, 2, 1], n_threads=3, order="permutation")
    together = training.copy()
    assert training.run() == together.run_by(3)
    assert training.result() == together.result()
