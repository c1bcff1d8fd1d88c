"""`tileprop bench`: arguments, the documents first, exit statuses, files."""

import argparse
import json
import sys
from types import ModuleType

import pytest
from tileprop.bench import command, micro_run
from tileprop.bench.problems import PROBLEMS, QUICK_PROBLEMS, Problem
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

    def race(problems, dtypes, threads, cpus, peers, pace, say):
        calls.append((problems, list(dtypes), threads, peers, pace))
        say("timing")
        sides = [OURS, *peers]
        return [Result(problem, dtype, side, 1, seconds=[1.0]) for problem in problems for dtype in dtypes for side in sides]

    monkeypatch.setattr(command, "race", race)
    return calls


def test_defaults():
    args = parse("race")
    assert (args.threads, args.peers, args.quick, args.out) == (1, list(DEFAULT_PEERS), False, None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("race --problems tiny,huge", "'huge' is none of tiny, small"),
        ("race --peers tensorflow", "'tensorflow' is none of numpy"),
        ("race --peers ,", "give at least one of"),
        ("race --threads 3", "invalid choice"),
        ("race --dtype float16", "invalid choice"),
        ("", "required"),
    ],
)
def test_bad_arguments(arguments, message, capsys):
    with pytest.raises(SystemExit) as exit_:
        parse(*arguments.split())
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["race", "--quick"], ["micro"]])
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
    problems, dtypes, threads, peers, pace = asked[0]
    assert problems == list(PROBLEMS.values())
    assert (dtypes, threads, pace) == (["float32", "float64"], 1, FULL)
    assert peers == [PEERS[name] for name in DEFAULT_PEERS if PEERS[name].version is not None]


def test_quick(asked):
    assert run("race", "--quick", "--peers", "numpy") == 0
    problems, dtypes, _, peers, pace = asked[0]
    assert [problem.name for problem in problems] == list(QUICK_PROBLEMS)
    assert (dtypes, peers, pace) == (["float32"], [PEERS["numpy"]], QUICK)


def test_quick_takes_what_is_asked_for(asked):
    run("race", "--quick", "--problems", "big, big", "--dtype", "both")
    problems, dtypes, *_ = asked[0]
    assert ([problem.name for problem in problems], dtypes) == (["big"], ["float32", "float64"])


def test_missing_peers_are_named_and_no_error(asked, monkeypatch, capsys):
    monkeypatch.setitem(PEERS, "jax", Side("jax", "JAX", "JAX", "nowhere", "no-such-distribution"))
    assert run("race", "--peers", "numpy,jax") == 0
    assert asked[0][3] == [PEERS["numpy"]]
    assert "Missing: JAX (pip install no-such-distribution)" in capsys.readouterr().out


def test_files(asked, tmp_path):
    out = tmp_path / "new" / "race"
    assert run("race", "--quick", "--peers", "numpy", "--out", str(out)) == 0
    assert len(json.loads((out / "race.json").read_text())["results"]) == 6
    assert (out / "race.md").read_text().startswith("# The race")
    assert (out / "race.png").exists() == command.available("matplotlib")


def test_a_refused_side_is_status_1(asked, monkeypatch, capsys):
    problem = PROBLEMS["tiny"]
    results = [Result(problem, "float32", OURS, 1, seconds=[1.0]), Result(problem, "float32", PEERS["jax"], 1, error="JAX: no")]
    monkeypatch.setattr(command, "race", lambda *args, **more: results)
    assert run("race") == 1
    assert "tiny float32: JAX: no" in capsys.readouterr().out


def test_our_failure_is_status_1(asked, monkeypatch, capsys):
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


def test_micro(documents, monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr(micro_run, "run_micro", lambda *args: calls.append(args) or 5)
    assert run("micro", "--only", "sigmoid", "--out", str(tmp_path)) == 5
    assert calls == [("sigmoid", tmp_path)]


def test_a_small_race_from_end_to_end(documents, monkeypatch, capsys):
    monkeypatch.setitem(PROBLEMS, "tiny", Problem("tiny", (2, 2, 1), 1, 4))
    monkeypatch.setattr(command, "QUICK", Pace(2, 0.001))
    assert run("race", "--quick", "--problems", "tiny", "--peers", "numpy") == 0
    printed = capsys.readouterr()
    assert "NumPy" in printed.out
    assert "tiny 2-2-1, batch 1, float32: checking" in printed.err
