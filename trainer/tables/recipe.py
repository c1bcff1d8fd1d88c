"""The recipe of a table: what became of each column, fitted to the training rows, kept with the model, applied to new rows."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import InputError, ModelFormatError
from ..suggestions import did_you_mean, listed
from ..tensor_files import read_json
from ..typed_json import from_json
from .arrow import decoded
from .dialects import MISSING
from .facts import Facts
from .kinds import ColumnChoices, strict_number, treatment_for
from .plain_numbers import run_of_plain, write_plain
from .standard import UnfitColumn
from .treatments import TREATMENTS, Date, LeftOut, Number, Treatment, features_of

VERSION = 1
# Of JSON that is read: a hundred bytes and two objects for each of 300 000 columns.
MOST_BYTES, MOST_BRACKETS = 1 << 26, 1 << 20
# Names a row, given its number from 0.
Place = Callable[[int], str]
# Columns named in one error.
MOST_NAMED = 12
# 'Fare' and 'Area' are 0.75 alike.
COLUMN_LIKENESS = 0.8
# So many neighbouring columns of plain numbers are prepared at once.
LEAST_PLAIN = 4
# Numbers have ranges up to this number of columns, and of entries of the inputs: 64 MiB in float32.
MOST_WITH_RANGES, MOST_CELLS = 100, 1 << 24


@dataclass(frozen=True)
class ColumnReport:
    """A column before training: what it holds, what becomes of it, and the share of its entries that are missing."""

    name: str
    kind: str
    treatment: str
    missing: float


@dataclass(frozen=True)
class Recipe:
    """The treatments of a table's columns, in order. missing: entries of a text file that stand for a missing value.

    notes: what the user should know of the treatments; not saved.
    """

    treatments: tuple[Treatment, ...]
    missing: tuple[str, ...] = MISSING
    notes: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def fit(
        cls,
        table: Any,
        choices: ColumnChoices | None = None,
        rows: np.ndarray | None = None,
        place: Place | None = None,
        facts: Mapping[str, Facts] | None = None,
        n_rows: int | None = None,
    ) -> Recipe:
        """From a pyarrow.Table, or its rows of these numbers alone.

        place: names a row for errors. facts: of the columns, where the table is a sample of n_rows rows.

        Raises InputError that names every column that cannot be treated, and the remedy.
        """
        choices, place = choices or ColumnChoices(), place or _numbered(rows)
        _check_choices(table.column_names, choices)
        treatments, notes, unfit = list[Treatment](), list[str](), list[tuple[str, str]]()
        ignored = set(choices.ignore)
        for name, column in zip(table.column_names, table.columns, strict=True):
            # Column by column: no second table is made.
            column = column if rows is None else column.take(rows)
            if name in ignored:
                treatments.append(LeftOut(name, column.null_count / max(len(column), 1), "ignored", "as asked"))
                continue
            try:
                if facts is None:
                    treatments.append(treatment_for(name, column, choices, notes))
                else:
                    known = facts[name]
                    treatments.append(known.refined(treatment_for(name, known.extended(column), choices, notes)))
            except UnfitColumn as error:
                unfit.append((name, _problem(error, place)))
        if unfit:
            raise InputError(_unfit_message(unfit, choices))
        treatments = _within_memory(treatments, n_rows or table.num_rows)
        recipe = cls(tuple(treatments), choices.missing, tuple(notes))
        if not recipe.feature_names:
            raise InputError(f"no column is left to learn from: {_reasons(recipe.treatments)}")
        return recipe

    @property
    def column_names(self) -> tuple[str, ...]:
        """The columns that `prepare` needs."""
        return tuple(treatment.name for treatment in self.treatments if treatment.features)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The inputs of the network, in order."""
        return tuple(features_of(self.treatments))

    def prepare(
        self, table: Any, dtype: Any = np.float32, rows: np.ndarray | None = None, place: Place | None = None
    ) -> np.ndarray:
        """X (n, n_features) of a pyarrow.Table with the columns that are needed, in any order.

        rows: numbers of those to take. place: names a row for errors.

        Raises InputError that names all missing columns, and all that hold something else than in training.
        """
        columns = dict(zip(table.column_names, table.columns, strict=True))
        check_columns(self.column_names, columns)
        dtype = np.dtype(dtype)
        X = np.empty((table.num_rows if rows is None else len(rows), len(self.feature_names)), dtype)
        used = [treatment for treatment in self.treatments if treatment.features]
        unfit, at, i, one_by_one = list[tuple[str, str]](), 0, 0, 0
        while i < len(used):
            run = 0
            if rows is None and i >= one_by_one:  # for some rows, copies of many columns would be made at once
                run = run_of_plain(used[i:], columns)
                one_by_one = i + run
            if run >= LEAST_PLAIN and write_plain(used[i : i + run], columns, X[:, at : at + run]):
                i, at = i + run, at + run
                continue
            treatment, width = used[i], len(used[i].features)
            column = columns[treatment.name]
            try:
                with np.errstate(over="ignore"):
                    treatment.write(decoded(column if rows is None else column.take(rows)), X[:, at : at + width])
            except UnfitColumn as error:
                unfit.append((treatment.name, _problem(error, place or _numbered(rows))))
            i, at = i + 1, at + width
        if unfit:
            raise InputError(_unfit_message(unfit, None))
        return X

    def numbers(self, table: Any) -> np.ndarray | None:
        """The columns that are used (n, n_columns), float64, where all are numbers and none is missing; else None."""
        used = [treatment for treatment in self.treatments if treatment.features]
        if not all(isinstance(treatment, Number) for treatment in used):
            return None
        columns = dict(zip(table.column_names, table.columns, strict=True))
        X = np.column_stack([t.values(decoded(columns[t.name])) for t in used if isinstance(t, Number)])
        return None if np.isnan(X).any() else X

    def report(self) -> list[ColumnReport]:
        """A line for each column."""
        return [
            ColumnReport(t.name, t.was if isinstance(t, LeftOut) else t.kind, t.treatment, t.missing) for t in self.treatments
        ]

    def to_json(self) -> str:
        """As text, for `from_json`."""
        columns = [{"kind": t.kind, **dataclasses.asdict(t)} for t in self.treatments]
        content = {"version": VERSION, "missing": self.missing, "columns": columns}
        return json.dumps(content, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: bytes, where: str) -> Recipe:
        """What `to_json` gave, in UTF-8. Raises ModelFormatError, which begins with `where`, for anything else."""
        if len(text) > MOST_BYTES:
            raise ModelFormatError(f"{where} has {len(text)} bytes; at most {MOST_BYTES} are allowed")
        content = read_json(text, where, MOST_BRACKETS)
        if not isinstance(content, dict) or content.get("version") != VERSION or not isinstance(content.get("columns"), list):
            raise ModelFormatError(f"{where} is not a recipe of version {VERSION}")
        try:
            missing = from_json(tuple[str, ...], content.get("missing"), f"{where}, missing")
            columns = content["columns"]
            return cls(tuple(_treatment(column, f"{where}, column {i}") for i, column in enumerate(columns)), missing)
        except InputError as error:
            raise ModelFormatError(str(error)) from None


