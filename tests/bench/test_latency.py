"""The benchmark of single rows, with short turns."""

import builtins

import numpy as np
import pytest
from tileprop.bench import latency
from tileprop.bench.latency import Way, block_table, numpy_way, our_ways, row_table, run_latency, scikit_learn_ways, wrong_ways
from tileprop.trainer import Network


@pytest.fixture(autouse=True)
def short(monkeypatch):
    for name, value in {"TURNS": 2, "PARTS": 1, "PART": 1e-5, "CALLS": 3, "BLOCKS": (1, 7), "ROWS": 32}.items():
        monkeypatch.setattr(latency, name, value)


def small(dtype):
    return Network([3, 4, 1], "tanh", "identity", dtype=dtype, random_state=0), np.array([[0.1, -0.5, 2.0]], dtype)


@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.full)])
def test_every_way_comes_to_the_same_output(dtype):
    network, X = small(dtype)
    ways = [*our_ways(network, X), numpy_way(network, X), *scikit_learn_ways(network, X)]
    assert len({way.label for way in ways}) == 7
    assert wrong_ways(ways, float(network.predict(X)[0, 0]), dtype) == []
    assert wrong_ways(ways, float(network.predict(X)[0, 0]) + 0.1, dtype) == [way.label for way in ways]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pytorchs_ways(dtype, monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch, "compile", lambda model: model)
    network, X = small(dtype)
    ways = latency.pytorch_ways(network, X)
    assert len(ways) == 2
    assert wrong_ways(ways, float(network.predict(X)[0, 0]), dtype) == []


def test_times_are_for_one_row(monkeypatch):
    """A way that goes through several rows at once is divided by their number; ratios are to `predict_one`."""
    monkeypatch.setattr(latency, "fastest", lambda calls: [3e-6, 2e-6])
    ways = [Way("`predict_one` in compiled code", lambda: 0.0, 3), Way("another", lambda: 0.0)]
    head, rows = row_table(ways)
    assert head == ["one row", "time", "over `predict_one`"]
    assert rows == [["`predict_one` in compiled code", "1.00 us", "1.00x"], ["another", "2.00 us", "2.00x"]]


def test_blocks_of_rows(monkeypatch):
    monkeypatch.setattr(latency, "fastest", lambda calls: [1.05e-3, 1e-3])
    _, rows = block_table(small("float32")[0])
    assert [(row[0], row[-1]) for row in rows] == [("1", "+5.0%"), ("7", "+5.0%")]


def test_other_bits_in_blocks_are_an_error(monkeypatch):
    monkeypatch.setattr(latency, "blocks", lambda plan, theta, X, Y, work, rows: Y.fill(1.0))
    with pytest.raises(ArithmeticError, match="blocks of 1 rows"):
        block_table(small("float32")[0])


def test_both_tables_are_printed_without_the_peers(monkeypatch, capsys):
    monkeypatch.setattr(latency, "available", lambda name: False)
    assert run_latency("float32") == 0
    out = capsys.readouterr().out
    assert "| `predict_one` from Python |" in out
    assert "| NumPy by hand |" in out
    assert "| 7 |" in out


def test_a_way_that_is_wrong_is_told_and_not_timed(monkeypatch, capsys):
    monkeypatch.setattr(latency, "available", lambda name: name == "sklearn")
    monkeypatch.setattr(latency, "scikit_learn_ways", lambda network, X: [Way("a wrong one", lambda: np.array([7.0]))])
    assert run_latency("float32") == 1
    printed = capsys.readouterr()
    assert "a wrong one comes to another output" in printed.err
    assert "a wrong one" not in printed.out


def test_the_fastest_part_counts(monkeypatch):
    """Not the mean: neighbours only ever add to a time."""
    monkeypatch.setattr(latency, "PARTS", 2)
    times = iter([5.0, 5.0, 6.0, 4.0, 9.0, 9.0, 3.0, 7.0, 8.0, 9.0])
    monkeypatch.setattr(latency, "part_seconds", lambda call, calls: next(times))
    assert latency.fastest([builtins.int, builtins.float]) == [3.0, 8.0]
