"""A fit that stops at any moment goes on from its checkpoint to the very same bits; other data and settings are refused."""

import errno
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from inside import ask_to_stop
from numba.core import config
from tileprop.trainer import (
    SGD,
    Adam,
    Cosine,
    EarlyStopping,
    InputError,
    ModelFormatError,
    Nadam,
    Network,
    Plateau,
    RMSprop,
    Rprop,
    StepDecay,
    WarmUp,
)
from tileprop.trainer.fit import beginning, loop
from tileprop.trainer.fit.checkpoints import Checkpoints, previous
from tileprop.trainer.threads.team import Team

RNG = np.random.default_rng(3)
X, T = RNG.normal(size=(90, 4)), RNG.normal(size=(90, 2))
WEIGHT = RNG.uniform(0.5, 2.0, 90)


def network(dtype="float32"):
    return Network([4, 9, 2], "tanh", "identity", dtype=dtype, random_state=8)


class Interrupt:
    """A callback that interrupts a fit after so many epochs."""

    losses_only = True

    def __init__(self, epochs):
        self.epochs = epochs

    def __call__(self, running):
        if running.history.epochs == self.epochs:
            raise KeyboardInterrupt


class Nothing:
    """In the place of `Interrupt`, for a fit that goes on."""

    losses_only = True

    def __call__(self, running):
        return False


def bits(model, history):
    """All that must come out the same: parameters, losses, and what the generator gives next."""
    return model.theta.tobytes(), history.loss, history.val_loss, history.batch_loss, model.generator.integers(1 << 60)


def check_resumed(tmp_path, epochs, stop, callbacks=list, **options):
    """A fit of so many epochs, and one that is interrupted after `stop` of them, and goes on."""
    path = tmp_path / "fit.checkpoint"
    whole = network(options.pop("dtype", "float32"))
    expected = bits(whole, whole.fit(X, T, epochs=epochs, callbacks=[Nothing(), *callbacks()], **options))
    stopped = network(whole.dtype)
    with pytest.raises(KeyboardInterrupt):
        stopped.fit(X, T, epochs=epochs, callbacks=[Interrupt(stop), *callbacks()], checkpoint=path, **options)
    given = {name: options[name] for name in ("sample_weight", "validation_data") if name in options}
    for _ in range(2):  # the second time there is nothing left to do
        resumed, history = Network.resume(path, X, T, callbacks=[Nothing(), *callbacks()], **given)
        assert bits(resumed, history) == expected


OPTIMIZERS = [
    SGD(0.05),
    SGD(0.05, momentum=0.9, nesterov=True),
    Adam(),
    Adam(epsilon_hat=True),
    Nadam(),
    RMSprop(0.01),
    Rprop(),
]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_each_optimizer(tmp_path, optimizer, dtype):
    check_resumed(tmp_path, 9, 4, optimizer=optimizer, dtype=dtype, batch_size=20)


@pytest.mark.parametrize(
    "options",
    [
        dict(alpha=0.1, l1=0.01, weight_decay=0.1, clip_norm=0.5),
        dict(frozen_layers=[0]),
        dict(dropout=0.3),
        dict(sample_weight=WEIGHT, shuffle=False),
        dict(validation_data=(X[:20], T[:20], WEIGHT[:20])),
        dict(schedule=StepDecay(2, 0.5)),
        dict(schedule=WarmUp(3, Cosine())),
        dict(schedule=Plateau(patience=1), validation_data=(X[:20], T[:20])),
        dict(n_threads=2),
    ],
    ids=lambda options: ", ".join(options),
)
def test_each_option(tmp_path, options):
    check_resumed(tmp_path, 9, 5, optimizer=Adam(), batch_size=16, **options)


def test_early_stopping_is_given_back_what_it_saw(tmp_path):
    validation = dict(validation_data=(RNG.normal(size=(20, 4)), RNG.normal(size=(20, 2))))
    check_resumed(tmp_path, 60, 3, lambda: [EarlyStopping(n_iter_no_change=4)], optimizer=Adam(0.05), **validation)


def test_a_rate_that_a_callback_has_set(tmp_path):
    class Slower:
        def __call__(self, running):
            running.learning_rate *= 0.9

    check_resumed(tmp_path, 9, 4, lambda: [Slower()], optimizer=Adam())


