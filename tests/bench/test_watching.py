"""What it costs that a fit is watched: both ways, how turns are split, and the report of made-up times."""

import pytest
from tileprop.bench import threads, watching
from tileprop.bench.problems import Problem

TINY = threads.task_of(Problem("tiny", (3, 5, 2), 16, 64), "float32")


def test_both_ways_end_at_the_same_bits(tmp_path):
    clock = watching.Clock()
    assert watching.bare(TINY, clock, 30).tobytes() == watching.watched(TINY, clock, tmp_path / "fit", 30).tobytes()
    assert (tmp_path / "fit").exists()


def test_a_turn_is_split(monkeypatch):
    """What computes within kernels counts as such; what waits there does not, nor what is around them."""
    now = {"of the thread": 0.0, "of all": 0.0}

    def spend(computing, waiting=0.0):
        now["of the thread"] += computing
        now["of all"] += computing + waiting

    def way(epochs, hand_over):
        for _ in range(epochs):
            spend(0.25)
            timed(2.0, 1.0)

    monkeypatch.setattr(watching, "choose_epoch", lambda *what: spend)
    monkeypatch.setattr(watching.time, "thread_time", lambda: now["of the thread"])
    monkeypatch.setattr(watching.time, "perf_counter", lambda: now["of all"])
    clock = watching.Clock()
    timed = clock.kernel()
    for epochs in (2, 1):
        clock.turn(way, epochs)
        assert (clock.inside, clock.passed) == (2.0 * epochs, 3.25 * epochs)


def test_a_checkpoint_counts_once_a_minute(monkeypatch):
    now = [0.0]

    def spend(seconds):
        now[0] += seconds

    class Checkpoints:
        def __init__(self, *arguments):
            spend(100.0)

        def write(self):
            spend(3.0)

    def way(epochs, hand_over):
        made = clock.checkpoints("some", "arguments")
        timed(30.0)
        spend(1.0)
        made.write()

    monkeypatch.setattr(watching, "Checkpoints", Checkpoints)
    monkeypatch.setattr(watching, "choose_epoch", lambda *what: spend)
    monkeypatch.setattr(watching.time, "thread_time", lambda: now[0])
    monkeypatch.setattr(watching.time, "perf_counter", lambda: now[0])
    clock = watching.Clock()
    timed = clock.kernel()
    clock.turn(way, 1)
    assert (clock.begun, clock.written) == (100.0, 3.0)
    assert clock.passed == pytest.approx(31.0 * (1.0 + 3.0 / 60.0))


def test_a_fit_is_measured(tmp_path):
    found = watching.cost(TINY, tmp_path / "fit", 3, 0.02)
    assert 0.0 < found.epoch < 0.02
    assert 0.0 <= found.checkpoint < 1.0
    for way in ("bare", "watched"):
        assert len(found.outside[way]) == len(found.passed[way]) == 3
        assert all(part > -0.1 for part in found.outside[way])
        assert all(seconds > 0.0 for seconds in found.passed[way])


def test_costs_from_turns():
    """Turns are split by their least; the clock compares medians, and the bare turns with each other."""
    outside = {"bare": [0.02, 0.01, 0.03], "watched": [0.05, 0.04, 0.06]}
    found = watching.Cost(1.0, 1.0, outside, {"bare": [2.0, 2.2, 2.1], "watched": [2.1, 9.0, 2.31]})
    assert found.of_watching == pytest.approx(0.03)
    assert found.by_the_clock == pytest.approx(0.1)
    assert found.of_nothing == pytest.approx(0.1)


@pytest.mark.parametrize(("least", "status"), [(0.029, 0), (0.04, 1)])
def test_the_report_and_the_status(monkeypatch, capsys, least, status):
    monkeypatch.setattr(watching, "pin", lambda cpus: None)
    outside = {"bare": [0.02, 0.01], "watched": [least, 0.05]}
    found = watching.Cost(0.002, 0.01, outside, {"bare": [1.0, 1.04], "watched": [1.05, 1.03]})
    monkeypatch.setattr(watching, "cost", lambda *arguments: found)
    assert watching.run_watching(["small"], 2, 1.0) == status
    printed = capsys.readouterr().out
    assert "small 8-32-32-1, batch 32, float64" in printed
    assert "+2.0%         4.0%" in printed
    assert f"At worst, by the least of 2 turns: {100 * least - 1:+.1f}%" in printed
