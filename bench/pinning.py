"""The same threads and processors for every side: by environment variables before it starts, by affinity once it runs."""

from __future__ import annotations

import os
from collections.abc import Mapping

_THREAD_COUNTS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "TORCHINDUCTOR_COMPILE_THREADS",
    "NPROC",  # XLA's thread pool
)
# Would bind threads to processors of their own choice, take that of their number from us, or race our kernels as plain Python.
_DROPPED = (
    "GOMP_CPU_AFFINITY",
    "KMP_AFFINITY",
    "OMP_PLACES",
    "OMP_PROC_BIND",
    "TILEPROP_NUM_THREADS",
    "NUMBA_DISABLE_JIT",
)


def pinned_environment(environment: Mapping[str, str], threads: int) -> dict[str, str]:
    """A side's environment variables: the given ones, with every library that the sides use held to `threads`."""
    pinned = {name: value for name, value in environment.items() if name not in _DROPPED}
    pinned.update(dict.fromkeys(_THREAD_COUNTS, str(threads)))
    pinned["JAX_PLATFORMS"] = "cpu"
    pinned["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen={'true' if threads > 1 else 'false'}"
    return pinned


def choose_cpus(threads: int) -> list[int]:
    """The processors for all sides, one for each thread: the last ones, since the first takes most interrupts.

    Empty where the system has no affinity. Raises ValueError where this process may use fewer processors.
    """
    if not hasattr(os, "sched_getaffinity"):
        allowed, found = [], os.cpu_count() or 1
    else:
        allowed = sorted(os.sched_getaffinity(0))
        found = len(allowed)
    if found < threads:
        raise ValueError(f"{threads} threads need {threads} processors; this process may use {found}")
    return allowed[-threads:]


def pin(cpus: list[int]) -> None:
    """Keep the calling thread, and the threads that it starts from now on, on these processors."""
    if cpus and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cpus)
