"""The data that the page offers: generated sets, scikit-learn's, a table from the command line, the two worked documents."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..data import toys
from ..data.array_recipe import ArrayRecipe
from ..data.datasets import SCIKIT_LEARN, Dataset, load_dataset
from ..data.targets import CLASSIFICATION, MULTILABEL
from ..errors import InputError
from ..explanation.documents import DOCUMENTS
from ..runs.preparation import split_rows
from ..runs.settings import one_of
from ..scaling import Scaling
from ..tables.recipe import Recipe

TABLE = "table"
DOCUMENT_NAMES = {f"document {number}": number for number in DOCUMENTS}
HELD_OUT = 0.2
# More rows are thinned out at random, so that an epoch stays short; more inputs are refused.
MOST_ROWS, MOST_INPUTS = 5000, 1000


@dataclass(frozen=True)
class Samples:
    """Rows as a network takes them.

    X (n, n_in): generated data as they are, others standardised. T: class numbers (n), or targets (n, 1): 0 and 1 for two
    classes, standardised numbers for regression. training, held_out: numbers of rows. document: the number of a worked
    document, 0 for other data.
    """

    name: str
    X: np.ndarray
    T: np.ndarray
    training: np.ndarray
    held_out: np.ndarray
    input_names: tuple[str, ...]
    class_names: tuple[str, ...] = ()
    target_name: str = "target"
    notes: tuple[str, ...] = ()
    document: int = 0

    @property
    def n_outputs(self) -> int:
        return len(self.class_names) if len(self.class_names) > 2 else 1


class Library:
    """Every data set that the page may ask for, by name. table: what the command line gave, or None."""

    def __init__(self, table: Dataset | None = None) -> None:
        self.table = None if table is None else thinned(table)
        self._prepared = functools.lru_cache(maxsize=4)(self._prepare)
        if self.table is not None:
            self.samples(TABLE, 0)  # a table that does not fit is refused before the page is there

    def names(self) -> list[dict[str, str]]:
        """Name, label and group of each data set, in the order of the page's list."""
        groups: list[tuple[str, tuple[str, ...]]] = [
            ("Two classes", toys.CLASSES),
            ("Numbers to predict", toys.NUMBERS),
            ("Measured data", SCIKIT_LEARN),
            ("Worked by hand", tuple(DOCUMENT_NAMES)),
        ]
        found = [
            {"name": name, "label": name.replace("_", " ").capitalize(), "group": group}
            for group, names in groups
            for name in names
        ]
        if self.table is not None:
            found.insert(0, {"name": TABLE, "label": self.table.name, "group": "Your table"})
        return found

    def samples(self, name: str, seed: int) -> Samples:
        """The rows of a data set. Raises InputError for an unknown name, MissingExtraError where scikit-learn is missing."""
        one_of("data", name, [entry["name"] for entry in self.names()])
        return self._prepared(name, seed)

    def _prepare(self, name: str, seed: int) -> Samples:
        if name in DOCUMENT_NAMES:
            return _of_document(DOCUMENT_NAMES[name])
        if name == TABLE and self.table is not None:
            return _prepared(self.table, seed)
        made = name in toys.NAMES
        return _prepared(load_dataset(name, seed=seed) if made else thinned(load_dataset(name)), seed, scaled=not made)


def thinned(dataset: Dataset) -> Dataset:
    """At most MOST_ROWS rows, drawn at random, with a note that says so."""
    if dataset.task == MULTILABEL or dataset.y.ndim != 1:
        raise InputError(f"{dataset.name}: target is {dataset.target_name!r}; the page takes a single target column")
    n = len(dataset.y)
    if n <= MOST_ROWS:
        return dataset
    rows = np.sort(np.random.default_rng(0).choice(n, MOST_ROWS, replace=False))
    note = f"{MOST_ROWS:,} of {n:,} rows are used, drawn at random"
    return replace(dataset, rows=dataset.take(rows), y=dataset.y[rows], notes=(*dataset.notes, note))


def _prepared(dataset: Dataset, seed: int, scaled: bool = True) -> Samples:
    split = split_rows(dataset, HELD_OUT, 0.0, seed)
    training = split.training
    notes, names = dataset.notes, dataset.column_names
    if not scaled:
        X = np.asarray(dataset.rows, np.float64)
    else:
        recipe: Recipe | ArrayRecipe
        if dataset.is_table:
            recipe = Recipe.fit(dataset.rows, dataset.choices, training)
            notes = (*notes, *recipe.notes)
        else:
            recipe = ArrayRecipe.fit(dataset.rows[training], dataset.column_names)
        X, names = recipe.prepare(dataset.rows, np.float64), recipe.feature_names
    if X.shape[1] > MOST_INPUTS:
        raise InputError(f"{dataset.name} makes {X.shape[1]} inputs; the page takes at most {MOST_INPUTS}; leave out columns")
    return Samples(
        dataset.name,
        X,
        _targets(dataset, training),
        training,
        split.test,
        names,
        dataset.class_names,
        dataset.target_name,
        notes,
    )


def _targets(dataset: Dataset, training: np.ndarray) -> np.ndarray:
    y: Any = dataset.y
    if dataset.task != CLASSIFICATION:
        numbers = y.reshape(-1, 1)
        return Scaling.fit(numbers[training], dataset.target_names).apply(numbers)
    if len(dataset.class_names) > 2:
        return np.asarray(y)
    return np.asarray(y, np.float64).reshape(-1, 1)


def _of_document(number: int) -> Samples:
    X, T = DOCUMENTS[number].sample()
    names = ("x",) if X.shape[1] == 1 else tuple(f"x{i + 1}" for i in range(X.shape[1]))
    none = np.empty(0, np.int64)
    return Samples(f"document {number}", X, T, np.array([0]), none, names, target_name="t", document=number)
