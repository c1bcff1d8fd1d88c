"""What the choice of the number of threads costs: `fit` with up to two, beside one and two throughout.

All three train in lockstep, on problems drawn at random and on small ones where two threads lose, and end at the same bits. A
shared machine's speed changes by more than what is looked for; so the cost is summed up from the calls of one fit: the rows of
each call as they take with that many threads in the other two fits, and trials, which are shorter, as they took, measured by
the fit's own other calls.
"""

from __future__ import annotations

import functools
import math
import statistics
import subprocess
import sys
import threading
import time
import unittest.mock
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from ..kernels import make_workspace
from ..trainer import Network
from ..trainer.fit import beginning
from ..trainer.fit.choice import ThreadChoice
from ..trainer.fit.epochs import Epochs
from ..trainer.fit.loop import WORTH_A_CALL
from ..trainer.fit.validation import Rows
from ..trainer.threads.team import Team
from .draw import drawn_events
from .pinning import choose_cpus, pin
from .problems import Problem
from .report import duration, show
from .side_tileprop import optimizer
from .task import Task
from .turns import Handing, HandOver, Way, alone, epochs_for, in_lockstep, signed

PROCESSORS = 2
# By what part a choice may be slower.
BOUND = 0.03
# Of the problems' learning rates.
SLOW = 1e-3
# Small ones, on which two threads that were asked for took up to 1.5 times as long as one, and 20 on a busy machine.
SMALL = (
    Problem("small-1", (3, 5, 2), 16, 4096),
    Problem("small-2", (3, 5, 2), 4, 4096),
    Problem("small-3", (8, 32, 32, 1), 32, 8192),
    Problem("small-4", (10, 24, 24, 1), 24, 4800),
    Problem("small-5", (64, 64, 64, 64, 64, 64), 16, 4096),
)
ONE, TWO, CHOSEN = "one", "two", "chosen"


# Of the thread of a way: `calls`, the list that its fit's calls are added to.
_way = threading.local()


class Call(NamedTuple):
    """A call of a fit. trial: whether it is there to measure another number of threads."""

    threads: int
    trial: bool
    rows: int
    seconds: float


