"""`tileprop bench`: arguments, the documents first, exit statuses, files."""

import argparse
import json
import sys
from types import ModuleType

import pytest
from tileprop.bench import command, exact, latency, micro_run
from tileprop.bench.draw import drawn_events
from tileprop.bench.problems import PROBLEMS, QUICK_PROBLEMS, Event, Problem
from tileprop.bench.process import SideError
from tileprop.bench.race import FULL, QUICK, Pace, Result
from tileprop.bench.sides import DEFAULT_PEERS, OURS, PEERS, Side


def parse(*arguments):
    parser = argparse.ArgumentParser(prog="tileprop")
    command.add_bench_command(parser.add_subparsers(dest="command"))
    return parser.parse_args(["bench", *arguments])


def run(*arguments):
    return command.run_bench(parse(*arguments))


@pytest.fixture
def documents(monkeypatch):
    """A stand-in for the documents' check; calls counts how often it was asked, error is what it raises."""
    stand_in = ModuleType("documents")
    stand_in.calls, stand_in.error = 0, None

    def check_documents():
        stand_in.calls += 1
        if stand_in.error is not None:
            raise stand_in.error

    stand_in.check_documents = check_documents
    monkeypatch.setitem(sys.modules, "tileprop.trainer.explanation.documents", stand_in)
    return stand_in


@pytest.fixture
def asked(documents, monkeypatch):
    """What the race was asked for; it answers that ours and the peers need a second each."""
    calls = []

    def race(events, cpus, peers, pace, say):
        calls.append((events, cpus, peers, pace))
        say("timing")
        return [Result(*event, side, seconds=[1.0]) for event in events for side in (OURS, *peers)]

    monkeypatch.setattr(command, "race", race)
    monkeypatch.setattr(command, "fma_rates", lambda cpus: {("float32", threads): 100.0 for threads in cpus})
    return calls


