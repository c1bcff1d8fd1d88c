"""The target columns of a table that is read in pieces: what they are, and what a network learns of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..data.targets import CLASSIFICATION, MOST_INTEGER_CLASSES, MULTILABEL, REGRESSION
from ..errors import InputError
from ..extras import require
from ..scaling import Scaling
from ..suggestions import listed
from .arrow import decoded, is_text, without_missing
from .facts import MOST_COUNTED
from .moments import Moments
from .numbers import NumberStyle, guess_style, to_numbers
from .targets import MISSING_TARGETS, target_values

TEXT, NUMBER, BOOLEAN = ("text", "number", "boolean")
PURPOSE = "reading tables"


@dataclass(frozen=True)
class Target:
    """A target column. kind: text, number or boolean. values: the classes, as text, in order; none of a number to be predicted.

    decimal, thousands, symbol: of numbers that are written as text, see NumberStyle. written: whether they are. mean, scale: of
    the numbers.
    """

    name: str
    kind: str
    values: tuple[str, ...] = ()
    written: bool = False
    decimal: str = "."
    thousands: str = ""
    symbol: bool = False
    mean: float = 0.0
    scale: float = 1.0

    def numbers(self, column: Any) -> np.ndarray:
        """The numbers (n), float64, of a column without missing entries."""
        column = decoded(column)
        if self.written:
            style = NumberStyle(self.decimal, self.thousands, self.symbol)
            column, _ = to_numbers(without_missing(column, MISSING_TARGETS), style)
        values: np.ndarray = column.cast("float64", safe=False).to_numpy(zero_copy_only=False)
        return values

    def codes(self, column: Any, place: Callable[[int], str]) -> np.ndarray:
        """The numbers (n) of the classes, int64. place: names a row for errors."""
        arrow, compute = require("pyarrow", PURPOSE), require("pyarrow.compute", PURPOSE)
        if self.kind == TEXT:
            values = without_missing(decoded(column), MISSING_TARGETS).cast("large_string")
            known = arrow.array(self.values, arrow.large_string())
        else:
            values = arrow.array(self.numbers(column) + 0.0)  # which makes 0 of -0
            known = arrow.array([value == "True" if self.kind == BOOLEAN else float(value) for value in self.values], "float64")
        codes = compute.index_in(values, value_set=known)
        if codes.null_count:
            row = int(codes.is_null().to_numpy(zero_copy_only=False).argmax())
            raise InputError(
                f"target {self.name!r} holds {column[row].as_py()!r} in {place(row)}, which is not among the classes "
                f"{listed(self.values)}"
            )
        numbers: np.ndarray = codes.to_numpy().astype(np.int64)
        return numbers


@dataclass(frozen=True)
class TargetForm:
    """The targets of a table: the task, and each column."""

    task: str
    columns: tuple[Target, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(column.name for column in self.columns)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes; for several labels two for each, of 0 and of 1; none for regression."""
        return () if self.task == REGRESSION else tuple(value for column in self.columns for value in column.values)

    @property
    def scaling(self) -> Scaling | None:
        """Mean and standard deviation of each target; None for classes."""
        if self.task != REGRESSION:
            return None
        return Scaling(np.array([c.mean for c in self.columns]), np.array([c.scale for c in self.columns]))

    def y(self, columns: Sequence[Any], place: Callable[[int], str]) -> np.ndarray:
        """As y of a Dataset: numbers of classes (n), labels (n, n_labels), or targets (n) or (n, n_targets) in their unit."""
        if self.task == REGRESSION:
            values = [target.numbers(column) for target, column in zip(self.columns, columns, strict=True)]
        else:
            values = [target.codes(column, place) for target, column in zip(self.columns, columns, strict=True)]
        return values[0] if len(values) == 1 else np.stack(values, axis=1)


def known_targets(column: Any) -> np.ndarray:
    """Which rows (n) of a column have a target."""
    compute, types = require("pyarrow.compute", PURPOSE), require("pyarrow.types", PURPOSE)
    column = decoded(column)
    if is_text(column.type):
        column = without_missing(column, MISSING_TARGETS)
    known: np.ndarray = column.is_valid().to_numpy(zero_copy_only=False)
    if types.is_floating(column.type):
        known = known & ~compute.fill_null(compute.is_nan(column), True).to_numpy(zero_copy_only=False)
    return known


