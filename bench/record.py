"""The race as JSON: every round's time, the machine and the versions, for later races to be compared with."""

from __future__ import annotations

import datetime
import math
import os
import platform
from collections.abc import Sequence
from typing import Any

import llvmlite.binding  # type: ignore[import-untyped]

from .problems import LEARNING_RATE
from .race import CHECK_EPOCHS, TOLERANCE, Pace, Result
from .report import heats, times_ours
from .sides import OURS, Side

FORMAT = "tileprop-race-1"


def machine() -> dict[str, Any]:
    """The processor as LLVM names it, and how many of them this process may use."""
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "processor": llvmlite.binding.get_host_cpu_name(),
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
    }


def versions(sides: Sequence[Side]) -> dict[str, str]:
    """Of Python, Numba and the libraries of all installed sides."""
    found = {"Python": platform.python_version(), "Numba": Side("numba", "Numba", "Numba", "", "numba").version}
    found |= {side.peer: side.version for side in (OURS, *sides)}
    return {name: version for name, version in found.items() if version is not None}


def race_record(results: Sequence[Result], missing: Sequence[Side], threads: int, pace: Pace) -> dict[str, Any]:
    """Everything that a race found out, for json.dump."""
    sides = list(dict.fromkeys(result.side for result in results if result.side != OURS))
    return {
        "format": FORMAT,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": versions(sides),
        "threads": threads,
        "rounds": pace.rounds,
        "round_seconds": pace.round_seconds,
        "check_epochs": CHECK_EPOCHS,
        "tolerance": TOLERANCE,
        "learning_rate": LEARNING_RATE,
        "missing": [side.name for side in missing],
        "results": [_entry(result, heat) for heat in heats(results) for result in heat],
    }


def _entry(result: Result, heat: Sequence[Result]) -> dict[str, Any]:
    problem, steps = result.problem, result.problem.steps_per_epoch
    return {
        "problem": problem.name,
        "sizes": list(problem.sizes),
        "batch_size": problem.batch_size,
        "n_rows": problem.n_rows,
        "steps_per_epoch": steps,
        "flops_per_step": problem.flops_per_step,
        "dtype": result.dtype,
        "side": result.side.name,
        "peer": result.side.peer,
        "output_activation": result.side.output_activation,
        "threads": result.threads,
        "difference": _number(result.difference),
        "first_seconds": _number(result.first_seconds),
        "epochs_per_round": result.epochs_per_round,
        "epoch_seconds": result.seconds,
        "epoch_seconds_fastest": _number(result.fastest),
        "epoch_seconds_median": _number(result.median),
        "step_seconds_fastest": _number(result.fastest / steps),
        "step_seconds_median": _number(result.median / steps),
        "gflops": _number(result.gflops),
        "time_over_ours": _number(times_ours(result, heat)),
        "error": result.error or None,
    }


def _number(value: float) -> float | None:
    """JSON knows no NaN and no infinity."""
    return value if math.isfinite(value) else None
