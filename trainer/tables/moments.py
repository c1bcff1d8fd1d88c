"""Count, mean and spread of numbers that come in pieces."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass
class Moments:
    """Of the known numbers so far: count, mean, sum of squared deviations, least and greatest; and how many are missing.

    Pieces are combined by the formulas of Chan, Golub and LeVeque 1979, "Updating formulae and a pairwise algorithm for
    computing sample variances".
    """

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0
    low: float = math.inf
    high: float = -math.inf
    missing: int = 0

    def add(self, values: np.ndarray) -> None:
        """Add values (n), float64, NaN where missing."""
        if not values.size:
            return
        low = values.min()
        if low != low:
            known = values[~np.isnan(values)]
            self.missing += len(values) - len(known)
            values = known
            if not values.size:
                return
            low = values.min()
        with np.errstate(over="ignore", invalid="ignore"):
            mean = float(values.mean())
            deviations = values - mean
            deviations *= deviations  # no product of vectors, whose threads would take time from those that train
            self._combine(len(values), mean, float(deviations.sum()))
        self.low, self.high = min(self.low, float(low)), max(self.high, float(values.max()))

    def add_equal(self, value: float, count: int) -> None:
        """Add so many times one value."""
        if count:
            self._combine(count, value, 0.0)
            self.low, self.high = min(self.low, value), max(self.high, value)

    def _combine(self, count: int, mean: float, squares: float) -> None:
        total = self.count + count
        step = mean - self.mean
        self.mean += step * (count / total)
        self.squares += squares + step * step * (self.count * (count / total))
        self.count = total

    @property
    def varies(self) -> bool:
        """Whether there are two different numbers."""
        return self.low < self.high

    def scaling(self, fill: float) -> tuple[float, float]:
        """Mean and standard deviation, 1 of equal numbers, where missing numbers are filled with `fill`."""
        if not self.varies:
            return (self.low if self.count else 0.0), 1.0
        filled = Moments(self.count, self.mean, self.squares, self.low, self.high)
        filled.add_equal(fill, self.missing)
        return filled.mean, math.sqrt(filled.squares / filled.count) or 1.0
