"""An ensemble's members are those of single fits, its losses are of their mean, and it goes on to the same file."""

import dataclasses
import itertools
import os
import signal
import time

import numpy as np
import pytest
from tileprop.trainer import DivergenceError, InputError, ModelFormatError, Network
from tileprop.trainer.files import load_network
from tileprop.trainer.fit.history import History
from tileprop.trainer.runs import fitting, training
from tileprop.trainer.runs.fitting import loss_of, mean_of
from tileprop.trainer.runs.folder import RunFolder
from tileprop.trainer.runs.preparation import prepare
from tileprop.trainer.runs.record import read_record
from tileprop.trainer.runs.settings import Settings
from tileprop.trainer.runs.trained_model import TrainedModel
from tileprop.trainer.runs.training import new_run, resumed_run

pytest.importorskip("sklearn")
SMALL = Settings("moons", epochs=6, hidden=(4,), n_samples=60, ensemble=3, patience=2)


@pytest.fixture
def train(here, monkeypatch):
    monkeypatch.setattr(training, "available", lambda module: False)  # pictures take seconds
    return lambda out, settings=SMALL: new_run(settings, out, False, lambda text: None, True)


def test_members_are_those_of_single_fits():
    experiment = prepare(SMALL)
    outcome = experiment.train()
    single = dataclasses.replace(SMALL, ensemble=1)
    for seed, member in enumerate(outcome.model.members):
        fresh = Network([2, 4, 2], "silu", "softmax", "log_loss", dtype="float32", random_state=seed)
        model = dataclasses.replace(experiment.model, network=fresh, others=())
        alone = dataclasses.replace(experiment, settings=single, model=model).train()
        assert member.theta.tobytes() == alone.model.network.theta.tobytes()
        assert outcome.kept_epochs[seed] == alone.kept_epoch


@pytest.mark.parametrize(
    ("name", "more"),
    [("moons", {}), ("moons", {"loss": "squared_error"}), ("wave", {})],
    ids=["log_loss", "sigmoid", "regression"],
)
def test_losses_and_predictions_are_of_the_mean(tmp_path, name, more):
    outcome = prepare(dataclasses.replace(SMALL, source=name, **more)).train()
    model, rows, y = outcome.model, outcome.dataset.rows, outcome.dataset.y
    alone = [dataclasses.replace(model, network=member, others=()) for member in model.members]
    model.save(tmp_path / "model.safetensors")
    loaded = TrainedModel.load(tmp_path / "model.safetensors")
    assert [member.theta.tobytes() for member in loaded.members] == [member.theta.tobytes() for member in model.members]
    if name == "wave":
        expected = np.mean([one.predict(rows) for one in alone], axis=0)
        assert loaded.predict(rows) == pytest.approx(expected, rel=1e-5, abs=1e-6)
        T = model.target_scaling.apply(y[:, None])
        scaled = model.target_scaling.apply(expected[:, None])
        loss = 0.5 * np.mean((scaled - T)[outcome.split.test] ** 2)
        spread = np.std([one.predict(rows) for one in alone], axis=0)
    else:
        each = np.array([one.predict_proba(rows) for one in alone])
        expected = each.mean(axis=0)
        assert loaded.predict_proba(rows) == pytest.approx(expected, rel=1e-5)
        T, test = np.eye(2)[y], outcome.split.test
        squares = 0.5 * ((expected - T)[test] ** 2).mean()
        loss = squares if more else -np.log((expected * T).sum(axis=1)[test]).mean()
        spread = np.take_along_axis(each.std(axis=0), expected.argmax(axis=1)[:, None], axis=1)[:, 0]
    assert outcome.losses["test"] == pytest.approx(loss, rel=1e-5)
    assert model.spread(model.members_outputs(model.prepare(rows)))[:, 0] == pytest.approx(spread, rel=1e-3, abs=1e-6)


@pytest.mark.parametrize(
    ("output", "loss"), [("sigmoid", "log_loss"), ("sigmoid", "mae"), ("softmax", "log_loss"), ("identity", "huber")]
)
def test_loss_of_equal_members_is_that_of_one(output, loss):
    network = Network([3, 4, 2], "tanh", output, loss, random_state=0)
    X = np.random.default_rng(0).normal(size=(20, 3))
    T, weight = np.eye(2)[(X[:, 0] > 0).astype(int)], np.arange(1.0, 21.0)
    found = loss_of([network, network], X, network.predict(X), T, weight)
    assert found == pytest.approx(network.loss(X, T, weight), rel=1e-6)


