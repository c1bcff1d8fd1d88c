"""What becomes of a column: one class a kind. Each is fitted to the training rows, and then writes its inputs of the network.

Numbers are standardised; a missing one is filled by the median, and an input says so where any were missing in training.
Categories are one-hot. Dates become a few numbers. Everything that a treatment keeps is plain: text, numbers, lists of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from ..errors import InputError
from ..extras import require
from .arrow import as_texts, without_missing
from .numbers import NumberStyle
from .standard import Standard, UnfitColumn
from .values import DATE_PARTS, date_values, number_values, refuse_missing

# A category with more levels than this keeps the most frequent ones, and one input stands for all others.
MOST_LEVELS = 30
# So does one with levels in fewer rows than this.
LEAST_ROWS = 5


@dataclass(frozen=True)
class Number:
    """A column of numbers. indicator: whether an input says where one is missing. decimal to symbol: see NumberStyle."""

    kind: ClassVar[str] = "number"

    name: str
    missing: float
    standard: Standard
    indicator: bool
    decimal: str = "."
    thousands: str = ""
    symbol: bool = False
    strict: bool = False

    @classmethod
    def fit(cls, name: str, column: Any, style: NumberStyle | None, ranges: int = 0, strict: bool = False) -> Self:
        """ranges: how many, of about equally many rows. strict: missing entries are refused, here and later."""
        style = style or NumberStyle()
        values, unreadable = number_values(column, style)
        share = float(np.isnan(values).mean())
        if strict:
            refuse_missing(values, unreadable)
        return cls(name, share, Standard.fit(values, ranges), share > 0, style.decimal, style.thousands, style.symbol, strict)

    @property
    def ranges(self) -> int:
        """How many of its inputs are for ranges."""
        return self.standard.ranges

    def without_ranges(self) -> Number:
        """The same with none."""
        return replace(self, standard=replace(self.standard, knots=()))

    @property
    def features(self) -> list[str]:
        """The names of its inputs."""
        return [*self.standard.features(self.name), *([f"{self.name} is missing"] if self.indicator else [])]

    @property
    def treatment(self) -> str:
        """In words."""
        style = NumberStyle(self.decimal, self.thousands, self.symbol).describe()
        words = ["standardised", *([f"and its place in {self.ranges} ranges"] if self.ranges else [])]
        words += [style] if style else []
        return ", ".join(
            [*words, *([f"missing filled with {self.standard.fill:.4g}, one more input says where"] if self.indicator else [])]
        )

    def values(self, column: Any) -> np.ndarray:
        """The numbers (n) of a column, float64, NaN where missing. Raises UnfitColumn for a column of anything else."""
        values, unreadable = number_values(column, NumberStyle(self.decimal, self.thousands, self.symbol))
        if self.strict:
            refuse_missing(values, unreadable)
        if unreadable > len(values) // 2:
            raise UnfitColumn(f"holds text in {unreadable} of {len(values)} rows; it held numbers in training")
        return values

    def write(self, column: Any, out: np.ndarray) -> None:
        """Its inputs for a column of n rows, into out (n, number of features)."""
        values = self.values(column)
        self.standard.write(values, out)
        if self.indicator:
            out[:, -1] = np.isnan(values)


@dataclass(frozen=True)
class Category:
    """A column of categories, one-hot. levels: those with an input each. rare: those that share one. indicator: whether an
    input stands for missing ones. markers: texts that stand for a missing entry.

    Of two levels alone the second has an input, which is 0.5 for missing ones. A level that was not among the training rows
    sets no input to 1: it is like no other level.
    """

    kind: ClassVar[str] = "category"

    name: str
    missing: float
    levels: tuple[str, ...]
    rare: tuple[str, ...]
    indicator: bool
    markers: tuple[str, ...]

    @classmethod
    def fit(cls, name: str, column: Any, markers: tuple[str, ...]) -> Self:
        """markers: texts that stand for a missing value."""
        compute = require("pyarrow.compute", "preparing a table")
        texts = without_missing(as_texts(column), markers)
        counted = compute.value_counts(texts.drop_null())
        counts = dict(zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True))
        return cls.from_counts(name, counts, texts.null_count / max(len(texts), 1), markers)

    @classmethod
    def from_counts(cls, name: str, counts: Mapping[str, int], missing: float, markers: tuple[str, ...]) -> Self:
        """From the rows of each entry. missing: share of the entries that are missing."""
        found = sorted(((count, level) for level, count in counts.items()), key=lambda c: (-c[0], c[1]))
        kept = [level for count, level in found[:MOST_LEVELS] if count >= LEAST_ROWS or len(found) == 2]
        with_input = set(kept)
        rare = [level for _, level in found if level not in with_input]
        if len(rare) == 1 and len(kept) < MOST_LEVELS:  # one input either way
            kept, rare = [*kept, *rare], []
        return cls(name, missing, tuple(sorted(kept)), tuple(sorted(rare)), missing > 0, markers)

    @property
    def _is_binary(self) -> bool:
        return len(self.levels) == 2 and not self.rare

    @property
    def features(self) -> list[str]:
        """The names of its inputs."""
        names = [f"{self.name}={level}" for level in self.levels[self._is_binary :]]
        return [
            *names,
            *([f"{self.name} is another"] if self.rare else []),
            *([f"{self.name} is missing"] if self.indicator else []),
        ]

    @property
    def treatment(self) -> str:
        """In words."""
        words = [f"one input for each of {len(self.levels)} values"]
        if self._is_binary:
            words = [f"1 for {self.levels[1]}, 0 for {self.levels[0]}"]
        words += [f"one for {len(self.rare)} rarer ones"] if self.rare else []
        return ", ".join([*words, *(["one for missing"] if self.indicator else [])])

    def write(self, column: Any, out: np.ndarray) -> None:
        """Its inputs for a column of n rows, into out (n, number of features)."""
        arrow, compute = require("pyarrow", "preparing a table"), require("pyarrow.compute", "preparing a table")
        texts = without_missing(as_texts(column), self.markers)
        known = arrow.array([*self.levels, *self.rare], arrow.large_string())
        codes = compute.fill_null(
            compute.index_in(texts.cast(arrow.large_string()), value_set=known, skip_nulls=True), -1
        ).to_numpy()
        if self._is_binary:
            out[:, 0] = np.where(codes < 0, 0.5, codes)
            if self.indicator:
                out[:, 1] = texts.is_null().to_numpy()
            return
        out[:] = 0
        codes = np.minimum(codes, len(self.levels))
        rows = np.flatnonzero(codes >= 0)
        out[rows, codes[rows]] = 1
        if self.indicator:
            out[texts.is_null().to_numpy(), -1] = 1


@dataclass(frozen=True)
class Date:
    """A column of dates: year, month, weekday (Monday is 0), hour, and days since 1970, those that vary, each as a number."""

    kind: ClassVar[str] = "date"

    name: str
    missing: float
    parts: tuple[str, ...]
    standards: tuple[Standard, ...]
    indicator: bool
    date_format: str = ""

    def __post_init__(self) -> None:
        if len(self.parts) != len(self.standards) or set(self.parts) - set(DATE_PARTS):
            raise InputError(f"the parts of date {self.name!r} are {self.parts}, with {len(self.standards)} scalings")

    @classmethod
    def fit(cls, name: str, column: Any, ranges: int = 0, date_format: str = "") -> Self:
        """ranges: as of `Number.fit`, of each part. date_format: as of strptime, of a column of text."""
        values, _ = date_values(column, date_format)
        known = ~np.isnan(values["days"])
        parts = [part for part in DATE_PARTS if known.any() and np.ptp(values[part][known]) > 0]
        share = 1.0 - float(known.mean())
        standards = tuple(Standard.fit(values[part], ranges) for part in parts)
        return cls(name, share, tuple(parts), standards, share > 0, date_format)

    @property
    def ranges(self) -> int:
        """How many of its inputs are for ranges."""
        return sum(standard.ranges for standard in self.standards)

    def without_ranges(self) -> Date:
        """The same with none."""
        return replace(self, standards=tuple(replace(standard, knots=()) for standard in self.standards))

    @property
    def features(self) -> list[str]:
        """The names of its inputs."""
        parts = zip(self.parts, self.standards, strict=True)
        names = [name for part, standard in parts for name in standard.features(f"{self.name} {part}")]
        return [*names, *([f"{self.name} is missing"] if self.indicator else [])]

    @property
    def treatment(self) -> str:
        """In words."""
        return ", ".join([*self.parts, *(["one more input says where it is missing"] if self.indicator else [])])

    def write(self, column: Any, out: np.ndarray) -> None:
        """Its inputs for a column of n rows, into out (n, number of features)."""
        values, unreadable = date_values(column, self.date_format)
        if unreadable > len(out) // 2:
            raise UnfitColumn(f"holds no dates in {unreadable} of {len(out)} rows; it held dates in training")
        at = 0
        for part, standard in zip(self.parts, self.standards, strict=True):
            standard.write(values[part], out[:, at:])
            at += 1 + standard.ranges
        if self.indicator:
            out[:, -1] = np.isnan(values["days"])


@dataclass(frozen=True)
class LeftOut:
    """A column that gives the network nothing. reason: why, in words."""

    kind: ClassVar[str] = "left out"

    name: str
    missing: float
    was: str
    reason: str

    features: ClassVar[list[str]] = []

    @property
    def treatment(self) -> str:
        """In words."""
        return f"left out: {self.reason}"

    def write(self, column: Any, out: np.ndarray) -> None:
        """Nothing."""


Treatment = Number | Category | Date | LeftOut
TREATMENTS: dict[str, type[Treatment]] = {cls.kind: cls for cls in (Number, Category, Date, LeftOut)}


def features_of(treatments: Sequence[Treatment]) -> list[str]:
    """The names of all inputs, in order."""
    return [feature for treatment in treatments for feature in treatment.features]
