"""What it costs that a fit is watched: both ways, and the report of made-up times."""

import pytest
from tileprop.bench import threads, watching
from tileprop.bench.problems import Problem
from tileprop.bench.turns import alone

TINY = threads.task_of(Problem("tiny", (3, 5, 2), 16, 64), "float32")


@pytest.fixture(autouse=True)
def one_processor(monkeypatch):
    monkeypatch.setattr(watching, "pin", lambda cpus: None)
    monkeypatch.setattr(watching, "epochs_for", lambda way, seconds: 4)


def test_both_ways_end_at_the_same_bits(tmp_path):
    ends = watching.bare(TINY, 30, alone), watching.watched(TINY, tmp_path / "fit", 30, alone)
    assert ends[0].tobytes() == ends[1].tobytes()
    assert (tmp_path / "fit").exists()


def test_a_checkpoint_takes_time(tmp_path):
    assert 0.0 <= watching.checkpoint_seconds(TINY, tmp_path / "fit") < 10.0
    assert (tmp_path / "fit").exists()


@pytest.mark.parametrize(("seconds", "status"), [(1.01, 0), (1.1, 1)])
def test_the_report_and_the_status(monkeypatch, capsys, seconds, status):
    monkeypatch.setattr(watching, "checkpoint_seconds", lambda task, path: 0.0)
    monkeypatch.setattr(watching, "by_rounds", lambda *arguments: {"bare": [1.0, 1.2], "watched": [seconds, 1.2 * seconds]})
    assert watching.run_watching(["small"], 2, 1.0) == status
    printed = capsys.readouterr().out
    assert "small 8-32-32-1, batch 32, float64" in printed
    assert f"At worst, by the median of 2 rounds: {100 * seconds - 100:+.1f}%" in printed


def test_a_checkpoint_counts_once_a_minute(monkeypatch, capsys):
    monkeypatch.setattr(watching, "checkpoint_seconds", lambda task, path: 3.0)
    monkeypatch.setattr(watching, "by_rounds", lambda *arguments: {"bare": [30.0], "watched": [33.0]})
    watching.run_watching(["small"], 1, 1.0)
    assert "At worst, by the median of 1 rounds: +5.5%" in capsys.readouterr().out  # 33 - 3 * (1 - 33 / 60)
