"""The target columns of a table, as arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import InputError
from ..extras import require
from .arrow import decoded, is_text, without_missing
from .numbers import guess_style, to_numbers

# A class may be called "None" or "-": only these stand for a missing target, unless `na` is given.
MISSING_TARGETS = ("", "?", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NULL", "null")


def target_values(column: Any, name: str, where: str, missing: tuple[str, ...] | None, numeric: bool = False) -> Any:
    """A column as pyarrow numbers, booleans or text, null where the target is missing. Text that is numbers becomes numbers.

    missing: texts that stand for a missing target, by default MISSING_TARGETS. numeric: money and percentages are numbers, too.

    Raises InputError, beginning with `where`, where the column holds anything else, or infinite numbers.
    """
    compute, types = require("pyarrow.compute", "reading tables"), require("pyarrow.types", "reading tables")
    column, what = decoded(column), f"{where}: target column {name!r}"
    kind = column.type
    if types.is_null(kind):
        raise InputError(f"{what} is empty in all {len(column)} rows")
    if types.is_decimal(kind):
        column = column.cast("float64")
    if types.is_boolean(kind) or types.is_integer(kind):
        return column
    if types.is_floating(column.type):
        values = column.to_numpy()
        if np.isinf(values).any():
            raise InputError(
                f"{what} holds infinite numbers, first in row {np.isinf(values).argmax() + 1}; replace or remove them"
            )
        return compute.if_else(compute.is_nan(column), None, column)
    if types.is_binary(kind) or types.is_large_binary(kind):
        raise InputError(f"{what} holds bytes that are not text; give --encoding NAME")
    if not is_text(kind):
        raise InputError(f"{what} holds values of type {kind}; it must hold numbers or the names of classes")
    texts = without_missing(column, MISSING_TARGETS if missing is None else missing)
    known = texts.drop_null()
    style, share = guess_style(known)
    if style is None or share < 1.0:
        return texts
    if style.symbol and not numeric:
        raise InputError(
            f"{what} holds text that looks like money or percentages, such as {known[0].as_py()!r}; remove the signs, "
            f"or treat it as numbers with --numeric {name!r}"
        )
    return to_numbers(texts, style)[0]


def as_array(column: Any) -> np.ndarray:
    """A column without missing entries as an array (n)."""
    values: np.ndarray = column.to_numpy()
    return values.astype(str) if values.dtype.kind == "O" else values
