"""Which treatment a column gets: by what it holds, or as asked."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from ..extras import require
from .arrow import as_texts, decoded, is_text, without_missing
from .dialects import MISSING
from .numbers import NumberStyle, guess_date_format, guess_style
from .standard import UnfitColumn
from .treatments import Category, Date, LeftOut, Number, Treatment

# Text whose entries differ in more than this share of the rows, and in more than FEW_LEVELS, is text and no category.
MOST_DIFFERENT = 0.5
FEW_LEVELS = 20
# A column that is to be numeric has at least this share of numbers.
LEAST_ASKED = 0.5
# A whole number beyond this is not exact in float64: it is a key, and no quantity.
EXACT = 1 << 53
IDENTIFIER = re.compile(r"(^|[^a-zA-Z])(id|uuid|guid|index|key|rownames|row_?id|unnamed: \d+)$|[a-z](Id|ID)$", re.IGNORECASE)


@dataclass(frozen=True)
class ColumnChoices:
    """What is asked for: columns to leave out, to take as categories, and as numbers; and whether the others are encoded.

    encode: False refuses text, dates and missing entries. decimal, thousands: how numbers in text are written, None to guess.
    missing: texts that stand for a missing value. ranges: of each column of numbers, see `Number`.
    """

    ignore: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    numeric: tuple[str, ...] = ()
    encode: bool = True
    decimal: str | None = None
    thousands: str | None = None
    missing: tuple[str, ...] = MISSING
    ranges: int = 8

    def without(self, names: Collection[str], **changes: Any) -> ColumnChoices:
        """The same with none of these columns, and with other changes."""
        rest: dict[str, Any] = {
            argument: tuple(name for name in getattr(self, argument) if name not in names)
            for argument in ("ignore", "categorical", "numeric")
        }
        return replace(self, **rest, **changes)

    @classmethod
    def of(cls, given: Any) -> ColumnChoices:
        """What settings, parsed arguments or a transformer ask for, by attributes of the same names; None: the default."""
        asked = (given.ignore, given.categorical, given.numeric)
        ignore, categorical, numeric = (() if names is None else tuple(names) for names in asked)
        return cls(ignore, categorical, numeric, given.encode is None or bool(given.encode))


def treatment_for(name: str, column: Any, choices: ColumnChoices, notes: list[str]) -> Treatment:
    """The treatment of a column, fitted to it. notes: takes what the user should know.

    Raises UnfitColumn where the column cannot be treated as asked.
    """
    column = decoded(column)
    if not choices.encode and name not in choices.categorical:
        return strict_number(name, column, choices)
    if name in choices.numeric:
        return _as_number(name, column, choices, notes)
    known = without_missing(as_texts(column), choices.missing).drop_null() if is_text(column.type) else column.drop_null()
    if is_text(column.type) is False and _is_floating(column.type):
        known = known.filter(_not_nan(known))
    share = 1.0 - len(known) / max(len(column), 1)
    if len(known) == 0:
        return LeftOut(name, 1.0, "empty", "it is empty")
    if name in choices.categorical:
        return Category.fit(name, _plain_type(column), choices.missing)
    return _by_content(name, column, known, share, choices, notes)


def _by_content(name: str, column: Any, known: Any, share: float, choices: ColumnChoices, notes: list[str]) -> Treatment:
    compute, types = require("pyarrow.compute", "preparing a table"), require("pyarrow.types", "preparing a table")
    kind = column.type
    if types.is_nested(kind) or types.is_binary(kind) or types.is_large_binary(kind):
        return LeftOut(name, share, "other", f"its entries are of type {kind}")
    if (share == 0 or not is_text(kind)) and compute.all(compute.equal(known, known[0])).as_py():
        if types.is_floating(kind) and abs(known[0].as_py()) > EXACT and len(known) > 1:
            return LeftOut(name, share, "identifier", "its numbers are too long to be exact")
        return LeftOut(name, share, "constant", f"all its entries are {_quoted(known[0].as_py())}")
    if types.is_boolean(kind):
        return Category.fit(name, column, choices.missing)
    if types.is_date(kind) or types.is_timestamp(kind):
        return Date.fit(name, column, choices.ranges)
    if not is_text(kind):
        if reason := _is_identifier(name, known, share):
            return LeftOut(name, share, "identifier", reason)
        return Number.fit(name, column, None, choices.ranges)
    style, fits = guess_style(known, choices.decimal, choices.thousands)
    if style is not None:
        _note_unreadable(name, known, style, fits, notes)
        if IDENTIFIER.search(name) and _all_different(known):
            return LeftOut(name, share, "identifier", "it has a different number in each row")
        return Number.fit(name, without_missing(column, choices.missing), style, choices.ranges)
    date_format = guess_date_format(known)
    if date_format is not None:
        return Date.fit(name, without_missing(column, choices.missing), choices.ranges, date_format)
    different = compute.count_distinct(known).as_py()
    if different > FEW_LEVELS and different > MOST_DIFFERENT * len(known):
        what = "identifier" if different == len(known) else "text"
        reason = f"its text is different in {different:,} of {len(known):,} rows"
        if fits >= LEAST_ASKED:
            notes.append(
                f"column {name!r} is left out, though {fits:.0%} of its entries are numbers; --numeric {shlex.quote(name)} "
                "takes these, and the others as missing"
            )
        return LeftOut(name, share, what, reason)
    if fits >= LEAST_ASKED:
        notes.append(
            f"column {name!r} holds numbers in more than one style, and is taken as a category; see --decimal and --thousands"
        )
    return Category.fit(name, column, choices.missing)


def _is_identifier(name: str, known: Any, share: float) -> str | None:
    """Why a column of numbers is a key; None where it is a quantity."""
    compute, types = require("pyarrow.compute", "preparing a table"), require("pyarrow.types", "preparing a table")
    if types.is_temporal(known.type) or share > 0 or len(known) < 2:
        return None
    largest = max(abs(v) for v in compute.min_max(known).as_py().values())
    named, long = IDENTIFIER.search(name) is not None, EXACT < largest < math.inf
    if not (named or long) or not _all_different(known):
        return None
    if types.is_floating(known.type) and not compute.all(compute.equal(known, compute.floor(known))).as_py():
        return None
    return "it has a different number in each row" if named else "its numbers are all different, and too long to be exact"


def _all_different(known: Any) -> bool:
    compute = require("pyarrow.compute", "preparing a table")
    return bool(compute.count_distinct(known).as_py() == len(known))


def _as_number(name: str, column: Any, choices: ColumnChoices, notes: list[str]) -> Treatment:
    if not is_text(column.type):
        return Number.fit(name, column, None, choices.ranges)
    known = without_missing(column, choices.missing).drop_null()
    style, fits = guess_style(known, choices.decimal, choices.thousands, LEAST_ASKED)
    if style is None:
        raise UnfitColumn(f"should be numeric, but {1 - fits:.0%} of its entries are not numbers ({_first_text(known)})")
    _note_unreadable(name, known, style, fits, notes)
    return Number.fit(name, without_missing(column, choices.missing), style, choices.ranges)


def strict_number(name: str, column: Any, choices: ColumnChoices) -> Number:
    """For a column of numbers without missing entries. Raises UnfitColumn for another."""
    if not is_text(column.type):
        return Number.fit(name, column, None, strict=True)
    known = without_missing(column, choices.missing)
    style, fits = guess_style(known.drop_null(), choices.decimal, choices.thousands)
    if style is None or fits < 1.0:
        raise UnfitColumn(f"holds text ({_first_text(known.drop_null())})")
    return Number.fit(name, known, style, strict=True)


def _note_unreadable(name: str, known: Any, style: NumberStyle, fits: float, notes: list[str]) -> None:
    if fits < 1.0:
        compute = require("pyarrow.compute", "preparing a table")
        others = known.filter(compute.invert(compute.match_substring_regex(known, style.pattern)))
        notes.append(
            f"column {name!r}: {len(others)} entries that are not numbers count as missing, for example "
            f"{_quoted(others[0].as_py())}"
        )


def _first_text(known: Any) -> str:
    compute = require("pyarrow.compute", "preparing a table")
    others = known.filter(compute.invert(compute.match_substring_regex(known, NumberStyle().pattern)))
    return _quoted((others if len(others) else known)[0].as_py()) if len(known) else "nothing"


def _plain_type(column: Any) -> Any:
    types = require("pyarrow.types", "preparing a table")
    if types.is_nested(column.type) or types.is_binary(column.type):
        raise UnfitColumn(f"should be categorical, but holds values of type {column.type}")
    return column


def _is_floating(kind: Any) -> bool:
    return bool(require("pyarrow.types", "preparing a table").is_floating(kind))


def _not_nan(column: Any) -> Any:
    compute = require("pyarrow.compute", "preparing a table")
    return compute.invert(compute.is_nan(column))


def _quoted(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 40 else text[:39] + "…"
