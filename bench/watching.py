"""What it costs that a fit is watched: `fit`, with progress, checkpoints, Ctrl-C and divergence checks, beside bare kernels.

Both make the same epochs, with one thread, in the same orders of the rows, and end at the same bits before they are timed. A
shared machine's speed changes by more than what is looked for, so the time of a turn is split: into what its thread computes
within kernels, and the rest, as a part of that. What to be watched costs is by how much the rest is the larger one, the least
of a few turns of each. Each turn of `fit` ends with a checkpoint, which counts as often as once a minute; that the data are
hashed for it, once in a fit, is left out. So is the pass over the rows after which a fit that has learnt nothing warns: the
steps are so short here that none learns.

The turns are compared by the clock as well, as a user would: the median of the watched ones beside that of the bare ones, and
how far apart two bare turns lie at most. A cost below that distance is not measurable by the clock.
"""

from __future__ import annotations

import contextlib
import functools
import io
import math
import statistics
import sys
import tempfile
import time
import unittest.mock
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..kernels import make_workspace
from ..kernels.training.epoch import choose_epoch
from ..trainer.fit import epochs as fit_epochs
from ..trainer.fit import fitting
from ..trainer.fit import loop as fit_loop
from ..trainer.fit.checkpoints import Checkpoints
from ..trainer.fit.loop import WORTH_A_CALL
from .pinning import choose_cpus, pin
from .problems import PROBLEMS
from .report import duration, show
from .side_tileprop import optimizer
from .task import Task
from .threads import fitted, task_of, untrained
from .turns import HandOver, Way, alone, epochs_for, in_lockstep, signed

# What to be watched may cost, as a part of what kernels compute.
BOUND = 0.02
# A turn makes at least so many epochs, as to begin and to end a fit costs the same however long it is.
EPOCHS = 20
BETWEEN_CHECKPOINTS = 60.0  # seconds
BARE, WATCHED = "bare", "watched"


class Cost(NamedTuple):
    """epoch: seconds within kernels. checkpoint: seconds that one takes.

    outside: of each turn of a way, seconds outside kernels as a part of those within. passed: of each turn of a way, seconds by
    the clock. Both with checkpoints once a minute.
    """

    epoch: float
    checkpoint: float
    outside: dict[str, list[float]]
    passed: dict[str, list[float]]

    @property
    def of_watching(self) -> float:
        return min(self.outside[WATCHED]) - min(self.outside[BARE])

    @property
    def by_the_clock(self) -> float:
        return statistics.median(self.passed[WATCHED]) / statistics.median(self.passed[BARE]) - 1.0

    @property
    def of_nothing(self) -> float:
        """How far apart two bare turns lie, by the clock."""
        return max(self.passed[BARE]) / min(self.passed[BARE]) - 1.0


class Clock:
    """Of a turn: processor seconds that the threads which call kernels spend within them, and all seconds that pass.

    begun and written: seconds in which a fit makes ready for checkpoints, and writes them.
    """

    def __init__(self) -> None:
        self.inside = self.passed = self.begun = self.written = 0.0

    def kernel(self, *chosen_for: Any) -> Callable[..., Any]:
        """What `choose_epoch` returns, timed."""
        chosen = choose_epoch(*chosen_for)

        def timed(*arguments: Any) -> Any:
            started = time.thread_time()
            try:
                return chosen(*arguments)
            finally:
                self.inside += time.thread_time() - started

        return timed

    def checkpoints(self, *arguments: Any) -> Checkpoints:
        """Checkpoints, timed."""
        started = time.perf_counter()
        made = Checkpoints(*arguments)
        self.begun += time.perf_counter() - started
        write = made.write

        def timed() -> None:
            started = time.perf_counter()
            write()
            self.written += time.perf_counter() - started

        made.write = timed  # type: ignore[method-assign]
        return made

    def turn(self, way: Way, epochs: int) -> None:
        """Take the time of a turn. Of checkpoints, what falls on it at one a minute."""
        self.inside = self.begun = self.written = 0.0
        started = time.perf_counter()
        way(epochs, alone)
        passed = time.perf_counter() - started - self.begun - self.written
        self.passed = passed * (1.0 + self.written / BETWEEN_CHECKPOINTS)


