"""The rows of a file that a model predicts for: all at once, or piece by piece from Parquet and Arrow files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..data import array_files
from ..errors import InputError
from ..extras import require
from ..suggestions import did_you_mean, existing_file, listed
from ..tables.dialects import ReadingOptions
from ..tables.finding import find_files, is_table_files
from ..tables.folders import Block, TableFiles
from ..tables.reading import SUFFIXES, is_table, read_table
from ..tables.recipe import Recipe, check_columns, numbers_of
from .trained_model import TrainedModel


class NewRows(NamedTuple):
    """Some rows. X: what the network takes. kept: columns to write beside the predictions. first: number of the first row."""

    X: np.ndarray
    kept: dict[str, Any]
    first: int


def new_rows(
    model: TrainedModel, source: str, keep: Sequence[str], reading: dict[str, Any], tell: Callable[[str], None]
) -> Iterator[NewRows]:
    """The rows of a file, prepared for a model, at least once. keep: columns to keep. reading: options of text files.

    Raises InputError where file, columns or options do not fit, before the first rows are given.
    """
    path = Path(source)
    if path.suffix.lower() in array_files.SUFFIXES:
        for option in [*reading, *(["keep"] if keep else [])]:
            raise InputError(f"--{option.replace('_', '-')} is for tables, and {path} is not a table; leave it out")
        X, known = array_files.read_features(path), model.recipe.column_names
        if X.shape[1] != len(known):
            raise InputError(f"{path}: X has {X.shape[1]} columns; the model takes {len(known)}")
        return iter([NewRows(model.prepare(X), {}, 0)])
    if is_table_files(source):
        if reading:
            raise InputError(f"{next(iter(reading))} is given, but {source} is not a text file; leave it out")
        return _pieces(model, source, keep, tell)
    if not is_table(path):
        existing_file(path)
        known_types = ", ".join((*SUFFIXES, ".csv.gz", *array_files.SUFFIXES))
        raise InputError(f"{path} is a file of unknown type; known types are {known_types}")
    if isinstance(model.recipe, Recipe):
        reading.setdefault("na", model.recipe.missing)  # as in training
    read = read_table(path, ReadingOptions(**reading))
    for note in read.notes:
        tell(note)
    table = read.table
    _check(model, table.column_names, keep, path, tell)
    return iter([_prepared(model, table, keep, lambda row: f"row {row + 1}", 0, path)])


def _pieces(model: TrainedModel, source: str, keep: Sequence[str], tell: Callable[[str], None]) -> Iterator[NewRows]:
    files = TableFiles(*find_files(source))
    columns = list(dict.fromkeys([*model.recipe.column_names, *keep]))
    _check(model, files.schema.names, keep, source, tell)
    files.check_columns(columns)

    def pieces() -> Iterator[NewRows]:
        arrow, first = require("pyarrow", "reading tables"), 0
        for block in files.blocks:
            row = 0
            for batch in files.batches(block, columns, files.rows_at_once):
                place = partial(_place, files, block, row)
                yield _prepared(model, arrow.Table.from_batches([batch]), keep, place, first, source)
                row, first = row + batch.num_rows, first + batch.num_rows

    return pieces()


def _place(files: TableFiles, block: Block, before: int, row: int) -> str:
    return files.place(block, before + row)


def _check(model: TrainedModel, there: Sequence[str], keep: Sequence[str], where: Any, tell: Callable[[str], None]) -> None:
    """Raise InputError where columns are missing; tell which are not used."""
    known = model.recipe.column_names
    for name in keep:
        if name not in there:
            meant = did_you_mean(name, there) or f"; there are {listed(there)}"
            raise InputError(f"--keep is {name!r}, but there is no such column{meant}")
    try:
        check_columns(known, there)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    used = {*known, *keep, *model.target_names}
    extra = [name for name in there if name not in used]
    if extra:
        tell(f"ignored columns that the model does not use: {listed(extra)}")


def _prepared(
    model: TrainedModel, table: Any, keep: Sequence[str], place: Callable[[int], str], first: int, where: Any
) -> NewRows:
    rows = table.select(list(model.recipe.column_names))
    try:
        if isinstance(model.recipe, Recipe):
            X = model.recipe.prepare(rows, model.network.dtype, place=place)
        else:
            X = model.prepare(numbers_of(rows))
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    return NewRows(X, {name: table.column(name) for name in keep}, first)
