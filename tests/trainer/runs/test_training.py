"""A run that stops at any moment goes on to the same file as one that never stopped; other data and settings are refused."""

import csv
import errno
import gzip
import json

import numpy as np
import pytest
from tileprop.trainer import DivergenceError, InputError
from tileprop.trainer.runs import training
from tileprop.trainer.runs.folder import RunFolder
from tileprop.trainer.runs.record import read_record, write_record
from tileprop.trainer.runs.settings import Settings
from tileprop.trainer.runs.trained_model import TrainedModel
from tileprop.trainer.runs.training import new_run, resumed_run

pytest.importorskip("sklearn")
SMALL = {"epochs": 6, "hidden": (4,), "n_samples": 60}


@pytest.fixture(autouse=True)
def here(here, monkeypatch):
    monkeypatch.setattr(training, "available", lambda module: False)  # pictures take seconds
    return here


@pytest.fixture
def told():
    return []


@pytest.fixture
def train(told):
    def train(name="moons", out=None, overwrite=False, checkpoint=True, checkpoint_every=1, **settings):
        settings = Settings(name, **{**(SMALL if name in ("moons", "xor") else {}), **settings})
        return new_run(settings, out, overwrite, told.append, checkpoint, checkpoint_every=checkpoint_every)

    return train


@pytest.fixture
def resume(here, told):
    def resume(run="runs/moons", **given):
        return resumed_run((here / run).relative_to(here), given, told.append, checkpoint_every=1)

    return resume


@pytest.fixture
def stop(monkeypatch):
    """Stops the next training after so many epochs, by an error."""

    def stop(epochs, error):
        left = epochs

        def keep(folder):
            nonlocal left
            folder._kept = True
            left -= 1
            if left == 0:
                raise error

        monkeypatch.setattr(RunFolder, "keep", keep)

    return stop


class Killed(BaseException):
    """What ends everything, without a word to the run's own code."""


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_files(here, train, told, monkeypatch):
    ended = train()
    run = here / ended.folder
    assert (str(ended.folder), ended.state, ended.go_on) == ("runs/moons", "finished", None)
    assert told == ["the run folder is runs/moons"]
    assert names(run) == ["history.csv", "model.safetensors", "run.json"]
    model = TrainedModel.load(run / "model.safetensors")
    assert np.array_equal(model.predict(ended.outcome.dataset.rows), ended.outcome.model.predict(ended.outcome.dataset.rows))
    rows = list(csv.DictReader((run / "history.csv").open()))
    assert [float(row["val_loss"]) for row in rows] == ended.outcome.history.val_loss


def test_pictures(here, monkeypatch, train):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(training, "available", lambda module: True)
    train(epochs=1)
    assert names(here / "runs" / "moons") == [
        "boundary.png",
        "curves.png",
        "history.csv",
        "model.safetensors",
        "report.html",
        "run.json",
    ]
    train("iris", epochs=1)  # four features have no boundary
    assert names(here / "runs" / "iris") == ["curves.png", "history.csv", "model.safetensors", "report.html", "run.json"]


@pytest.mark.parametrize(
    "settings",
    [{}, {"validation_size": 0.0, "dtype": "float64"}, {"optimizer": "sgd", "batch_size": 7, "loss": "mse"}],
    ids=["usual", "float64", "sgd"],
)
def test_interrupted_twice_to_the_same_file(here, train, resume, stop, monkeypatch, settings):
    whole = train(out="whole", **settings)
    stop(2, KeyboardInterrupt())
    ended = train(**settings)
    run = here / "runs" / "moons"
    assert (ended.state, ended.go_on) == ("interrupted", "continue with: tileprop train --resume runs/moons")
    assert (ended.outcome.history.epochs, read_record(run).results.epochs) == (2, 2)
    assert TrainedModel.load(run / "model.safetensors").network.theta.tobytes() == ended.outcome.model.network.theta.tobytes()
    stop(3, KeyboardInterrupt())
    monkeypatch.setenv("TILEPROP_NUM_THREADS", "2")
    assert resume().outcome.history.epochs == 4  # an epoch that a callback interrupts is made again
    ended = resume()
    assert ended.state == "finished"
    assert (run / "model.safetensors").read_bytes() == (here / "whole" / "model.safetensors").read_bytes()
    assert ended.outcome.history.loss == whole.outcome.history.loss
    assert ended.outcome.scores == whole.outcome.scores
    assert names(run) == names(here / "whole")
    with pytest.raises(InputError, match="the run in runs/moons has already finished"):
        resume()


