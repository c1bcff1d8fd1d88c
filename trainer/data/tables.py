"""CSV and Parquet files, read and written by pyarrow."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..errors import InputError
from ..extras import require
from .suggestions import existing_file

SUFFIXES = (".csv", ".tsv", ".parquet", ".pq")


def read_table(path: Path) -> Any:
    """A pyarrow.Table with at least one row and no two columns of one name. Raises InputError for any other file."""
    arrow = require("pyarrow", f"reading {path.suffix} files")
    existing_file(path)
    try:
        table = _read_csv(path) if path.suffix.lower() in (".csv", ".tsv") else _read_parquet(path)
        names = table.column_names
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text; save it as UTF-8") from error
    except (arrow.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise InputError(f"{path} cannot be read: {str(error).strip().splitlines()[0][:200]}") from error
    if any("\0" in name for name in names):
        raise InputError(f"{path} is not UTF-8 text; save it as UTF-8")
    repeated = [name for name, times in Counter(names).items() if times > 1]
    if repeated:
        raise InputError(f"{path} has two columns named {repeated[0]!r}; rename one of them")
    if _are_numbers(names):
        raise InputError(f"{path} begins with a line of numbers; its first line must hold the names of the columns")
    if table.num_rows == 0:
        raise InputError(f"{path} holds no rows of data")
    return table


def _read_csv(path: Path) -> Any:
    csv = require("pyarrow.csv", "reading CSV files")
    return csv.read_csv(
        path,
        parse_options=csv.ParseOptions(delimiter=_delimiter(path), newlines_in_values=True),
        convert_options=csv.ConvertOptions(strings_can_be_null=True, quoted_strings_can_be_null=False),
    )


def _delimiter(path: Path) -> str:
    """The tab for .tsv; otherwise the comma, unless the header holds none, but a semicolon or a tab."""
    if path.suffix.lower() == ".tsv":
        return "\t"
    with open(path, encoding="utf-8", errors="replace") as file:
        header = file.readline()
    return next((mark for mark in ",;\t" if mark in header), ",")


def _read_parquet(path: Path) -> Any:
    with require("pyarrow.parquet", "reading Parquet files").ParquetFile(path) as file:
        table = file.read()
    # Where pandas keeps the index of a table, which is none of its columns.
    return table.drop_columns([name for name in table.column_names if name.startswith("__index_level_")])


def _are_numbers(names: Sequence[str]) -> bool:
    """Whether a header is a row of data: numbers alone, and not simply 0, 1, 2, ..."""
    numbers = [_number(name) for name in names]
    return None not in numbers and numbers != list(range(len(names)))


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def feature_matrix(table: Any, names: Sequence[str], path: Path, can_ignore: bool = False) -> np.ndarray:
    """The named columns as X (n, n_features), float64. can_ignore: a column without numbers may also be left out.

    Raises InputError, naming the column, for one that holds no numbers, or not only finite ones.
    """
    X = np.empty((table.num_rows, len(names)))
    for i, name in enumerate(names):
        column = _decoded(table.column(name))
        kind = _kind(column)
        if kind == "nothing":
            raise InputError(f"{path}: column {name!r} is empty in all {table.num_rows} rows; fill or remove it")
        if kind != "numbers":
            found = f"text ({_first_text(column)})" if kind == "text" else kind
            remedy = f", or leave it out with --ignore {shlex.quote(name)}" if can_ignore else ""
            raise InputError(f"{path}: column {name!r} holds {found}; encode it as numbers{remedy}")
        X[:, i] = column.cast("float64").to_numpy()
    check_finite(X, names, str(path))
    return X


def check_finite(X: np.ndarray, names: Sequence[str], where: str) -> None:
    """Raise InputError, naming the first such column of X (n, n_columns), where entries are missing or infinite."""
    broken = ~np.isfinite(X)
    columns = np.flatnonzero(broken.any(axis=0))
    if columns.size:
        others = f" (and {columns.size - 1} more columns)" if columns.size > 1 else ""
        _raise_missing(f"{where}: column {names[columns[0]]!r}{others}", broken[:, columns[0]])


def target_values(table: Any, name: str, path: Path) -> np.ndarray:
    """A column (n) of numbers, booleans or strings. Raises InputError where it holds anything else, or entries are missing."""
    column = _decoded(table.column(name))
    kind = _kind(column)
    if kind not in ("numbers", "text", "nothing"):
        raise InputError(f"{path}: target column {name!r} holds {kind}; it must hold numbers or the names of classes")
    if str(column.type).startswith("decimal"):
        column = column.cast("float64")
    values: np.ndarray = column.to_numpy()
    missing = column.is_null(nan_is_null=True).to_numpy()
    if kind == "text":
        missing = missing | (values == "")
    elif values.dtype.kind == "f":
        missing = missing | np.isinf(values)
    if missing.any():
        _raise_missing(f"{path}: target column {name!r}", missing)
    return values.astype(str) if kind == "text" else values


def write_csv(columns: dict[str, np.ndarray], file: BinaryIO) -> None:
    """Columns of equal length as CSV with a header, in UTF-8."""
    arrow = require("pyarrow", "writing CSV files")
    require("pyarrow.csv", "writing CSV files").write_csv(arrow.table(columns), file)


def _raise_missing(what: str, broken: np.ndarray) -> None:
    raise InputError(
        f"{what} has missing, NaN or infinite entries in {broken.sum()} of {len(broken)} rows, first in row "
        f"{broken.argmax() + 1}; fill them or remove these rows"
    )


def _decoded(column: Any) -> Any:
    """Categories as the values that they stand for."""
    return column.cast(column.type.value_type) if str(column.type).startswith("dictionary") else column


def _kind(column: Any) -> str:
    """What a column holds: "numbers" (booleans too), "text", "nothing", or words for what cannot be used."""
    types = require("pyarrow.types", "reading tables")
    kind = column.type
    if types.is_boolean(kind) or types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        return "numbers"
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return "text"
    if types.is_binary(kind):
        return "bytes that are not UTF-8 text"
    return "nothing" if types.is_null(kind) else f"values of type {kind}"


def _first_text(column: Any) -> str:
    """The first entry that is no number, and its row."""
    row, text = next((i, v) for i, v in enumerate(column.to_pylist(), start=1) if v is not None and _number(v) is None)
    return f"{text[:40]!r} in row {row}"
