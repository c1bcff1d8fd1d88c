"""Data frames, object arrays and sparse matrices: as arrays of numbers, or refused by the column's name, with the remedy."""

from __future__ import annotations

from decimal import Decimal
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from .errors import InputError

# The classes of missing entries in pandas, by name, so that pandas is not imported.
MISSING = ("NoneType", "NAType")


class Given(NamedTuple):
    """What a user gave: an array, and the names of its columns where it was a data frame."""

    array: np.ndarray
    columns: list[Any] | None = None

    def place(self, index: tuple[int, ...], first_row: int = 0) -> str:
        """Where an entry is, in words. first_row: the number of the array's first row."""
        numbers = [index[0] + first_row, *index[1:]] if index else []
        column = f" (column {self.columns[index[1]]!r})" if self.columns is not None and len(index) == 2 else ""
        return f"{numbers}{column}"


def as_array(name: str, values: Any) -> Given:
    """As an array, whose dtype is object only where some entries are no numbers and no text. Numbers are not checked.

    Data frames become numbers column by column, missing entries NaN. Raises InputError for a column that holds anything else
    and for sparse matrices.
    """
    if type(values) is np.ndarray and values.dtype.kind != "O":  # the usual case, at once
        return Given(values)
    if hasattr(values, "nnz") and hasattr(values, "toarray"):
        more = ", or use MLPClassifier or MLPRegressor, which take sparse rows" if name.endswith("X") else ""
        raise InputError(f"{name} is a sparse matrix; give {name}.toarray(){more}")
    if hasattr(values, "dtypes") and hasattr(values, "columns"):
        return _from_frame(name, values)
    array = np.asarray(values)
    return Given(_numbers(array) if array.dtype.kind == "O" else array)


def _from_frame(name: str, frame: Any) -> Given:
    """A data frame of pandas or polars."""
    columns = list(frame.columns)
    if all(_is_plain(dtype) for dtype in frame.dtypes):
        array = np.asarray(frame)
        if array.dtype.kind in "iuf":
            return Given(array, columns)
    array = np.empty(frame.shape)
    for i, column in enumerate(columns):
        entries = np.asarray(frame.iloc[:, i] if hasattr(frame, "iloc") else frame[:, i])
        if entries.dtype.kind == "O":
            entries = _numbers(entries)
        if entries.dtype.kind not in "biuf":
            row, example = _first_of_no_number(entries)
            remedy = "encode the column as numbers (text as one column of 0 and 1 for each value), or leave it out"
            if name.endswith("T") and len(columns) == 1:
                remedy = f"class labels go in as a single column, {name}[{column!r}]"
            raise InputError(f"column {column!r} of {name} holds {example} in row {row}, which is not a number; {remedy}")
        array[:, i] = entries
    return Given(array, columns)


def _is_plain(dtype: Any) -> bool:
    """Whether a column of this dtype becomes numbers without a look at its entries."""
    if isinstance(dtype, np.dtype):
        return dtype.kind in "iuf"
    return bool(getattr(dtype, "is_numeric", lambda: False)())


def _is_number(kind: type) -> bool:
    return issubclass(kind, (Real, Decimal, np.bool_)) and not issubclass(kind, np.timedelta64)


def _numbers(entries: np.ndarray) -> np.ndarray:
    """An object array as float64, missing entries NaN; itself where some entries are no numbers."""
    kinds = {type(entry) for entry in entries.flat}
    if not kinds or not all(_is_number(kind) or kind.__name__ in MISSING for kind in kinds):
        return entries
    if any(kind.__name__ in MISSING for kind in kinds):
        known = np.array([type(entry).__name__ not in MISSING for entry in entries.flat]).reshape(entries.shape)
        entries = np.where(known, entries, np.nan)
    try:
        return entries.astype(np.float64)
    except OverflowError:
        return entries


def _first_of_no_number(entries: np.ndarray) -> tuple[int, str]:
    """Row and text of the first entry of a column (n) that is no number."""
    for row, entry in enumerate(entries):
        if entries.dtype.kind != "O" or not (_is_number(type(entry)) or type(entry).__name__ in MISSING):
            return row, str(entry) if entries.dtype.kind == "M" else repr(entry if entries.dtype.kind == "O" else entry.item())
    return 0, "a number too large for float64"
