"""Datasets by name or from a file, as arrays that a network can be trained on."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..extras import require
from . import array_files, tables, toys
from .suggestions import did_you_mean, listed, neighbours
from .targets import REGRESSION, TASKS, as_classes, as_numbers, task_of

SCIKIT_LEARN = ("digits", "breast_cancer", "wine", "iris", "diabetes")
NAMES = (*SCIKIT_LEARN, *toys.NAMES)


@dataclass(frozen=True)
class Dataset:
    """Samples and their targets.

    X: (n, n_features), finite floats. y: class indices (n) from 0; or, for regression, targets (n) or (n, n_targets).
    class_names: empty for regression.
    """

    name: str
    X: np.ndarray
    y: np.ndarray
    feature_names: tuple[str, ...]
    task: str
    class_names: tuple[str, ...] = ()
    target_name: str = "target"

    def fingerprint(self) -> str:
        """SHA-256 of everything but the name, which is that of a file that may be renamed."""
        names = [self.feature_names, self.class_names, self.task, self.target_name]
        arrays = [(array.dtype.str, array.shape) for array in (self.X, self.y)]
        digest = hashlib.sha256(json.dumps([names, arrays]).encode())
        for array in (self.X, self.y):
            digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
        return digest.hexdigest()


def load_dataset(
    source: str | PathLike[str],
    target: str | None = None,
    *,
    task: str | None = None,
    ignore: Sequence[str] = (),
    n_samples: int | None = None,
    noise: float | None = None,
    seed: int = 0,
) -> Dataset:
    """Load one of NAMES, or a .csv, .tsv, .parquet, .npz or .npy file.

    target: the column of a table, the array of an .npz file (y or T where not given), or the second file beside an .npy file.
    task: "classification" or "regression"; by default text, booleans and whole numbers with few values are classes.
    ignore: columns of a table to leave out. n_samples, noise, seed: of the generated datasets.

    Raises InputError where the source or its contents do not fit, and MissingExtraError where another package is needed.
    """
    if task not in (None, *TASKS):
        raise InputError(f"task is {task!r}; it must be {' or '.join(TASKS)}")
    source = str(source)
    if source in NAMES:
        _refuse(source, "is no file", target=target, ignore=list(ignore) or None)
        if source in toys.NAMES:
            X, values = toys.make_toy(source, n_samples, noise, seed)
            return _dataset(source, source, X, values, array_files.feature_names(2), task)
    _refuse(source, f"is not generated, as {', '.join(toys.NAMES)} are", n_samples=n_samples, noise=noise)
    if source in SCIKIT_LEARN:
        return _from_scikit_learn(source, task)
    path = Path(source)
    if path.suffix.lower() in tables.SUFFIXES:
        return _from_table(path, target, task, ignore)
    if path.suffix.lower() in array_files.SUFFIXES:
        _refuse(source, "has no named columns", ignore=list(ignore) or None)
        X, values, name = array_files.read_arrays(path, target)
        return _dataset(path.stem, source, X, values, array_files.feature_names(X.shape[1]), task, target_name=name)
    kinds = ", ".join((*tables.SUFFIXES, *array_files.SUFFIXES))
    problem = "is no dataset and no file"
    if source and path.exists():
        problem = "is a folder" if path.is_dir() else "is a file of unknown kind"
    meant = did_you_mean(source, (*NAMES, *neighbours(path))) or ";"
    raise InputError(f"{source!r} {problem}{meant} known are {', '.join(NAMES)} and files in {kinds}")


def _refuse(source: str, reason: str, **arguments: Any) -> None:
    for name, value in arguments.items():
        if value is not None:
            raise InputError(f"{name} is {value!r}, but {source!r} {reason}; leave {name} out")


def _from_scikit_learn(name: str, task: str | None) -> Dataset:
    bunch = getattr(require("sklearn.datasets", f"the dataset {name!r}"), f"load_{name}")()
    names = () if name == "diabetes" else tuple(str(c) for c in bunch.target_names)
    return _dataset(name, name, bunch.data, bunch.target, [str(c) for c in bunch.feature_names], task, names)


def _from_table(path: Path, target: str | None, task: str | None, ignore: Sequence[str]) -> Dataset:
    table = tables.read_table(path)
    columns = table.column_names
    if target is None:
        raise InputError(
            f"{path}: say which column is the target, as in --target {shlex.quote(columns[-1])}; it has {listed(columns)}"
        )
    for argument, name in [("target", target), *(("ignore", name) for name in ignore)]:
        if name not in columns:
            raise InputError(f"{path}: {argument} is {name!r}, and there is no such column{_meant(name, columns)}")
    if target in ignore:
        raise InputError(f"{path}: column {target!r} is both the target and to be ignored; drop one of the two")
    features = [name for name in columns if name != target and name not in ignore]
    if not features:
        raise InputError(f"{path} has no columns besides the target {target!r}; a network needs at least one feature")
    if "" in features:
        raise InputError(f"{path}: column {columns.index('') + 1} has no name; name it, or leave it out with --ignore ''")
    X = tables.feature_matrix(table, features, path, can_ignore=True)
    return _dataset(path.stem, str(path), X, tables.target_values(table, target, path), features, task, target_name=target)


def _meant(name: str, known: Sequence[str]) -> str:
    return did_you_mean(name, known) or f"; it has {listed(known)}"


def _dataset(
    name: str,
    where: str,
    X: np.ndarray,
    values: np.ndarray,
    feature_names: Sequence[str],
    task: str | None,
    class_names: tuple[str, ...] = (),
    target_name: str = "target",
) -> Dataset:
    """A Dataset whose task is found from the targets, unless it is given."""
    task = task or task_of(values)
    what = f"{where}: target {target_name!r}"
    if task == REGRESSION:
        return Dataset(name, X, as_numbers(values, what), tuple(feature_names), task, (), target_name)
    y, found = as_classes(values, what)
    return Dataset(name, X, y, tuple(feature_names), task, class_names or found, target_name)
