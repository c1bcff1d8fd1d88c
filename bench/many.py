"""Many networks on one table: `fit_many` beside JAX (`vmap`, and a loop), single fits, and joblib with scikit-learn.

Every side is a process of its own and makes all fits in each of its turns. Nothing is timed before all sides have come to the
same weights, and to the same losses after each epoch.
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .many_problems import MANY_PROBLEMS, ManyProblem
from .pinning import choose_cpus
from .process import SideError, SideProcess
from .report import Table as Printed
from .report import duration, ratio, show
from .sides import OURS as THE_LIBRARY
from .sides import PEERS, Side

PACKAGE = __package__
OURS = Side("tileprop", "fit_many", "tileprop", f"{PACKAGE}.many_tileprop", THE_LIBRARY.distribution)
MANY_SIDES = {
    side.name: side
    for side in (
        Side("jax-vmap", "JAX vmap", "JAX", f"{PACKAGE}.many_jax", PEERS["jax"].distribution),
        Side("jax-vmap-2", "JAX vmap, two devices", "JAX", f"{PACKAGE}.many_jax", PEERS["jax"].distribution),
        Side("jax-loop", "JAX loop", "JAX", f"{PACKAGE}.many_jax", PEERS["jax"].distribution),
        Side("jax-loop-2", "JAX loop, two devices", "JAX", f"{PACKAGE}.many_jax", PEERS["jax"].distribution),
        Side("single", "single fits", "tileprop", f"{PACKAGE}.many_tileprop", THE_LIBRARY.distribution),
        Side("sklearn", "joblib, scikit-learn", "scikit-learn", f"{PACKAGE}.many_sklearn", PEERS["sklearn"].distribution),
    )
}
# Largest difference from our weights, relative to the distance that training moved a network's, and from our losses, relative
# to these.
TOLERANCE = {"float32": 2e-2, "float64": 1e-6}


@dataclass
class Result:
    """One side on one problem.

    weights, losses: differences from ours, see TOLERANCE. first_seconds: to build it and make all fits once, compilation
    included (ours comes from the disk cache where it has run before). seconds: of each turn. error: why it was not timed.
    """

    side: Side
    weights: float = math.nan
    losses: float = math.nan
    first_seconds: float = math.nan
    seconds: list[float] = field(default_factory=list)
    error: str = ""

    @property
    def fastest(self) -> float:
        return min(self.seconds, default=math.nan)


def race(problem: ManyProblem, sides: Sequence[Side], threads: int, rounds: int, folder: Path) -> tuple[list[Result], int]:
    """Results of ours and of these sides, and how many steps all fits have together. Raises SideError where ours fails."""
    problem.write(folder)
    results = [Result(side) for side in (OURS, *sides)]
    with ExitStack() as stack:
        cpus = choose_cpus(threads)
        runners = [(stack.enter_context(SideProcess(result.side, threads, cpus, folder)), result) for result in results]
        answers = [_first(process, result, problem, folder) for process, result in runners]
        reference = answers[0]
        if reference is None:
            raise SideError(results[0].error)
        ours = Answer(problem, reference)
        for result, answer in zip(results, answers, strict=True):
            if result.side == OURS:
                result.weights = result.losses = 0.0
            elif answer is not None:
                result.weights, result.losses = ours.differences(answer)
                if not max(result.weights, result.losses) <= TOLERANCE[problem.dtype]:
                    result.error = (
                        f"{result.side.label}: other results than ours (weights {result.weights:.1e}, losses "
                        f"{result.losses:.1e} apart), so not timed"
                    )
        ready = [(process, result) for process, result in runners if not result.error]
        for turn in range(rounds):
            first = turn % len(ready)
            for process, result in ready[first:] + ready[:first]:
                result.seconds.append(process.ask("train", epochs=problem.epochs)["seconds"])
    return results, ours.steps


def _first(process: SideProcess, result: Result, problem: ManyProblem, folder: Path) -> np.ndarray | None:
    """What a side comes to. None where it fails; the result then has the error."""
    path = folder / f"{result.side.name}.npy"
    try:
        process.ask("open", module=result.side.module)
        built = process.ask("build", folder=str(folder), threads=process.threads, way=result.side.name, **problem.settings)
        result.first_seconds = built["seconds"] + process.ask("train", epochs=problem.epochs)["seconds"]
        if problem.compared_after:
            process.ask("train", epochs=problem.compared_after)
        process.ask("save", path=str(path))
    except SideError as error:
        result.error = str(error)
        return None
    answer: np.ndarray = np.load(path)
    return answer


class Answer:
    """What ours has come to: the vector that `ManyTask.results` makes, beside which those of other sides are held."""

    def __init__(self, problem: ManyProblem, answer: np.ndarray) -> None:
        self._answer = answer
        lengths = [problem.n_parameters(i) for i in range(problem.count)]
        self._ends = np.cumsum(lengths)
        with tempfile.TemporaryDirectory() as name:
            problem.write(Path(name))
            with np.load(Path(name) / "many.npz") as file:
                self._starts = np.split(file["theta"].astype(np.float64), self._ends[:-1])
        self._epochs = slice(self._ends[-1], self._ends[-1] + problem.count)
        rows = problem.n_rows - problem.n_drawn
        epochs = problem.count * problem.epochs if problem.compared_after else int(answer[self._epochs].sum())
        self.steps = epochs * math.ceil(rows / problem.batch_size)

    def differences(self, other: np.ndarray) -> tuple[float, float]:
        """Of the weights and of the losses; infinite where networks were trained for other numbers of epochs."""
        ours = self._answer
        if other.shape != ours.shape or not np.array_equal(other[self._epochs], ours[self._epochs]):
            return math.inf, math.inf
        pairs = zip(
            *(np.split(answer[: self._ends[-1]], self._ends[:-1]) for answer in (ours, other)), self._starts, strict=True
        )
        weights = max(float(np.abs(b - a).max() / np.abs(a - start).max()) for a, b, start in pairs)
        a, b = ours[self._epochs.stop :], other[self._epochs.stop :]
        return weights, float((np.abs(b - a) / np.abs(a)).max())


def table(results: Sequence[Result], steps: int) -> Printed:
    """One line for each side."""
    header = [
        "side",
        "all fits, fastest",
        "median",
        "a step",
        "time / ours",
        "first use",
        "weights differ by",
        "losses differ by",
    ]
    rows = []
    for result in results:
        row = [result.side.label]
        if result.seconds:
            row += [duration(result.fastest), duration(float(np.median(result.seconds))), duration(result.fastest / steps)]
            row.append(ratio(result.fastest / results[0].fastest))
        else:
            row += ["not timed", "", "", ""]
        rows.append([*row, duration(result.first_seconds), f"{result.weights:.1e}", f"{result.losses:.1e}"])
    return header, rows


def verdict(problem: ManyProblem, results: Sequence[Result]) -> str:
    """How many times faster than the best of the others ours is."""
    rivals = problem.rivals or problem.peers
    timed = [result for result in results[1:] if result.seconds and result.side.name in rivals]
    if not timed:
        return "None of the sides to be compared with was timed."
    best = min(timed, key=lambda result: result.fastest)
    factor = best.fastest / results[0].fastest
    return f"The best of the others, {best.side.label}, needs {ratio(factor)} our time; {problem.wanted:g}x is wanted."


def run_many(names: Sequence[str], peers: Sequence[str], threads: int, rounds: int, out: Path | None = None) -> int:
    """Race, and print a table for each problem. Status 1 where a side fails or comes to other results, 2 where none can run.

    out: a folder for many.json.
    """
    try:
        choose_cpus(threads)
    except ValueError as error:
        print(f"tileprop bench: {error}", file=sys.stderr)
        return 2
    failed, written = False, dict[str, Any]()
    for name in names:
        problem = MANY_PROBLEMS[name]
        wanted = [MANY_SIDES[peer] for peer in problem.peers if peer in peers]
        missing = [side for side in wanted if side.peer != OURS.peer and side.version is None]
        for side in missing:
            print(f"{side.label} is missing (pip install {side.distribution})")
        print(f"{problem.described()}; {threads} threads", flush=True)
        with tempfile.TemporaryDirectory(prefix="tileprop-many-", ignore_cleanup_errors=True) as folder:
            results, steps = race(problem, [side for side in wanted if side not in missing], threads, rounds, Path(folder))
        show(table(results, steps))
        for result in results:
            if result.error:
                failed = True
                print(result.error)
        print(verdict(problem, results) + "\n", flush=True)
        written[name] = {result.side.name: {**vars(result), "side": result.side.label} for result in results}
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "many.json").write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    return int(failed)
