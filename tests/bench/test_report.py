"""The race's tables."""

import math
import sys

import pytest
from tileprop.bench import report
from tileprop.bench.problems import PROBLEMS
from tileprop.bench.race import QUICK, Result
from tileprop.bench.report import (
    detail_table,
    duration,
    errors,
    heats,
    losses,
    markdown,
    markdown_report,
    plain,
    ratio,
    show,
    summary_table,
    verdict,
)
from tileprop.bench.sides import OURS, PEERS


def result(problem, side, seconds, dtype="float32", **more):
    return Result(PROBLEMS[problem], dtype, side, 1, seconds=seconds, difference=0.0, first_seconds=1.0, **more)


# An epoch of mid has 256 steps, one of tiny 4096.
RESULTS = [
    result("mid", PEERS["jax"], [256 * 50e-6, 256 * 60e-6, 256 * 80e-6]),
    result("mid", OURS, [256 * 100e-6, 256 * 120e-6]),
    result("mid", PEERS["torch"], [256 * 300e-6]),
    result("mid", PEERS["torch-compile"], [256 * 200e-6]),
    result("tiny", OURS, [4096 * 50e-9]),
    result("tiny", PEERS["jax"], [], error="JAX: gone\n    deep inside"),
    result("tiny", PEERS["torch"], [4096 * 100e-6]),
    result("tiny", PEERS["torch-compile"], [], error="PyTorch compiled: gone"),
]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (55.12e-9, "55.1 ns"),
        (6.7e-6, "6.70 us"),
        (999.6e-6, "1.00 ms"),
        (574e-6, "574 us"),
        (13.8e-3, "13.8 ms"),
        (2.0, "2.00 s"),
        (1234.0, "1230 s"),
        (math.nan, "-"),
    ],
)
def test_duration(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(("factor", "text"), [(0.5, "0.50x"), (9.994, "9.99x"), (41.2, "41x"), (math.nan, "-")])
def test_ratio(factor, text):
    assert ratio(factor) == text


def test_heats_begin_with_ours():
    assert [(heat[0].side, len(heat)) for heat in heats(RESULTS)] == [(OURS, 4), (OURS, 4)]


def test_summary_counts_the_better_side_of_a_peer():
    header, rows = summary_table(RESULTS)
    assert header == ["problem", "dtype", "tileprop", "JAX", "PyTorch"]
    assert rows == [
        ["mid 64-128-64-10, batch 64", "float32", "100 us", "50.0 us (0.50x)", "200 us (2.00x)"],
        ["tiny 2-2-1, batch 1", "float32", "50.0 ns", "not timed", "100 us (2000x)"],
    ]


def test_details():
    header, rows = detail_table(RESULTS)
    assert all(len(row) == len(header) for row in rows)
    assert [row[2] for row in rows[:4]] == ["tileprop", "JAX", "PyTorch", "PyTorch compiled"]
    flops = PROBLEMS["mid"].flops_per_step
    expected = ["mid", "float32", "JAX", "1", "50.0 us", "60.0 us", "12.8 ms", f"{flops / 50e-6 / 1e9:.3g}", "0.50x"]
    assert rows[1] == [*expected, "1.00 s", "0.0e+00"]
    assert rows[5][4] == "not timed"


def test_losses_and_errors():
    assert losses(RESULTS) == ["mid float32: JAX needs 0.50x our time"]
    assert errors(RESULTS) == ["tiny float32: JAX: gone\n    deep inside", "tiny float32: PyTorch compiled: gone"]
    lines = verdict(RESULTS, [PEERS["numpy"]])
    assert lines[0] == "Ours is slower here:"
    assert lines[-1] == "Missing: NumPy (pip install numpy)"
    assert verdict(RESULTS[4:5], []) == ["No timed peer is faster than ours."]


def test_plain():
    assert plain((["a", "long"], [["1", "2"], ["333", ""]])) == "a    long\n---  ----\n1    2\n333"


def test_markdown():
    assert markdown((["a", "b"], [["1", "x|y"]])) == "| a | b |\n| --- | --- |\n| 1 | x\\|y |"


def test_markdown_report():
    page = markdown_report(RESULTS, [PEERS["sklearn"]], 2, QUICK, "A machine", {"JAX": "1.2"})
    for part in ("# The race", "A machine. JAX 1.2.", "with 2 threads", "- mid float32: JAX needs 0.50x our time", "Missing"):
        assert part in page
    assert "deep inside" not in page
    assert page.endswith("|\n")


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("rich", [False, True])
def test_show(capsys, monkeypatch, terminal, rich):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    monkeypatch.setattr(report, "available", lambda module: rich)
    show((["a", "b"], [["1", "2"]]))
    printed = capsys.readouterr().out
    assert "1" in printed
    assert ("┃" in printed or "|" in printed or "+" in printed) == (terminal and rich)
