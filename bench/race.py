"""The race: all sides train the same networks, must come to the same weights, and are then timed in turns.

Every side is a process of its own, since idle thread pools spin and JAX's 64-bit switch is global. They stand ready together
and take turns, round by round, so that a machine that drifts, or is busy for a while, is so for all of them.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .conventions import CannotError
from .problems import Event, Problem
from .process import SideError, SideProcess
from .sides import OURS, Side
from .task import split, write_arrays

# The check trains one epoch, and then as many as it takes for so many steps: the moments of an optimizer are built up in steps.
CHECK_STEPS = 8
# Largest difference of two sides' weights, relative to the distance that training moved them.
TOLERANCE = {"float32": 1e-3, "float64": 1e-9}


@dataclass(frozen=True)
class Pace:
    """rounds: turns of each side. round_seconds: a turn has as many epochs as fill this time, at least one."""

    rounds: int
    round_seconds: float


FULL = Pace(rounds=11, round_seconds=0.1)
QUICK = Pace(rounds=5, round_seconds=0.05)


@dataclass
class Result:
    """One side on one problem.

    difference: of its weights from ours, see `difference`. first_seconds: to build it and train its first epoch, compilation
    included (ours comes from the disk cache where it has run before). warm_seconds: of the check's other epochs, each.
    seconds: per epoch, one entry for each round. cannot: why it cannot compute this problem. error: why it failed.
    """

    problem: Problem
    dtype: str
    threads: int
    side: Side
    difference: float = math.nan
    first_seconds: float = math.nan
    warm_seconds: float = math.nan
    epochs_per_round: int = 0
    seconds: list[float] = field(default_factory=list)
    cannot: str = ""
    error: str = ""

    @property
    def event(self) -> Event:
        return Event(self.problem, self.dtype, self.threads)

    @property
    def races(self) -> bool:
        return not (self.cannot or self.error)

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


@dataclass(frozen=True)
class Outcome:
    """What a race found out.

    drawn: results of the problems that were drawn. missing: peers that are not installed. rates: the processor's own GFLOP/s
    of multiply-adds for a dtype and a number of threads, all threads together.
    """

    results: list[Result]
    drawn: list[Result]
    missing: list[Side]
    pace: Pace
    rates: dict[tuple[str, int], float]

    def share(self, result: Result) -> float:
        """Of the processor's own rate. Where some side had more than was measured, that is the rate."""
        alike = [r for r in (*self.results, *self.drawn) if (r.dtype, r.threads) == (result.dtype, result.threads)]
        rate = self.rates.get((result.dtype, result.threads), math.nan)
        return result.gflops / max([rate, *(r.gflops for r in alike if r.seconds)])


def race(
    events: Iterable[Event],
    cpus: Mapping[int, list[int]],
    peers: Sequence[Side],
    pace: Pace,
    say: Callable[[str], None] = lambda line: None,
) -> list[Result]:
    """Results of ours and of the peers, which must be installed, in every event, in the order of the events.

    cpus: where all sides run, for each number of threads, see `choose_cpus`. say: told what is going on.
    Raises SideError where our own side fails; a peer that fails has the error in its results.
    """
    events = list(events)
    # Processes are started anew for each number of threads and each dtype, and stay for all events of that kind.
    kinds = dict.fromkeys((event.threads, event.dtype) for event in events)
    heats: dict[Event, Heat] = {}
    with tempfile.TemporaryDirectory(prefix="tileprop-race-", ignore_cleanup_errors=True) as name:
        for kind in kinds:
            threads = kind[0]
            with ExitStack() as stack:
                sides = (OURS, *peers)
                processes = [stack.enter_context(SideProcess(side, threads, cpus[threads], Path(name))) for side in sides]
                for process in processes:
                    process.send("open", module=process.side.module)
                broken = {}
                for process in processes:
                    try:
                        process.receive()
                        process.rest()
                    except SideError as error:
                        broken[process.side] = str(error)
                for event in events:
                    if (event.threads, event.dtype) == kind:
                        heats[event] = heat = Heat(event, Path(name), processes, broken)
                        say(f"{event}: checking")
                        heat.check()
                        say(f"{event}: timing")
                        heat.time(pace)
    return [result for event in events for result in heats[event].results.values()]


