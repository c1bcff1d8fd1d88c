"""`tileprop train` as a process: killed at any moment and resumed, it ends at the file of a run that was never stopped."""

import contextlib
import hashlib
import os
import random
import select
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from tileprop.trainer import DivergenceError, Network
from tileprop.trainer.cli import main
from tileprop.trainer.commands import ending
from tileprop.trainer.commands.ending import Terminated, say, status_of
from tileprop.trainer.runs.record import read_record

pytest.importorskip("sklearn")
SETTINGS = ("digits", "--epochs", "60", "--hidden", "16", "--checkpoint-every", "1")


@pytest.fixture(autouse=True)
def here(here, monkeypatch):
    monkeypatch.setenv("MPLCONFIGDIR", str(here / "matplotlib"))
    return here


def start(*arguments, **options):
    command = [sys.executable, "-m", "tileprop.trainer.cli", "train", *arguments]
    return subprocess.Popen(command, **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options})


def sha(folder):
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def wait_for(path, process):
    while not path.exists():
        assert process.poll() is None
        time.sleep(0.01)


@pytest.mark.skipif(sys.platform == "win32", reason="signals differ, and pseudo-terminals")
def test_killed_then_resumed_then_terminated(here, capsys):
    process = start("xor", "--no-early-stopping", "--epochs", "100000000", "--hidden", "2", "--checkpoint-every", "1000")
    wait_for(here / "runs" / "xor" / "fit.checkpoint", process)
    process.kill()
    process.communicate()
    assert read_record(here / "runs" / "xor").state == "training"
    assert main(["predict", "runs/xor", "x.npy"]) == 2
    assert capsys.readouterr().err.endswith("has no model yet; continue with: tileprop train --resume runs/xor\n")
    errors = on_a_terminal_until_terminated("--resume", "runs/xor", capsys=capsys)
    assert errors.count(b"\n") >= 2
    # rich hides the cursor for its bar.
    assert errors.rindex(b"\x1b[?25h") > errors.rindex(b"\x1b[?25l")
    assert b"of 100000000 epochs; the model as it was then is in runs/xor\r\n" in errors
    assert errors.endswith(b"tileprop: continue with: tileprop train --resume runs/xor\r\n")
    assert read_record(here / "runs" / "xor").state == "interrupted"
    assert not (here / "runs" / "xor" / ".lock").exists()


def on_a_terminal_until_terminated(*arguments, capsys):
    """What `train` writes on its standard error, a terminal; it gets SIGTERM once it shows its bar."""
    import pty

    terminal, other = pty.openpty()
    process = start(*arguments, stderr=other, env={**os.environ, "TERM": "xterm"})
    os.close(other)
    seen = b""
    while b"\x1b[?25l" not in seen:
        assert select.select([terminal], [], [], 60)[0]
        seen += os.read(terminal, 4096)
    assert main(["info", "runs/xor"]) == 0
    assert "training now" in capsys.readouterr().out
    assert main(["train", "--resume", "runs/xor"]) == 2
    assert "another process is training in runs/xor" in capsys.readouterr().err
    process.send_signal(signal.SIGTERM)
    with contextlib.suppress(OSError):  # which tells that the other side is closed
        while part := os.read(terminal, 4096):
            seen += part
    process.communicate(timeout=60)
    os.close(terminal)
    assert process.returncode == 143, seen
    return seen


@pytest.mark.full
@pytest.mark.skipif(sys.platform == "win32", reason="signals differ")
def test_killed_at_thirty_moments(here):
    """Of its whole life: imports, data, the folder's making, epochs, checkpoints, the end's writing."""
    drawn = random.Random(5)
    started = time.monotonic()
    process = start(*SETTINGS, "--out", "whole")
    assert process.wait(timeout=300) == 0
    life = time.monotonic() - started
    whole, kills, resumed = sha(here / "whole"), 0, 0
    while kills < 30:
        run = here / f"run{kills}"
        arguments = (*SETTINGS, "--out", run.name)
        while not (run / "run.json").exists() or read_record(run).state != "finished":
            process = start(*arguments, env={**os.environ, "TILEPROP_NUM_THREADS": drawn.choice("12")})
            try:
                process.wait(timeout=drawn.uniform(0.3, 1.0) * life)
            except subprocess.TimeoutExpired:
                process.kill()
                kills += 1
            process.communicate()
            assert process.returncode in (0, -signal.SIGKILL)
            if run.exists():  # whatever is to be seen of a run can go on
                resumed += 1
                arguments = ("--resume", run.name, "--checkpoint-every", "1")
        assert sha(run) == whole
    assert resumed > 5
    assert not [path for path in here.iterdir() if path.name.endswith(".unfinished") and (path / "fit.checkpoint").exists()]


@pytest.fixture
def stopping(monkeypatch):
    """Fits that a callback ends after two epochs, in the way that is given: a function."""
    fit = Network.fit

    def stopping(way):
        def stopped(network, *data, callbacks, max_seconds=None, **options):
            stop = lambda running: running.history.epochs == 2 and way()  # noqa: E731
            return fit(network, *data, callbacks=[*callbacks, stop], **options)

        monkeypatch.setattr(Network, "fit", stopped)

    return stopping


def test_a_time_that_is_up(here, capsys, stopping):
    """It stops the run, which is no error, and can go on."""
    stopping(lambda: True)
    assert main(["train", "xor", "--epochs", "5", "--hidden", "2", "--no-report", "--max-seconds", "0.1"]) == 0
    assert capsys.readouterr().err.splitlines()[-2:] == [
        "tileprop: stopped after 2 of 5 epochs; the model of epoch 2, the best so far, is in runs/xor",
        "tileprop: continue with: tileprop train --resume runs/xor",
    ]
    assert read_record(here / "runs" / "xor").state == "interrupted"


