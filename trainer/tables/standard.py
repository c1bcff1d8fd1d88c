"""Numbers as inputs of a network: standardised, clipped smoothly, and where they lie in ranges of the column."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np

from ..errors import InputError
from ..scaling import smoothly_clipped
from .ranges import find_knots


class UnfitColumn(InputError):
    """A column that cannot become inputs of a network: the message says what it holds, and goes on after the column's name.

    row: the first row, from 0, that is concerned, where that can be told.
    """

    def __init__(self, message: str, row: int | None = None) -> None:
        super().__init__(message)
        self.row = row


@dataclass(frozen=True)
class Standard:
    """Standardised numbers: fill (median of the training rows), center (mean), scale (standard deviation, 1 of a constant).

    What they become is clipped smoothly, see `smoothly_clipped`. knots: ends of ranges, see `ranges.py`; none for no ranges.
    """

    fill: float
    center: float
    scale: float
    knots: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.fill, self.center, self.scale))) or self.scale <= 0:
            raise InputError(
                f"fill, center and scale are {self.fill}, {self.center}, {self.scale}; they must be finite, the scale positive"
            )
        if not all(low < high for low, high in pairwise(self.knots)):
            raise InputError(f"the knots {self.knots} do not rise")

    @classmethod
    def fit(cls, values: np.ndarray, ranges: int = 0) -> Self:
        """From values (n), NaN where missing. ranges: how many, at most."""
        known = values[~np.isnan(values)]
        if not known.size:
            return cls(0.0, 0.0, 1.0)
        with np.errstate(over="ignore", invalid="ignore"):
            fill = float(np.median(known))
            filled = np.where(np.isnan(values), fill, values)
            center, scale = float(filled.mean()), float(filled.std())
        if not (math.isfinite(center) and math.isfinite(scale)):
            raise UnfitColumn("holds numbers too large to be standardised; use a larger unit")
        if known.min() == known.max():
            center, scale = float(known[0]), 1.0
        return cls(fill, center, scale or 1.0, find_knots(known, ranges) if ranges else ())

    @property
    def ranges(self) -> int:
        """How many ranges there are."""
        return max(len(self.knots) - 1, 0)

    def features(self, name: str) -> list[str]:
        """The names of the inputs."""
        return [name, *(f"{name} from {low:.4g} to {high:.4g}" for low, high in pairwise(self.knots))]

    def write(self, values: np.ndarray, out: np.ndarray) -> None:
        """The inputs for values (n), NaN where missing, into the first 1 + ranges columns of out (n, at least as many)."""
        filled = np.where(np.isnan(values), self.fill, values)
        with np.errstate(over="ignore"):
            out[:, 0] = smoothly_clipped((filled - self.center) / self.scale)
            for i, (low, high) in enumerate(pairwise(self.knots), start=1):
                out[:, i] = np.clip((filled - low) / (high - low), 0.0, 1.0)
