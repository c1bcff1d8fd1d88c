"""The race's tables."""

import math
import sys
from dataclasses import replace

import pytest
from tileprop.bench import report
from tileprop.bench.problems import PROBLEMS
from tileprop.bench.race import QUICK, Outcome, Result
from tileprop.bench.report import (
    detail_table,
    duration,
    errors,
    heats,
    losses,
    markdown,
    markdown_report,
    percent,
    plain,
    ratio,
    refusals,
    show,
    summary_table,
    verdict,
)
from tileprop.bench.sides import OURS, PEERS


def result(problem, side, seconds, dtype="float32", threads=1, **more):
    return Result(PROBLEMS[problem], dtype, threads, side, seconds=seconds, difference=0.0, first_seconds=1.0, **more)


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
PEAK = 4 * RESULTS[0].gflops
OUTCOME = Outcome(RESULTS, [], [PEERS["numpy"]], QUICK, {("float32", 1): PEAK})
DRAWN = [
    result("chains", OURS, [1e-3], threads=1),
    result("chains", PEERS["sklearn"], [], cannot="no such thing"),
    result("chains", OURS, [0.5e-3], threads=2),
    result("chains", PEERS["sklearn"], [], threads=2, cannot="no such thing"),
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


@pytest.mark.parametrize(("share", "text"), [(0.734, "73%"), (0.0123, "1.2%"), (math.nan, "-")])
def test_percent(share, text):
    assert percent(share) == text


def test_heats_begin_with_ours():
    assert [(heat[0].side, len(heat)) for heat in heats(RESULTS)] == [(OURS, 4), (OURS, 4)]


def test_summary_counts_the_better_side_of_a_peer():
    header, rows = summary_table(OUTCOME, RESULTS)
    assert header == ["problem", "dtype", "threads", "tileprop", "GFLOP/s", "of peak", "JAX", "PyTorch"]
    mid, tiny = (f"{row.gflops:.3g}" for row in (RESULTS[1], RESULTS[4]))
    share = percent(RESULTS[4].gflops / PEAK)
    assert rows == [
        ["mid 64-128-64-10, batch 64", "float32", "1", "100 us", mid, "12%", "50.0 us (0.50x)", "200 us (2.00x)"],
        [
            "tiny 2-2-1, batch 1",
            "float32",
            "1",
            "50.0 ns",
            tiny,
            share,
            "not timed",
            "100 us (2000x)",
        ],
    ]


def test_summary_tells_what_two_threads_bring():
    header, rows = summary_table(OUTCOME, DRAWN, kinds=True)
    assert header[:4] == ["problem", "computes", "dtype", "threads"]
    assert header[-2:] == ["scikit-learn", "ours, speed with 2 threads over 1"]
    assert [row[1] for row in rows] == ["tanh, identity outputs, mse, adam"] * 2
    assert [row[3:] for row in rows] == [
        ["1", "1.00 ms", rows[0][5], rows[0][6], "cannot", ""],
        ["2", "500 us", rows[1][5], "-", "cannot", "2.00x"],
    ]


def test_details():
    header, rows = detail_table(OUTCOME, [*RESULTS, *DRAWN])
    assert all(len(row) == len(header) for row in rows)
    assert [row[3] for row in rows[:4]] == ["tileprop", "JAX", "PyTorch", "PyTorch compiled"]
    flops = PROBLEMS["mid"].flops_per_step
    expected = ["mid", "float32", "1", "JAX", "50.0 us", "60.0 us", "12.8 ms", f"{flops / 50e-6 / 1e9:.3g}", "25%", "0.50x"]
    assert rows[1] == [*expected, "1.00 s", "0.0e+00"]
    assert rows[5][4] == "not timed"
    assert rows[9][4] == "cannot"


def test_verdict():
    assert losses(RESULTS) == ["mid float32, 1 thread: JAX needs 0.50x our time"]
    assert errors(RESULTS) == [
        "tiny float32, 1 thread: JAX: gone\n    deep inside",
        "tiny float32, 1 thread: PyTorch compiled: gone",
    ]
    assert refusals(DRAWN) == ["scikit-learn: no such thing (chains)"]
    lines = verdict(replace(OUTCOME, drawn=DRAWN))
    assert lines[0] == "Ours is slower here:"
    assert lines[-3:] == ["Cannot:", "  scikit-learn: no such thing (chains)", "Missing: NumPy (pip install numpy)"]
    assert verdict(Outcome(RESULTS[4:5], [], [], QUICK, {})) == ["No timed peer is faster than ours."]


def test_drawn_losses_are_listed():
    drawn = [result("chains", OURS, [2.0], threads=2), result("chains", PEERS["jax"], [1.0], threads=2)]
    assert "  chains float32, 2 threads: JAX needs 0.50x our time" in verdict(Outcome([], drawn, [], QUICK, {}))


def test_plain():
    assert plain((["a", "long"], [["1", "2"], ["333", ""]])) == "a    long\n---  ----\n1    2\n333"


def test_markdown():
    assert markdown((["a", "b"], [["1", "x|y"]])) == "| a | b |\n| --- | --- |\n| 1 | x\\|y |"


def test_markdown_report():
    page = markdown_report(replace(OUTCOME, drawn=DRAWN), "A machine", {"JAX": "1.2"})
    for part in ("# The race", "A machine. JAX 1.2.", "- mid float32, 1 thread: JAX needs 0.50x our time", "Missing", "seed"):
        assert part in page
    assert f"{PEAK:.0f} (float32, 1)" in page
    assert "deep inside" not in page
    assert page.endswith("|\n")
    assert "Drawn" not in markdown_report(OUTCOME, "A machine", {})


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("rich", [False, True])
def test_show(capsys, monkeypatch, terminal, rich):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    monkeypatch.setattr(report, "available", lambda module: rich)
    show((["a", "b"], [["1", "2"]]))
    printed = capsys.readouterr().out
    assert "1" in printed
    assert ("┃" in printed or "|" in printed or "+" in printed) == (terminal and rich)
