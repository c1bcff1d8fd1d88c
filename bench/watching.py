"""What it costs that a fit is watched: `fit`, with progress, checkpoints, Ctrl-C and divergence checks, beside bare kernels.

Both make the same epochs, with one thread, in the same orders of the rows, and end at the same bits before they are timed.
Turns are short and many, since the speed of a shared machine changes from second to second. Each turn of `fit` ends with a
checkpoint: what one takes is measured beside it, and counted as often as once a minute.
"""

from __future__ import annotations

import contextlib
import functools
import io
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from ..kernels import make_workspace
from ..kernels.training.epoch import choose_epoch
from ..trainer.fit.loop import WORTH_A_CALL
from .pinning import choose_cpus, pin
from .problems import PROBLEMS
from .report import duration, show
from .side_tileprop import optimizer
from .task import Task
from .threads import fitted, signed, task_of, untrained
from .turns import epochs_for, slower, take_turns

# By what part the watched fit may be slower.
BOUND = 0.02
BETWEEN_CHECKPOINTS = 60.0  # seconds
CHECKPOINTS = 15  # are timed
BARE, WATCHED = "bare", "watched"


def bare(task: Task, epochs: int) -> np.ndarray:
    """Nothing but the kernel, in a loop of one's own that makes short epochs several at a time."""
    network = untrained(task)
    plan, X, T, weight = network.prepared(task.X, task.T, None)
    state, work = optimizer(task).state(plan, network.dtype), make_workspace(plan, task.batch_size, network.dtype)
    kernel, done, seconds = choose_epoch(state, weight, work), 0, 0.0
    while done < epochs:
        count = min(epochs - done, max(1, int(WORTH_A_CALL / seconds))) if done else 1
        started = time.perf_counter()
        order = np.concatenate([network.generator.permutation(len(X)) for _ in range(count)])
        kernel(plan, network.theta, state, X, T, weight, order, work.for_epochs(count))
        seconds = (time.perf_counter() - started) / count
        done += count
    return network.theta


def watched(task: Task, path: Path, epochs: int) -> np.ndarray:
    with contextlib.redirect_stderr(io.StringIO()):
        return fitted(task, 1, epochs, progress=True, checkpoint=path)


def checkpoint_seconds(task: Task, path: Path) -> float:
    """What it takes to write one: by how much longer a fit of one epoch takes, the fastest of each."""
    ways = {"without": lambda epochs: fitted(task, 1, epochs), "with": lambda epochs: fitted(task, 1, epochs, checkpoint=path)}
    times = take_turns(ways, 1, CHECKPOINTS)
    return max(0.0, min(times["with"]) - min(times["without"]))


def run_watching(names: list[str], rounds: int, seconds: float) -> int:
    """Print a line for each problem and dtype; status 1 where to be watched costs more than `BOUND`."""
    pin(choose_cpus(1))
    rows, worst = [], 0.0
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            for dtype in ("float32", "float64"):
                task = task_of(PROBLEMS[name], dtype)
                ways = {BARE: functools.partial(bare, task), WATCHED: functools.partial(watched, task, Path(folder) / "fit")}
                epochs = epochs_for(ways[BARE], seconds)
                times = take_turns(ways, epochs, rounds)
                checkpoint = checkpoint_seconds(task, Path(folder) / "fit")
                times[WATCHED] = [took - checkpoint * (1.0 - took / BETWEEN_CHECKPOINTS) for took in times[WATCHED]]
                least, median = slower(times, WATCHED, [BARE])
                worst = max(worst, least)
                epoch = duration(min(times[BARE]) / epochs)
                rows.append([f"{PROBLEMS[name]}, {dtype}", epoch, duration(checkpoint), signed(least), signed(median)])
                print(" ".join(rows[-1]), file=sys.stderr, flush=True)
    show((["problem", "bare epoch", "a checkpoint", "watched", "median"], rows))
    print(f"\nAt worst, by the fastest of {rounds} turns: {signed(worst)}")
    return int(worst > BOUND)