# Whose validation loss rises again.
RISES = {"name": "moons", "epochs": 60, "hidden": (32,), "n_samples": 60, "noise": 0.6, "learning_rate": 0.005, "patience": 4}


@pytest.mark.parametrize(
    "more", [{}, {"class_weight": "balanced", "dropout": 0.2, "schedule": "plateau"}], ids=["usual", "more"]
)
def test_early_stopping_interrupted_to_the_same_file(here, train, resume, stop, more):
    whole = train(**RISES, **more, out="whole")
    assert (whole.state, whole.go_on, whole.outcome.stopped_early) == ("finished", None, True)
    last = whole.outcome.history.epochs
    assert 1 < whole.outcome.kept_epoch == last - 5 == np.argmin(whole.outcome.history.val_loss) + 1
    results = read_record(here / "whole").results
    assert (results.epochs, results.kept_epoch, results.stopped_early) == (last, last - 5, True)
    for epochs in (1, last - 5, last - 1, last):  # before, at and after the best epoch, and at the one that ends it
        name = f"after{epochs}"
        stop(epochs, KeyboardInterrupt())
        ended = train(**RISES, **more, out=name)
        best = np.argmin(ended.outcome.history.val_loss) + 1
        assert ended.outcome.kept_epoch == best <= epochs
        model = TrainedModel.load(here / name / "model.safetensors")
        assert ended.outcome.losses["validation"] == pytest.approx(min(ended.outcome.history.val_loss), rel=1e-6)
        assert model.network.theta.tobytes() == ended.outcome.model.network.theta.tobytes()
        stop(0, None)
        if epochs == last:
            assert ended.state == "finished"  # nothing is missing
        else:
            assert ended.state == "interrupted"
            ended = resume(name)
        assert (here / name / "model.safetensors").read_bytes() == (here / "whole/model.safetensors").read_bytes()
        assert ended.outcome.history.val_loss == whole.outcome.history.val_loss
        assert read_record(here / name).results.evaluations == results.evaluations


def test_early_stopping_killed_before_its_record_was_written(here, train, resume, monkeypatch):
    """The checkpoint says that it has ended: no epoch is made any more."""
    with monkeypatch.context() as full:
        full.setattr(training, "write_record", raise_no_space)
        with pytest.raises(OSError, match="No space"):
            train(**RISES)
    ended = resume()
    train(**RISES, out="whole")
    assert (ended.state, ended.outcome.stopped_early) == ("finished", True)
    assert (here / "runs/moons/model.safetensors").read_bytes() == (here / "whole/model.safetensors").read_bytes()


def test_killed_before_the_first_checkpoint(here, train, resume, stop, told, monkeypatch):
    train(out="whole")
    stop(2, Killed())
    with monkeypatch.context() as no_more:
        no_more.setattr("tileprop.trainer.fit.checkpoints.Checkpoints.write", lambda checkpoints: None)
        with pytest.raises(Killed):
            train()
    stop(0, None)
    assert names(here / "runs" / "moons") == ["run.json"]
    assert resume().state == "finished"
    assert "runs/moons was stopped before its first checkpoint, so it begins anew" in told
    assert (here / "runs/moons/model.safetensors").read_bytes() == (here / "whole/model.safetensors").read_bytes()


