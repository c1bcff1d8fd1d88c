"""What stands on the page of a run: plain arrays and text, so that a page can be made without a run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...data.targets import CLASSIFICATION, MULTILABEL, REGRESSION
from ...errors import InputError
from ..curves import Curves


@dataclass(frozen=True)
class Column:
    """A column of the data: its kind, what was made of it, and the share of its cells that are missing, 0 to 1."""

    name: str
    kind: str
    treatment: str
    missing: float = 0.0


@dataclass(frozen=True)
class Metric:
    """A score or a loss on the parts of the data, and that of a baseline on the held-out rows. None: not known."""

    name: str
    training: float | None = None
    validation: float | None = None
    held_out: float | None = None
    baseline: float | None = None


@dataclass(frozen=True)
class HeldOut:
    """Held-out rows.

    classification: truth (n) class indices, predictions (n, n_classes) probabilities. regression: truth and predictions (n) or
    (n, n_targets), in the unit of the target. multilabel: truth 0 or 1 and predictions probabilities, both (n, n_labels).
    """

    truth: np.ndarray
    predictions: np.ndarray


@dataclass(frozen=True)
class WorstRows:
    """Held-out rows with the largest loss.

    positions (m): in HeldOut, worst first, see `evaluation.worst_rows`. numbers (m): of the rows in the data, from 1.
    headers, cells: their columns and the m rows of text as they were read.
    """

    positions: np.ndarray
    numbers: tuple[int, ...]
    headers: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Importance:
    """Increase of the loss where a column is shuffled, largest first: mean and standard deviation over the repeats.

    loss: before any shuffling. n_columns: of the data. searched: whether only some columns were measured one by one, found
    by shuffling groups of columns.
    """

    names: tuple[str, ...]
    means: np.ndarray
    deviations: np.ndarray
    loss: float
    loss_name: str
    n_rows: int
    repeats: int
    n_columns: int
    searched: bool = False


@dataclass(frozen=True)
class PageContent:
    """The page of a run. What is None or empty is left out.

    command: repeats the run. notes: how a file was read, a sentence each. target_names: one for each target or label.
    class_names: of classification; the second of two classes is the positive one. baseline_name: what `Metric.baseline`
    predicts, "the largest class" or "the mean". facts, settings, versions: names and values.
    """

    title: str
    task: str
    command: str
    target_names: tuple[str, ...]
    class_names: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    metrics: tuple[Metric, ...] = ()
    baseline_name: str = ""
    curves: Curves | None = None
    held_out: HeldOut | None = None
    importance: Importance | None = None
    worst: WorstRows | None = None
    settings: tuple[tuple[str, str], ...] = ()
    versions: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        tasks = (CLASSIFICATION, REGRESSION, MULTILABEL)
        if self.task not in tasks:
            raise InputError(f"task is {self.task!r}; it must be one of {', '.join(tasks)}")
        if self.held_out is not None:
            self._check(self.held_out)
        if self.worst is not None and self.held_out is None:
            raise InputError("worst is given without held_out, which has the truth and the predictions of its rows")

    def _check(self, held_out: HeldOut) -> None:
        n = len(held_out.truth)
        k = len(self.class_names if self.task == CLASSIFICATION else self.target_names)
        columns: list[tuple[int, ...]] = [(n, k), (n,)] if self.task == REGRESSION and k == 1 else [(n, k)]
        if held_out.predictions.shape not in columns:
            raise InputError(f"held_out.predictions has shape {held_out.predictions.shape}; it must be ({n}, {k})")
        needed: list[tuple[int, ...]] = [(n,)] if self.task == CLASSIFICATION else columns
        if held_out.truth.shape not in needed:
            raise InputError(f"held_out.truth has shape {held_out.truth.shape}; it must be {needed[0]}")
