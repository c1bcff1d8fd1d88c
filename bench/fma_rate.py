"""The processor's own rate of multiply-adds, which no product can beat: `python -m tileprop.bench.fma_rate CPUS THREADS`.

Register tiles of several shapes on operands in the first-level cache, on all threads at once; the fastest shape counts. Prints
one line of JSON: GFLOP/s for each dtype.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from .pinning import pin, pinned_environment

SHAPES = ((8, 3), (8, 2), (14, 2), (6, 4), (4, 3), (6, 2))  # rows x vectors
DEPTH = 64  # of a tile's sums: 8 rows x 64 and 64 x 3 vectors are 14 kB
ROUNDS = 8
ROUND_FLOPS = 2e8  # a few milliseconds


def fma_rates(cpus: Mapping[int, list[int]]) -> dict[tuple[str, int], float]:
    """GFLOP/s for each dtype and number of threads, all threads together. cpus: where they run, for each number."""
    rates: dict[tuple[str, int], float] = {}
    for threads, places in cpus.items():
        command = [sys.executable, "-P", "-m", f"{__package__}.fma_rate", ",".join(map(str, places)), str(threads)]
        environment = pinned_environment(os.environ, threads)
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        rates |= {(dtype, threads): rate for dtype, rate in json.loads(done.stdout).items()}
    return rates


def _repeated(rows: int, vectors: int) -> Callable[..., None]:
    """run(A, S, width, times): `times` tiles, one after the other; A (rows DEPTH), S as `_rate` lays it out."""
    from numba import njit

    from ..kernels.llvm import make_tile

    tile = make_tile(rows, vectors)

    @njit(nogil=True)  # type: ignore[untyped-decorator]
    def run(A: Any, S: Any, width: int, times: int) -> None:
        zeros, sums = DEPTH * width, (DEPTH + 1) * width
        for _ in range(times):
            tile(A, 0, DEPTH, 1, S, 0, width, zeros, 0, sums, width, DEPTH, A[0])

    return run  # type: ignore[no-any-return]


def _rate(rows: int, vectors: int, dtype: np.dtype[Any], threads: int) -> float:
    """GFLOP/s of one shape."""
    from ..kernels.compiler.processor import SIMD

    run = _repeated(rows, vectors)
    width = vectors * SIMD.vector_bytes // dtype.itemsize
    # Rows of B, a row of zeros, the sums, in vectors that are aligned.
    A = [np.ones(rows * DEPTH, dtype) for _ in range(threads)]
    S = [_aligned((DEPTH + 1 + rows) * width, dtype, SIMD.vector_bytes) for _ in range(threads)]
    run(A[0], S[0], width, 1)
    times = int(ROUND_FLOPS / (2 * rows * width * DEPTH)) + 1
    fastest = np.inf
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(ROUNDS):
            started = time.perf_counter()
            for future in [pool.submit(run, a, s, width, times) for a, s in zip(A, S, strict=True)]:
                future.result()
            fastest = min(fastest, time.perf_counter() - started)
    return float(2 * rows * width * DEPTH * times * threads / fastest / 1e9)


def _aligned(count: int, dtype: np.dtype[Any], alignment: int) -> np.ndarray:
    """Zeros (count), the first at a multiple of `alignment` bytes."""
    array = np.zeros(count + alignment // dtype.itemsize, dtype)
    first = -array.ctypes.data % alignment // dtype.itemsize
    return array[first : first + count]


def main() -> None:
    pin([int(cpu) for cpu in sys.argv[1].split(",") if cpu])
    threads = int(sys.argv[2])
    rates = {}
    for dtype in ("float32", "float64"):
        rates[dtype] = max(_rate(rows, vectors, np.dtype(dtype), threads) for rows, vectors in SHAPES)
    print(json.dumps(rates))


if __name__ == "__main__":
    main()