def test_what_could_not_be_written_at_the_end_is_written_later(here, train, resume, monkeypatch):
    with monkeypatch.context() as full:
        full.setattr(training, "write_record", raise_no_space)
        with pytest.raises(OSError, match="No space") as error:
            train()
    assert error.value.__notes__ == ["continue with: tileprop train --resume runs/moons"]
    assert read_record(here / "runs" / "moons").state == "training"
    ended = resume()
    assert (ended.state, ended.outcome.history.epochs) == ("finished", 6)
    train(out="whole")
    assert (here / "runs/moons/model.safetensors").read_bytes() == (here / "whole/model.safetensors").read_bytes()


@pytest.mark.parametrize("part", ["header", "numbers"])
def test_a_checkpoint_with_a_flipped_bit_is_not_gone_on_from(here, train, resume, stop, part):
    """The one before it is."""
    train(out="whole")
    stop(4, KeyboardInterrupt())
    train()
    stop(0, None)
    checkpoint = here / "runs/moons/fit.checkpoint"
    data = bytearray(checkpoint.read_bytes())
    data[data.index(b"mean_square") if part == "header" else -9] ^= 1
    checkpoint.write_bytes(data)
    assert resume().state == "finished"
    assert (here / "runs/moons/model.safetensors").read_bytes() == (here / "whole/model.safetensors").read_bytes()


def raise_no_space(*arguments):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_without_a_checkpoint_the_model_is_kept(here, train, resume, stop):
    stop(2, KeyboardInterrupt())
    ended = train(checkpoint=False, checkpoint_every=None)
    assert (ended.state, ended.go_on) == ("interrupted", None)
    assert names(here / "runs" / "moons") == ["history.csv", "model.safetensors", "run.json"]
    with pytest.raises(InputError, match="runs/moons has no checkpoint to resume from; start a new run"):
        resume()


def test_a_late_divergence_keeps_the_last_finite_model(here, train, resume, stop):
    stop(4, DivergenceError("training diverged"))
    ended = train()
    assert (ended.state, ended.go_on, ended.outcome.losses) == ("diverged", None, {})
    assert TrainedModel.load(here / "runs/moons/model.safetensors").network.plan.sizes == [2, 4, 2]
    assert read_record(here / "runs/moons").results.epochs == 4
    with pytest.raises(InputError, match="diverged, and would diverge again"):
        resume()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), DivergenceError("at once"), MemoryError(), OSError("no")])
def test_what_stops_before_the_first_epoch_leaves_nothing(here, train, monkeypatch, error):
    def fit(*data, **options):
        raise error

    monkeypatch.setattr("tileprop.trainer.network.Network.fit", fit)
    with pytest.raises(type(error)):
        train()
    assert names(here) == []


def test_the_settings_must_be_the_same(here, train, resume, stop):
    stop(1, KeyboardInterrupt())
    train()
    with pytest.raises(InputError, match=r"epochs is 9, but the run in runs/moons has 6. Give the same value, or leave it out"):
        resume(epochs=9)
    with pytest.raises(InputError, match=r"hidden is \(5,\), but the run in runs/moons has \(4,\)"):
        resume(epochs=6, hidden=(5,))
    path = here / "runs" / "moons" / "run.json"
    content = json.loads(path.read_text())
    content["settings"]["learning_rate"] = 0.5
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="the settings in runs/moons differ from those that the run started with"):
        resume()


@pytest.fixture
def table(here):
    rows = np.random.default_rng(0).normal(size=(60, 2))

    def write(path="t.csv", rows=rows, columns="a,b,y"):
        (here / path).write_text(columns + "\n" + "".join(f"{a},{b},{a - b}\n" for a, b in rows))

    write()
    write.rows = rows
    return write


