"""Figures of held-out rows that tables and charts need, by scikit-learn."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...data.targets import CLASSIFICATION, REGRESSION
from ...extras import require
from .content import HeldOut

# The worst held-out rows that are shown.
MOST_WORST = 10


@dataclass(frozen=True)
class ClassScores:
    """Of one class or label: number of its rows, precision, recall, F1, and area under its ROC curve; NaN: undefined."""

    name: str
    rows: int
    precision: float
    recall: float
    f1: float
    auc: float = math.nan


@dataclass(frozen=True)
class TargetScores:
    """Of one target of regression, in its unit: root mean squared error, mean absolute error, R2 (NaN: undefined)."""

    name: str
    rmse: float
    mae: float
    r2: float


def class_scores(truth: np.ndarray, predicted: np.ndarray, names: tuple[str, ...]) -> list[ClassScores]:
    """For class indices (n), true and predicted: one entry for each class."""
    columns = _metrics().precision_recall_fscore_support(
        truth, predicted, labels=np.arange(len(names)), zero_division=np.nan, average=None
    )
    return [ClassScores(name, int(rows), *map(float, (p, r, f))) for name, p, r, f, rows in zip(names, *columns, strict=True)]


def label_scores(truth: np.ndarray, P: np.ndarray, names: tuple[str, ...]) -> list[ClassScores]:
    """For labels (n, n_labels), 0 or 1, and their probabilities; a label is predicted from 0.5."""
    found = []
    for i, name in enumerate(names):
        of_one = class_scores(truth[:, i].astype(int), (P[:, i] >= 0.5).astype(int), ("", name))[1]
        found.append(ClassScores(name, of_one.rows, of_one.precision, of_one.recall, of_one.f1, auc(truth[:, i], P[:, i])))
    return found


def target_scores(truth: np.ndarray, values: np.ndarray, names: tuple[str, ...]) -> list[TargetScores]:
    """For targets and predictions (n, n_targets)."""
    metrics, found = _metrics(), []
    for i, name in enumerate(names):
        t, y = truth[:, i], values[:, i]
        r2 = float(metrics.r2_score(t, y)) if np.ptp(t) > 0 else math.nan
        found.append(TargetScores(name, math.sqrt(metrics.mean_squared_error(t, y)), metrics.mean_absolute_error(t, y), r2))
    return found


def auc(truth: np.ndarray, score: np.ndarray) -> float:
    """Area under the ROC curve; NaN where the rows are all of one class."""
    return float(_metrics().roc_auc_score(truth, score)) if len(np.unique(truth)) == 2 else math.nan


def roc(truth: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """False and true positive rates, for truth (n) of 0 and 1, both there."""
    false, true, _ = _metrics().roc_curve(truth, score)
    return false, true


def confusion(truth: np.ndarray, predicted: np.ndarray, n_classes: int) -> np.ndarray:
    """Numbers of rows (n_classes, n_classes), by true class (row) and predicted class (column)."""
    counts: np.ndarray = _metrics().confusion_matrix(truth, predicted, labels=np.arange(n_classes))
    return counts


def calibration(right: np.ndarray, probability: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean probability, share of `right` (n, 0 or 1), and number of rows, in each of ten bins of probability with rows."""
    module = require("sklearn.calibration", "the calibration of probabilities")
    probability = probability.clip(0.0, 1.0)
    share, mean = module.calibration_curve(right, probability, n_bins=10)
    # As calibration_curve does it: a probability on an edge belongs to the bin below.
    bins = np.searchsorted(np.linspace(0.0, 1.0, 11)[1:-1], probability)
    return mean, share, np.unique(bins, return_counts=True)[1]


def loss_name(task: str, truth: np.ndarray) -> str:
    """What `row_losses` gives, for truth as in HeldOut."""
    if task != REGRESSION:
        return "log loss"
    return "absolute error" if _columns(truth).shape[1] == 1 else "standardised error"


def row_losses(held_out: HeldOut, task: str, spread: np.ndarray | None = None) -> np.ndarray:
    """The loss of each row (n).

    classification: -log of the probability of the true class. multilabel: the same, summed over the labels. regression:
    the absolute error; of several targets, the root of the mean over the targets of (error / spread)^2. spread (n_targets):
    by default the standard deviations of the true values.
    """
    truth, P = held_out.truth, held_out.predictions.astype(np.float64)
    if task == REGRESSION:
        errors = _columns(P) - _columns(truth)
        if errors.shape[1] == 1:
            return np.abs(errors[:, 0])
        spread = truth.std(axis=0) if spread is None else spread
        scaled: np.ndarray = np.sqrt(np.mean((errors / np.where(spread > 0, spread, 1.0)) ** 2, axis=1))
        return scaled
    tiny = np.finfo(np.float64).tiny
    if task == CLASSIFICATION:
        of_truth: np.ndarray = -np.log(np.maximum(P[np.arange(len(truth)), truth], tiny))
        return of_truth
    summed: np.ndarray = -np.log(np.maximum(np.where(truth == 1, P, 1.0 - P), tiny)).sum(axis=1)
    return summed


def worst_rows(held_out: HeldOut, task: str, most: int = MOST_WORST) -> np.ndarray:
    """Positions of the rows with the largest loss, worst first."""
    return np.argsort(-row_losses(held_out, task), kind="stable")[:most]


def _columns(values: np.ndarray) -> np.ndarray:
    return values.reshape(len(values), -1)


def _metrics() -> Any:
    return require("sklearn.metrics", "the scores of a report")
