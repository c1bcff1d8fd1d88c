"""Progress: shown when asked for, quiet otherwise, true figures."""

import numpy as np
import pytest
from tileprop.trainer import History, Network
from tileprop.trainer.fit import loop, progress

X, T = np.ones((4, 2)), np.ones((4, 1))


@pytest.fixture
def history():
    record = History(n_samples=1000)
    record.record(0.5, 0.75, 2.0)
    return record


@pytest.mark.plain
def test_summary_and_time_left(history):
    assert progress.summary(history) == "loss 0.5  val_loss 0.75  500 samples/s"
    assert progress.seconds_left(history, 4) == 6.0


@pytest.mark.plain
def test_lines_when_asked(history, capsys):
    with progress.reporter(True, 4, 1000) as report:
        report(history)
    assert capsys.readouterr().err == "epoch 1/4  loss 0.5  val_loss 0.75  500 samples/s  6 s left\n"


@pytest.mark.plain
@pytest.mark.parametrize("wanted", [None, False])
def test_silent_without_a_terminal(history, capsys, wanted):
    with progress.reporter(wanted, 4, 1000) as report:
        report(history)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


@pytest.mark.plain
def test_lines_are_throttled_but_the_last_one_comes(capsys):
    history = History(n_samples=1)
    with progress.reporter(True, 50, 1) as report:
        for _ in range(50):
            history.record(0.1, None, 1e-6)
            report(history)
    lines = capsys.readouterr().err.splitlines()
    assert 2 <= len(lines) < 10
    assert lines[-1].startswith("epoch 50/50")


@pytest.mark.plain
def test_a_short_fit_on_a_terminal_shows_nothing(history, capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with progress.reporter(None, 4, 1000) as report:
        report(history)
    assert capsys.readouterr().err == ""


@pytest.mark.plain
def test_bar_on_a_terminal(history, capsys, monkeypatch):
    pytest.importorskip("rich")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "150")
    with progress.reporter(True, 4, 1000) as report:
        report(history)
    assert "loss 0.5  val_loss 0.75" in capsys.readouterr().err


def test_fit_reports_each_epoch(capsys, monkeypatch):
    monkeypatch.setattr(progress, "LINE_INTERVAL", 0.0)
    monkeypatch.setattr(loop, "WORTH_A_CALL", 0.0)
    Network([2, 2, 1]).fit(X, T, epochs=3, progress=True)
    assert [line.split()[1] for line in capsys.readouterr().err.splitlines()] == ["1/3", "2/3", "3/3"]
