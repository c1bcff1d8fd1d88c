"""Target values as a file holds them, and as classes or numbers to be learned."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import InputError

CLASSIFICATION, REGRESSION, MULTILABEL = TASKS = ("classification", "regression", "multilabel")
# Whole numbers are taken for classes where they have at most this many values, and rows for two of each on the average.
MOST_INTEGER_CLASSES = 20


def task_of(values: np.ndarray) -> str:
    """The task that targets (n) or (n, n_targets) are meant for.

    Text, booleans, one-hot rows and whole numbers with few values are classes; several columns of two values each are labels;
    everything else is regression.
    """
    if _is_one_hot(values):
        return CLASSIFICATION
    if values.ndim == 2:
        return (
            MULTILABEL
            if values.dtype.kind in "biuUS" and all(len(np.unique(column)) == 2 for column in values.T)
            else REGRESSION
        )
    if values.dtype.kind in "bUS":
        return CLASSIFICATION
    return CLASSIFICATION if values.dtype.kind != "f" and _has_few_values(values) else REGRESSION


def note_on_task(values: np.ndarray, task: str, name: str) -> str | None:
    """A note on the task that was found for targets (n): whole numbers written as decimals may be classes."""
    if task != REGRESSION or values.ndim != 1 or values.dtype.kind != "f" or (values != np.floor(values)).any():
        return None
    if not _has_few_values(values):
        return None
    found = np.unique(values)
    shown = ", ".join(f"{value:.1f}" for value in found[:4]) + (", ..." if len(found) > 4 else "")
    return f"target {name!r} holds {shown}: it is taken as numbers, for regression; for classes give --task classification"


def _has_few_values(values: np.ndarray) -> bool:
    distinct = len(np.unique(values))
    return distinct <= MOST_INTEGER_CLASSES and 2 * distinct <= len(values)


def as_classes(values: np.ndarray, what: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Class indices (n), and the classes' names in sorted order. Raises InputError, beginning with `what`."""
    if _is_one_hot(values):
        return values.argmax(axis=1), tuple(str(i) for i in range(values.shape[1]))
    if values.ndim == 2:
        raise InputError(f"{what} has {values.shape[1]} columns; classes need one column, or one-hot rows")
    if values.dtype.kind == "f" and (values != np.floor(values)).any():
        raise InputError(f"{what} holds fractions, which cannot be classes; use --task regression")
    if values.dtype.kind == "S":
        values = np.char.decode(values, "utf-8", "replace")
    classes, y = np.unique(values, return_inverse=True)
    names = tuple(map(_class_name, classes))
    if len(names) < 2:
        raise InputError(f"{what} has only the class {names[0]!r}; at least two are needed")
    return y.astype(np.int64), names


def _class_name(value: Any) -> str:
    """Of a value in a target column. -0 is the class 0."""
    return f"{value + 0.0:.0f}" if isinstance(value, np.floating) else str(value)


def as_labels(values: np.ndarray, what: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """0 or 1 for each label, int64 (n, n_labels), and two names for each: of 0, then of 1.

    Raises InputError, beginning with `what`.
    """
    if values.ndim != 2:
        raise InputError(f"{what} is a single column; multilabel needs several, for example --target a,b")
    labels, names = np.empty(values.shape, np.int64), list[str]()
    for i, column in enumerate(values.T):
        found, labels[:, i] = np.unique(column, return_inverse=True)
        if len(found) != 2:
            raise InputError(f"{what}: column {i + 1} has {len(found)} values; each label needs exactly two")
        names += map(_class_name, found)
    return labels, tuple(names)


def as_numbers(values: np.ndarray, what: str) -> np.ndarray:
    """Regression targets (n) or (n, n_targets), float64. Raises InputError, beginning with `what`."""
    if values.dtype.kind in "US":
        raise InputError(f"{what} holds text; regression needs numbers")
    y = values.astype(np.float64)
    constant = np.flatnonzero(np.atleast_1d(y.min(axis=0) == y.max(axis=0)))
    if constant.size:
        column = f" column {constant[0]}" if y.ndim == 2 else ""
        raise InputError(f"{what}{column} has the same value in every row; there is nothing to learn")
    return y


def _is_one_hot(values: np.ndarray) -> bool:
    if values.ndim != 2 or values.dtype.kind not in "biuf":
        return False
    return bool(np.isin(values, (0, 1)).all() and (values.sum(axis=1) == 1).all())
