"""float32 sigmoid, tanh and exp for every finite input there is, beside float64: the largest error in units in the last place.

The references are libm's, in float64: their own errors, 1e-16, are some 1e-9 of what is measured here.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numba import njit

from .. import kernels

# What docs/accuracy.md promises, in units in the last place.
MOST = 2.0
CHUNK = 1 << 20
CHUNKS = (1 << 32) // CHUNK
SMALLEST_NORMAL, LARGEST = 2.0**-126, (2.0 - 2.0**-23) * 2.0**127

# Codes of the references in `_compare`.
SIGMOID, TANH, EXP = 0, 1, 2
# name: kernel, code of its reference, smallest and largest value that it may have.
FUNCTIONS: dict[str, tuple[Callable[..., Any], int, float, float]] = {
    "sigmoid": (kernels.sigmoid, SIGMOID, 0.0, 1.0),
    "tanh": (kernels.tanh, TANH, -1.0, 1.0),
    "exp": (kernels.exp, EXP, 0.0, math.inf),
}


@dataclass
class Finding:
    """error: the largest one, in units in the last place, where the right value is a normal number; at: its input.

    outside: inputs whose value is NaN or out of range, counted; one_outside: one of them.
    """

    name: str
    inputs: int = 0
    error: float = 0.0
    at: float = math.nan
    outside: int = 0
    one_outside: float = math.nan

    @property
    def good(self) -> bool:
        return self.error <= MOST and not self.outside

    def __str__(self) -> str:
        line = f"{self.name}: {self.inputs} inputs, at most {self.error:.4f} units in the last place, at {self.at!r}"
        return line + (f"; {self.outside} values are NaN or out of range, at {self.one_outside!r}" if self.outside else "")


@njit(nogil=True)  # type: ignore[untyped-decorator]
def _compare(code: int, x: Any, y: Any, low: float, high: float) -> Any:
    """x (n) inputs, y (n) values: the largest error and its input, how many values are outside and one of their inputs."""
    worst, at, outside, one_outside = 0.0, np.nan, 0, np.nan
    for i in range(x.size):
        given = np.float64(y[i])
        if not (low <= given <= high):
            outside += 1
            one_outside = np.float64(x[i])
            continue
        z = np.float64(x[i])
        if code == TANH:
            right = math.tanh(z)
        elif code == EXP:
            right = math.exp(z)
        else:
            e = math.exp(-abs(z))
            right = (1.0 if z >= 0.0 else e) / (1.0 + e)
        size = abs(right)
        if size < SMALLEST_NORMAL or size > LARGEST:
            continue
        # right = fraction 2^exponent, fraction from 1/2 to 1, has 24 bits in float32.
        error = abs(given - right) * 2.0 ** (24 - math.frexp(right)[1])
        if error > worst:
            worst, at = error, np.float64(x[i])
    return worst, at, outside, one_outside


def every_input(number: int) -> np.ndarray:
    """Chunk `number` of CHUNKS: together all finite float32 numbers."""
    return _finite(np.arange(number * CHUNK, (number + 1) * CHUNK, dtype=np.uint32))


def sampled_inputs(number: int) -> np.ndarray:
    """Finite float32 numbers, any bits as likely as any other; others for each number."""
    return _finite(np.random.default_rng(number).integers(0, 1 << 32, CHUNK, dtype=np.uint32))


def _finite(bits: np.ndarray) -> np.ndarray:
    x = bits.view(np.float32)
    return x[np.isfinite(x)]


def examine(name: str, chunks: Iterable[np.ndarray]) -> Finding:
    """One function on these inputs, float32 (n) each."""
    kernel, code, low, high = FUNCTIONS[name]
    finding = Finding(name)
    for x in chunks:
        error, at, outside, one_outside = _compare(code, x, kernel(x), low, high)
        finding.inputs += x.size
        if error > finding.error:
            finding.error, finding.at = error, at
        if outside:
            finding.outside, finding.one_outside = finding.outside + outside, one_outside
    return finding


def together(findings: Iterable[Finding]) -> Finding:
    """What several found out about one function."""
    findings = list(findings)
    worst = max(findings, key=lambda finding: finding.error)
    return replace(
        worst,
        inputs=sum(finding.inputs for finding in findings),
        outside=sum(finding.outside for finding in findings),
        one_outside=next((finding.one_outside for finding in findings if finding.outside), math.nan),
    )


def run_exact(sample: int | None = None) -> int:
    """Print what was found; 1 where it is not `good`. sample: about so many inputs in place of all."""
    chunks = CHUNKS if sample is None else max(1, sample // CHUNK)
    inputs = every_input if sample is None else sampled_inputs
    good = True
    with ThreadPoolExecutor() as pool:
        for name in FUNCTIONS:
            started = time.perf_counter()
            examine(name, [np.zeros(1, np.float32)])  # compiles, once
            finding = together(pool.map(lambda number, name=name: examine(name, [inputs(number)]), range(chunks)))
            print(f"{finding} ({time.perf_counter() - started:.0f} s)", flush=True)
            good &= finding.good
    return 0 if good else 1