def numbers_of(table: Any) -> np.ndarray:
    """X (n, n_columns), float64, of a table of numbers. Raises InputError that names every column with anything else."""
    unfit, X = [], np.empty((table.num_rows, table.num_columns))
    for i, (name, column) in enumerate(zip(table.column_names, table.columns, strict=True)):
        try:
            X[:, i] = strict_number(name, decoded(column), ColumnChoices()).values(decoded(column))
        except UnfitColumn as error:
            unfit.append((name, _problem(error, _numbered(None))))
    if unfit:
        raise InputError(_unfit_message(unfit, None))
    return X


def check_columns(used: Sequence[str], there: Collection[str]) -> None:
    """Raise InputError where columns are missing. A name is suggested for one only where it is much alike."""
    missing = [name for name in used if name not in there]
    if not missing:
        return
    if len(missing) == len(used):
        raise InputError(
            f"the table has none of the {len(used)} columns that the model needs: {listed(used)}; it has {listed(there)}. "
            "Is it another table?"
        )
    known = set(used)
    hint = did_you_mean(missing[0], [name for name in there if name not in known], COLUMN_LIKENESS).replace(
        "did you mean", "is it"
    )
    raise InputError(f"the table lacks {len(missing)} of the {len(used)} columns that the model needs: {listed(missing)}{hint}")


def _within_memory(treatments: list[Treatment], n_rows: int) -> list[Treatment]:
    """The treatments, numbers and dates without ranges where these would be very many inputs."""
    ranges = [t.ranges for t in treatments if isinstance(t, (Number, Date))]
    if sum(ranges) * n_rows <= MOST_CELLS and len(ranges) <= MOST_WITH_RANGES:
        return treatments
    return [t.without_ranges() if isinstance(t, (Number, Date)) else t for t in treatments]


def _treatment(content: Any, where: str) -> Treatment:
    kind = content.pop("kind", None) if isinstance(content, dict) else None
    if kind not in TREATMENTS:
        raise ModelFormatError(f"{where} has an unknown kind")
    treatment: Treatment = from_json(TREATMENTS[kind], content, where)
    return treatment


def _check_choices(names: Sequence[str], choices: ColumnChoices) -> None:
    there, seen = set(names), dict[str, str]()
    for argument in ("ignore", "categorical", "numeric"):
        for name in getattr(choices, argument):
            if name not in there:
                meant = did_you_mean(name, names) or f"; it has {listed(names)}"
                raise InputError(f"{argument} is {name!r}, but there is no such column{meant}")
            if seen.setdefault(name, argument) != argument:
                raise InputError(f"column {name!r} is given to both {seen[name]} and {argument}; drop one of the two")


def _problem(error: UnfitColumn, place: Place) -> str:
    """What is wrong with a column, and the first such row."""
    return str(error) if error.row is None else f"{error}, first in {place(error.row)}"


def _numbered(rows: np.ndarray | None) -> Place:
    """Names a row of a table, or of these rows of it, by its number, counted from 1."""
    return lambda row: f"row {(row if rows is None else rows[row]) + 1}"


def _unfit_message(unfit: list[tuple[str, str]], choices: ColumnChoices | None) -> str:
    """Every column with what it holds, and what to do."""
    shown = "; ".join(f"column {name!r} {problem}" for name, problem in unfit[:MOST_NAMED])
    more = f"; and {len(unfit) - MOST_NAMED} more columns" if len(unfit) > MOST_NAMED else ""
    remedy = ""
    if choices is not None:
        names = ",".join(name for name, _ in unfit[:MOST_NAMED])
        remedy = f". Leave out with --ignore {names!r}" + (
            "" if choices.encode else ", or let columns be encoded: without --no-encode"
        )
    return f"{shown}{more}{remedy}"


def _reasons(treatments: Sequence[Treatment]) -> str:
    reasons = [f"{t.name!r} ({t.treatment.removeprefix('left out: ')})" for t in treatments[:MOST_NAMED]]
    return (
        ", ".join(reasons)
        + (" and more" if len(treatments) > MOST_NAMED else "")
        + "; keep one with --categorical or --numeric"
    )
