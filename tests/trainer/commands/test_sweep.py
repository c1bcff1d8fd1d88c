"""`tileprop sweep`: the networks of `tileprop train`, compared, and the best one in a run folder."""

from __future__ import annotations

import csv
import json
import os
import signal
import threading

import pytest
from tileprop.trainer.cli import main
from tileprop.trainer.many.workers import Workers
from tileprop.trainer.runs import sweeping
from tileprop.trainer.runs.sweeping import grid

OPTIONS = ["--epochs", "4", "--seeds", "2"]
N_NETWORKS = 4  # of two settings


def rows_of(folder):
    with (folder / "sweep.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_best_setting_has_a_run_folder_that_predict_takes(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    sweep = [
        "sweep",
        "plane",
        "--hidden",
        "4",
        "none",
        "--learning-rate",
        "0.1",
        "1e-9",
        *OPTIONS,
        "--out",
        "best",
        "--no-report",
    ]
    assert main(sweep) == 0
    out = capsys.readouterr().out
    first = next(line for line in out.splitlines() if "hidden" in line)
    assert "learning_rate 0.1" in first
    rows = rows_of(tmp_path / "best")
    assert len(rows) == 8
    record = json.loads((tmp_path / "best" / "run.json").read_text())
    assert record["settings"]["learning_rate"] == 0.1
    assert main(["info", "best"]) == 0


def test_losses_are_those_of_train(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["sweep", "plane", "--hidden", "4", *OPTIONS, "--out", "best", "--no-report"]) == 0
    with (tmp_path / "best" / "history.csv").open() as file:
        losses = [float(row["val_loss"]) for row in csv.DictReader(file)]
    assert float(rows_of(tmp_path / "best")[0]["validation_loss"]) == pytest.approx(min(losses), rel=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--seeds", "0"], "seeds"),
        (["--validation-size", "0"], "validation"),
        (["--activation", "rellu"], "relu"),
        (["--hidden", "4", "x"], "'x' is not a list of widths"),
    ],
)
def test_options_that_do_not_fit_are_refused(tmp_path, monkeypatch, capsys, options, message):
    monkeypatch.chdir(tmp_path)
    try:
        status = main(["sweep", "plane", *options])
    except SystemExit as error:
        status = error.code
    assert status == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_predict_takes_the_run_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["sweep", "plane", "--hidden", "4", "none", *OPTIONS, "--out", "best", "--no-report"]) == 0
    (tmp_path / "rows.csv").write_text("x0,x1\n0.1,0.2\n0.5,-0.4\n")
    capsys.readouterr()
    assert main(["predict", "best", "rows.csv"]) == 0
    name, *values = capsys.readouterr().out.split()
    assert name.strip('"') == "target"
    assert len([float(value) for value in values]) == 2


def test_networks_without_hidden_layers_are_tried_once():
    """What only hidden layers have makes no difference to them."""
    choices = {"hidden": [(), (4,)], "dropout": [0.0, 0.1], "activation": ["relu", "tanh"]}
    names = [one.name for one in grid({"source": "plane"}, choices)]
    assert [name for name in names if "none" in name] == ["hidden none  dropout 0.0  activation relu"]
    assert len(names) == 5


@pytest.mark.parametrize("n_done", [1, N_NETWORKS])
def test_ctrl_c_prints_the_table_so_far_and_writes_no_folder(n_done, tmp_path, monkeypatch, capsys):
    """The signal comes when the first network is done, or just as the last one is."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TILEPROP_NUM_THREADS", "1")
    finish, stop, done, stopped = sweeping._Told.finish, Workers._stop, [], threading.Event()

    def interrupted(self, running):
        finish(self, running)
        done.append(self)
        if len(done) == n_done:
            os.kill(os.getpid(), signal.SIGINT)
            # The caller's thread hears of it up to a tenth of a second later.
            assert n_done == N_NETWORKS or stopped.wait(60.0)

    def noticed(self):
        stop(self)
        stopped.set()

    monkeypatch.setattr(sweeping._Told, "finish", interrupted)
    monkeypatch.setattr(Workers, "_stop", noticed)
    status = main(["sweep", "plane", "--hidden", "4", "8,8", *OPTIONS, "--out", "best", "--no-report"])
    captured = capsys.readouterr()
    assert status == 130
    assert len([line for line in captured.out.splitlines() if line.strip().startswith("hidden")]) == (n_done + 1) // 2
    assert "Ctrl-C has ended the sweep" in captured.err
    assert not list(tmp_path.iterdir())
