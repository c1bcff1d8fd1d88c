"""The numbers, and the parts of dates, that a column holds, whatever their Arrow type."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..extras import require
from .arrow import is_text, seconds, without_missing
from .numbers import NumberStyle, to_dates, to_numbers
from .standard import UnfitColumn

DATE_PARTS = ("year", "month", "weekday", "hour", "days")
DAY = 86400.0


def number_values(column: Any, style: NumberStyle) -> tuple[np.ndarray, int]:
    """float64 (n) of a column, NaN where missing, and how many entries are text that is no number in this style.

    Raises UnfitColumn for infinite numbers, and for a column of another kind.
    """
    arrow, types = require("pyarrow", "preparing a table"), require("pyarrow.types", "preparing a table")
    unreadable = 0
    if is_text(column.type):
        column, unreadable = to_numbers(without_missing(column, None), style)
    elif types.is_null(column.type):
        return np.full(len(column), np.nan), 0
    elif types.is_temporal(column.type):
        column = seconds(column)
    try:
        # Whole numbers beyond 2^53 are rounded.
        values: np.ndarray = column.cast("float64", safe=False).to_numpy()
    except (arrow.ArrowException, NotImplementedError):
        raise UnfitColumn(f"holds values of type {column.type}, which are not numbers") from None
    infinite = np.isinf(values)
    if infinite.any():
        raise UnfitColumn(f"holds infinite numbers in {infinite.sum()} rows", int(infinite.argmax()))
    return values, unreadable


def date_values(column: Any, date_format: str) -> tuple[dict[str, np.ndarray], int]:
    """The DATE_PARTS of a column, float64 (n), NaN where missing, and how many entries are text that is no date.

    Raises UnfitColumn for a column of another kind.
    """
    arrow, compute = require("pyarrow", "preparing a table"), require("pyarrow.compute", "preparing a table")
    types = require("pyarrow.types", "preparing a table")
    unreadable = 0
    if is_text(column.type):
        column, unreadable = to_dates(without_missing(column, None), date_format or "%Y-%m-%d")
    elif types.is_null(column.type):
        return dict.fromkeys(DATE_PARTS, np.full(len(column), np.nan)), 0
    elif not (types.is_date(column.type) or types.is_timestamp(column.type)):
        raise UnfitColumn(f"holds values of type {column.type}; it held dates in training")
    if types.is_timestamp(column.type) and column.type.tz is not None:
        column = compute.local_timestamp(column)
    column = column.cast(arrow.timestamp("s"), safe=False)
    parts = {
        "year": compute.year(column), "month": compute.month(column), "weekday": compute.day_of_week(column),
        "hour": compute.hour(column), "days": column.cast("int64"),
    }  # fmt: skip
    values = {name: part.cast("float64").to_numpy() for name, part in parts.items()}
    values["days"] = values["days"] / DAY
    return values, unreadable


def refuse_missing(values: np.ndarray, unreadable: int) -> None:
    """Raises UnfitColumn where one is missing, or was text that is no number."""
    missing = np.isnan(values)
    if unreadable:
        raise UnfitColumn(f"holds text in {unreadable} of {len(values)} rows")
    if missing.any():
        raise UnfitColumn(f"has missing entries in {missing.sum()} of {len(values)} rows", int(missing.argmax()))
