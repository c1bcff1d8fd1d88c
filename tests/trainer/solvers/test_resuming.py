"""Fits by solvers that stop at any iteration go on from their checkpoints to the very same bits."""

import random
import signal
import sys

import numpy as np
import pytest
from tileprop.trainer import LBFGS, Adam, EarlyStopping, InputError, LevenbergMarquardt, Network
from tileprop.trainer.solvers import answers

RNG = np.random.default_rng(4)
X = RNG.uniform(-2, 2, (50, 2))
T = np.sin(2 * X[:, :1]) * X[:, 1:] + 0.1 * RNG.normal(size=(50, 1))
WEIGHT = RNG.uniform(0.5, 2.0, 50)
VALIDATION = (X[:15] + 0.1, T[:15])
SOLVERS = [LevenbergMarquardt(), LevenbergMarquardt(acceleration=False, damping=10.0), LBFGS(), LBFGS(memory=3)]


def network(dtype="float64"):
    return Network([2, 6, 1], "tanh", "identity", dtype=dtype, random_state=0)


class Stop:
    """Interrupts a fit after so many iterations, or never."""

    def __init__(self, iterations=None):
        self.iterations = iterations

    def __call__(self, running):
        if running.history.epochs == self.iterations:
            raise KeyboardInterrupt


def bits(model, history):
    return model.theta.tobytes(), history.loss, history.val_loss, history.penalty


def check_resumed(path, solver, stops, callbacks=list, epochs=30, dtype="float64", checkpoint_every=None, **options):
    """A fit without a checkpoint, and one that is interrupted after so many iterations, several times."""
    whole = network(dtype)
    expected = bits(whole, whole.fit(X, T, epochs=epochs, optimizer=solver, callbacks=[Stop(), *callbacks()], **options))
    assert len(expected[1]) >= max(stops)
    given = {name: options[name] for name in ("sample_weight", "validation_data") if name in options}
    given["checkpoint_every"] = checkpoint_every
    with pytest.raises(KeyboardInterrupt):
        network(dtype).fit(
            X, T, epochs=epochs, optimizer=solver, callbacks=[Stop(stops[0]), *callbacks()], checkpoint=path, **options | given
        )
    for stop in stops[1:]:
        with pytest.raises(KeyboardInterrupt):
            Network.resume(path, X, T, callbacks=[Stop(stop), *callbacks()], **given)
    for _ in range(2):  # the second time there is nothing left to do
        assert bits(*Network.resume(path, X, T, callbacks=[Stop(), *callbacks()], **given)) == expected


@pytest.mark.parametrize("solver", SOLVERS, ids=repr)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_each_solver(tmp_path, solver, dtype):
    check_resumed(tmp_path / "fit", solver, [1, 2, 9, 25], dtype=dtype)


@pytest.mark.parametrize("solver", [LevenbergMarquardt(), LBFGS()], ids=repr)
@pytest.mark.parametrize(
    "options",
    [
        dict(alpha=0.1),
        dict(frozen_layers=[0]),
        dict(sample_weight=WEIGHT),
        dict(validation_data=VALIDATION),
        dict(checkpoint_every=2),
    ],
    ids=lambda options: ", ".join(options),
)
def test_each_option(tmp_path, solver, options):
    check_resumed(tmp_path / "fit", solver, [4, 8], epochs=15, **options)


@pytest.mark.parametrize("solver", [LevenbergMarquardt(), LBFGS()], ids=repr)
def test_early_stopping_is_given_back_what_it_saw(tmp_path, solver):
    check_resumed(tmp_path / "fit", solver, [3], lambda: [EarlyStopping(5)], epochs=200, validation_data=VALIDATION)


@pytest.mark.parametrize("solver", [LevenbergMarquardt(), LBFGS()], ids=repr)
@pytest.mark.parametrize("stops", [[2], [5], [6], [7]])
def test_a_callback_that_sets_parameters(tmp_path, solver, stops):
    class Moves:
        def __call__(self, running):
            if running.history.epochs == 5:
                running.network.theta[:] *= 0.9

    check_resumed(tmp_path / "fit", solver, stops, lambda: [Moves()], epochs=12)