def test_the_data_must_be_the_same(here, train, resume, stop, table):
    stop(1, KeyboardInterrupt())
    train("t.csv", target="y", epochs=4)
    stop(0, None)
    began = r"the data in t.csv differ from those that the run in runs/t started with: "
    for change, message in (
        ({"rows": table.rows[:-1]}, began + "they have 59 rows of 2 columns, and had 60 rows of 2 columns. Give the same"),
        ({"rows": table.rows + 1}, began + "other numbers or names"),
        ({"columns": "a,c,y"}, began + "other numbers or names"),
    ):
        table(**change)
        with pytest.raises(InputError, match=message):
            resume("runs/t")
    table()
    assert resume("runs/t", source="t.csv", target="y").state == "finished"


def test_the_data_may_be_elsewhere(here, train, resume, stop, table):
    stop(1, KeyboardInterrupt())
    train("t.csv", target="y", epochs=4)
    stop(0, None)
    (here / "t.csv").rename(here / "moved.csv")
    with pytest.raises(InputError, match=r"with t.csv, but there is no such file here; .*: tileprop train --resume RUN DATA"):
        resume("runs/t")
    assert resume("runs/t", source="moved.csv").state == "finished"
    assert read_record(here / "runs/t").settings.source == "moved.csv"


def test_the_same_numbers_from_anywhere(here, train):
    X = np.random.default_rng(1).normal(size=(90, 3)) * 7 + 5
    y = (X.sum(axis=1) > 15).astype(int)
    np.save("C.npy", X)
    np.save("Fortran.npy", np.asfortranarray(X))
    np.save("big_endian.npy", X.astype(">f8"))
    np.save("y.npy", y)
    np.savez("both.npz", X=X, y=y)
    rows = "".join(",".join(map(repr, x)) + f",{k}\n" for x, k in zip(X.tolist(), y, strict=True))
    (here / "text.csv").write_text("x0,x1,x2,y\n" + rows)
    (here / "text.txt.gz").write_bytes(gzip.compress(("x0;x1;x2;y\n" + rows.replace(",", ";")).encode("utf-16")))
    pytest.importorskip("pandas").DataFrame(X, columns=["x0", "x1", "x2"]).assign(y=y).to_parquet("table.parquet")
    for names in (("C.npy", "Fortran.npy", "big_endian.npy", "both.npz"), ("text.csv", "text.txt.gz", "table.parquet")):
        for name in names:
            train(name, out=name + ".run", target="y.npy" if name.endswith("npy") else "y", epochs=2)
        assert len({(here / f"{name}.run" / "model.safetensors").read_bytes() for name in names}) == 1


def test_other_versions_are_told_of(here, train, resume, stop, told):
    stop(1, KeyboardInterrupt())
    train()
    run = here / "runs" / "moons"
    write_record(run, vary(read_record(run), environment="0" * 64))
    stop(0, None)
    resume()
    assert any("runs/moons began with other versions or on another processor" in line for line in told)


def vary(record, **changes):
    from dataclasses import replace

    return replace(record, fingerprints=replace(record.fingerprints, **changes))


def test_an_interrupted_replacement(here, train, resume, stop, told):
    old = train(out="mine", seed=1).outcome.model.network.theta
    stop(2, KeyboardInterrupt())
    ended = train(out="mine", overwrite=True)
    assert ended.go_on == "continue with: tileprop train --resume mine.new"
    assert TrainedModel.load(here / "mine" / "model.safetensors").network.theta.tobytes() == old.tobytes()
    stop(0, None)
    assert str(resume("mine.new").folder) == "mine"
    assert names(here) == ["mine"]
    assert read_record(here / "mine").settings.seed == 0


def test_unfinished_runs_are_named(here, train, stop, told):
    stop(2, KeyboardInterrupt())
    train()
    stop(0, None)
    train()
    assert told[1:] == [
        "not finished: runs/moons; continue with: tileprop train --resume runs/moons",
        "the run folder is runs/moons-2",
    ]
