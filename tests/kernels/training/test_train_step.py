"""`train_step`: the bits of an epoch of one batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from inside import batch_rows, groups_of, mean_square, progress, set_hyperparameters, steps_taken, velocity
from numba import njit
from numba.core import config
from tileprop.kernels import make_state, make_workspace, train_step
from trainings import RULES, Training, make_training

DTYPES = ["float32", "float64"]
without_jit = bool(config.DISABLE_JIT)
compiled_only = pytest.mark.skipif(without_jit, reason="about compiled code")


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
    batch = batch_rows(training.work)
    losses = []
    for start in range(0, len(training.X), batch):
        rows = slice(start, start + batch)
        part = (training.X[rows], training.T[rows], training.weight[rows])
        losses.append(train_step(training.plan, training.theta, training.state, *part, training.work))
    return losses


def epochs_of(training: Training) -> list[float]:
    """The same by epochs of one batch each."""
    batch, X, T, weight = batch_rows(training.work), training.X, training.T, training.weight
    losses = []
    for start in range(0, len(X), batch):
        training.X, training.T, training.weight = (array[start : start + batch] for array in (X, T, weight))
        losses.append(training.run())
    return losses


@pytest.mark.plain
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", [name if name != "groups" else pytest.param(name, marks=compiled_only) for name in STEPS])
def test_steps_have_the_bits_of_epochs(dtype, kind):
    for rule in STATES:
        sizes, batch, more = STEPS[kind]
        training = make_training(sizes, n=2 * batch + batch // 2 + 1, batch_size=batch, dtype=dtype, weighted=kind != "one row")
        training.theta[:] /= 4
        training.state = make_state(training.plan, **{**STATES[rule], "dtype": dtype, **more})
        assert (groups_of(training.work) > 0) == (kind == "groups")
        apart, whole = training.copy(), training.copy()
        losses = steps_of(training)
        assert losses == epochs_of(apart)
        assert training.result() == apart.result()
        whole.run()
        assert training.theta.tobytes() == whole.theta.tobytes()
        assert steps_taken(training.state) == steps_taken(whole.state) == len(losses)


@njit
def steps(plan, theta, state, X, T, weight, work, batch):
    for start in range(0, X.shape[0], batch):
        stop = start + batch
        train_step(plan, theta, state, X[start:stop], T[start:stop], weight, work)


@compiled_only
@pytest.mark.parametrize("rule", STATES)
def test_steps_in_a_compiled_loop_have_the_bits_of_epochs(rule):
    training = make_training(n=33, batch_size=5)
    training.state = make_state(training.plan, **STATES[rule])
    expected = training.copy()
    steps(training.plan, training.theta, training.state, training.X, training.T, training.weight, training.work, 5)
    expected.run()
    assert training.theta.tobytes() == expected.theta.tobytes()
    assert np.array_equal(velocity(training.state), velocity(expected.state))
    assert np.array_equal(mean_square(training.state), mean_square(expected.state))


@pytest.mark.plain
def test_steps_leave_out_units_as_epochs_do():
    training = make_training([3, 8, 2], n=20, batch_size=5)
    training.work = training.work.dropping([0.5])
    set_hyperparameters(training.state, seed=7)
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
    assert progress(training.state) == (0, 0, "diverged")