@pytest.mark.parametrize("stop", [1, 4, 5, 6, 11])
def test_lbfgs_begins_anew_where_no_more_can_be_kept(tmp_path, monkeypatch, stop):
    """With a checkpoint alone; and then as without one from there on."""
    monkeypatch.setattr(answers, "MOST_BYTES", 0)
    monkeypatch.setattr(answers, "LEAST_GRADIENTS", 6)
    path, options = tmp_path / "fit", dict(epochs=15, optimizer=LBFGS())
    whole, other = network(), network()
    expected = bits(whole, whole.fit(X, T, checkpoint=tmp_path / "whole", callbacks=[Stop()], **options))
    assert bits(other, other.fit(X, T, **options)) != expected
    with pytest.raises(KeyboardInterrupt):
        network().fit(X, T, checkpoint=path, callbacks=[Stop(stop)], **options)
    assert bits(*Network.resume(path, X, T, callbacks=[Stop()])) == expected
    assert expected[1][-1] < expected[1][0] / 2


def test_another_scipy_is_told_of(tmp_path, monkeypatch):
    path = tmp_path / "fit"
    with pytest.raises(KeyboardInterrupt):
        network().fit(X, T, epochs=15, optimizer=LBFGS(), checkpoint=path, callbacks=[Stop(6)])
    point, calls = answers._point, []

    def other(theta):
        calls.append(1)
        return point(theta) + (len(calls) == 3)

    monkeypatch.setattr(answers, "_point", other)
    with pytest.warns(UserWarning, match="not to the same bits"):
        model, history = Network.resume(path, X, T, callbacks=[Stop()])
    assert history.epochs == 15
    assert history.loss[-1] < history.loss[5]
    assert np.isfinite(model.theta).all()


@pytest.mark.parametrize("solver", [LevenbergMarquardt, LBFGS])
def test_time_that_a_fit_has_taken_counts(tmp_path, monkeypatch, solver):
    clock = [0.0]
    monkeypatch.setattr("tileprop.trainer.solvers.log.time.perf_counter", lambda: clock[0])

    def slow(running):
        clock[0] += 1.0

    path, whole = tmp_path / "fit", network()
    expected = bits(whole, whole.fit(X, T, epochs=9, optimizer=solver(), callbacks=[slow]))
    stopped = network().fit(X, T, epochs=9, optimizer=solver(time_limit=3.5), callbacks=[slow], checkpoint=path)
    assert stopped.epochs < 9
    for _ in range(2):
        assert Network.resume(path, X, T, callbacks=[slow], optimizer=solver(time_limit=0.5))[1].epochs == stopped.epochs
    assert bits(*Network.resume(path, X, T, callbacks=[slow])) == expected


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (LBFGS(memory=4), r"optimizer is LBFGS\(memory=4.*; the fit in .* has LBFGS with .*'memory': 10"),
        (LevenbergMarquardt(), "optimizer is LevenbergMarquardt"),
        (Adam(), "optimizer is Adam"),
    ],
)
def test_another_solver_is_refused(tmp_path, optimizer, message):
    path = tmp_path / "fit"
    network().fit(X, T, epochs=2, optimizer=LBFGS(), checkpoint=path)
    before = path.read_bytes()
    with pytest.raises(InputError, match=message):
        Network.resume(path, X, T, optimizer=optimizer)
    assert path.read_bytes() == before


@pytest.mark.full
@pytest.mark.skipif(sys.platform == "win32", reason="about POSIX signals")
@pytest.mark.parametrize("solver", [LevenbergMarquardt(), LBFGS()], ids=repr)
def test_interrupts_at_random_moments(tmp_path, solver):
    path, moments = tmp_path / "fit", random.Random(0)
    begin = lambda: Network([2, 20, 1], "tanh", "identity", dtype="float64", random_state=0)  # noqa: E731
    whole = begin()
    expected = bits(whole, whole.fit(X, T, epochs=300, optimizer=solver, validation_data=VALIDATION))
    interrupts = 0
    for _ in range(3):
        resumed = None
        while resumed is None:
            signal.setitimer(signal.ITIMER_REAL, moments.uniform(0.001, 0.3))
            before = signal.signal(signal.SIGALRM, signal.default_int_handler)
            try:
                if path.exists():
                    resumed = Network.resume(path, X, T, validation_data=VALIDATION, checkpoint_every=3)
                else:
                    network = begin()
                    given = dict(epochs=300, optimizer=solver, validation_data=VALIDATION, checkpoint_every=3)
                    resumed = network, network.fit(X, T, checkpoint=path, **given)
            except KeyboardInterrupt:
                interrupts += 1
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0.0)
                signal.signal(signal.SIGALRM, before)
        assert bits(*resumed) == expected
        for place in tmp_path.iterdir():
            place.unlink()
    assert interrupts > 3
