"""The race as JSON: every round's time, the machine and the versions, for later races to be compared with."""

from __future__ import annotations

import datetime
import math
import os
import platform
from collections.abc import Sequence
from typing import Any

from ..kernels.compiler.processor import host_name
from . import draw
from .race import CHECK_STEPS, TOLERANCE, Outcome, Result
from .report import heats, times_ours
from .sides import OURS, Side

FORMAT = "tileprop-race-2"


def machine() -> dict[str, Any]:
    """The processor as LLVM names it, and how many of them this process may use."""
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "processor": host_name(),
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
    }


def versions(sides: Sequence[Side]) -> dict[str, str]:
    """Of Python, Numba and the libraries of all installed sides."""
    found = {"Python": platform.python_version(), "Numba": Side("numba", "Numba", "Numba", "", "numba").version}
    found |= {side.peer: side.version for side in (OURS, *sides)}
    return {name: version for name, version in found.items() if version is not None}


def race_record(outcome: Outcome) -> dict[str, Any]:
    """Everything that a race found out, for json.dump."""
    results = [*outcome.results, *outcome.drawn]
    sides = list(dict.fromkeys(result.side for result in results if result.side != OURS))
    return {
        "format": FORMAT,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": versions(sides),
        "rounds": outcome.pace.rounds,
        "round_seconds": outcome.pace.round_seconds,
        "check_steps": CHECK_STEPS,
        "tolerance": TOLERANCE,
        "multiply_add_gflops": [
            {"dtype": dtype, "threads": threads, "gflops": rate} for (dtype, threads), rate in outcome.rates.items()
        ],
        "missing": [side.name for side in outcome.missing],
        "results": [_entry(result, heat, outcome) for heat in heats(outcome.results) for result in heat],
        "drawn_from": draw.ranges() if outcome.drawn else None,
        "drawn": [_entry(result, heat, outcome) for heat in heats(outcome.drawn) for result in heat],
    }


def _entry(result: Result, heat: Sequence[Result], outcome: Outcome) -> dict[str, Any]:
    problem, steps = result.problem, result.problem.steps_per_epoch
    trained = problem if result.cannot else result.side.convention(problem)
    return {
        "problem": problem.name,
        "n_rows": problem.n_rows,
        **problem.settings,
        "steps_per_epoch": steps,
        "flops_per_step": problem.flops_per_step,
        "dtype": result.dtype,
        "threads": result.threads,
        "side": result.side.name,
        "peer": result.side.peer,
        "convention": {name: value for name, value in trained.settings.items() if value != problem.settings[name]},
        "difference": number(result.difference),
        "first_seconds": number(result.first_seconds),
        "epochs_per_round": result.epochs_per_round,
        "epoch_seconds": result.seconds,
        "epoch_seconds_fastest": number(result.fastest),
        "epoch_seconds_median": number(result.median),
        "step_seconds_fastest": number(result.fastest / steps),
        "step_seconds_median": number(result.median / steps),
        "gflops": number(result.gflops),
        "share_of_multiply_add_rate": number(outcome.share(result)),
        "time_over_ours": number(times_ours(result, heat)),
        "cannot": result.cannot or None,
        "error": result.error or None,
    }


def number(value: float) -> float | None:
    """JSON knows no NaN and no infinity."""
    return value if math.isfinite(value) else None
