"""Tables written by pyarrow: CSV, or Parquet where the file's name says so."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any, BinaryIO

import numpy as np

from ..extras import require


def write_csv(columns: dict[str, Any], file: BinaryIO) -> None:
    """Columns of equal length as CSV with a header, in UTF-8. float32 numbers have the digits of float32."""
    write_pieces([columns], file)


def write_pieces(pieces: Iterable[dict[str, Any]], file: BinaryIO, parquet: bool = False) -> None:
    """Columns that come in pieces, at least one, as CSV or as a Parquet file."""
    with ExitStack() as opened:
        writer = None
        for columns in pieces:
            table = _table(columns)
            if writer is None:
                if parquet:
                    made = require("pyarrow.parquet", "writing Parquet files").ParquetWriter(file, table.schema)
                else:
                    made = require("pyarrow.csv", "writing CSV files").CSVWriter(file, table.schema)
                writer = opened.enter_context(made)
            writer.write_table(table)


def _table(columns: dict[str, Any]) -> Any:
    arrow = require("pyarrow", "writing tables")
    return arrow.table({name: arrow.array(c) if isinstance(c, np.ndarray) else c for name, c in columns.items()})