def test_a_late_divergence(here, capsys, stopping):
    """It ends the run by an error; the last finite model is kept."""

    def diverge():
        raise DivergenceError("training diverged in epoch 3")

    stopping(diverge)
    assert main(["train", "xor", "--epochs", "5", "--hidden", "2"]) == 2
    assert capsys.readouterr().err.splitlines()[-2:] == [
        "tileprop: error: training diverged in epoch 3",
        "tileprop: interrupted after 2 of 5 epochs; the model of epoch 2, the best so far, is in runs/xor",
    ]
    assert main(["info", "runs/xor"]) == 0
    assert "diverged" in capsys.readouterr().out
    assert main(["train", "--resume", "runs/xor"]) == 2
    assert "smaller --learning-rate" in capsys.readouterr().err


def test_statuses():
    errors = KeyboardInterrupt(), Terminated(), DivergenceError("diverged")
    assert [status_of(error) for error in errors] == [130, 143, 2]


def test_long_messages_are_cut(capsys):
    say("x\n" * 10_000 + "\x1b")
    line = capsys.readouterr().err
    assert len(line) < ending.LONGEST + 30
    assert line.startswith("tileprop: x x x")


def test_warnings_are_one_line(here, capsys, monkeypatch):
    """A checkpoint that cannot be written, for instance; that costs no training."""

    def no_space(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tileprop.trainer.fit.checkpoints.save_network", no_space)
    assert main(["train", "xor", "--epochs", "2", "--hidden", "2", "--no-report", "--no-early-stopping"]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "tileprop: note: the run folder is runs/xor"
    assert lines[1].startswith("tileprop: warning: the checkpoint ")
    assert len([line for line in lines if "warning: the checkpoint" in line]) == 1
    assert all(line.startswith("tileprop: ") for line in lines)


def test_the_summary(here, capsys):
    """The kept epoch, the loss by parts, and on the held-out rows what the model is worth beside the baseline."""
    assert main(["train", "iris", "--epochs", "40", "--hidden", "8"]) == 0
    output, errors = capsys.readouterr()
    record = read_record(here / "runs" / "iris")
    lines = [line.split() for line in output.splitlines()]
    kept = f"kept epoch {record.results.kept_epoch} of {record.results.epochs}, batches of 16, adam at rate 0.002"
    assert ["training", *kept.split()] in lines
    assert ["Held", "out:", "30", "rows"] in lines
    assert lines.count(["metric", "model", "baseline"]) == 1
    evaluation = record.results.evaluations["test"]
    for name, score in evaluation.scores.items():
        assert [*name.split(), f"{score.model:.4f}", f"{score.baseline:.4f}"] in lines
    assert ["class", "precision", "recall", "F1", "rows"] in lines
    assert [line[0] for line in lines[-3:]] == ["setosa", "versicolor", "virginica"]
    assert "baseline" not in errors


def test_the_summary_of_regression(here, capsys):
    assert main(["train", "diabetes", "--epochs", "3", "--test-size", "0"]) == 0
    output = capsys.readouterr().out
    assert "loss (standardised target)" in output
    assert "Validation: 67 rows" in output
    assert "By class" not in output


def test_a_model_that_is_no_better_than_the_baseline(here, capsys):
    rng = np.random.default_rng(0)
    np.savez("noise.npz", X=rng.normal(size=(300, 20)), y=rng.normal(size=300))
    assert main(["train", "noise.npz", "--epochs", "60", "--no-report", "--no-early-stopping"]) == 0
    errors = capsys.readouterr().err
    assert "warning: on the held-out rows the model is no better than the baseline, which looks at no column\n" in errors


def test_no_early_stopping_without_validation_rows(here, capsys):
    note = "note: no early stopping without validation rows: all 4 epochs are made"
    assert main(["train", "xor", "--epochs", "4", "--no-report", "--validation-size", "0"]) == 0
    output, errors = capsys.readouterr()
    assert note in errors
    assert " 4 epochs, batches" in output
    assert main(["train", "xor", "--epochs", "4", "--no-report", "--validation-size", "0", "--no-early-stopping"]) == 0
    assert note not in capsys.readouterr().err
    assert main(["train", "xor", "--validation-size", "0", "--early-stopping"]) == 2
    assert "early_stopping needs validation rows" in capsys.readouterr().err


def test_an_ensemble(here, capsys):
    """Trained, described and asked for predictions, whose spread is a further column."""
    assert main(["train", "iris", "--ensemble", "2", "--epochs", "3", "--no-report", "--seed", "5"]) == 0
    assert "2 networks, seeds 5 to 6; their mean is predicted" in capsys.readouterr().out
    assert main(["info", "runs/iris"]) == 0
    assert "2 networks, whose mean is predicted" in capsys.readouterr().out
    np.save("X.npy", np.ones((4, 4)))
    assert main(["predict", "runs/iris", "X.npy", "--proba"]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header == '"target","target spread","target=setosa","target=versicolor","target=virginica"'
    assert all(0 < float(row.split(",")[1]) < 0.5 for row in rows)
    assert main(["explain", "--run", "runs/iris", "--x", "1,1,1,1", "--t", "setosa"]) == 0
    assert "the first of the 2 networks of the ensemble is shown" in capsys.readouterr().err
    assert main(["train", "iris", "--ensemble", "0"]) == 2
    assert "ensemble is 0" in capsys.readouterr().err