def bare(task: Task, clock: Clock, epochs: int, hand_over: HandOver = alone) -> np.ndarray:
    """Nothing but the kernel, in a loop of one's own that makes short epochs several at a time."""
    network = untrained(task)
    plan, X, T, weight = network.prepared(task.X, task.T, None)
    state, work = optimizer(task).state(plan, network.dtype), make_workspace(plan, task.batch_size, network.dtype)
    kernel, done, seconds = clock.kernel(state, weight, work), 0, 0.0
    while done < epochs:
        count = min(epochs - done, max(1, int(WORTH_A_CALL / seconds))) if done else 1
        started = time.perf_counter()
        order = np.concatenate([network.generator.permutation(len(X)) for _ in range(count)])
        kernel(plan, network.theta, state, X, T, weight, order, work.for_epochs(count))
        seconds = (time.perf_counter() - started) / count
        done += count
        hand_over()
    return network.theta


def watched(task: Task, clock: Clock, path: Path, epochs: int, hand_over: HandOver = alone) -> np.ndarray:
    with (
        contextlib.redirect_stderr(io.StringIO()),
        unittest.mock.patch.object(fit_epochs, "choose_epoch", clock.kernel),
        unittest.mock.patch.object(fit_loop, "Checkpoints", clock.checkpoints),
        unittest.mock.patch.object(fitting, "warn_of_constant", return_value=None),
    ):
        return fitted(task, 1, epochs, hand_over, progress=True, checkpoint=path)


def cost(task: Task, path: Path, rounds: int, seconds: float) -> Cost:
    """rounds: turns of each way. seconds: of a turn."""
    clock = Clock()
    ways: dict[str, Way] = {
        BARE: functools.partial(bare, task, clock),
        WATCHED: functools.partial(watched, task, clock, path),
    }
    epochs = max(EPOCHS, epochs_for(ways[BARE], seconds))
    in_lockstep(ways, epochs)  # which raises where they do not end at the same bits
    found = Cost(math.inf, math.inf, {BARE: [], WATCHED: []}, {BARE: [], WATCHED: []})
    for _ in range(rounds):
        for name in (BARE, WATCHED):
            clock.turn(ways[name], epochs)
            found.outside[name].append(clock.passed / clock.inside - 1.0)
            found.passed[name].append(clock.passed)
            found = found._replace(epoch=min(found.epoch, clock.inside / epochs))
        found = found._replace(checkpoint=min(found.checkpoint, clock.written))
    return found


def run_watching(names: list[str], rounds: int, seconds: float) -> int:
    """Print a line for each problem and dtype; status 1 where to be watched costs more than `BOUND`."""
    pin(choose_cpus(1))
    rows, worst = [], 0.0
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            for dtype in ("float32", "float64"):
                found = cost(task_of(PROBLEMS[name], dtype), Path(folder) / "fit", rounds, seconds)
                worst = max(worst, found.of_watching)
                parts = [
                    f"{100.0 * find(found.outside[way]):.2f}%" for find in (min, statistics.median) for way in (BARE, WATCHED)
                ]
                times = [duration(found.epoch), duration(found.checkpoint)]
                by_the_clock = [signed(found.by_the_clock), f"{100.0 * found.of_nothing:.1f}%"]
                rows.append([f"{PROBLEMS[name]}, {dtype}", *times, *parts, signed(found.of_watching), *by_the_clock])
                print(" ".join(rows[-1]), file=sys.stderr, flush=True)
    header = ["problem", "epoch", "a checkpoint", "outside: bare", "watched", "medians: bare", "watched", "to be watched"]
    header += ["by the clock", "of two bare"]
    show((header, rows))
    print(f"\nAt worst, by the least of {rounds} turns: {signed(worst)}")
    return int(worst > BOUND)
