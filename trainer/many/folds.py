"""Folds: which rows are trained on and which are held out, and rows held out with the classes' shares kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ...kernels.validation import positive_integer
from ..errors import InputError

# Numbers of rows to train on, and of those held out.
Fold = tuple[np.ndarray, np.ndarray]


def shuffled(n: int, labels: np.ndarray | None, generator: np.random.Generator) -> np.ndarray:
    """Numbers of n rows in random order; with labels (n,), rows of one class stand together, also in random order.

    Rows taken from it at equal distances hold each class by its share.
    """
    order = generator.permutation(n)
    return order if labels is None else order[np.argsort(labels[order], kind="stable")]


def held_out(n: int, n_held: int, labels: np.ndarray | None, generator: np.random.Generator) -> Fold:
    """A random fold with n_held of n rows held out, classes by their shares."""
    at = np.floor((np.arange(n_held) + generator.random()) * n / n_held).astype(np.int64)
    held = np.zeros(n, bool)
    held[shuffled(n, labels, generator)[at]] = True
    return np.flatnonzero(~held), np.flatnonzero(held)


def folds_of(cv: Any, X: Any, T: Any, n: int, labels: np.ndarray | None, generator: np.random.Generator) -> list[Fold]:
    """The folds that `cross_val_fit` makes of its argument cv, for X and T of n rows.

    labels: numbers of classes (n,), whose shares the folds of an int keep; or None.
    """
    if isinstance(cv, (int, np.integer)) and not isinstance(cv, bool):
        positive_integer("cv", cv)
        if not 2 <= cv <= n:
            raise InputError(f"cv is {cv}; it must be from 2 to the number of rows, {n}")
        fold = np.empty(n, np.int64)
        fold[shuffled(n, labels, generator)] = np.arange(n) % cv
        return [(np.flatnonzero(fold != i), np.flatnonzero(fold == i)) for i in range(cv)]
    if hasattr(cv, "split") and not isinstance(cv, str):
        cv = cv.split(X, T)
    if isinstance(cv, (str, dict)) or not isinstance(cv, Iterable):
        raise InputError(f"cv is {cv!r}; it must be an int, a splitter of scikit-learn, or a list of (train, test)")
    folds = [_checked(i, fold, n) for i, fold in enumerate(cv)]
    if not folds:
        raise InputError("cv has no folds; give at least one (train, test)")
    return folds


def _checked(number: int, fold: Any, n: int) -> Fold:
    if not isinstance(fold, (tuple, list)) or len(fold) != 2:
        raise InputError(f"fold {number} of cv is {fold!r}; it must be (train, test), two arrays of row numbers")
    parts = []
    for name, rows in zip(("train", "test"), fold, strict=True):
        numbers = np.asarray(rows)
        if numbers.dtype == bool and numbers.shape == (n,):
            numbers = np.flatnonzero(numbers)
        if numbers.ndim != 1 or not numbers.size or numbers.dtype.kind not in "iu":
            raise InputError(f"{name} of fold {number} of cv is {rows!r}; it must hold row numbers, at least one")
        if numbers.min() < 0 or numbers.max() >= n:
            wrong = numbers.min() if numbers.min() < 0 else numbers.max()
            raise InputError(f"{name} of fold {number} of cv holds {wrong}; X has the rows 0 to {n - 1}")
        parts.append(numbers.astype(np.int64))
    train, test = parts
    both = np.intersect1d(train, test)
    if both.size:
        raise InputError(f"fold {number} of cv has row {both[0]} in both train and test; a row may be in one of them only")
    return train, test
