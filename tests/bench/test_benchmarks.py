"""The options of each benchmark, and what it is run with."""

import pytest
from tileprop.bench import crossover, derivatives, exact, latency, micro_run, solvers
from tileprop.bench.sides import DEFAULT_PEERS, PEERS


def test_defaults(parse):
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
def test_bad_arguments(parse, arguments, message, capsys):
    with pytest.raises(SystemExit) as exit_:
        parse(*arguments.split())
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(("arguments", "sample"), [([], None), (["--sample", "5"], 5)])
def test_exact(run, documents, monkeypatch, arguments, sample):
    monkeypatch.setattr(exact, "run_exact", lambda given: (given == sample) + 4)
    assert run("exact", *arguments) == 5


@pytest.mark.parametrize(("arguments", "dtype"), [([], "float32"), (["--dtype", "float64"], "float64")])
def test_latency(run, documents, monkeypatch, arguments, dtype):
    monkeypatch.setattr(latency, "run_latency", lambda given: (given == dtype) + 4)
    assert run("latency", *arguments) == 5


def test_crossover(run, documents, monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr(crossover, "run_crossover", lambda *args: calls.append(args) or 3)
    arguments = ["--widths", "2,4", "--batches", "1,8", "--peers", "jax,numpy", "--out", str(tmp_path)]
    assert run("crossover", *arguments) == 3
    assert calls == [([2, 4], [1, 8], [PEERS["jax"], PEERS["numpy"]], tmp_path)]


def test_solvers(run, parse, documents, monkeypatch):
    monkeypatch.setattr(solvers, "run_solvers", lambda names, seeds: (names == ["bump", "sine"]) + seeds)
    assert run("solvers", "--fits", "bump,sine", "--seeds", "2") == 3
    assert (parse("solvers").fits, parse("solvers").seeds) == (list(solvers.FITS), 3)


def test_micro(run, documents, monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr(micro_run, "run_micro", lambda *args: calls.append(args) or 5)
    assert run("micro", "--only", "sigmoid", "--out", str(tmp_path)) == 5
    assert calls == [("sigmoid", tmp_path)]


def test_derivatives(run, documents, monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr(derivatives, "run_derivatives", lambda *arguments: calls.append(arguments) or 0)
    assert run("derivatives") == 0
    names, quantities, batches, dtypes, peers, quick, out = calls[0]
    assert (names, batches) == (["small", "mid"], (1, 10, 100, 1000))
    assert quantities == list(derivatives.QUANTITIES)
    assert (dtypes, quick, out) == (("float64", "float32"), False, None)
    assert [side.name for side in peers] == ["torch", "jax"]
    run("derivatives", "--quick", "--batches", "3,1", "--dtype", "float32", "--peers", "jax", "--out", str(tmp_path))
    assert calls[1][2:4] == ([3, 1], ("float32",))
    assert calls[1][5:] == (True, tmp_path)
    assert documents.calls == 2