def test_the_mean_history_takes_ended_members_at_their_kept_epoch():
    short, long = History(10, restored_epoch=1), History(10)
    for loss in (1.0, 3.0):
        short.record(loss, loss, 2.0)
    for loss in (3.0, 5.0, 7.0):
        long.record(loss, loss, 4.0)
    mean = mean_of([short, long, History(10)])
    assert (mean.loss, mean.val_loss, mean.seconds) == ([2.0, 4.0, 4.0], [2.0, 4.0, 4.0], [3.0, 3.0, 4.0])


@pytest.mark.parametrize("epoch", [1, 25])
def test_interrupted_by_ctrl_c_to_the_same_file(here, train, monkeypatch, epoch):
    settings = dataclasses.replace(SMALL, epochs=40, patience=40)
    train("whole", settings)
    calls = itertools.count(1)

    def keep(folder):
        folder._kept = True
        if next(calls) == epoch:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.2)  # until the main thread has taken it

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "keep", keep)
        with pytest.warns(RuntimeWarning, match="Ctrl-C"):
            ended = train("cut", settings)
    assert (ended.state, isinstance(ended.outcome.error, KeyboardInterrupt)) == ("interrupted", True)
    with pytest.raises(InputError, match=r"ensemble is 4, but the run in .* has 3"):
        resumed_run(here / "cut", {"ensemble": 4}, lambda text: None)
    ended = resumed_run(here / "cut", {}, lambda text: None)
    assert ended.state == "finished"
    assert (here / "cut/model.safetensors").read_bytes() == (here / "whole/model.safetensors").read_bytes()
    assert sorted(path.name for path in (here / "cut").iterdir()) == ["history.csv", "model.safetensors", "run.json"]
    results, whole = (read_record(here / name).results for name in ("cut", "whole"))
    assert (results.kept_epochs, results.losses) == (whole.kept_epochs, whole.losses)


def test_stopped_before_any_fit_has_begun_it_begins_anew(here, train, monkeypatch):
    train("whole")
    fit_many = fitting.fit_many
    stopped = [History(38, stopped="max_seconds")] * 3

    def not_begun(*args, checkpoint, **options):
        checkpoint.mkdir()
        return stopped

    monkeypatch.setattr(fitting, "fit_many", not_begun)
    assert train("late").state == "interrupted"
    monkeypatch.setattr(fitting, "fit_many", fit_many)
    assert resumed_run(here / "late", {}, lambda text: None).state == "finished"
    assert (here / "late/model.safetensors").read_bytes() == (here / "whole/model.safetensors").read_bytes()


def test_a_member_that_was_not_begun_is_not_in_the_mean(monkeypatch):
    fit_many = fitting.fit_many

    def two_begun(networks, X, T, *, settings, **options):
        return [*fit_many(networks[:2], X, T, settings=settings[:2], **options), History(len(X), stopped="max_seconds")]

    monkeypatch.setattr(fitting, "fit_many", two_begun)
    outcome = prepare(SMALL).train()
    assert (len(outcome.model.members), len(outcome.kept_epochs), outcome.finished) == (2, 2, False)


def test_a_member_that_diverges_ends_the_run(train, here):
    settings = dataclasses.replace(SMALL, source="wave", optimizer="sgd", learning_rate=1e30)
    with pytest.warns(RuntimeWarning), pytest.raises(DivergenceError, match="seeds diverged: 0, 1, 2"):
        train("bad", settings)
    assert not (here / "bad").exists()


def test_a_damaged_ensemble_is_refused(tmp_path):
    model = prepare(SMALL).train().model
    path = tmp_path / "model.safetensors"
    model.save(path)
    network, arrays, notes = load_network(Network, path)
    arrays["members"] = arrays["members"][:, 1:]
    with pytest.raises(ModelFormatError, match="members are not rows of 22 float32 parameters"):
        TrainedModel.from_parts(path, network, arrays, notes)
