"""Datasets by name or from a file, as rows that a network can be trained on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..extras import require
from ..suggestions import did_you_mean, listed, neighbours
from ..tables.dialects import ReadingOptions
from ..tables.finding import is_table_files
from ..tables.kinds import ColumnChoices
from ..tables.naming import feature_columns, target_columns
from ..tables.reading import SUFFIXES, file_name, is_table, read_table
from ..tables.targets import as_array, target_values
from . import array_files, toys
from .targets import CLASSIFICATION, MULTILABEL, REGRESSION, TASKS, as_classes, as_labels, as_numbers, note_on_task, task_of

SCIKIT_LEARN = ("digits", "breast_cancer", "wine", "iris", "diabetes")
NAMES = (*SCIKIT_LEARN, *toys.NAMES)


@dataclass(frozen=True)
class Dataset:
    """Samples and their targets.

    rows: X (n, n_columns), finite floats; or a pyarrow.Table of the features' columns as the file has them. y: class indices
    (n) from 0; for regression, targets (n) or (n, n_targets), float64; for several labels, 0 or 1, (n, n_labels).
    class_names: of the classes; for several labels two for each, of 0 and of 1; none for regression. target_names: one for each
    column of y. notes: what the user should know of how a file was read. choices: how the columns of a table are to be treated.
    """

    name: str
    rows: Any
    y: np.ndarray
    column_names: tuple[str, ...]
    task: str
    class_names: tuple[str, ...] = ()
    target_names: tuple[str, ...] = ("target",)
    notes: tuple[str, ...] = field(default=(), compare=False)
    choices: ColumnChoices = field(default_factory=ColumnChoices, compare=False)

    @property
    def is_table(self) -> bool:
        """Whether the rows are a table, and no array."""
        return not isinstance(self.rows, np.ndarray)

    @property
    def target_name(self) -> str:
        """The names of the targets, joined by commas."""
        return ",".join(self.target_names)

    def take(self, rows: np.ndarray) -> Any:
        """The rows of these numbers, as an array or a table."""
        return self.rows.take(rows) if self.is_table else self.rows[rows]

    def fingerprint(self) -> str:
        """SHA-256 of everything but the name, which is that of a file that may be renamed."""
        names = [self.column_names, self.class_names, self.task, self.target_names, [self.y.dtype.str, self.y.shape]]
        digest = hashlib.sha256(json.dumps(names).encode())
        digest.update(np.ascontiguousarray(self.y).reshape(-1).view(np.uint8).data)
        if self.is_table:
            _update_with_table(digest, self.rows)
        else:
            digest.update(json.dumps([self.rows.dtype.str, self.rows.shape]).encode())
            digest.update(np.ascontiguousarray(self.rows).reshape(-1).view(np.uint8).data)
        return digest.hexdigest()


class _Sink:
    """A file that only hashes what is written."""

    closed = False

    def __init__(self, digest: Any) -> None:
        self._digest = digest

    def write(self, data: Any) -> int:
        self._digest.update(data)
        return len(data)

    def flush(self) -> None:
        pass


def _update_with_table(digest: Any, table: Any) -> None:
    arrow = require("pyarrow", "reading tables")
    table = table.replace_schema_metadata(None).combine_chunks()
    with arrow.ipc.new_stream(arrow.PythonFile(_Sink(digest), mode="w"), table.schema) as stream:
        stream.write_table(table)


def load_dataset(
    source: str | PathLike[str],
    target: str | None = None,
    *,
    task: str | None = None,
    n_samples: int | None = None,
    noise: float | None = None,
    seed: int = 0,
    choices: ColumnChoices | None = None,
    reading: ReadingOptions | None = None,
) -> Dataset:
    """Load one of NAMES, a table, or an .npz or .npy file.

    Tables are .csv, .tsv and .txt files, also with .gz, and Parquet and Arrow files, also several of these by a folder or a
    pattern; "-" is CSV from standard input.

    target: the column of a table, or several with commas between; the array of an .npz file (y or T where not given), or the
    second file beside an .npy file. task: "classification", "regression" or "multilabel"; by default text,
    booleans and whole numbers with few values are classes. n_samples, noise, seed: of the generated datasets. choices, reading:
    of tables.

    Raises InputError where the source or its contents do not fit, and MissingExtraError where another package is needed.
    """
    if task not in (None, *TASKS):
        raise InputError(f"task is {task!r}; it must be one of {', '.join(TASKS)}")
    choices, reading = choices or ColumnChoices(), reading or ReadingOptions()
    source = str(source)
    if source in NAMES:
        _refuse(source, "is no file", target=target, **_of_tables(choices, reading))
        if source in toys.NAMES:
            X, values = toys.make_toy(source, n_samples, noise, seed)
            return _dataset(source, source, X, values, array_files.feature_names(X.shape[1]), task)
    _refuse(source, f"is not generated, as {', '.join(toys.NAMES)} are", n_samples=n_samples, noise=noise)
    if source in SCIKIT_LEARN:
        return _from_scikit_learn(source, task)
    path = Path(source)
    if is_table(path) or is_table_files(source):
        return _from_table(source, target, task, choices, reading)
    if path.suffix.lower() in array_files.SUFFIXES:
        _refuse(source, "has no named columns", **_of_tables(choices, reading))
        X, values, name = array_files.read_arrays(path, target)
        return _dataset(path.stem, source, X, values, array_files.feature_names(X.shape[1]), task, target_names=(name,))
    kinds = ", ".join((*SUFFIXES, ".csv.gz", *array_files.SUFFIXES))
    problem, meant = "is no dataset and no file", ";"
    if source and path.exists():
        problem = "is a folder without Parquet or Arrow files" if path.is_dir() else "is a file of unknown kind"
    else:
        meant = did_you_mean(source, (*NAMES, *neighbours(path))) or ";"
    raise InputError(f"{source!r} {problem}{meant} known are {', '.join(NAMES)} and files in {kinds}")


def _of_tables(choices: ColumnChoices, reading: ReadingOptions) -> dict[str, Any]:
    """The options of tables that are given, by name."""
    given: dict[str, Any] = {name: list(getattr(choices, name)) or None for name in ("ignore", "categorical", "numeric")}
    return given | {name: getattr(reading, name) for name in reading.given()} | {"no_encode": None if choices.encode else True}


def _refuse(source: str, reason: str, **arguments: Any) -> None:
    for name, value in arguments.items():
        if value is not None:
            raise InputError(f"{name} is {value!r}, but {source!r} {reason}; leave {name} out")


def _from_scikit_learn(name: str, task: str | None) -> Dataset:
    bunch = getattr(require("sklearn.datasets", f"the dataset {name!r}"), f"load_{name}")()
    names = () if name == "diabetes" else tuple(str(c) for c in bunch.target_names)
    return _dataset(name, name, bunch.data, bunch.target, [str(c) for c in bunch.feature_names], task, names)


def _from_table(path: str, target: str | None, task: str | None, choices: ColumnChoices, reading: ReadingOptions) -> Dataset:
    read = read_table(path, reading)
    table, notes = read.table, list(read.notes)
    columns = table.column_names
    targets = target_columns(columns, target, path)
    features = feature_columns(columns, targets, choices, path)
    by_name = dict(zip(columns, table.columns, strict=True))
    found = [target_values(by_name[name], name, path, reading.na, name in choices.numeric) for name in targets]
    keep = np.logical_and.reduce([column.is_valid().to_numpy() for column in found])
    if not keep.any():
        raise InputError(f"{path}: target {target!r} is empty in all {len(keep)} rows")
    rows = table.select(features)
    if not keep.all():
        notes.append(f"{len(keep) - keep.sum():,} of {len(keep):,} rows have no target, and are left out")
        rows, found = rows.filter(keep), [column.filter(keep) for column in found]
    arrays = [as_array(column) for column in found]
    values = arrays[0] if len(arrays) == 1 else np.stack(_of_one_kind(arrays, targets, path), axis=1)
    return _dataset(
        file_name(path), path, rows, values, features, task, target_names=targets, notes=notes,
        choices=choices.without(targets, decimal=reading.decimal, thousands=reading.thousands, missing=reading.missing),
    )  # fmt: skip


def _of_one_kind(arrays: list[np.ndarray], targets: Sequence[str], path: str) -> list[np.ndarray]:
    """Arrays that can be stacked. Raises InputError where some are text and others are numbers that are no labels."""
    texts = [array.dtype.kind == "U" for array in arrays]
    if any(texts) and not all(texts):
        two = [len(np.unique(array)) == 2 for array in arrays]
        if not all(two):
            raise InputError(f"{path}: targets {listed(targets)} are partly text and partly numbers; give targets of one kind")
        return [array.astype(str) for array in arrays]
    return arrays


def _dataset(
    name: str,
    where: str,
    rows: Any,
    values: np.ndarray,
    column_names: Sequence[str],
    task: str | None,
    class_names: tuple[str, ...] = (),
    target_names: tuple[str, ...] = ("target",),
    notes: Sequence[str] = (),
    choices: ColumnChoices | None = None,
) -> Dataset:
    """A Dataset whose task is found from the targets, unless it is given."""
    shown = ",".join(target_names)
    what = f"{where}: target {shown!r}"
    if task is None:
        task = task_of(values)
        note = note_on_task(values, task, shown)
        notes = [*notes, note] if note else notes
    found: tuple[str, ...] = ()
    if task == REGRESSION:
        y = as_numbers(values, what)
    elif task == MULTILABEL:
        y, found = as_labels(values, what)
    else:
        y, found = as_classes(values, what)
    if y.ndim == 2 and len(target_names) == 1:
        target_names = tuple(f"{shown}{i}" for i in range(y.shape[1]))
    class_names = class_names if task == CLASSIFICATION and class_names else found
    choices = choices or ColumnChoices()
    return Dataset(name, rows, y, tuple(column_names), task, class_names, target_names, tuple(notes), choices)
