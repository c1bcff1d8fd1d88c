"""Where a column of numbers is cut into ranges, each of which is an input: a network then sees where a number lies.

Input j rises from 0 to 1 between the knots j and j + 1, and is flat outside of them: piecewise-linear encoding (Gorishniy,
Rubachev, Babenko 2022, "On Embeddings for Numerical Features in Tabular Deep Learning", equation 1). A network whose input is
one number learns the bends and steps of its effect slowly. What this is worth is measured in docs/defaults.md.
"""

from __future__ import annotations

import numpy as np

# Rounds in which the rows of common values are counted less; each lowers what half a range holds.
ROUNDS = 8


def find_knots(values: np.ndarray, ranges: int) -> tuple[float, ...]:
    """Rising knots, ends of at most so many ranges, for values (n), NaN where missing; none where there are at most two.

    Up to ranges + 1 different values are knots themselves. Of more, the knots are quantiles of the rows; but of the rows that
    share a value at most as many are counted as half a range holds. So a column that is mostly zero has its knots among the
    other values.
    """
    known = values[~np.isnan(values)]
    knots, counts = np.unique(known, return_counts=True)
    if len(knots) > ranges + 1:
        counted = counts.astype(np.float64)
        for _ in range(ROUNDS):
            counted = np.minimum(counted, counted.sum() / (2 * ranges))
        place = (np.cumsum(counted) - counted / 2) / counted.sum()
        inner = np.minimum(np.searchsorted(place, np.arange(1, ranges) / ranges), len(knots) - 1)
        knots = knots[np.unique([0, *inner, len(knots) - 1])]
    with np.errstate(over="ignore", divide="ignore"):
        widths = np.diff(knots)
        if len(knots) < 3 or not np.isfinite(widths).all() or np.isinf(1.0 / widths).any():
            return ()
    return tuple(knots.tolist())
