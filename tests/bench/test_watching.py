"""What it costs that a fit is watched: both ways, and the report of made-up times."""

import pytest
from tileprop.bench import threads, watching
from tileprop.bench.problems import Problem


def test_both_ways_end_at_the_same_bits(tmp_path):
    task = threads.task_of(Problem("tiny", (3, 5, 2), 16, 64), "float32")
    assert watching.bare(task, 30).tobytes() == watching.watched(task, tmp_path / "fit", 30).tobytes()
    assert (tmp_path / "fit").exists()


@pytest.mark.parametrize(("seconds", "status"), [(1.01, 0), (1.1, 1)])
def test_the_report_and_the_status(monkeypatch, capsys, seconds, status):
    monkeypatch.setattr(watching, "pin", lambda cpus: None)
    monkeypatch.setattr(watching, "epochs_for", lambda way, seconds: 4)
    monkeypatch.setattr(watching, "checkpoint_seconds", lambda task, path: 0.6)
    written = 0.6 * (1.0 - 1.6 / 60.0)  # once a minute, and at the end of each turn
    monkeypatch.setattr(watching, "take_turns", lambda *arguments: {"bare": [1.0, 1.2], "watched": [seconds + written, 1.9]})
    assert watching.run_watching(["small"], 2, 1.0) == status
    printed = capsys.readouterr().out
    assert "small 8-32-32-1, batch 32, float64" in printed
    assert f"At worst, by the fastest of 2 turns: {100 * seconds - 100:+.1f}%" in printed