def test_defaults():
    args = parse("race")
    assert (args.threads, args.draw, args.quick, args.out) == ([1], 0, False, None)
    assert args.peers == list(DEFAULT_PEERS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("race --problems tiny,huge", "'huge' is not one of tiny, small"),
        ("race --peers tensorflow", "'tensorflow' is not one of numpy"),
        ("race --peers ,", "give at least one of"),
        ("race --threads 3", "invalid choice"),
        ("race --dtype float16", "invalid choice"),
        ("crossover --widths 2,x", "whole numbers"),
        ("crossover --batches 0", "whole numbers"),
        ("derivatives --quantities hessian", "'hessian' is not one of input_gradient"),
        ("derivatives --problems tiny", "'tiny' is not one of small, mid"),
        ("solvers --fits cosine", "'cosine' is not one of sine, runge"),
        ("solvers --seeds 0", "'0' must be a positive whole number"),
        ("", "required"),
    ],
)
def test_bad_arguments(arguments, message, capsys):
    with pytest.raises(SystemExit) as exit_:
        parse(*arguments.split())
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["race", "--quick"], ["micro"], ["exact"]])
def test_nothing_is_timed_before_the_documents_are_reproduced(arguments, documents, monkeypatch, capsys):
    documents.error = AssertionError("document 2: loss\n  is 0.1343")
    monkeypatch.setattr(command, "race", pytest.fail)
    monkeypatch.setattr(micro_run, "run_micro", pytest.fail)
    assert run(*arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == (
        "tileprop bench: the documents are not reproduced, so nothing is timed: document 2: loss is 0.1343\n"
    )


def test_the_real_documents_are_checked(monkeypatch, asked):
    monkeypatch.delitem(sys.modules, "tileprop.trainer.explanation.documents")
    assert run("race", "--quick") == 0


def test_everything_by_default(asked, documents):
    assert run("race") == 0
    assert documents.calls == 1
    events, _, peers, pace = asked[0]
    assert events == [Event(problem, dtype, 1) for problem in PROBLEMS.values() for dtype in ("float32", "float64")]
    assert pace == FULL
    assert peers == [PEERS[name] for name in DEFAULT_PEERS if PEERS[name].version is not None]


def test_quick(asked):
    assert run("race", "--quick", "--peers", "numpy") == 0
    events, _, peers, pace = asked[0]
    assert events == [Event(PROBLEMS[name], "float32", 1) for name in QUICK_PROBLEMS]
    assert (peers, pace) == ([PEERS["numpy"]], QUICK)


def test_quick_takes_what_is_asked_for(asked):
    run("race", "--quick", "--problems", "big, big", "--dtype", "both")
    assert asked[0][0] == [Event(PROBLEMS["big"], dtype, 1) for dtype in ("float32", "float64")]


@pytest.mark.usefixtures("documents")
def test_threads_and_drawn_problems(asked, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(command, "choose_cpus", lambda threads: list(range(threads)))
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


def test_missing_peers_are_named_and_no_error(asked, monkeypatch, capsys):
    monkeypatch.setitem(PEERS, "jax", Side("jax", "JAX", "JAX", "nowhere", "no-such-distribution"))
    assert run("race", "--peers", "numpy,jax") == 0
    assert asked[0][2] == [PEERS["numpy"]]
    assert "Missing: JAX (pip install no-such-distribution)" in capsys.readouterr().out


def test_files(asked, tmp_path):
    out = tmp_path / "new" / "race"
    assert run("race", "--quick", "--peers", "numpy", "--out", str(out)) == 0
    assert len(json.loads((out / "race.json").read_text())["results"]) == 2 * len(QUICK_PROBLEMS)
    assert (out / "race.md").read_text().startswith("# The race")
    assert (out / "race.png").exists() == command.available("matplotlib")


def test_a_refused_side_is_status_1(asked, monkeypatch, capsys):
    problem = PROBLEMS["tiny"]
    results = [Result(problem, "float32", 1, OURS, seconds=[1.0]), Result(problem, "float32", 1, PEERS["jax"], error="JAX: no")]
    monkeypatch.setattr(command, "race", lambda *args, **more: results)
    assert run("race") == 1
    assert "tiny float32, 1 thread: JAX: no" in capsys.readouterr().out


def test_our_failure_is_status_1(asked, monkeypatch, capsys):
    monkeypatch.setattr(command, "_say", lambda line: None)

    def race(*args, **more):
        raise SideError("tileprop: gone")

    monkeypatch.setattr(command, "race", race)
    assert run("race") == 1
    assert capsys.readouterr().err == "tileprop bench: tileprop: gone\n"


def test_too_few_processors_is_status_2(asked, monkeypatch, capsys):
    def choose_cpus(threads):
        raise ValueError("2 threads need 2 processors; this process may use 1")

    monkeypatch.setattr(command, "choose_cpus", choose_cpus)
    assert run("race", "--threads", "2") == 2
    assert asked == []
    assert "may use 1" in capsys.readouterr().err


@pytest.mark.parametrize(("arguments", "sample"), [([], None), (["--sample", "5"], 5)])
def test_exact(documents, monkeypatch, arguments, sample):
    monkeypatch.setattr(exact, "run_exact", lambda given: (given == sample) + 4)
    assert run("exact", *arguments) == 5


@pytest.mark.parametrize(("arguments", "dtype"), [([], "float32"), (["--dtype", "float64"], "float64")])
def test_latency(documents, monkeypatch, arguments, dtype):
    monkeypatch.setattr(latency, "run_latency", lambda given: (given == dtype) + 4)
    assert run("latency", *arguments) == 5


def test_crossover(documents, monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr(command, "run_crossover", lambda *args: calls.append(args) or 3)
    arguments = ["--widths", "2,4", "--batches", "1,8", "--peers", "jax,numpy", "--out", str(tmp_path)]
    assert run("crossover", *arguments) == 3
    assert calls == [([2, 4], [1, 8], [PEERS["jax"], PEERS["numpy"]], tmp_path)]


def test_solvers(documents, monkeypatch):
    monkeypatch.setattr(command, "run_solvers", lambda names, seeds: (names == ["bump", "sine"]) + seeds)
    assert run("solvers", "--fits", "bump,sine", "--seeds", "2") == 3
    assert (parse("solvers").fits, parse("solvers").seeds) == (list(command.FITS), 3)


def test_micro(documents, monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr(micro_run, "run_micro", lambda *args: calls.append(args) or 5)
    assert run("micro", "--only", "sigmoid", "--out", str(tmp_path)) == 5
    assert calls == [("sigmoid", tmp_path)]


def test_a_small_race_from_end_to_end(documents, monkeypatch, capsys):
    monkeypatch.setitem(PROBLEMS, "tiny", Problem("tiny", (2, 2, 1), 1, 4))
    monkeypatch.setattr(command, "QUICK", Pace(2, 0.001))
    monkeypatch.setattr(command, "fma_rates", lambda cpus: {})
    assert run("race", "--quick", "--problems", "tiny", "--peers", "numpy") == 0
    printed = capsys.readouterr()
    assert "NumPy" in printed.out
    assert "tiny 2-2-1, batch 1, float32, 1 thread: checking" in printed.err


def test_derivatives(documents, monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr(command.derivatives, "run_derivatives", lambda *arguments: calls.append(arguments) or 0)
    assert run("derivatives") == 0
    names, quantities, batches, dtypes, peers, quick, out = calls[0]
    assert (names, batches) == (["small", "mid"], (1, 10, 100, 1000))
    assert quantities == list(command.derivatives.QUANTITIES)
    assert (dtypes, quick, out) == (("float64", "float32"), False, None)
    assert [side.name for side in peers] == ["torch", "jax"]
    run("derivatives", "--quick", "--batches", "3,1", "--dtype", "float32", "--peers", "jax", "--out", str(tmp_path))
    assert calls[1][2:4] == ([3, 1], ("float32",))
    assert calls[1][5:] == (True, tmp_path)
    assert documents.calls == 2