class Recorded(ThreadChoice):
    """Keeps its calls, but for the first one, which may compile."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.calls: list[Call] = _way.calls

    def record(self, rows: int, seconds: float) -> None:
        if self._warm or self.most == 1:
            self.calls.append(Call(self.size, self.size != self._usual, rows, seconds))
        super().record(rows, seconds)


class Fixed(Recorded):
    """A number of threads throughout."""

    def __init__(self, size: int) -> None:
        super().__init__(size, size, 0.0, 0.0)

    @property
    def limit(self) -> None:
        return None

    def record(self, rows: int, seconds: float) -> None:
        self.calls.append(Call(self.size, False, rows, seconds))


def task_of(problem: Problem, dtype: str) -> Task:
    """With steps so short that no training diverges, however long."""
    real = np.dtype(dtype)
    settings = problem.settings | {"learning_rate": SLOW * problem.learning_rate}
    return Task(*problem.data(real), problem.initial_theta(real), threads=PROCESSORS, **settings)


def untrained(task: Task) -> Network:
    settings: Any = {"activation": task.activation, "output_activation": task.output_activation, "loss": task.loss}
    return Network(task.sizes, dtype=task.theta.dtype, initial=task.theta.copy(), **settings)


def fitted(task: Task, threads: int | None, epochs: int, hand_over: HandOver, **options: Any) -> np.ndarray:
    """By `fit`. threads: `n_threads`."""
    network = untrained(task)
    options = {"epochs": epochs, "batch_size": task.batch_size, "optimizer": optimizer(task), "progress": False} | options
    handing = [] if hand_over is alone else [Handing(hand_over)]
    network.fit(task.X, task.T, n_threads=threads, callbacks=handing, **options)
    return network.theta


def throughout(task: Task, threads: int, epochs: int, hand_over: HandOver) -> np.ndarray:
    """By so many threads from begin to end, which `fit` does not promise, with as many epochs in a call as it makes."""
    network = untrained(task)
    rows = Rows(*network.prepared(task.X, task.T, None))
    work = make_workspace(rows.plan, task.batch_size, network.dtype, threads)
    state = optimizer(task).state(rows.plan, network.dtype)
    with Team(threads) as team:
        run = Epochs(network, rows, state, True, work, team, Fixed(threads))
        done, seconds = 0, 0.0
        while done < epochs:
            count = min(epochs - done, max(1, int(WORTH_A_CALL / seconds))) if done else 1
            started = time.perf_counter()
            run.train(count, done + 1, seconds, None)
            seconds = (time.perf_counter() - started) / count
            done += count
            hand_over()
    return network.theta


def ways_of(task: Task, calls: dict[str, list[Call]]) -> dict[str, Way]:
    """calls: to be filled with those of each way that is run."""

    def recorded(name: str, way: Way) -> Way:
        def run(epochs: int, hand_over: HandOver) -> np.ndarray:
            _way.calls = calls[name] = []
            return way(epochs, hand_over)

        return run

    ways: dict[str, Way] = {
        CHOSEN: functools.partial(fitted, task, PROCESSORS),
        ONE: functools.partial(fitted, task, 1),
        TWO: functools.partial(throughout, task, PROCESSORS),
    }
    return {name: recorded(name, way) for name, way in ways.items()}


def seconds_a_row(calls: list[Call]) -> float:
    return sum(call.seconds for call in calls) / sum(call.rows for call in calls)


def cost(calls: dict[str, list[Call]], best: str) -> float:
    """By what part the chosen numbers of threads are slower than one of the other ways."""
    steady = {1: seconds_a_row(calls[ONE]), 2: seconds_a_row(calls[TWO]) if TWO in calls else math.nan}
    chosen, usual, others = calls[CHOSEN], list[Call](), list[Call]()
    for call in chosen:
        (others if call.trial or math.isnan(steady[call.threads]) else usual).append(call)
    expected = sum(call.rows * steady[call.threads] for call in usual)
    # Of the same fit at the same time, so that it does not matter how fast the machine is.
    speed = expected / sum(call.seconds for call in usual)
    expected += sum(call.seconds * speed for call in others)
    return expected / (sum(call.rows for call in chosen) * steady[1 if best == ONE else 2]) - 1.0


@contextmanager
def busy(cpus: list[int]) -> Iterator[None]:
    """Another process computes on these processors."""
    code = f"import os\nif hasattr(os, 'sched_setaffinity'): os.sched_setaffinity(0, {cpus})\nwhile True: pass"
    process = subprocess.Popen([sys.executable, "-c", code]) if cpus else None
    try:
        yield
    finally:
        if process is not None:
            process.kill()
            process.wait()


def run_threads(count: int, rounds: int, seconds: float, beside: bool) -> int:
    """Print a line for each problem; status 1 where a choice is slower by more than `BOUND`.

    seconds: that each way computes in a round. beside: another process computes on one of the processors. Two threads
    throughout may then take 20 times as long, and are left out.
    """
    cpus = choose_cpus(PROCESSORS)
    pin(cpus)
    problems = [(problem, "float32") for problem in SMALL] + [(event.problem, event.dtype) for event in drawn_events(count)]
    rows, worst = [], [0.0, 0.0]
    with busy(cpus[-1:] if beside else []), unittest.mock.patch.object(beginning, "ThreadChoice", Recorded):
        for problem, dtype in problems:
            found = measured(task_of(problem, dtype), rounds, seconds, [ONE] if beside else [ONE, TWO])
            best = min(found.seconds, key=lambda name: found.seconds[name])
            worst = [max(pair) for pair in zip(worst, (found.cost[ONE], found.cost[best]), strict=True)]
            times = [duration(found.seconds[name]) if name in found.seconds else "-" for name in (ONE, TWO)]
            rows.append(
                [f"{problem}, {dtype}", *times, f"{found.by_two:.0%}", signed(found.cost[ONE]), signed(found.cost[best])]
            )
            print(" ".join(rows[-1]), file=sys.stderr, flush=True)
    show((["problem", "epoch, one thread", "two", "rows by two", "n_threads=2 over one", "over the better"], rows))
    print(f"\nAt worst, by the median of {rounds} rounds: over one {signed(worst[0])}, over the better {signed(worst[1])}")
    return int(max(worst) > BOUND)


class Measured(NamedTuple):
    """seconds of an epoch, and cost of the choice, by the other ways. by_two: the part of the rows that two threads trained."""

    seconds: dict[str, float]
    cost: dict[str, float]
    by_two: float


def measured(task: Task, rounds: int, seconds: float, others: list[str]) -> Measured:
    calls: dict[str, list[Call]] = {}
    ways = {name: way for name, way in ways_of(task, calls).items() if name == CHOSEN or name in others}
    epochs = epochs_for(ways[ONE], seconds)
    times: dict[str, list[float]] = {name: [] for name in others}
    costs: dict[str, list[float]] = {name: [] for name in others}
    by_two: list[float] = []
    for _ in range(rounds):
        calls.clear()
        in_lockstep(ways, epochs)
        for name in others:
            times[name].append(seconds_a_row(calls[name]) * len(task.X))
            costs[name].append(cost(calls, name))
        rows = [sum(call.rows for call in calls[CHOSEN] if call.threads in which) for which in ((2,), (1, 2))]
        by_two.append(rows[0] / rows[1])
    median = {name: statistics.median(values) for name, values in times.items()}
    return Measured(median, {name: statistics.median(values) for name, values in costs.items()}, statistics.median(by_two))
