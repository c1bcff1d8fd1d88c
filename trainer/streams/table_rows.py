"""Rows of a table's files as a network takes them: read block by block, prepared by a recipe or as plain numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..errors import InputError
from ..extras import require
from ..suggestions import listed
from ..tables.arrow import decoded
from ..tables.folders import Block, TableFiles
from ..tables.parts import Parts
from ..tables.recipe import Recipe
from ..tables.target_form import TargetForm
from .first_pass import known_rows


class Rows(NamedTuple):
    """X (n, n_inputs), targets y as `TargetForm.y` gives them, and weights (n), float64, where there are any."""

    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray | None


class TableRows:
    """The rows of files that have a target. recipe: None takes the numbers of `features` as they are.

    parts: how rows are divided. dtype: of X.
    """

    def __init__(
        self,
        files: TableFiles,
        form: TargetForm,
        recipe: Recipe | None,
        features: Sequence[str],
        *,
        weight: str | None = None,
        parts: Parts | None = None,
        dtype: Any = np.float32,
    ) -> None:
        self.files, self.form, self.recipe = files, form, recipe
        self._features, self._weight = tuple(features), weight
        self._parts, self._dtype = parts or Parts(), np.dtype(dtype)
        files.check_columns([*self._features, *form.names, *([weight] if weight is not None else [])])
        if recipe is None:
            check_numbers(files, self._features)

    @property
    def n_inputs(self) -> int:
        """Number of columns of X."""
        return len(self._features) if self.recipe is None else len(self.recipe.feature_names)

    def read(self, number: int, part: int, start: int, rows: int) -> Iterator[Rows]:
        """The rows of a part in a block, by their position in PARTS, from row `start` of these on, at most `rows` at once."""
        block, targets = self.files.blocks[number], self.form.names
        columns = [*dict.fromkeys([*self._features, *targets, *([self._weight] if self._weight is not None else [])])]
        part_of = self._parts.of_block(number, block.rows)
        row = 0
        for batch in self.files.batches(block, columns, max(self.files.rows_at_once, rows)):
            numbers = np.arange(row, row + batch.num_rows)
            row += batch.num_rows
            keep = known_rows(batch, targets) & (part_of[numbers] == part)
            if not keep.all():
                batch, numbers = batch.filter(keep), numbers[keep]
            if start >= batch.num_rows:
                start -= batch.num_rows
                continue
            batch, numbers = batch.slice(start), numbers[start:]
            start = 0
            place = partial(self._place, block, numbers)
            y = self.form.y([batch.column(name) for name in targets], place)
            weight = None
            if self._weight is not None:
                weights = batch.select([self._weight])
                check_filled(weights, place)
                weight = matrix(weights, np.dtype(np.float64))[:, 0]
            features, prepared = batch.select(list(self._features)), None
            if self.recipe is None:
                check_filled(features, place)
            else:  # a recipe takes a millisecond for however few rows
                prepared = self._prepared(features, place)
            for first in range(0, batch.num_rows, rows):
                here = slice(first, first + rows)
                # Numbers are copied while they are in the processor's cache.
                X = matrix(features.slice(first, rows), self._dtype) if prepared is None else prepared[here]
                yield Rows(X, y[here], None if weight is None else weight[here])

    def _place(self, block: Block, numbers: np.ndarray, row: int) -> str:
        return self.files.place(block, int(numbers[row]))

    def _prepared(self, features: Any, place: Callable[[int], str]) -> np.ndarray:
        assert self.recipe is not None
        table = require("pyarrow", "reading tables").Table.from_batches([features])
        return self.recipe.prepare(table, self._dtype, place=place)


def check_numbers(files: TableFiles, columns: Sequence[str]) -> None:
    """Raise InputError where one of these columns does not hold numbers."""
    types = require("pyarrow.types", "reading tables")
    others = []
    for name in columns:
        kind = files.schema.field(name).type
        if not (types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind) or types.is_decimal(kind)):
            others.append(name)
    if others:
        raise InputError(
            f"{files.shown}: with recipe=False all columns must be numbers, but {listed(others)} "
            f"hold{'s' if len(others) == 1 else ''} {files.schema.field(others[0]).type}; leave out with ignore, "
            "or let a recipe prepare the columns"
        )


def check_filled(batch: Any, place: Callable[[int], str]) -> None:
    """Raise InputError where an entry of a batch is missing. place: names a row."""
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if column.null_count:
            row = int(column.is_null().to_numpy(zero_copy_only=False).argmax())
            raise InputError(
                f"column {name!r} has a missing entry in {place(row)}; fill it, or let a recipe prepare the columns"
            )


def matrix(batch: Any, dtype: np.dtype[Any]) -> np.ndarray:
    """A batch of numbers, none of them missing, as X (n, n_columns), column after column."""
    with np.errstate(over="ignore"):
        types = set(batch.schema.types)
        if len(types) == 1 and require("pyarrow.types", "reading tables").is_floating(*types):
            X: np.ndarray = batch.to_tensor(row_major=False).to_numpy().astype(dtype, copy=False)
            return X
        X = np.empty((batch.num_rows, batch.num_columns), dtype, order="F")
        for i, column in enumerate(batch.columns):
            X[:, i] = decoded(column).cast("float64", safe=False).to_numpy(zero_copy_only=False)
        return X
