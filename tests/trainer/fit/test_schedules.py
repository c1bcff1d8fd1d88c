"""Schedules against PyTorch's, their shapes and bounds, and what their arguments may be."""

import pickle
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tileprop.trainer import History, InputError
from tileprop.trainer.fit.schedules import (
    Constant,
    Cosine,
    ExponentialDecay,
    InverseScaling,
    OneCycle,
    Plateau,
    Schedule,
    StepDecay,
    WarmUp,
)

pytestmark = pytest.mark.plain

parts = st.floats(0.0, 1.0)
positive_parts = st.floats(1e-3, 1.0)
losses = st.lists(st.sampled_from([0.5, 0.6, 0.7, 0.75, 0.8, 1.0, 2.0]), min_size=1, max_size=40)
decays = st.one_of(
    st.just(Constant()),
    st.builds(StepDecay, st.integers(1, 50), positive_parts),
    st.builds(ExponentialDecay, positive_parts),
    st.builds(Cosine, parts),
    st.builds(InverseScaling, st.floats(0.0, 500.0)),
    st.builds(Plateau, st.floats(0.01, 0.99), st.integers(0, 6), st.floats(0.0, 0.2), parts),
)
schedules = st.recursive(
    decays | st.builds(OneCycle, parts, positive_parts, parts), lambda then: st.builds(WarmUp, st.integers(1, 30), then, parts)
)


def factors(schedule, epochs, loss=(), val_loss=()):
    """The factor of each epoch, taken as the epoch loop does: `history` grows meanwhile."""
    taken, history = [], History(10)
    for epoch in range(epochs):
        taken.append(schedule.factor(epoch, epochs, history))
        history.record(loss[epoch] if len(loss) else 1.0, val_loss[epoch] if len(val_loss) else None, 0.1)
    return taken


def torch_factors(make, epochs, metrics=None):
    """The learning rates of PyTorch's schedule make(lr_scheduler, optimizer), from a rate of 1."""
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = make(torch.optim.lr_scheduler, optimizer)
    rates = []
    for epoch in range(epochs):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step(*([] if metrics is None else [metrics[epoch]]))
    return rates


