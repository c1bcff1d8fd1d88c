"""The race of other derivatives: its sides agree, its table and verdict, failures."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from tileprop.bench import derivatives
from tileprop.bench.derivatives import (
    COMPARED,
    METHOD,
    OURS,
    PEERS,
    QUANTITIES,
    TOLERANCE,
    Heat,
    Result,
    compared,
    difference,
    direction,
    heats,
    run_derivatives,
    summary,
    table,
    verdict,
)
from tileprop.bench.problems import PROBLEMS, Problem
from tileprop.bench.process import SideError
from tileprop.bench.race import Pace
from tileprop.bench.report import markdown
from tileprop.bench.sides import Side
from tileprop.bench.task import Task

PROBLEM = Problem("few", (3, 5, 4, 2), 7, 7)


def task_for(quantity, dtype="float64", problem=PROBLEM):
    real = np.dtype(dtype)
    return Task(*problem.data(real), problem.initial_theta(real), threads=1, quantity=quantity, **problem.settings)


def computed(module, task):
    computation = module.build(task)
    computation.train(2)
    return computation.theta()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("quantity", QUANTITIES)
def test_our_two_sides_agree(quantity, dtype):
    from tileprop.bench import derivatives_kernels, derivatives_network

    task = task_for(quantity, dtype)
    kernel, method = (computed(module, task) for module in (derivatives_kernels, derivatives_network))
    assert difference(method, kernel) <= TOLERANCE[dtype]
    assert np.abs(kernel).max() > 0


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_pytorch_agrees(quantity):
    pytest.importorskip("torch")
    from tileprop.bench import derivatives_kernels, derivatives_torch

    task = task_for(quantity)
    assert difference(computed(derivatives_torch, task), computed(derivatives_kernels, task)) <= TOLERANCE["float64"]


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_jax_agrees(quantity):
    jax = pytest.importorskip("jax")
    from tileprop.bench import derivatives_jax, derivatives_kernels

    task, before = task_for(quantity), jax.config.jax_enable_x64
    try:
        assert difference(computed(derivatives_jax, task), computed(derivatives_kernels, task)) <= TOLERANCE["float64"]
    finally:
        jax.config.update("jax_enable_x64", before)


def test_a_race(tmp_path, capsys, monkeypatch):
    """In processes, as it is run; of the peers those that are installed."""
    monkeypatch.setattr(derivatives, "QUICK", Pace(2, 1e-4))
    monkeypatch.setitem(PROBLEMS, "few", PROBLEM)
    missing = Side("none", "None", "None", "none", "no-such-distribution")
    assert run_derivatives(["few"], ["input_gradient"], [1, 40], ["float32"], [missing], True, tmp_path) == 0
    out = capsys.readouterr().out
    assert "input gradient" in out
    assert "- No timed peer is faster than ours." in out
    assert "- Missing: None" in out
    assert (tmp_path / "derivatives.md").read_text().startswith("# Derivatives\n")
    entries = json.loads((tmp_path / "derivatives.json").read_text())["results"]
    assert [(entry["batch"], entry["side"]) for entry in entries] == [
        (batch, side) for batch in (1, 40) for side in ("kernels", "network")
    ]
    assert all(len(entry["seconds"]) == 2 and min(entry["seconds"]) > 0 for entry in entries)


@pytest.mark.full
def test_a_peer_with_another_result_is_not_timed(monkeypatch, capsys):
    """A Network that is taken for a peer, and a tolerance that nobody meets but ours beside itself."""
    peer = Side("peer", "Peer", "Peer", METHOD.module, "tileprop")
    monkeypatch.setattr(derivatives, "QUICK", Pace(1, 1e-4))
    monkeypatch.setitem(PROBLEMS, "few", PROBLEM)
    monkeypatch.setattr(derivatives, "difference", lambda found, reference: next(apart))
    apart = iter([0.0, 0.0, 1.0])
    assert run_derivatives(["few"], ["input_gradient"], [1], ["float64"], [peer], True, None) == 1
    assert "Peer: another result than ours (1.0e+00 apart)" in capsys.readouterr().out


def test_one_of_ours_that_fails_ends_the_race(monkeypatch, capsys):
    def fail(*arguments):
        raise SideError("kernel: gone")

    monkeypatch.setattr(derivatives, "measure", fail)
    assert run_derivatives(["small"], ["input_gradient"], [1], ["float64"], [], True, None) == 1
    assert "kernel: gone" in capsys.readouterr().err


def test_table_and_verdict():
    heat = Heat(PROBLEM, "hessian_vector", "float64")
    kernel, method = Result(OURS, [2e-6, 1e-6, 3e-6]), Result(METHOD, [4e-6, 4e-6, 4e-6])
    fast, slow = Result(PEERS["torch"], [5e-7, 1e-6, 1e-6]), Result(PEERS["jax"], [3e-6, 8e-6, 8e-6])
    broken = Result(PEERS["jax"], error="JAX: gone\nthe traceback")
    header, lines = table({heat: [kernel, method, fast, slow]})
    assert header == ["quantity", "problem", "dtype", "batch", "kernel", "Network", "PyTorch", "JAX"]
    assert lines == [
        [
            "hessian vector", "few 3-5-4-2", "float64", "7", "1.00 us", "4.00 us",
            "500 ns (0.50x, 0.50x)", "3.00 us (3.00x, 4.00x)",
        ]
    ]  # fmt: skip
    more = "Network's methods take 3.00 us more than the kernels at batch 7 (median)."
    assert verdict({heat: [kernel, method, fast, slow]}) == [
        "Ours is slower here:",
        f"{heat}: PyTorch needs 0.50x the kernel's time",
        f"{heat}: PyTorch needs 0.12x the Network's time",
        f"{heat}: JAX needs 0.75x the Network's time",
        more,
    ]
    assert verdict({heat: [kernel, method, broken]}) == [
        "No timed peer is faster than ours.",
        "Not timed:",
        f"{heat}: JAX: gone",
        more,
    ]
    assert table({heat: [kernel, method, broken]})[1][0][-1] == "not timed"


def test_what_is_raced():
    chosen = heats(["small", "mid"], ["input_gradient", "hessian_vector"], [1, 10], ["float64", "float32"])
    assert len(chosen) == 16
    assert {heat.problem.batch_size for heat in chosen} == {1, 10}
    assert all(heat.problem.n_rows == heat.problem.batch_size for heat in chosen)
    assert str(chosen[0]) == "input_gradient of small 8-32-32-1, batch 1, float64"


def test_what_is_compared():
    rows = np.arange(100.0).reshape(50, 2)
    assert np.array_equal(compared(rows), np.concatenate([rows[:COMPARED], rows[-COMPARED:]]))
    assert compared(rows[:20]) is not None
    assert np.array_equal(compared(rows.ravel()), rows.ravel())
    assert difference(rows, rows) == 0
    assert difference(rows, rows[:3]) == np.inf
    assert difference(rows.astype("float32"), rows) == np.inf
    assert difference(rows * np.nan, rows) == np.inf
    assert difference(rows + 1, rows) == pytest.approx(1 / 99)
    assert np.array_equal(direction(np.zeros(3)), direction(np.ones(3)))


def test_summary():
    """By quantity, problem and dtype; a batch that was not raced, and a peer that was not timed, are left out."""
    chosen = heats(["small", "mid"], ["hessian_vector", "input_gradient"], [1, 10], ["float64", "float32"])
    sides = [Result(OURS, [2e-6, 1e-6]), Result(METHOD, [4e-6]), Result(PEERS["jax"], [3e-6]), Result(PEERS["torch"], [1e-4])]
    results = dict.fromkeys(chosen, sides)
    results[chosen[0]] = [*sides[:3], Result(PEERS["torch"], error="gone")]
    del results[chosen[1]]
    header, lines = summary(results)
    assert header == ["quantity", "problem", "dtype", "batch 1", "batch 10"]
    assert [line[:3] for line in lines[:4]] == [
        ["input gradient", name, dtype] for name in ("small 8-32-32-1", "mid 64-128-64-10") for dtype in ("float32", "float64")
    ]
    assert lines[0][3:] == ["1.00 us, JAX 3.00x, PyTorch 100x"] * 2
    assert lines[5][:3] == ["hessian vector", "small 8-32-32-1", "float64"]
    assert lines[5][3:] == ["1.00 us, JAX 3.00x", "-"]


def test_the_page_has_what_is_printed():
    text = (Path(__file__).parents[2] / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    (found,) = re.findall(r"<!-- tileprop bench derivatives -->\n(.*?)<!-- end -->", text, re.DOTALL)
    chosen = heats(derivatives.NAMES, QUANTITIES, derivatives.BATCHES, ["float64", "float32"])
    sides = [Result(OURS, [1e-6]), Result(METHOD, [1e-6]), *(Result(side, [1e-6]) for side in PEERS.values())]
    expected = markdown(summary(dict.fromkeys(chosen, sides))).splitlines()
    cell = re.compile(r"[\d.]+ [nmu]?s, PyTorch [\d.]+x, JAX [\d.]+x")
    table = found.split("\n\n")[0].splitlines()
    assert [cell.sub("cell", line) for line in table] == [cell.sub("cell", line) for line in expected]
    assert "cell" in cell.sub("cell", table[2])
