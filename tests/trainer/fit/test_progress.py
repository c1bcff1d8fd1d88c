"""Progress: shown when asked for, quiet otherwise, true figures."""

import re
import sys

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


@pytest.fixture
def compiled():
    """Three epochs of 2 s each, the first of which compiled for 8 s more."""
    record = History(n_samples=1000)
    for seconds in (10.0, 2.0, 2.0):
        record.record(0.5, 0.75, seconds)
    return record


@pytest.mark.plain
def test_speed_and_time_left_do_not_count_compiling(compiled):
    assert progress.summary(compiled) == "loss 0.5  val_loss 0.75  500 samples/s"
    assert progress.short_summary(compiled) == "loss 0.5 val 0.75 500 samples/s"
    assert progress.seconds_left(compiled, 5) == 4.0
    assert progress.seconds_in_words(compiled) == "14.00, of which 8.00 for compiling or loading kernels"


@pytest.mark.plain
def test_after_one_epoch_the_speed_is_not_known(history):
    assert progress.summary(history) == "loss 0.5  val_loss 0.75"
    assert progress.seconds_left(history, 4) == 6.0
    assert progress.seconds_in_words(history) == "2.00"


@pytest.mark.plain
def test_epochs_of_one_length_name_no_compiling():
    assert progress.seconds_in_words(History(9, [1.0] * 3, seconds=[0.5, 0.4, 0.45])) == "1.35"
    # Three times as long, and too short to be worth a word.
    assert progress.seconds_in_words(History(9, [1.0] * 3, seconds=[0.04, 0.01, 0.01])) == "0.06"


@pytest.mark.plain
def test_the_speed_is_that_of_recent_epochs():
    sped_up = History(1000, [0.1] * 200, seconds=[2.0] * 100 + [1.0] * 100)
    assert "1,000 samples/s" in progress.summary(sped_up)


@pytest.mark.plain
@pytest.mark.parametrize(("seconds", "words"), [(2e-7, "5G"), (7.5e-5, "13.3M"), (0.3, "3.33k"), (20, "50")])
def test_short_speeds(seconds, words):
    quick = History(1000, [0.1] * 3, seconds=[9.0, seconds, seconds])
    assert progress.short_summary(quick) == f"loss 0.1 {words} samples/s"


@pytest.mark.plain
def test_lines_when_asked(history, capsys):
    with progress.reporter(True, 4, 1000) as report:
        report(history)
    assert capsys.readouterr().err == "epoch 1/4  loss 0.5  val_loss 0.75  6 s left\n"


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


def bar_on_a_terminal(monkeypatch, capsys, columns, history, epochs):
    """The last line that a terminal of that width shows, without colours."""
    pytest.importorskip("rich")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(columns))
    with progress.reporter(True, epochs, 1000) as report:
        report(history)
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", capsys.readouterr().err)
    return [line for line in shown.replace("\r", "\n").split("\n") if line.strip()][-1]


@pytest.mark.plain
@pytest.mark.parametrize("columns", [80, 150])
def test_bar_on_a_terminal(monkeypatch, capsys, columns):
    long = History(1_234_567, [0.123456] * 120, [0.234567] * 120, [9.0] + [0.987] * 119)
    line = bar_on_a_terminal(monkeypatch, capsys, columns, long, 4000)
    assert line.startswith("epoch 120/4000 ")
    assert line.rstrip().endswith(" loss 0.1235 val 0.2346 1.25M samples/s 1:03:50 left")
    assert len(line) <= columns
    assert line.count("━") + line.count("╺") + line.count("╸") >= 10


@pytest.mark.plain
def test_a_bar_on_a_narrow_terminal(compiled, monkeypatch, capsys):
    line = bar_on_a_terminal(monkeypatch, capsys, 50, compiled, 5)
    assert line.rstrip().endswith("loss 0.5 val 0.75 0:04 left")
    assert line.count("━") >= 5


def test_fit_reports_each_epoch(capsys, monkeypatch):
    monkeypatch.setattr(progress, "LINE_INTERVAL", 0.0)
    monkeypatch.setattr(loop, "WORTH_A_CALL", 0.0)
    Network([2, 2, 1]).fit(X, T, epochs=3, progress=True)
    assert [line.split()[1] for line in capsys.readouterr().err.splitlines()] == ["1/3", "2/3", "3/3"]


class Shell:
    """What IPython.get_ipython gives in a notebook, and what is displayed there."""

    kernel = True

    def __init__(self):
        self.shown = []

    def get_ipython(self):
        return self

    def display(self, progress, display_id):
        self.update(progress)
        return self

    def update(self, progress):
        self.shown.append(progress._repr_mimebundle_([], [])["text/plain"])


@pytest.fixture
def shell(monkeypatch):
    pytest.importorskip("rich")
    shell = Shell()
    for name in ("IPython", "IPython.display"):
        monkeypatch.setitem(sys.modules, name, shell)
    return shell


def test_a_bar_in_a_notebook(history, shell, capsys, monkeypatch):
    """By default, and few times a second; the last state stays."""
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    with progress.reporter(None, 200, 1000) as report:
        for _ in range(199):
            report(history)
            history.record(0.25, 0.5, 0.001)
        report(history)
    assert len(shell.shown) == 2
    assert re.match(r"epoch 1/200 ━* *loss 0.5 val 0.75 ", shell.shown[0])
    assert re.match(r"epoch 200/200 ━{20,32} loss 0.25 val 0.5 1M samples/s 0:00 left", shell.shown[1])
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("wanted", [None, False])
def test_short_fits_and_quiet_ones_show_nothing_in_a_notebook(history, shell, wanted):
    with progress.reporter(wanted, 4, 1000) as report:
        report(history)
    assert shell.shown == []


def test_a_terminal_of_ipython_is_no_notebook(shell):
    assert progress.in_notebook()
    shell.kernel = None
    assert not progress.in_notebook()
