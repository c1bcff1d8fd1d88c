"""The chart of where a peer overtakes ours."""

import json
import math

import pytest
from tileprop.bench import crossover
from tileprop.bench.crossover import best_ratios, crossover_events, ratio_table, run_crossover
from tileprop.bench.race import Pace, Result
from tileprop.bench.sides import OURS, PEERS, Side


def results_for(events, seconds):
    """Ours takes a second; each peer as long as given, or is not timed."""
    results = []
    for event in events:
        results.append(Result(*event, OURS, seconds=[1.0]))
        results += [Result(*event, PEERS[name], seconds=times) for name, times in seconds.items()]
    return results


def test_events():
    events = crossover_events([2, 512], [1, 1024])
    assert [(event.problem.sizes, event.problem.batch_size) for event in events] == [
        ((2, 2, 2), 1),
        ((512, 512, 512), 1),
        ((2, 2, 2), 1024),
        ((512, 512, 512), 1024),
    ]
    for problem, dtype, threads in events:
        assert (dtype, threads) == ("float32", 1)
        assert problem.n_rows == problem.steps_per_epoch * problem.batch_size
        assert problem.steps_per_epoch >= crossover.FEWEST_BATCHES


def test_the_best_peer_counts():
    events = crossover_events([2], [1])
    assert best_ratios(results_for(events, {"jax": [3.0], "numpy": [2.0], "torch": []})) == {(2, 1): 2.0}
    assert math.isnan(best_ratios(results_for(events, {"jax": []}))[2, 1])


def test_table():
    header, rows = ratio_table({(2, 1): 0.5, (4, 1): 2.0, (2, 8): math.nan, (4, 8): 40.0})
    assert header == ["batch", "width 2", "width 4"]
    assert rows == [["1", "0.50x", "2.00x"], ["8", "-", "40x"]]


def test_run(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(crossover, "race", lambda events, *more: results_for(events, {"jax": [0.5]}))
    missing = Side("none", "None", "None", "nowhere", "no-such-distribution")
    assert run_crossover([2, 4], [1], [PEERS["jax"], missing], tmp_path / "out") == 0
    printed = capsys.readouterr().out
    assert "2x1 float32, 1 thread: JAX needs 0.50x our time" in printed
    assert "Missing: None" in printed
    record = json.loads((tmp_path / "out" / "crossover.json").read_text())
    assert record["best_peer_time_over_ours"] == [
        {"width": 2, "batch": 1, "ratio": 0.5},
        {"width": 4, "batch": 1, "ratio": 0.5},
    ]
    assert "- 2x1 float32" in (tmp_path / "out" / "crossover.md").read_text()
    assert (tmp_path / "out" / "crossover.png").exists() == crossover.available("matplotlib")


@pytest.mark.parametrize("batch", [pytest.param(1, marks=pytest.mark.full), 8])
def test_a_real_place(monkeypatch, batch):
    monkeypatch.setattr(crossover, "QUICK", Pace(1, 0.001))
    monkeypatch.setattr(crossover, "MOST_ROWS", 32)
    assert run_crossover([3], [batch], [PEERS["numpy"]]) == 0
