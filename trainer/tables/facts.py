"""What is known of a column from all its rows, taken batch by batch; the treatment itself is chosen on a sample of the rows.

Shares of missing entries, means, standard deviations, the outer ends of ranges and counts of categories are those of all rows.
Medians and inner ends of ranges are the sample's. So is all else of numbers and dates that are written in a column of text.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np

from ..extras import require
from .arrow import as_texts, decoded, is_text, without_missing
from .kinds import ColumnChoices
from .moments import Moments
from .numbers import NumberStyle
from .standard import Standard, UnfitColumn
from .treatments import Category, Date, LeftOut, Number, Treatment
from .values import DATE_PARTS, date_values, number_values, refuse_missing

# A column of text with more different entries than this is not counted on.
MOST_COUNTED = 10_000
PURPOSE = "preparing a table"


class NumberFacts:
    """Of a column of numbers. strict: missing entries are refused."""

    def __init__(self, strict: bool = False) -> None:
        self.moments, self._strict = Moments(), strict

    def add(self, column: Any) -> None:
        """Take the next rows. Raises UnfitColumn where they cannot be numbers of a network."""
        values, unreadable = number_values(column, NumberStyle())
        if self._strict:
            refuse_missing(values, unreadable)
        self.moments.add(values)

    def extended(self, sample: Any) -> Any:
        """The sample's column with the least and the greatest number, and a missing one where there is one."""
        ends = [self.moments.low, self.moments.high] if self.moments.count else []
        return _with_entries(sample, _of_type(ends, sample.type), self.moments.missing > 0)

    def refined(self, chosen: Treatment) -> Treatment:
        """The treatment with what all rows say."""
        total = self.moments.count + self.moments.missing
        share = self.moments.missing / max(total, 1)
        if isinstance(chosen, Number):
            standard = _scaled(chosen.standard, self.moments)
            return replace(chosen, missing=share, standard=standard, indicator=share > 0 and not self._strict)
        return replace(chosen, missing=share) if isinstance(chosen, LeftOut) else chosen


class DateFacts:
    """Of a column of dates or times."""

    def __init__(self) -> None:
        self._parts = {name: Moments() for name in DATE_PARTS}
        self._ends: list[Any] = []

    def add(self, column: Any) -> None:
        """Take the next rows."""
        values, _ = date_values(column, "")
        for name, moments in self._parts.items():
            moments.add(values[name])
        ends = require("pyarrow.compute", PURPOSE).min_max(column)
        self._ends = _outer([*self._ends, ends["min"], ends["max"]])

    def extended(self, sample: Any) -> Any:
        """The sample's column with the first and the last date, and a missing one where there is one."""
        return _with_entries(sample, self._ends, self._parts["days"].missing > 0)

    def refined(self, chosen: Treatment) -> Treatment:
        """The treatment with what all rows say."""
        days = self._parts["days"]
        share = days.missing / max(days.count + days.missing, 1)
        if isinstance(chosen, Date):
            known = dict(zip(chosen.parts, chosen.standards, strict=True))
            parts = [name for name, moments in self._parts.items() if moments.varies]
            standards = [
                _scaled(known.get(name, Standard(self._parts[name].mean, 0.0, 1.0)), self._parts[name]) for name in parts
            ]
            return replace(chosen, missing=share, parts=tuple(parts), standards=tuple(standards), indicator=share > 0)
        return replace(chosen, missing=share) if isinstance(chosen, LeftOut) else chosen


