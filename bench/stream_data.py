"""The data of `bench stream`: drawn rows of 64 columns and a class, written as Parquet files, one at a time."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np

COLUMNS, CLASSES = 64, 10
ROW_BYTES = COLUMNS * 4 + 4  # in memory: float32 inputs, and a class as the network takes it
ROWS_OF_A_GROUP = 1 << 16
ROWS_OF_A_FILE = 1 << 22


def rows_for(gib: float) -> int:
    """How many rows take so many GiB in memory."""
    return int(gib * 2**30) // ROW_BYTES


def drawn_rows(group: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of one row group: X (rows, 64) float32, and classes that a linear function of X decides, with noise."""
    generator = np.random.default_rng([0, group])
    X = generator.standard_normal((rows, COLUMNS), dtype=np.float32)
    W = np.random.default_rng(1).standard_normal((COLUMNS, CLASSES), dtype=np.float32)
    scores = X @ W + generator.standard_normal((rows, CLASSES), dtype=np.float32)
    return X, scores.argmax(axis=1).astype(np.int32)


def write_files(folder: Path, rows: int) -> list[Path]:
    """Parquet files with so many rows; those that are there already are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, first in enumerate(range(0, rows, ROWS_OF_A_FILE)):
        count = min(ROWS_OF_A_FILE, rows - first)
        path = folder / f"rows-{number:04}-{count}.parquet"
        if not path.exists():
            partial = path.with_suffix(".partial")
            _write(partial, first // ROWS_OF_A_GROUP, count)
            partial.rename(path)
        paths.append(path)
    return paths


def _write(path: Path, first_group: int, rows: int) -> None:
    arrow: Any = importlib.import_module("pyarrow")
    parquet: Any = importlib.import_module("pyarrow.parquet")
    names = [*(f"x{i}" for i in range(COLUMNS)), "y"]
    schema = arrow.schema([*((name, arrow.float32()) for name in names[:-1]), ("y", arrow.int32())])
    # Drawn numbers hardly repeat: a dictionary of them only takes time.
    with parquet.ParquetWriter(path, schema, use_dictionary=False) as writer:
        for number, start in enumerate(range(0, rows, ROWS_OF_A_GROUP)):
            X, y = drawn_rows(first_group + number, min(ROWS_OF_A_GROUP, rows - start))
            table = arrow.table([*np.ascontiguousarray(X.T), y], schema=schema)
            writer.write_table(table, row_group_size=ROWS_OF_A_GROUP)