@pytest.mark.parametrize("stop", [1, 2, 7, 8])
def test_several_epochs_in_a_call(tmp_path, stop):
    """Short epochs are made in one call, which the interrupt undoes in part."""
    check_resumed(tmp_path, 8, stop, optimizer=Adam())


# Within epochs ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        dict(optimizer=SGD(0.05), batch_size=9, n_threads=1),
        dict(optimizer=SGD(0.05, momentum=0.9), sample_weight=WEIGHT, shuffle=False, batch_size=16),
        dict(optimizer=Adam(), alpha=0.1, clip_norm=0.5, dropout=0.3, batch_size=16),
        dict(optimizer=Adam(), schedule=StepDecay(2, 0.5), validation_data=(X[:20], T[:20]), batch_size=16),
        dict(shuffle=lambda n: np.arange(n)[::-1], batch_size=16),
    ],
    ids=lambda options: ", ".join(options),
)
def test_a_fit_that_ends_within_epochs_again_and_again(tmp_path, options):
    """After a few steps each time, with the losses so far."""
    path = tmp_path / "fit"
    whole = network()
    expected = bits(whole, whole.fit(X, T, epochs=3, **options))
    given = {name: options[name] for name in ("sample_weight", "validation_data", "shuffle") if callable(options.get(name))}
    given |= {name: options[name] for name in ("sample_weight", "validation_data") if name in options}
    first = network()
    history = first.fit(X, T, epochs=3, max_seconds=1e-9, checkpoint=path, **options)
    within = []
    while history.stopped == "max_seconds":
        within.append(history.unfinished_rows)
        resumed, history = Network.resume(path, X, T, max_seconds=1e-9, n_threads=1 + len(within) % 2, **given)
    assert any(within)
    assert bits(resumed, history) == expected


