"""How many threads train. Their number changes no bit of the result."""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from ...kernels import Plan
from ...kernels.compiler.processor import SIMD
from ...kernels.validation import positive_integer
from ..errors import InputError

VARIABLE = "TILEPROP_NUM_THREADS"
# A step has two meetings, and whoever comes first waits. Measured on two busy cores: 30 us a thread gained half.
LEAST_SHARE = 40e-6  # seconds of a step for each thread, before anything is measured
# With less, the meetings take longer than what is shared: no number of threads is worth a trial.
LEAST_PART = 2e-6  # seconds of a step for each thread
# Below this an epoch is over before other threads have begun.
LEAST_EPOCH = 500e-6  # seconds
# Rough speeds, to tell microseconds from milliseconds: multiply-adds a second and lane, activations a second and lane.
MULTIPLY_ADDS = 2.5e9
ACTIVATIONS = 0.15e9

# Of the thread that asks.
_here = threading.local()


@contextlib.contextmanager
def one_thread_each() -> Iterator[None]:
    """Within, fits that this thread makes train with this thread alone: others make other fits beside it."""
    before, _here.alone = getattr(_here, "alone", False), True
    try:
        yield
    finally:
        _here.alone = before


def available_processors() -> int:
    """Processors that this process may use: its affinity, the container's quota, and `OMP_NUM_THREADS`, whichever is least."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limit = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if limit.isdigit() and int(limit) > 0:
        count = min(count, int(limit))
    return max(1, min(count, _quota(Path("/sys/fs/cgroup"), Path("/proc/self/cgroup"))))


@functools.cache
def _quota(root: Path, membership: Path) -> int:
    """Whole processors that a Linux control group grants; a large number where there is no bound. To read it takes 1 ms."""
    folders = [root]
    try:
        for line in membership.read_text().splitlines():
            folders.append(root / line.rsplit(":", 1)[-1].lstrip("/"))
            folders.append(root / "cpu" / line.rsplit(":", 1)[-1].lstrip("/"))
    except OSError:
        pass
    bounds = [1 << 20]
    for folder in folders:
        try:
            if (folder / "cpu.max").exists():
                quota, period = (folder / "cpu.max").read_text().split()[:2]
            else:
                quota = (folder / "cpu.cfs_quota_us").read_text().strip()
                period = (folder / "cpu.cfs_period_us").read_text().strip()
            if quota != "max" and int(quota) > 0:
                bounds.append(max(1, int(quota) // int(period)))
        except (OSError, ValueError):
            continue
    return min(bounds)


def step_seconds(plan: Plan, rows: int, itemsize: int) -> float:
    """Roughly how long one thread takes for a step of `rows` rows."""
    lanes = SIMD.vector_bytes // itemsize
    widths = plan.sizes[1:]
    return rows * (3.0 * plan.n_parameters / MULTIPLY_ADDS + sum(widths) / ACTIVATIONS) / lanes


def most_threads(requested: int | None) -> int:
    """The threads that were requested, here or by `TILEPROP_NUM_THREADS`, or else one for each processor at hand. Never more.

    Raises InputError where a request is not a positive whole number.
    """
    if requested is None and os.environ.get(VARIABLE):
        try:
            requested = int(os.environ[VARIABLE])
        except ValueError:
            raise InputError(f"{VARIABLE} is {os.environ[VARIABLE]!r}; it must be a whole number of at least 1") from None
        if requested < 1:
            raise InputError(f"{VARIABLE} is {requested}; it must be a whole number of at least 1")
    most = available_processors()
    if requested is not None:
        most = min(positive_integer("n_threads", requested), most)
    return 1 if getattr(_here, "alone", False) else most


def choose_threads(requested: int | None, plan: Plan, batch_size: int, n_rows: int, itemsize: int) -> tuple[int, int]:
    """The threads to begin training with, by a rough estimate that prefers few, and the most that `ThreadChoice` may try.

    Never more than requested, here or by `TILEPROP_NUM_THREADS`, nor than the processors at hand: threads that share one would
    wait for each other by turns. Raises InputError where a request is not a positive whole number.
    """
    most = most_threads(requested)
    rows = min(batch_size, n_rows)
    step = step_seconds(plan, rows, itemsize)
    most = max(1, min(most, int(step / LEAST_PART)))
    if step * (n_rows / rows) < LEAST_EPOCH:
        return 1, most
    return max(1, min(most, int(step / LEAST_SHARE))), most
