"""How many threads train, and the threads themselves. Their number changes no bit of the result."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from types import TracebackType

from ...kernels import Plan, Workspace
from ...kernels.compiler.processor import SIMD
from ...kernels.validation import positive_integer
from ..errors import InputError

VARIABLE = "TILEPROP_NUM_THREADS"
# A step has two meetings, and whoever comes first waits. Measured on two busy cores: 30 us a thread gained half.
LEAST_SHARE = 40e-6  # seconds of a step for each thread
# Below this an epoch is over before other threads have begun.
LEAST_EPOCH = 500e-6  # seconds
# Rough speeds, to tell microseconds from milliseconds: multiply-adds a second and lane, activations a second and lane.
MULTIPLY_ADDS = 2.5e9
ACTIVATIONS = 0.15e9
# Longer work runs in threads of its own, so that the caller's can answer Ctrl-C. Handing over takes some 50 us.
WORTH_A_THREAD = 0.05  # seconds
PATIENCE = 0.1  # seconds
# What is written to `Workspace.control[0].stop` to end an epoch.
INTERRUPTED = 2


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


def choose_threads(requested: int | None, plan: Plan, batch_size: int, n_rows: int, itemsize: int) -> int:
    """The threads to train with: as many as requested, here or by `TILEPROP_NUM_THREADS`, or as many as have enough to do.

    Raises InputError where a request is not a positive whole number.
    """
    if requested is None and os.environ.get(VARIABLE):
        try:
            requested = int(os.environ[VARIABLE])
        except ValueError:
            raise InputError(f"{VARIABLE} is {os.environ[VARIABLE]!r}; it must be a whole number of at least 1") from None
        if requested < 1:
            raise InputError(f"{VARIABLE} is {requested}; it must be a whole number of at least 1")
    if requested is not None:
        return positive_integer("n_threads", requested)
    rows = min(batch_size, n_rows)
    step = step_seconds(plan, rows, itemsize)
    if step * (n_rows / rows) < LEAST_EPOCH:
        return 1
    return max(1, min(available_processors(), int(step / LEAST_SHARE)))


class Team:
    """Threads that make calls together. Use in a `with` statement.

    Where the system grants fewer threads than asked for, there are fewer: `size` tells.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._pool = ThreadPoolExecutor(size, thread_name_prefix="tileprop")

    def __enter__(self) -> Team:
        if self.size > 1 and not self._started():
            self.size = 1
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._pool.shutdown()

    def _started(self) -> bool:
        """Whether all threads are there: members that wait for one that never starts would wait for ever."""
        everyone = threading.Barrier(self.size)
        try:
            for waiting in [self._pool.submit(everyone.wait, 10.0) for _ in range(self.size)]:
                waiting.result()
        except (RuntimeError, threading.BrokenBarrierError):
            everyone.abort()
            return False
        return True

    def run(self, call: Callable[[Workspace], float], work: Workspace, expected: float) -> float:
        """What `call` returns, made by all members together, each with its workspace. expected: seconds that it may take.

        Ctrl-C ends it after a whole step.
        """
        control = work.control[0]
        control.stop = control.arrivals = control.decision = 0
        if self.size == 1 and expected < WORTH_A_THREAD:
            return float(call(work.member(0, 1)))
        # Members that wait for one that never comes would wait for ever. So this thread is none of them, and they take their
        # numbers themselves: however an interrupt falls, it does no harm to send one too many.
        numbers = iter(range(self.size))
        results: dict[int, float] = {}

        def take_part() -> None:
            number = next(numbers, None)
            if number is not None:
                results[number] = call(work.member(number, self.size))

        futures: list[Future[None]] = []
        while True:
            try:
                while len(futures) < self.size:
                    futures.append(self._pool.submit(take_part))
                # Some systems answer Ctrl-C only between two waits.
                while wait(futures, timeout=PATIENCE).not_done:
                    pass
                break
            except KeyboardInterrupt:
                control.stop = INTERRUPTED
        for future in futures:
            future.result()
        if control.stop == INTERRUPTED:
            raise KeyboardInterrupt
        return float(results[0])
