"""What the activations promise of their accuracy, as the package's docstring has it, held against exact arithmetic."""

from __future__ import annotations

from typing import Any

import numpy as np
import oracle
from mpmath import mpf

# In units in the last place.
MOST_ULPS = 2.0
# Their backward halves take the input.
FROM_INPUT = ("silu", "gelu")
# Where their slopes cross zero; so near it, their error is this part of a unit in the last place of 1.
CROSSINGS = {"silu": -1.2784645427610738, "gelu": -0.7517915246935645}
NEAR, CROSSING_UNITS = 1 / 8, 1 / 8


def near_crossing(name: str, x: np.ndarray) -> np.ndarray:
    return np.abs(x - CROSSINGS[name]) < NEAR


def may_vanish(half: str, name: str, x: np.ndarray, computed: np.ndarray) -> np.ndarray:
    """Where a far tail is 0, and the promise lets it: exp(x), or exp(-x^2 / 2), would be subnormal."""
    lowest = np.log(np.longdouble(np.finfo(x.dtype).tiny))
    if name == "silu":
        return (x < lowest) & (computed == 0)
    if name == "gelu" and half == "backward":
        return (x < -np.sqrt(-2 * lowest)) & (computed == 0)
    return np.zeros(x.shape, bool)


def in_rows(name: str, *arrays: np.ndarray) -> Any:
    """The stretches that belong together: whole arrays, but rows along the last axis for softmax."""
    return zip(*(a.reshape(-1, a.shape[-1]) if name == "softmax" else [a] for a in arrays), strict=True)


def assert_forward(name: str, x: np.ndarray, y: np.ndarray) -> None:
    function = getattr(oracle, f"exact_{name}")
    exact = [v for (row,) in in_rows(name, x) for v in function(oracle.numbers(row))]
    gone = may_vanish("forward", name, x, y).ravel()
    exact = [mpf(0) if zero else v for v, zero in zip(exact, gone, strict=True)]
    assert oracle.ulps(y, exact, x.dtype) <= MOST_ULPS


def assert_slopes(name: str, source: np.ndarray, dy: np.ndarray, dx: np.ndarray) -> None:
    """source: the output, or the input where the backward half takes that."""
    function = getattr(oracle, f"exact_{name}_backward")
    exact = [v for rows in in_rows(name, source, dy) for v in function(*map(oracle.numbers, rows))]
    gone = may_vanish("backward", name, source, dx).ravel()
    near = near_crossing(name, source).ravel() if name in CROSSINGS else np.zeros(source.size, bool)
    eps = float(np.finfo(dx.dtype).eps)
    for value, true, d, zero, crossing in zip(dx.ravel(), exact, dy.ravel(), gone, near, strict=True):
        if crossing and abs(mpf(float(value)) - true) <= mpf(CROSSING_UNITS * eps) * abs(mpf(float(d))):
            continue
        assert oracle.ulps(value, [mpf(0) if zero else true], dx.dtype) <= MOST_ULPS


def wide_tail(a: np.ndarray) -> np.ndarray:
    """The normal distribution's integral from a >= 0 to infinity, in long double.

    Abramowitz and Stegun 26.2.11, a series that only adds, up to 2; from there on their continued fraction 26.2.14.
    """
    a = np.minimum(a, 60.0)
    # The square of the upper half is exact; a rounded one would cost the exponential its last digits.
    upper = a.astype(np.float32).astype(np.longdouble)
    wide = a.astype(np.longdouble)
    near, far = np.minimum(wide, 2), np.maximum(wide, 2)
    bell = np.exp(-upper * upper / 2) * np.exp(-(wide - upper) * (wide + upper) / 2) / np.sqrt(2 * wide_pi())
    term = series = near
    for k in range(3, 130, 2):
        term = term * near * near / k
        series = series + term
    fraction = far
    for k in range(100, 0, -1):
        fraction = far + k / fraction
    return np.where(wide < 2, np.longdouble(0.5) - bell * series, bell / fraction)


def wide_pi() -> np.longdouble:
    return np.longdouble(np.pi) + np.longdouble(1.2246467991473532e-16)