@pytest.mark.parametrize(
    ("schedule", "make"),
    [
        (StepDecay(7), lambda s, o: s.StepLR(o, 7, gamma=0.1)),
        (StepDecay(1, 0.9), lambda s, o: s.StepLR(o, 1, gamma=0.9)),
        (ExponentialDecay(0.93), lambda s, o: s.ExponentialLR(o, 0.93)),
        (Cosine(), lambda s, o: s.CosineAnnealingLR(o, 40)),
        (Cosine(0.2), lambda s, o: s.CosineAnnealingLR(o, 40, eta_min=0.2)),
        (WarmUp(4), lambda s, o: s.LinearLR(o, 0.2, total_iters=4)),
        (WarmUp(4, start=0.5), lambda s, o: s.LinearLR(o, 0.6, total_iters=4)),
        (
            WarmUp(4, Cosine()),
            lambda s, o: s.SequentialLR(o, [s.LinearLR(o, 0.2, total_iters=4), s.CosineAnnealingLR(o, 36)], [4]),
        ),
        (WarmUp(4, StepDecay(5)), lambda s, o: s.SequentialLR(o, [s.LinearLR(o, 0.2, total_iters=4), s.StepLR(o, 5)], [4])),
    ],
    ids=lambda value: "torch" if callable(value) else repr(value),
)
def test_as_pytorch(schedule, make):
    np.testing.assert_allclose(factors(schedule, 40), torch_factors(make, 40), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("epochs", [4, 5, 10, 33, 40])
@pytest.mark.parametrize("schedule", [OneCycle(), OneCycle(0.5, 0.1, 0.01), OneCycle(0.9), OneCycle(0.3, 0.5, 1.0)], ids=repr)
def test_one_cycle_as_pytorch(schedule, epochs):
    def make(schedulers, optimizer):
        return schedulers.OneCycleLR(
            optimizer,
            max_lr=1.0,
            total_steps=epochs,
            pct_start=schedule.peak_at,
            div_factor=1 / schedule.start,
            final_div_factor=schedule.start / schedule.end,
            cycle_momentum=False,
        )

    np.testing.assert_allclose(factors(schedule, epochs), torch_factors(make, epochs), rtol=1e-9, atol=1e-12)


@given(losses, st.floats(0.01, 0.99), st.integers(0, 4), st.sampled_from([0.0, 0.05, 0.1]), st.sampled_from([0.0, 1e-6, 0.3]))
def test_plateau_as_pytorch(loss, gamma, patience, tol, least):
    def make(schedulers, optimizer):
        return schedulers.ReduceLROnPlateau(
            optimizer, factor=gamma, patience=patience, threshold=tol, threshold_mode="abs", min_lr=least, eps=0.0
        )

    expected = torch_factors(make, len(loss), loss)
    assert factors(Plateau(gamma, patience, tol, least), len(loss), loss) == expected


def test_inverse_scaling():
    np.testing.assert_allclose(factors(InverseScaling(), 4), [1.0, 2**-0.5, 3**-0.5, 0.5])
    np.testing.assert_allclose(factors(InverseScaling(1.0), 3), [1.0, 1 / 2, 1 / 3])


def test_plateau():
    falls_and_rests = [1.0, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.5, 0.5]
    assert factors(Plateau(0.5, 1), 9, falls_and_rests) == [1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.25]
    assert factors(Plateau(0.5, 0, least=0.3), 5, [1.0] * 5) == [1.0, 1.0, 0.5, 0.3, 0.3]


def test_plateau_prefers_the_validation_loss():
    falling, resting = [1.0, 0.9, 0.8, 0.7], [1.0] * 4
    assert factors(Plateau(0.5, 0), 4, falling, resting) == [1.0, 1.0, 0.5, 0.25]
    assert factors(Plateau(0.5, 0), 4, resting, falling) == [1.0] * 4


def test_plateau_tolerance():
    slowly = [1.0, 0.95, 0.91, 0.5]
    assert factors(Plateau(0.5, 0, tol=0.0), 4, slowly) == [1.0] * 4
    assert factors(Plateau(0.5, 0, tol=0.1), 4, slowly) == [1.0, 1.0, 0.5, 0.25]


@given(schedules, losses)
def test_a_fraction_of_the_rate(schedule, loss):
    assert isinstance(schedule, Schedule)
    taken = factors(schedule, len(loss), loss)
    assert all(type(factor) is float for factor in taken)
    assert min(taken) >= 0.0
    assert max(taken) <= 1.0 + 1e-12


@given(schedules, losses)
def test_nothing_is_kept(schedule, loss):
    """Asked again, of a finished history or as a copy, a schedule answers the same."""
    taken = factors(schedule, len(loss), loss, loss)
    finished = History(10, loss, loss, [0.0] * len(loss), loss, [0.1] * len(loss))
    copy = pickle.loads(pickle.dumps(schedule))
    assert copy == schedule
    assert hash(copy) == hash(schedule)
    assert [copy.factor(epoch, len(loss), finished) for epoch in reversed(range(len(loss)))] == taken[::-1]
    assert finished.loss == loss


@given(decays, losses)
def test_decays_fall_from_one(schedule, loss):
    taken = factors(schedule, len(loss), loss)
    assert taken[0] == 1.0
    assert all(np.diff(taken) <= 1e-15)


@given(st.floats(0.0, 0.99), st.integers(1, 60))
def test_cosine_is_symmetric_and_stays_above_its_end(least, epochs):
    taken = np.array(factors(Cosine(least), epochs))
    np.testing.assert_allclose(taken[1:] + taken[:0:-1], 1.0 + least)
    assert np.all(taken > least)


@given(parts, positive_parts, parts, st.integers(1, 60))
def test_one_cycle_rises_and_falls(peak_at, start, end, epochs):
    taken = np.array(factors(OneCycle(peak_at, start, end), epochs))
    peak = max(peak_at * epochs - 1.0, 0.0)
    up, down = taken[: int(peak) + 1], taken[int(np.ceil(peak)) :]
    assert np.all(np.diff(up) >= -1e-12)
    assert np.all(np.diff(down) <= 1e-12)
    assert taken[0] == pytest.approx(start if peak else 1.0, abs=1e-12)
    assert taken[-1] == pytest.approx(end if peak < epochs - 1 else 1.0, abs=1e-12)


def test_short_cycles():
    """Where PyTorch would place the peak before the first epoch, or divide by zero."""
    assert factors(OneCycle(), 1) == [1.0]
    np.testing.assert_allclose(factors(OneCycle(), 2), [1.0, 1e-4])
    assert factors(OneCycle(0.25), 4)[0] == 1.0
    assert factors(OneCycle(1.0), 5)[-1] == 1.0


@given(st.integers(1, 20), parts, decays, losses)
def test_warm_up(n, start, then, loss):
    epochs = n + len(loss)
    taken = factors(WarmUp(n, then, start), epochs, [9.0] * n + loss)
    ramp = [start, *taken[:n], 1.0]
    np.testing.assert_allclose(np.diff(ramp), (1 - start) / (n + 1), atol=1e-12)
    assert taken[n:] == factors(then, len(loss), loss)


def test_warm_up_longer_than_the_fit():
    np.testing.assert_allclose(factors(WarmUp(9, Cosine()), 3), [0.1, 0.2, 0.3])


def test_warm_up_before_a_schedule_of_ones_own():
    class Entries:
        def factor(self, epoch, epochs, history):
            return [epoch, epochs, *history.loss, *history.penalty, *history.val_loss, *history.seconds]

    history = History(10, [1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0], [1.0, 2.0, 3.0], [0.1, 0.2, 0.3])
    assert WarmUp(2, Entries()).factor(3, 8, history) == [1, 6, 3.0, 0.3, 6.0, 9.0]


def test_frozen():
    with pytest.raises(FrozenInstanceError):
        Cosine().least = 0.5


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: StepDecay(0), "StepDecay: every is 0; it must be a whole number, at least 1"),
        (lambda: StepDecay(2.5), "every is 2.5; it must be a whole number"),
        (lambda: StepDecay("2"), "every is '2'; it must be a whole number"),
        (lambda: StepDecay(3, 0.0), "StepDecay: gamma is 0.0; it must be above 0 and at most 1"),
        (lambda: StepDecay(3, 1.1), "gamma is 1.1"),
        (lambda: ExponentialDecay(float("nan")), "ExponentialDecay: gamma is nan; it must be above 0 and at most 1"),
        (lambda: Cosine(-0.1), "Cosine: least is -0.1; it must be at least 0 and at most 1"),
        (lambda: OneCycle(peak_at=1.5), "OneCycle: peak_at is 1.5; it must be at least 0 and at most 1"),
        (lambda: OneCycle(start=0), "OneCycle: start is 0; it must be above 0 and at most 1"),
        (lambda: OneCycle(end=2), "OneCycle: end is 2; it must be at least 0 and at most 1"),
        (lambda: InverseScaling(-1), "InverseScaling: power is -1; it must be at least 0"),
        (lambda: InverseScaling(float("inf")), "power is inf"),
        (lambda: Plateau(1.0), "Plateau: gamma is 1.0; it must be above 0 and below 1"),
        (lambda: Plateau(patience=-1), "Plateau: patience is -1; it must be a whole number, at least 0"),
        (lambda: Plateau(tol=-1e-4), "Plateau: tol is -0.0001; it must be at least 0"),
        (lambda: Plateau(least=1.5), "Plateau: least is 1.5; it must be at least 0 and at most 1"),
        (lambda: WarmUp(0), "WarmUp: epochs is 0; it must be a whole number, at least 1"),
        (lambda: WarmUp(3, start=1.5), "WarmUp: start is 1.5; it must be at least 0 and at most 1"),
        (lambda: WarmUp(3, 0.5), "WarmUp: then is 0.5; it must be a schedule, as Cosine()"),
        (lambda: WarmUp(3, Cosine), "WarmUp: then is .*; it must be a schedule, as Cosine()"),
    ],
)
def test_values_that_cannot_work(make, message):
    with pytest.raises(InputError, match=message):
        make()