class EntryFacts:
    """Of a column of text or booleans, or of a category that was asked for. markers: texts that stand for a missing entry."""

    def __init__(self, markers: tuple[str, ...]) -> None:
        self._markers = markers
        self._rows = self._missing = 0
        self.counts: Counter[str] | None = Counter()

    def add(self, column: Any) -> None:
        """Take the next rows."""
        counted = decoded(column).value_counts()
        values = without_missing(as_texts(counted.field("values")), self._markers)
        counts = counted.field("counts").to_numpy()
        self._rows += len(column)
        self._missing += int(counts[values.is_null().to_numpy(zero_copy_only=False)].sum())
        if self.counts is not None:
            for value, count in zip(values.to_pylist(), counts.tolist(), strict=True):
                if value is not None:
                    self.counts[value] += count
            if len(self.counts) > MOST_COUNTED:
                self.counts = None

    def extended(self, sample: Any) -> Any:
        """The sample's column with one of the most frequent entries each, where the sample has only one kind of entry."""
        if not is_text(sample.type) or self.counts is None:
            return sample
        few = [value for value, _ in self.counts.most_common(2)]
        compute = require("pyarrow.compute", PURPOSE)
        return _with_entries(sample, few, False) if compute.count_distinct(sample).as_py() < 2 else sample

    def refined(self, chosen: Treatment) -> Treatment:
        """The treatment with what all rows say."""
        share = self._missing / max(self._rows, 1)
        if isinstance(chosen, Category) and self.counts is not None:
            return Category.from_counts(chosen.name, self.counts, share, chosen.markers)
        if isinstance(chosen, Category):
            return replace(chosen, missing=share, indicator=share > 0)
        return replace(chosen, missing=share) if isinstance(chosen, LeftOut) else chosen


class NoFacts:
    """Of a column that is left out whatever it holds."""

    def add(self, column: Any) -> None:
        """Nothing."""

    def extended(self, sample: Any) -> Any:
        """The sample itself."""
        return sample

    def refined(self, chosen: Treatment) -> Treatment:
        """The treatment itself."""
        return chosen


Facts = NumberFacts | DateFacts | EntryFacts | NoFacts


def facts_of(name: str, kind: Any, choices: ColumnChoices) -> Facts:
    """What is to be known of a column of an Arrow type."""
    types = require("pyarrow.types", PURPOSE)
    if name in choices.ignore:
        return NoFacts()
    if name in choices.categorical or is_text(kind):
        return EntryFacts(choices.missing)
    if not choices.encode or name in choices.numeric:
        return NumberFacts(strict=not choices.encode)
    if types.is_boolean(kind):
        return EntryFacts(choices.missing)
    if types.is_nested(kind) or types.is_binary(kind) or types.is_large_binary(kind) or types.is_null(kind):
        return NoFacts()
    return DateFacts() if types.is_date(kind) or types.is_timestamp(kind) else NumberFacts()


def _outer(ends: list[Any]) -> list[Any]:
    """The least and the greatest of some scalars."""
    known = [end for end in ends if end.is_valid]
    if not known:
        return []
    arrow, compute = require("pyarrow", PURPOSE), require("pyarrow.compute", PURPOSE)
    both = compute.min_max(arrow.array([end.as_py() for end in known], known[0].type))
    return [both["min"], both["max"]]


def _of_type(numbers: list[float], kind: Any) -> list[Any]:
    """Numbers as scalars of the type of a column that `number_values` made them of."""
    arrow, types = require("pyarrow", PURPOSE), require("pyarrow.types", PURPOSE)
    array = arrow.array(numbers, arrow.float64())
    if types.is_temporal(kind):
        array = array.cast("int32" if types.is_time32(kind) or types.is_date32(kind) else "int64")
    return list(array.cast(kind, safe=False))


def _with_entries(sample: Any, entries: list[Any], missing: bool) -> Any:
    """A column with these entries after its own, and a missing one."""
    arrow = require("pyarrow", PURPOSE)
    plain = [entry.as_py() if hasattr(entry, "as_py") else entry for entry in entries]
    more = arrow.array([*plain, *([None] if missing else [])], sample.type)
    return arrow.chunked_array([*sample.chunks, more], sample.type)


def _scaled(standard: Standard, moments: Moments) -> Standard:
    """The same with the mean and the standard deviation of all rows."""
    center, scale = moments.scaling(standard.fill)
    if not np.isfinite([center, scale]).all():
        raise UnfitColumn("holds numbers too large to be standardised; use a larger unit")
    return replace(standard, center=center, scale=scale)