class TargetFacts:
    """What is known of a target column from the rows so far. numeric: money and percentages are numbers, too."""

    def __init__(self, name: str, kind: Any, where: str, numeric: bool = False) -> None:
        types = require("pyarrow.types", PURPOSE)
        self.name, self._where, self._numeric, self._type = name, where, numeric, kind
        # Refuses types that cannot be a target.
        if not types.is_null(kind):
            target_values(require("pyarrow", PURPOSE).chunked_array([[]], kind), name, where, None)
        self._text, self._boolean = is_text(kind), types.is_boolean(kind)
        self.is_floating = types.is_floating(kind) or types.is_decimal(kind)
        self.moments, self.counts = Moments(), Counter[Any]()
        self._counted, self._whole = True, True

    def add(self, column: Any, place: Callable[[int], str]) -> None:
        """Take rows that all have a target. place: names a row for errors."""
        if self._text:
            column = without_missing(decoded(column), MISSING_TARGETS)
        else:
            values = column.cast("float64", safe=False).to_numpy(zero_copy_only=False)
            if np.isinf(values).any():
                row = place(int(np.isinf(values).argmax()))
                raise InputError(f"target {self.name!r} holds infinite numbers, first in {row}; replace or remove them")
            self.moments.add(values)
            if self.is_floating and self._whole:
                self._whole = bool((values == np.floor(values)).all())
        if self._counted:
            counted = column.value_counts()
            for value, count in zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True):
                self.counts[value] += count
            self._counted = len(self.counts) <= MOST_COUNTED

    @property
    def rows(self) -> int:
        """Rows so far."""
        return self.moments.count or sum(self.counts.values())

    @property
    def has_few_values(self) -> bool:
        """Whether the numbers are so few different ones that they are taken for classes."""
        return self._counted and len(self.counts) <= MOST_INTEGER_CLASSES and 2 * len(self.counts) <= self.rows

    def kind_of(self) -> tuple[str, NumberStyle | None]:
        """The kind, and the style of numbers that are written as text."""
        if not self._text:
            return (BOOLEAN if self._boolean else NUMBER), None
        arrow = require("pyarrow", PURPOSE)
        texts = arrow.chunked_array([arrow.array(list(self.counts), arrow.large_string())])
        if is_text(target_values(texts, self.name, self._where, None, self._numeric).type):
            return TEXT, None
        return NUMBER, guess_style(texts)[0]

    def has_two_values(self) -> bool:
        """Whether the column can be a label."""
        return self._counted and len(self.counts) == 2

    def task(self) -> str:
        """The task that a single target of this kind is meant for."""
        kind, style = self.kind_of()
        if kind == NUMBER:
            return CLASSIFICATION if style is None and not self.is_floating and self.has_few_values else REGRESSION
        return CLASSIFICATION

    def note(self) -> str | None:
        """A note where numbers that are written as decimals may be classes."""
        if not (self.is_floating and self._whole and self.has_few_values):
            return None
        found = sorted(self.counts)
        shown = ", ".join(f"{value:.1f}" for value in found[:4]) + (", ..." if len(found) > 4 else "")
        taken = "it is taken as numbers, for regression; for classes give --task classification"
        return f"target {self.name!r} holds {shown}: {taken}"

    def target(self, classes: bool) -> Target:
        """The column as classes, or as a number to be predicted. Raises InputError where it cannot be."""
        kind, style = self.kind_of()
        what = f"{self._where}: target {self.name!r}"
        if classes:
            kind = TEXT if self._text else kind
            return Target(self.name, kind, self._classes(kind, what))
        if kind == TEXT:
            raise InputError(f"{what} holds text; regression needs numbers")
        if kind == NUMBER and style is not None:
            self._count_written(style)
        if not self.moments.varies:
            raise InputError(f"{what} has the same value in every row; there is nothing to learn")
        mean, scale = self.moments.scaling(0.0)
        if not np.isfinite([mean, scale]).all():
            raise InputError(f"column {self.name!r} holds numbers too large to be standardised; use a larger unit")
        style, written = style or NumberStyle(), style is not None
        return Target(self.name, kind, (), written, style.decimal, style.thousands, style.symbol, mean, scale)

    def _classes(self, kind: str, what: str) -> tuple[str, ...]:
        if not self._counted:
            raise InputError(f"{what} has more than {MOST_COUNTED:,} classes; is it a number, or a name of a row?")
        if kind == NUMBER and not self._whole:
            raise InputError(f"{what} holds fractions, which cannot be classes; use --task regression")
        found = sorted(self.counts)
        names = tuple(f"{value + 0.0:.0f}" if kind == NUMBER and not isinstance(value, int) else str(value) for value in found)
        if len(names) < 2:
            raise InputError(f"{what} has only the class {names[0]!r}; at least two are needed")
        return names

    def _count_written(self, style: NumberStyle) -> None:
        """Mean and spread of numbers that are written as text."""
        if not self._counted:
            raise InputError(
                f"{self._where}: target {self.name!r} holds numbers that are written as text; write them as numbers"
            )
        arrow = require("pyarrow", PURPOSE)
        values = to_numbers(arrow.array(list(self.counts), arrow.large_string()), style)[0].to_pylist()
        self.moments = Moments()
        for value, count in zip(values, self.counts.values(), strict=True):
            self.moments.add_equal(value, count)


def form_of(facts: Sequence[TargetFacts], task: str | None) -> tuple[TargetForm, tuple[int, ...], list[str]]:
    """The form of target columns, the rows of each class, and notes. task: by default what the columns are meant for.

    Raises InputError where the columns do not go with the task.
    """
    notes = []
    if task is None:
        task = facts[0].task() if len(facts) == 1 else _task_of_several(facts)
        note = facts[0].note() if len(facts) == 1 and task == REGRESSION else None
        notes += [note] if note else []
    if task == CLASSIFICATION and len(facts) > 1:
        raise InputError(f"target names {len(facts)} columns, but classes need one column with the names of the classes")
    if task == MULTILABEL:
        if len(facts) == 1:
            raise InputError("target is a single column; multilabel needs several, for example --target a,b")
        for one in facts:
            if not one.has_two_values():
                raise InputError(f"target {one.name!r} does not have two values, as each label must")
    form = TargetForm(task, tuple(one.target(classes=task != REGRESSION) for one in facts))
    counted = facts[0].counts if task == CLASSIFICATION else {}
    return form, tuple(counted[value] for value in sorted(counted)), notes


def _task_of_several(facts: Sequence[TargetFacts]) -> str:
    labels = all(one.has_two_values() and not one.is_floating for one in facts)
    return MULTILABEL if labels else REGRESSION