@pytest.mark.parametrize("call", [1, 2, 4, 7])
@pytest.mark.parametrize("on_divergence", ["raise", "retry"])
def test_an_interrupt_within_an_epoch_costs_no_step(tmp_path, monkeypatch, call, on_divergence):
    given = dict(validation_data=(X[:20], T[:20]), on_divergence=on_divergence, schedule=Plateau())  # an epoch in each call
    path, options = tmp_path / "fit", dict(optimizer=Adam(), batch_size=30, **given)
    whole = network()
    expected = bits(whole, whole.fit(X, T, epochs=3, **options))
    calls, run = [], Team.run

    def interrupted(self, call_, work, expected_, size, limit):
        work.control.stop = 1
        run(self, lambda member: call_(ask_to_stop(member) or member), work, expected_, size, limit)
        calls.append(int(work.epochs[0].begin))
        if len(calls) == call:
            raise KeyboardInterrupt

    monkeypatch.setattr(Team, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        network().fit(X, T, epochs=3, checkpoint=path, **options)
    monkeypatch.undo()
    assert calls == [0, 30, 60, 0, 30, 60, 0][:call]
    begins = []

    def seen(self, call_, work, *more):
        begins.append(int(work.epochs[0].begin))
        return run(self, call_, work, *more)

    monkeypatch.setattr(Team, "run", seen)
    assert bits(*Network.resume(path, X, T, **given)) == expected
    assert begins[0] == {1: 30, 2: 60, 4: 30, 7: 30}[call]


class Cut:
    """In the place of `ThreadChoice`: one call ends after a step, the next one makes as many epochs as it likes."""

    size, calls = 1, 0

    def __init__(self, *arguments):
        pass

    @property
    def limit(self):
        return 0.0 if self.calls % 2 else None

    def record(self, rows, seconds):
        self.calls += 1


@pytest.mark.parametrize("shuffle", [True, lambda n: np.arange(5 + n // 2, n)])
@pytest.mark.parametrize("call", range(1, 8))
def test_an_interrupt_among_calls_of_several_epochs_and_of_pieces(tmp_path, monkeypatch, call, shuffle):
    path, calls, run = tmp_path / "fit", [], Team.run
    whole = network()
    expected = bits(whole, whole.fit(X, T, epochs=20, batch_size=8, shuffle=shuffle))

    def interrupted(self, *arguments):
        run(self, *arguments)
        calls.append(arguments)
        if len(calls) == call:
            raise KeyboardInterrupt

    monkeypatch.setattr(beginning, "ThreadChoice", Cut)
    monkeypatch.setattr(loop.Loop, "_epochs_in_a_call", lambda self: min(3, 20 - self.history.epochs))
    monkeypatch.setattr(Team, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        network().fit(X, T, epochs=20, batch_size=8, shuffle=shuffle, checkpoint=path)
    monkeypatch.setattr(Team, "run", run)
    given = {} if shuffle is True else {"shuffle": shuffle}
    assert bits(*Network.resume(path, X, T, **given)) == expected


def test_once_a_minute_within_an_epoch(tmp_path, monkeypatch):
    """Also where the epoch takes hours: calls are cut for that."""
    path, cuts = tmp_path / "fit", []
    monkeypatch.setattr("tileprop.trainer.fit.checkpoints.SECONDS_BETWEEN", 0.0)
    written = Checkpoints.write
    monkeypatch.setattr(Checkpoints, "write", lambda self: written(self) or cuts.append(Network.load(path).theta.tobytes()))
    network().fit(X, T, epochs=2, batch_size=20, n_threads=1, checkpoint=path)
    assert len(set(cuts)) > 2


def test_other_threads_and_another_place(tmp_path):
    path, other = tmp_path / "first", tmp_path / "second"
    stopped = network()
    with pytest.raises(KeyboardInterrupt):
        stopped.fit(X, T, epochs=6, callbacks=[Interrupt(2)], checkpoint=path)
    before = path.read_bytes()
    one, _ = Network.resume(path, X, T, callbacks=[Nothing()], checkpoint=other, n_threads=2)
    two, _ = Network.resume(path, X, T, callbacks=[Nothing()], checkpoint=other, n_threads=1)
    assert one.theta.tobytes() == two.theta.tobytes()
    assert path.read_bytes() == before
    assert other.exists()


# How often, and what is there at each moment ----------------------------------------------------------------------------------


def test_every_so_many_epochs(tmp_path):
    path, seen = tmp_path / "fit", []

    def look(running):
        seen.append(path.exists() + previous(path).exists())

    network().fit(X, T, epochs=8, checkpoint=path, checkpoint_every=3, callbacks=[look])
    assert seen == [0, 0, 0, 1, 1, 1, 2, 2]


def test_once_a_minute_unless_asked(tmp_path, monkeypatch):
    path, seen, clock = tmp_path / "fit", [], [0.0]
    monkeypatch.setattr("tileprop.trainer.fit.checkpoints.time.monotonic", lambda: clock[0])

    def look(running):
        clock[0] += 25.0
        seen.append(path.exists() + previous(path).exists())

    network().fit(X, T, epochs=7, checkpoint=path, callbacks=[look])
    assert seen == [0, 0, 0, 1, 1, 1, 2]


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EACCES])
@pytest.mark.parametrize("number", [0, 1])
def test_errors_of_the_disk_cost_neither_the_fit_nor_the_checkpoint_before(tmp_path, monkeypatch, step, code, number):
    path = tmp_path / "fit"
    stopped = network()
    with pytest.raises(KeyboardInterrupt):
        stopped.fit(X, T, epochs=9, callbacks=[Interrupt(4)], checkpoint=path, checkpoint_every=1)
    calls, original = [], getattr(os, step)

    def fail(*arguments, **more):
        calls.append(1)
        if len(calls) > number:
            raise OSError(code, os.strerror(code))
        return original(*arguments, **more)

    monkeypatch.setattr(os, step, fail)
    whole = network()
    expected = bits(whole, whole.fit(X, T, epochs=9, callbacks=[Nothing()]))
    with pytest.warns(UserWarning, match=f"could not be written: {os.strerror(code)}. The fit goes on"):
        assert bits(*Network.resume(path, X, T, callbacks=[Nothing()], checkpoint_every=1)) == expected
    monkeypatch.undo()
    assert bits(*Network.resume(path, X, T, callbacks=[Nothing()])) == expected


@pytest.mark.parametrize("damage", ["cut", "flipped", "a number", "missing"])
def test_the_one_before_serves_where_the_last_is_damaged(tmp_path, damage):
    path = tmp_path / "fit"
    whole = network()
    expected = bits(whole, whole.fit(X, T, epochs=6, checkpoint=path, checkpoint_every=2))
    content = bytearray(path.read_bytes())
    if damage == "missing":
        path.unlink()
    else:
        content[-3 if damage == "a number" else 12] ^= 1  # in the last number of a tensor, in the header
        path.write_bytes(content[: len(content) // 2] if damage == "cut" else content)
    assert bits(*Network.resume(path, X, T)) == expected


def test_a_damaged_one_never_takes_the_place_of_the_one_before(tmp_path, monkeypatch):
    path, replace = tmp_path / "fit", os.replace
    whole = network()
    expected = bits(whole, whole.fit(X, T, epochs=6, checkpoint=path, checkpoint_every=2))
    path.write_bytes(b"nothing")

    def fail(source, target):
        if str(target) == str(path):
            raise OSError(errno.EIO, "broken")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail)
    with pytest.warns(UserWarning, match="broken"):
        Network.resume(path, X, T)
    monkeypatch.undo()
    assert bits(*Network.resume(path, X, T)) == expected


def test_numbers_that_overflow_in_the_optimizers_state(tmp_path):
    """Their squares are infinite, and the training goes on with that."""
    path, state = tmp_path / "fit", Adam(1e-3).state(network().plan, np.float32)
    state.mean_square[:3] = np.inf
    stopped = network()
    with pytest.raises(KeyboardInterrupt):
        stopped.fit(X, T, epochs=5, optimizer=state._replace(mean_square=state.mean_square.copy()), checkpoint=path,
                    callbacks=[Interrupt(2)])  # fmt: skip
    state = Adam(1e-3).state(network().plan, np.float32)
    state.mean_square[:3] = np.inf
    whole = network()
    expected = bits(whole, whole.fit(X, T, epochs=5, optimizer=state, callbacks=[Nothing()]))
    assert bits(*Network.resume(path, X, T, callbacks=[Nothing()])) == expected


@pytest.mark.skipif(os.name == "nt", reason="about POSIX links")
def test_a_link_stays_one_and_the_working_directory_may_change(tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "fit").symlink_to(elsewhere / "fit")
    monkeypatch.chdir(tmp_path)
    network().fit(X, T, epochs=4, checkpoint="fit", checkpoint_every=2, callbacks=[lambda running: os.chdir("/")])
    assert (tmp_path / "fit").is_symlink()
    assert sorted(place.name for place in elsewhere.iterdir()) == ["fit", "fit.previous"]
    (elsewhere / "fit").unlink()
    assert Network.resume(tmp_path / "fit", X, T, callbacks=[Nothing()])[1].epochs == 4


@pytest.mark.parametrize("kept", [{"seen": object()}, {"names": np.array(["a"])}])
def test_a_callback_that_cannot_be_remembered_is_named_before_training(tmp_path, kept):
    class Odd:
        def __call__(self, running):
            raise AssertionError("trained")

        def remembered(self):
            return kept

    with pytest.raises(InputError, match=r"Odd\.remembered returns .*; it must be a dictionary of numbers and arrays"):
        network().fit(X, T, epochs=2, checkpoint=tmp_path / "fit", callbacks=[Odd()])
    assert not list(tmp_path.iterdir())


def test_an_interrupt_before_the_first_epoch_leaves_the_checkpoint_as_it_is(checkpoint, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    before = checkpoint.read_bytes()
    monkeypatch.setattr("tileprop.trainer.fit.loop.Loop._remember", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Network.resume(checkpoint, X, T, callbacks=[Nothing()], validation_data=(X[:9], T[:9]))
    assert checkpoint.read_bytes() == before


def test_two_that_are_damaged_are_named(tmp_path):
    path = tmp_path / "fit"
    network().fit(X, T, epochs=4, checkpoint=path, checkpoint_every=2)
    for place in (path, previous(path)):
        place.write_bytes(b"nothing")
    with pytest.raises(ModelFormatError, match="fit"):
        Network.resume(path, X, T)


KILLED = """
import sys
import numpy as np
from tileprop.trainer import Adam, Network

rng = np.random.default_rng(3)
X, T = rng.normal(size=(200, 6)), rng.normal(size=(200, 2))
path, task = sys.argv[1:]
arguments = dict(checkpoint=path, checkpoint_every=1, n_threads=1, progress=False)
if task == "start":
    network = Network([6, 20, 2], "tanh", "identity", random_state=1)
    print("ready", flush=True)
    history = network.fit(X, T, epochs=400, optimizer=Adam(), **arguments)
else:
    network, history = Network.resume(path, X, T, **arguments)
print(network.theta.tobytes().hex(), len(history.loss))
"""


def killed_and_resumed(tmp_path, kills, seed):
    """What a fit ends with that is killed at so many random moments, and goes on each time."""
    moments, path = random.Random(seed), tmp_path / f"fit-{seed}"
    task = "start"
    for _ in range(kills):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(path), task], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        if task == "start":
            assert process.stdout.readline() == "ready\n", process.stderr.read()
        deadline = time.monotonic() + 30.0
        while not path.exists() and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(moments.uniform(0.0, 0.4 if task == "start" else 1.2))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        task = "resume"
    done = subprocess.run([sys.executable, "-c", KILLED, str(path), task], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


killable = [
    pytest.mark.skipif(bool(config.DISABLE_JIT), reason="about compiled code, in processes of their own"),
    pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the system kills in another way"),
]


@pytest.mark.parametrize(
    ("kills", "seed"),
    [
        pytest.param(1, 0, marks=killable),
        *(pytest.param(10, seed, marks=[*killable, pytest.mark.full]) for seed in range(1, 31)),
    ],
)
def test_a_fit_that_is_killed_ends_with_the_bits_of_one_that_is_not(tmp_path, kills, seed):
    assert killed_and_resumed(tmp_path, kills, seed) == killed_and_resumed(tmp_path, 0, 1000)


# What is refused --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "fit"
    with pytest.raises(KeyboardInterrupt):
        network().fit(X, T, epochs=6, alpha=0.25, callbacks=[Interrupt(2)], checkpoint=path, validation_data=(X[:9], T[:9]))
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(X=X[:-1], T=T[:-1]), r"X is not what the fit in .* was started with: here of shape \(89, 4\), there \(90, 4\)"),
        (dict(X=X + 1e-3), r"X is not what the fit .*: here of shape \(90, 4\), with other numbers"),
        (dict(T=T + 1), "T is not what the fit"),
        (dict(sample_weight=WEIGHT), "sample_weight is given; the fit in .* was started without it"),
        (dict(validation_data=None), "validation_data's X is missing; the fit in .* was started with it"),
        (dict(validation_data=(X[1:10], T[:9])), "validation_data's X is not what"),
        (dict(alpha=0.5), r"alpha is 0\.5; the fit in .* has 0\.25\. Give the same, or leave it out"),
        (dict(epochs=7), "epochs is 7; the fit in .* has 6"),
        (dict(schedule=Cosine()), "schedule is .*; the fit in .* has None"),
        (dict(shuffle=False), "shuffle is False"),
        (
            dict(optimizer=SGD(0.2)),
            r"optimizer is SGD\(learning_rate=0\.2.* has SGD with .*0\.1.*\. Give the same",
        ),
        (dict(optimizer=Adam()), "optimizer is Adam"),
        (dict(callbacks=[]), "callbacks holds 0; the fit in .* has 1"),
    ],
)
def test_what_differs_is_named(checkpoint, change, message):
    before = checkpoint.read_bytes()
    arguments = dict(X=X, T=T, callbacks=[Nothing()], validation_data=(X[:9], T[:9]), alpha=0.25) | change
    with pytest.raises(InputError, match=message):
        Network.resume(checkpoint, **arguments)
    assert checkpoint.read_bytes() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(checkpoint="none/fit"), "in none, which is no folder"),
        (dict(checkpoint="."), "a folder; give the name of a file"),
        (dict(checkpoint="fit", checkpoint_every=0), "checkpoint_every is 0"),
    ],
)
def test_bad_arguments(tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    model = network()
    before = model.theta.copy()
    with pytest.raises((InputError, ValueError), match=message):
        model.fit(X, T, **options)
    np.testing.assert_array_equal(model.theta, before)
    assert not list(tmp_path.iterdir())


def test_what_is_no_checkpoint(tmp_path):
    with pytest.raises(InputError, match="there is no checkpoint"):
        Network.resume(tmp_path / "fit", X, T)
    network().save(tmp_path / "fit")
    with pytest.raises(ModelFormatError, match="is a network, and no checkpoint"):
        Network.resume(tmp_path / "fit", X, T)


def test_a_function_that_shuffles_must_be_given_again(tmp_path):
    path = tmp_path / "fit"
    network().fit(X, T, epochs=2, shuffle=np.arange, checkpoint=path)
    with pytest.raises(InputError, match="a function as shuffle; give it again"):
        Network.resume(path, X, T)
    Network.resume(path, X, T, shuffle=np.arange)