class Heat:
    """One event: `check`, then `time`."""

    def __init__(self, event: Event, folder: Path, processes: Sequence[SideProcess], broken: dict[Side, str]) -> None:
        """The first process is ours. broken: sides that could not start, and why."""
        self.problem, self.dtype, self.threads = event
        self.folder = folder
        self.processes = processes
        self.results = {process.side: Result(*event, process.side, error=broken.get(process.side, "")) for process in processes}
        real = np.dtype(self.dtype)
        self.start = self.problem.initial_theta(real)
        write_arrays(folder, *self.problem.data(real), self.start)

    def check(self) -> None:
        """Train every side for a few epochs, and compare its weights with ours, trained in the side's own convention."""
        ours, *peers = self.processes
        result = self.results[OURS]
        if result.error:
            raise SideError(result.error)
        trained = {}
        for process in peers:
            try:
                trained[process.side] = process.side.convention(self.problem)
            except CannotError as reason:
                self.results[process.side].cannot = str(reason)
        # Our own race is the last to be built, and stays.
        conventions = [*dict.fromkeys(problem for problem in trained.values() if problem != self.problem), self.problem]
        references = {problem: self._weights(ours, problem, result) for problem in conventions}
        result.difference = 0.0
        for process in peers:
            side, result = process.side, self.results[process.side]
            if not result.races:
                continue
            try:
                theta = self._weights(process, trained[side], result)
            except SideError as error:
                result.error = str(error)
                continue
            result.difference = difference(theta, references[trained[side]], self.start, self.problem.sizes)
            if not result.difference <= TOLERANCE[self.dtype]:
                result.error = f"{side.label}: other weights than ours (difference {result.difference:.1e}), so not timed"

    def time(self, pace: Pace) -> None:
        """Rounds of all sides that passed the check, in turns; each round begins with another side."""
        ready = [process for process in self.processes if self.results[process.side].races]
        for process in ready:
            result = self.results[process.side]
            result.epochs_per_round = max(1, math.ceil(pace.round_seconds / max(result.warm_seconds, 1e-6)))
        for number in range(pace.rounds):
            first = number % len(ready)
            for process in ready[first:] + ready[:first]:
                self._turn(process)

    def _weights(self, process: SideProcess, problem: Problem, result: Result) -> np.ndarray:
        """The weights after a few epochs, trained by `process`."""
        built = process.ask("build", folder=str(self.folder), threads=self.threads, **problem.settings)
        first = built["seconds"] + process.ask("train", epochs=1)["seconds"]
        result.first_seconds = first if math.isnan(result.first_seconds) else result.first_seconds
        epochs = math.ceil(CHECK_STEPS / problem.steps_per_epoch)
        result.warm_seconds = process.ask("train", epochs=epochs)["seconds"] / epochs
        path = self.folder / f"{process.side.name}.npy"
        process.ask("save", path=str(path))
        weights: np.ndarray = np.load(path)
        return weights

    def _turn(self, process: SideProcess) -> None:
        """One round of a side."""
        result = self.results[process.side]
        if result.error:
            return
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
    within a thousandth of the right weights. Infinite where shapes or dtypes differ, a number is not finite, or nothing moved.
    Weights that the reference leaves where they were, behind units of relu that are never on, must not have moved at all.
    """
    if theta.shape != reference.shape or theta.dtype != reference.dtype:
        return math.inf
    if np.array_equal(reference, start) or not np.isfinite(theta).all():
        return math.inf
    worst = 0.0
    vectors = (split(vector.astype(np.float64), sizes) for vector in (theta, reference, start))
    for layers in zip(*vectors, strict=True):
        for mine, right, before in zip(*layers, strict=True):
            moved = float(np.abs(right - before).max())
            apart = float(np.abs(mine - right).max())
            if apart:
                worst = max(worst, apart / moved if moved else math.inf)
    return worst
