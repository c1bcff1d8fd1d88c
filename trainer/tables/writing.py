"""Tables written by pyarrow: CSV, or Parquet where the file's name says so."""

from __future__ import annotations

from typing import Any, BinaryIO

import numpy as np

from ..extras import require


def write_csv(columns: dict[str, Any], file: BinaryIO) -> None:
    """Columns of equal length as CSV with a header, in UTF-8. float32 numbers have the digits of float32."""
    table = _table(columns)
    require("pyarrow.csv", "writing CSV files").write_csv(table, file)


def write_parquet(columns: dict[str, Any], file: BinaryIO) -> None:
    """Columns of equal length as a Parquet file."""
    require("pyarrow.parquet", "writing Parquet files").write_table(_table(columns), file)


def _table(columns: dict[str, Any]) -> Any:
    arrow = require("pyarrow", "writing tables")
    return arrow.table({name: arrow.array(c) if isinstance(c, np.ndarray) else c for name, c in columns.items()})
