"""What the choice of the number of threads costs: `fit`, also with `n_threads=2`, beside `n_threads=1` and two throughout.

All four train in lockstep, trials of other numbers included, on problems drawn at random and on small ones where two threads
lose; and all end at the same bits.
"""

from __future__ import annotations

import functools
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..kernels import make_workspace
from ..trainer import Network
from ..trainer.fit.choice import ThreadChoice
from ..trainer.fit.epochs import Epochs
from ..trainer.fit.loop import WORTH_A_CALL
from ..trainer.threads.team import Team
from .draw import drawn_events
from .pinning import choose_cpus, pin
from .problems import Problem
from .report import duration, show
from .side_tileprop import optimizer
from .task import Task
from .turns import Handing, HandOver, Way, by_rounds, epochs_for, signed, slower

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
ONE, TWO, AT_MOST, CHOSEN = "one", "two", "n_threads=2", "fit"


class Fixed(ThreadChoice):
    """A number of threads throughout."""

    def __init__(self, size: int) -> None:
        super().__init__(size, size, 0.0, 0.0)

    @property
    def limit(self) -> None:
        return None

    def record(self, rows: int, seconds: float) -> None:
        """Whatever it is."""


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
    network.fit(task.X, task.T, n_threads=threads, callbacks=[Handing(hand_over)], **options)
    return network.theta


def throughout(task: Task, threads: int, epochs: int, hand_over: HandOver) -> np.ndarray:
    """By so many threads from begin to end, which `fit` does not promise, with as many epochs in a call as it makes."""
    network = untrained(task)
    plan, X, T, weight = network.prepared(task.X, task.T, None)
    work = make_workspace(plan, task.batch_size, network.dtype, threads)
    state = optimizer(task).state(plan, network.dtype)
    with Team(threads) as team:
        run = Epochs(network, plan, state, X, T, weight, True, work, team, Fixed(threads))
        done, seconds = 0, 0.0
        while done < epochs:
            count = min(epochs - done, max(1, int(WORTH_A_CALL / seconds))) if done else 1
            started = time.perf_counter()
            run.train(count, done + 1, seconds, None)
            seconds = (time.perf_counter() - started) / count
            done += count
            hand_over()
    return network.theta


def ways_of(task: Task) -> dict[str, Way]:
    return {
        AT_MOST: functools.partial(fitted, task, PROCESSORS),
        CHOSEN: functools.partial(fitted, task, None),
        ONE: functools.partial(fitted, task, 1),
        TWO: functools.partial(throughout, task, PROCESSORS),
    }


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
    with busy(cpus[-1:] if beside else []):
        for problem, dtype in problems:
            ways = ways_of(task_of(problem, dtype))
            if beside:
                del ways[TWO]
            epochs = epochs_for(ways[ONE], seconds)
            times = by_rounds(ways, epochs, rounds)
            steady = [name for name in (ONE, TWO) if name in times]
            found = [slower(times, AT_MOST, [ONE]), slower(times, CHOSEN, steady)]
            worst = [max(pair) for pair in zip(worst, found, strict=True)]
            times_of_epochs = [duration(min(times[name]) / epochs) if name in times else "-" for name in (ONE, TWO)]
            rows.append([f"{problem}, {dtype}", *times_of_epochs, *map(signed, found)])
            print(" ".join(rows[-1]), file=sys.stderr, flush=True)
    show((["problem", "epoch, one thread", "two", "n_threads=2 over one", "fit over the better"], rows))
    print(f"\nAt worst, by the median of {rounds} rounds: n_threads=2 {signed(worst[0])}, fit {signed(worst[1])}")
    return int(max(worst) > BOUND)
