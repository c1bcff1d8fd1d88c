"""The race: all sides train the same networks, must come to the same weights, and are then timed in turns.

Every side is a process of its own, since idle thread pools spin and JAX's 64-bit switch is global. They stand ready together
and take turns, round by round, so that a machine that drifts, or is busy for a while, is so for all of them.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from .problems import LEARNING_RATE, Problem
from .process import SideError, SideProcess
from .sides import OURS, Side
from .task import split, write_arrays

CHECK_EPOCHS = 2
# Largest difference of two sides' weights, relative to the distance that training moved them.
TOLERANCE = {"float32": 1e-3, "float64": 1e-9}
# Pools of idle threads spin on after their work: OpenMP's and OpenBLAS's, as scikit-learn uses them, for up to 100 ms.
SETTLE = 0.1  # seconds before another side's turn, with more than one thread


@dataclass(frozen=True)
class Pace:
    """rounds: turns of each side. round_seconds: a turn has as many epochs as fill this time, at least one."""

    rounds: int
    round_seconds: float


FULL = Pace(rounds=15, round_seconds=0.25)
QUICK = Pace(rounds=5, round_seconds=0.05)


@dataclass
class Result:
    """One side on one problem.

    difference: of its weights from ours, see `difference`. first_seconds: to build it and train its first epoch, compilation
    included (ours comes from the disk cache where it has run before). warm_seconds: of the check's other epochs, each.
    seconds: per epoch, one entry for each round. error: why it was not timed.
    """

    problem: Problem
    dtype: str
    side: Side
    threads: int
    difference: float = math.nan
    first_seconds: float = math.nan
    warm_seconds: float = math.nan
    epochs_per_round: int = 0
    seconds: list[float] = field(default_factory=list)
    error: str = ""

    @property
    def fastest(self) -> float:
        """Seconds of an epoch in the fastest round."""
        return min(self.seconds, default=math.nan)

    @property
    def median(self) -> float:
        """Seconds of an epoch in the median round."""
        return float(np.median(self.seconds)) if self.seconds else math.nan

    @property
    def gflops(self) -> float:
        """10^9 floating-point operations a second, in the fastest round."""
        return self.problem.flops_per_step * self.problem.steps_per_epoch / self.fastest / 1e9


def race(
    problems: Iterable[Problem],
    dtypes: Iterable[str],
    threads: int,
    cpus: list[int],
    peers: Sequence[Side],
    pace: Pace,
    say: Callable[[str], None] = lambda line: None,
) -> list[Result]:
    """Results of ours and of the peers, which must be installed, on every problem in every dtype.

    threads: of each side that can use them. cpus: where all sides run, see `choose_cpus`. say: told what is going on.
    Raises SideError where our own side fails; a peer that fails has the error in its results.
    """
    problems = list(problems)
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="tileprop-race-", ignore_cleanup_errors=True) as name:
        for dtype in dtypes:
            with ExitStack() as stack:
                processes = [stack.enter_context(SideProcess(side, threads, cpus, Path(name))) for side in (OURS, *peers)]
                for process in processes:
                    process.send("open", module=process.side.module)
                broken = {}
                for process in processes:
                    try:
                        process.receive()
                    except SideError as error:
                        broken[process.side] = str(error)
                for problem in problems:
                    heat = Heat(problem, dtype, threads, Path(name), processes, broken)
                    say(f"{problem}, {dtype}: checking")
                    heat.check()
                    say(f"{problem}, {dtype}: timing")
                    heat.time(pace)
                    results += heat.results.values()
    return results


class Heat:
    """One problem in one dtype: `check`, then `time`."""

    def __init__(
        self,
        problem: Problem,
        dtype: str,
        threads: int,
        folder: Path,
        processes: Sequence[SideProcess],
        broken: dict[Side, str],
    ) -> None:
        """The first process is ours. broken: sides that could not start, and why."""
        self.problem = problem
        self.dtype = dtype
        self.folder = folder
        self.processes = processes
        self.results = {
            process.side: Result(
                problem, dtype, process.side, process.side.threads(threads), error=broken.get(process.side, "")
            )
            for process in processes
        }
        real = np.dtype(dtype)
        self.start = problem.initial_theta(real)
        write_arrays(folder, *problem.data(real), self.start)

    def check(self) -> None:
        """Train every side for a few epochs, and compare its weights with ours.

        A side that cannot have sigmoid outputs is compared with ours trained as it trains.
        """
        ours, *peers = self.processes
        result = self.results[OURS]
        if result.error:
            raise SideError(result.error)
        outputs = {process.side.output_activation for process in peers} - {OURS.output_activation}
        # Our own race is the last to be built, and stays.
        references = {
            output: self._weights(ours, replace(OURS, output_activation=output), result)
            for output in (*sorted(outputs), OURS.output_activation)
        }
        result.difference = 0.0
        for process in peers:
            side, result = process.side, self.results[process.side]
            if result.error:
                continue
            try:
                theta = self._weights(process, side, result)
            except SideError as error:
                result.error = str(error)
                continue
            result.difference = difference(theta, references[side.output_activation], self.start, self.problem.sizes)
            if not result.difference <= TOLERANCE[self.dtype]:
                result.error = f"{side.label}: other weights than ours (difference {result.difference:.1e}), so not timed"

    def time(self, pace: Pace) -> None:
        """Rounds of all sides that passed the check, in turns; each round begins with another side."""
        ready = [process for process in self.processes if not self.results[process.side].error]
        for process in ready:
            result = self.results[process.side]
            result.epochs_per_round = max(1, math.ceil(pace.round_seconds / max(result.warm_seconds, 1e-6)))
        for number in range(pace.rounds):
            first = number % len(ready)
            for process in ready[first:] + ready[:first]:
                self._turn(process)

    def _weights(self, process: SideProcess, side: Side, result: Result) -> np.ndarray:
        """The weights after a few epochs, trained by `process` as `side` trains."""
        settings: dict[str, Any] = {
            "sizes": list(self.problem.sizes),
            "batch_size": self.problem.batch_size,
            "learning_rate": LEARNING_RATE,
            "output_activation": side.output_activation,
            "threads": result.threads,
        }
        built = process.ask("build", folder=str(self.folder), **settings)
        result.first_seconds = built["seconds"] + process.ask("train", epochs=1)["seconds"]
        result.warm_seconds = process.ask("train", epochs=CHECK_EPOCHS - 1)["seconds"] / (CHECK_EPOCHS - 1)
        path = self.folder / f"{side.name}.npy"
        process.ask("save", path=str(path))
        weights: np.ndarray = np.load(path)
        return weights

    def _turn(self, process: SideProcess) -> None:
        """One round of a side."""
        result = self.results[process.side]
        if result.error:
            return
        if max(other.threads for other in self.results.values()) > 1:
            time.sleep(SETTLE)
        epochs = result.epochs_per_round
        try:
            result.seconds.append(process.ask("train", epochs=epochs)["seconds"] / epochs)
        except SideError as error:
            if process.side == OURS:
                raise
            result.error, result.seconds = str(error), []


def difference(theta: np.ndarray, reference: np.ndarray, start: np.ndarray, sizes: Sequence[int]) -> float:
    """The largest, over the layers' weights and biases, of max |theta - reference| / max |reference - start|.

    Relative to the distance moved, since a few epochs change large layers by little: a side that does not train at all is
    within a thousandth of the right weights. Infinite where shapes or dtypes differ or a number is not finite.
    """
    if theta.shape != reference.shape or theta.dtype != reference.dtype or not np.isfinite(theta).all():
        return math.inf
    worst = 0.0
    vectors = (split(vector.astype(np.float64), sizes) for vector in (theta, reference, start))
    for layers in zip(*vectors, strict=True):
        for mine, right, before in zip(*layers, strict=True):
            moved = float(np.abs(right - before).max())
            worst = max(worst, float(np.abs(mine - right).max()) / moved if moved else math.inf)
    return worst
