"""What `train_epoch` and `train_step` take and leave as it was, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from inside import steps_taken, without_velocity
from numba import njit
from numba.core import config
from tileprop.kernels import make_plan, make_state, make_workspace, train_epoch, train_step
from trainings import Training, make_training

without_jit = bool(config.DISABLE_JIT)


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
        lambda t: set_field(state=without_velocity(make_state(t.plan, momentum=0.9)))(t),
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
    assert steps_taken(training.state) == 0


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
    with pytest.raises(ValueError, match="work was made for another parameter of the loss"):
        training.run()
    assert np.array_equal(training.theta, before)


@pytest.mark.plain
def test_compiled_callers_are_guarded_and_served_as_well():
    @njit
    def caller(plan, theta, state, X, T, weight, order, work):
        return train_epoch(plan, theta, state, X, T, weight, order, work)

    stepper = njit(step)
    for what in WRONG:
        check_refused(caller, what)
        if "order" not in what:
            check_refused(stepper, what)
    training = make_training(rule="adam", weighted=True, order="permutation")
    called = training.copy()
    assert training.run() == pytest.approx(caller(*called.__dict__.values()), rel=1e-14)
    np.testing.assert_allclose(called.theta, training.theta, rtol=1e-13)
