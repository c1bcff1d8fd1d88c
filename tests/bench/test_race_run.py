"""`tileprop bench race`: what is raced, exit statuses, files."""

import json

import pytest
from tileprop.bench import race_run
from tileprop.bench.draw import drawn_events
from tileprop.bench.problems import PROBLEMS, QUICK_PROBLEMS, Event, Problem
from tileprop.bench.process import SideError
from tileprop.bench.race import FULL, QUICK, Pace, Result
from tileprop.bench.sides import DEFAULT_PEERS, OURS, PEERS, Side


@pytest.fixture
def asked(documents, monkeypatch):
    """What the race was asked for; it answers that ours and the peers need a second each."""
    calls = []

    def race(events, cpus, peers, pace, say):
        calls.append((events, cpus, peers, pace))
        say("timing")
        return [Result(*event, side, seconds=[1.0]) for event in events for side in (OURS, *peers)]

    monkeypatch.setattr(race_run, "race", race)
    monkeypatch.setattr(race_run, "fma_rates", lambda cpus: {("float32", threads): 100.0 for threads in cpus})
    return calls


def test_everything_by_default(run, asked, documents):
    assert run("race") == 0
    assert documents.calls == 1
    events, _, peers, pace = asked[0]
    assert events == [Event(problem, dtype, 1) for problem in PROBLEMS.values() for dtype in ("float32", "float64")]
    assert pace == FULL
    assert peers == [PEERS[name] for name in DEFAULT_PEERS if PEERS[name].version is not None]


def test_quick(run, asked):
    assert run("race", "--quick", "--peers", "numpy") == 0
    events, _, peers, pace = asked[0]
    assert events == [Event(PROBLEMS[name], "float32", 1) for name in QUICK_PROBLEMS]
    assert (peers, pace) == ([PEERS["numpy"]], QUICK)


def test_quick_takes_what_is_asked_for(run, asked):
    run("race", "--quick", "--problems", "big, big", "--dtype", "both")
    assert asked[0][0] == [Event(PROBLEMS["big"], dtype, 1) for dtype in ("float32", "float64")]


@pytest.mark.usefixtures("documents")
def test_threads_and_drawn_problems(run, asked, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(race_run, "choose_cpus", lambda threads: list(range(threads)))
    assert run("race", "--quick", "--problems", "mid", "--threads", "1", "2", "--draw", "2", "--out", str(tmp_path)) == 0
    events, cpus, *_ = asked[0]
    assert events == [Event(PROBLEMS["mid"], "float32", threads) for threads in (1, 2)] + drawn_events(2)
    assert cpus == {1: [0], 2: [0, 1]}
    printed = capsys.readouterr()
    assert "speed with 2 threads over 1" in printed.out
    assert "Drawn with seed" in printed.out
    assert "Drawn with seed" in printed.err  # before anything is timed
    record = json.loads((tmp_path / "race.json").read_text())
    assert {entry["problem"] for entry in record["results"]} == {"mid"}
    assert {entry["problem"] for entry in record["drawn"]} == {"drawn-1", "drawn-2"}


def test_missing_peers_are_named_and_no_error(run, asked, monkeypatch, capsys):
    monkeypatch.setitem(PEERS, "jax", Side("jax", "JAX", "JAX", "nowhere", "no-such-distribution"))
    assert run("race", "--peers", "numpy,jax") == 0
    assert asked[0][2] == [PEERS["numpy"]]
    assert "Missing: JAX (pip install no-such-distribution)" in capsys.readouterr().out


def test_files(run, asked, tmp_path):
    out = tmp_path / "new" / "race"
    assert run("race", "--quick", "--peers", "numpy", "--out", str(out)) == 0
    assert len(json.loads((out / "race.json").read_text())["results"]) == 2 * len(QUICK_PROBLEMS)
    assert (out / "race.md").read_text().startswith("# The race")
    assert (out / "race.png").exists() == race_run.available("matplotlib")


def test_a_refused_side_is_status_1(run, asked, monkeypatch, capsys):
    problem = PROBLEMS["tiny"]
    results = [Result(problem, "float32", 1, OURS, seconds=[1.0]), Result(problem, "float32", 1, PEERS["jax"], error="JAX: no")]
    monkeypatch.setattr(race_run, "race", lambda *args, **more: results)
    assert run("race") == 1
    assert "tiny float32, 1 thread: JAX: no" in capsys.readouterr().out


def test_our_failure_is_status_1(run, asked, monkeypatch, capsys):
    monkeypatch.setattr(race_run, "_say", lambda line: None)

    def race(*args, **more):
        raise SideError("tileprop: gone")

    monkeypatch.setattr(race_run, "race", race)
    assert run("race") == 1
    assert capsys.readouterr().err == "tileprop bench: tileprop: gone\n"


def test_too_few_processors_is_status_2(run, asked, monkeypatch, capsys):
    def choose_cpus(threads):
        raise ValueError("2 threads need 2 processors; this process may use 1")

    monkeypatch.setattr(race_run, "choose_cpus", choose_cpus)
    assert run("race", "--threads", "2") == 2
    assert asked == []
    assert "may use 1" in capsys.readouterr().err


def test_a_small_race_from_end_to_end(run, documents, monkeypatch, capsys):
    monkeypatch.setitem(PROBLEMS, "tiny", Problem("tiny", (2, 2, 1), 1, 4))
    monkeypatch.setattr(race_run, "QUICK", Pace(2, 0.001))
    monkeypatch.setattr(race_run, "fma_rates", lambda cpus: {})
    assert run("race", "--quick", "--problems", "tiny", "--peers", "numpy") == 0
    printed = capsys.readouterr()
    assert "NumPy" in printed.out
    assert "tiny 2-2-1, batch 1, float32, 1 thread: checking" in printed.err
