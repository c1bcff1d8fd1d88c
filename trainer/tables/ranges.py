"""Piecewise-linear encoding of a column of numbers: an input for each range, which rises from 0 to 1 within it.

A network whose input is one number learns steps and bends of its effect slowly. Ranges give it those (Gorishniy, Rubachev,
Babenko 2022, "On Embeddings for Numerical Features in Tabular Deep Learning", equation 1). What this is worth is measured in
docs/defaults.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

N_RANGES = 8
# From this share of the rows on, the most common value gets a knot of its own, and the others divide the rest of the rows:
# otherwise a column that is mostly zero would have no other knots.
COMMON = 0.25


def find_knots(x: np.ndarray, n_ranges: int = N_RANGES) -> np.ndarray:
    """Increasing knots for finite x (n), at most n_ranges + 2; none where x has fewer than three different values.

    All different values, where they are few; otherwise the quantiles 0, 1 / n_ranges, ..., 1 of x. See COMMON for columns with
    one very common value.
    """
    values, counts = np.unique(x, return_counts=True)
    if len(values) < 3:
        return np.empty(0)
    if len(values) <= n_ranges + 1:
        return values.astype(np.float64)
    most = counts.argmax()
    common = counts[most] > COMMON * len(x)
    others = x[x != values[most]] if common else x
    knots = np.quantile(others, np.linspace(0.0, 1.0, n_ranges + 1))
    return np.unique(np.append(knots, values[most]) if common else knots)


def write_ranges(x: np.ndarray, knots: Sequence[float], out: np.ndarray) -> None:
    """For x (n), the inputs of its ranges, each from 0 to 1, into out (n, n_knots - 1)."""
    for i in range(len(knots) - 1):
        out[:, i] = np.clip((x - knots[i]) / (knots[i + 1] - knots[i]), 0.0, 1.0)
