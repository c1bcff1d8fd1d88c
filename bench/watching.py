"""What it costs that a fit is watched: `fit`, with progress, checkpoints, Ctrl-C and divergence checks, beside bare kernels.

Both train in lockstep, with one thread, in the same orders of the rows, and end at the same bits. The fit writes a checkpoint
when it ends: what one takes is measured for itself, and counted as often as once a minute.
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
from .threads import fitted, task_of, untrained
from .turns import HandOver, alone, by_rounds, epochs_for, signed, slower

# By what part the watched fit may be slower.
BOUND = 0.02
BETWEEN_CHECKPOINTS = 60.0  # seconds
CHECKPOINTS = 15  # are timed
BARE, WATCHED = "bare", "watched"


def bare(task: Task, epochs: int, hand_over: HandOver) -> np.ndarray:
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
        hand_over()
    return network.theta


def watched(task: Task, path: Path, epochs: int, hand_over: HandOver) -> np.ndarray:
    with contextlib.redirect_stderr(io.StringIO()):
        return fitted(task, 1, epochs, hand_over, progress=True, checkpoint=path)


def checkpoint_seconds(task: Task, path: Path) -> float:
    """What it takes to write one: by how much longer a fit of one epoch takes, the shortest of each."""
    times: list[list[float]] = [[], []]
    for _ in range(CHECKPOINTS):
        for place, taken in zip((None, path), times, strict=True):
            started = time.perf_counter()
            fitted(task, 1, 1, alone, checkpoint=place)
            taken.append(time.perf_counter() - started)
    return max(0.0, min(times[1]) - min(times[0]))


def run_watching(names: list[str], rounds: int, seconds: float) -> int:
    """Print a line for each problem and dtype; status 1 where to be watched costs more than `BOUND`.

    seconds: that each way computes in a round.
    """
    pin(choose_cpus(1))
    rows, worst = [], 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fit"
        for name in names:
            for dtype in ("float32", "float64"):
                task = task_of(PROBLEMS[name], dtype)
                ways = {WATCHED: functools.partial(watched, task, path), BARE: functools.partial(bare, task)}
                epochs = epochs_for(ways[BARE], seconds)
                checkpoint = checkpoint_seconds(task, path)
                times = by_rounds(ways, epochs, rounds)
                times[WATCHED] = [took - checkpoint * (1.0 - took / BETWEEN_CHECKPOINTS) for took in times[WATCHED]]
                cost = slower(times, WATCHED, [BARE])
                worst = max(worst, cost)
                each = [duration(min(times[BARE]) / epochs), duration(checkpoint)]
                rows.append([f"{PROBLEMS[name]}, {dtype}", *each, signed(cost)])
                print(" ".join(rows[-1]), file=sys.stderr, flush=True)
    show((["problem", "bare epoch", "a checkpoint", "watched"], rows))
    print(f"\nAt worst, by the median of {rounds} rounds: {signed(worst)}")
    return int(worst > BOUND)
