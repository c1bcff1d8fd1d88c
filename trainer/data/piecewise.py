"""Numbers of a column as features that a network learns well from: clipped smoothly, and as piecewise-linear bins.

A network whose input is one number learns steps and bends of its effect slowly. Bins give it those: feature j rises from 0 to 1
between the knots j and j + 1, and is flat outside of them (Gorishniy, Rubachev, Babenko 2022, "On Embeddings for Numerical
Features in Tabular Deep Learning", equation 1). What this is worth is measured in docs/defaults.md.
"""

from __future__ import annotations

import numpy as np

N_BINS = 8
# From this share of the rows on, the most common value gets a knot of its own, and the others divide the rest of the rows:
# otherwise a column that is mostly zero would have no other knots.
COMMON = 0.25
CLIP_AT = 3.0


def smooth_clip(Z: np.ndarray, limit: float = CLIP_AT) -> np.ndarray:
    """Z / sqrt(1 + (Z / limit)^2), any shape: about Z near 0, and never beyond `limit` (Holzmueller et al. 2024, RealMLP)."""
    clipped: np.ndarray = Z * (limit / np.hypot(limit, Z))  # hypot: the square of a finite number may be infinite
    return clipped


def find_knots(x: np.ndarray, n_bins: int = N_BINS) -> np.ndarray:
    """Increasing knots for finite x (n), at most n_bins + 2; none where x has fewer than three different values.

    All different values, where they are few; otherwise the quantiles 0, 1 / n_bins, ..., 1 of x. See COMMON for columns with
    one very common value.
    """
    values, counts = np.unique(x, return_counts=True)
    if len(values) < 3:
        return np.empty(0)
    if len(values) <= n_bins + 1:
        return values.astype(np.float64)
    most = counts.argmax()
    common = counts[most] > COMMON * len(x)
    others = x[x != values[most]] if common else x
    knots = np.quantile(others, np.linspace(0.0, 1.0, n_bins + 1))
    return np.unique(np.append(knots, values[most]) if common else knots)


def bins(x: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Features (n, n_knots - 1), each from 0 to 1, of x (n); (n, 0) without knots."""
    if not knots.size:
        return np.empty((len(x), 0))
    low, width = knots[:-1], np.diff(knots)
    inside: np.ndarray = np.clip((np.asarray(x, np.float64)[:, None] - low) / width, 0.0, 1.0)
    return inside
