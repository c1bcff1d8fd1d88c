"""How good predictions are on rows that were not trained on, beside a baseline that looks at no column.

The baseline of classification gives every row the shares of the classes among the training rows, so that it predicts the
largest class; that of labels, the share of each label; that of regression, the mean of the training targets. Metrics are
scikit-learn's. A metric that the rows do not define is None: AUC where a class has no row, R2 where all targets are equal.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..data.targets import CLASSIFICATION, MULTILABEL
from ..extras import require

# How many standard errors the balanced accuracy must be above the baseline's to count as better.
CLEARLY = 2.0


@dataclass(frozen=True)
class Score:
    """One metric: of the model, and of the baseline."""

    model: float | None = None
    baseline: float | None = None


@dataclass(frozen=True)
class ClassScores:
    """precision, recall and F1 of one class or label, and how many of the rows are of it."""

    precision: float
    recall: float
    f1: float
    rows: int


@dataclass(frozen=True)
class Evaluation:
    """scores: by the names of metrics, in the order to show them. classes: by the names of classes or labels.

    beats_baseline: whether the model is better than the baseline; see the functions that make an Evaluation.
    """

    rows: int
    scores: dict[str, Score]
    beats_baseline: bool
    classes: dict[str, ClassScores] | None = None


def evaluate_classes(y: np.ndarray, P: np.ndarray, shares: np.ndarray, class_names: Sequence[str]) -> Evaluation:
    """Of class indices y (n) and probabilities P (n, k), beside the classes' shares (k) among the training rows.

    Accuracy, balanced accuracy (mean recall of the classes that have rows), log loss, and AUC: of two classes, or the mean of
    one against the rest. The model is better where its log loss is lower, or its balanced accuracy higher by more than two
    standard errors: models with weighted classes have a high log loss.
    """
    P = np.asarray(P, np.float64)
    baseline = np.tile(np.asarray(shares, np.float64), (len(y), 1))
    scores = _paired(_class_metrics(y, P), _class_metrics(y, baseline))
    classes = _by_class(y, P.argmax(axis=1), class_names)
    found = [one for one in classes.values() if one.rows]
    error = math.sqrt(sum(one.recall * (1.0 - one.recall) / one.rows for one in found)) / len(found)
    clearly = _above(scores["balanced accuracy"], CLEARLY * error)
    return Evaluation(len(y), scores, clearly or _below(scores["log loss"]), classes)


def evaluate_labels(Y: np.ndarray, P: np.ndarray, shares: np.ndarray, label_names: Sequence[str]) -> Evaluation:
    """Of labels Y (n, k), each 0 or 1, and their probabilities P (n, k), beside the labels' shares (k) in the training rows.

    A label is predicted from one half on. Label accuracy: share of all n k labels that are right; exact match: share of rows
    whose labels all are; macro F1: mean over the labels; log loss: mean over the rows of the sum over the labels, as the loss
    log_loss has it. The model is better where its log loss is lower.
    """
    P = np.asarray(P, np.float64)
    baseline = np.tile(np.asarray(shares, np.float64), (len(Y), 1))
    scores = _paired(_label_metrics(Y, P), _label_metrics(Y, baseline))
    return Evaluation(len(Y), scores, _below(scores["log loss"]), _by_class(Y, P >= 0.5, label_names))


def evaluate_numbers(T: np.ndarray, predicted: np.ndarray, mean: np.ndarray, target_names: Sequence[str]) -> Evaluation:
    """Of targets T (n) or (n, k) and predictions of this shape, in the targets' unit, beside the training targets' mean (k).

    RMSE, MAE and R2, of several targets with their names behind. The model is better where RMSE or MAE of each is lower.
    """
    truth, predicted = (np.asarray(values, np.float64).reshape(len(T), -1) for values in (T, predicted))
    constants = np.atleast_1d(np.asarray(mean, np.float64))
    scores: dict[str, Score] = {}
    better = []
    for j, name in enumerate(target_names):
        constant = np.full(len(truth), constants[j])
        found = _paired(_number_metrics(truth[:, j], predicted[:, j]), _number_metrics(truth[:, j], constant))
        better.append(_below(found["RMSE"]) or _below(found["MAE"]))
        scores |= found if len(target_names) == 1 else {f"{metric} of {name}": score for metric, score in found.items()}
    return Evaluation(len(truth), scores, all(better))


def score(task: str, y: np.ndarray, answers: np.ndarray) -> float:
    """One figure for targets y as a Dataset holds them: accuracy, of labels the mean over them; or the mean R2 of the targets.

    answers: probabilities (n, n_classes) or (n, n_labels), or predictions of the shape of y. NaN where R2 is not defined.
    """
    if task == CLASSIFICATION:
        return float((answers.argmax(axis=1) == y).mean())
    if task == MULTILABEL:
        return float(((answers >= 0.5) == y).mean())
    residual, spread = ((y - answers) ** 2).sum(axis=0), ((y - y.mean(axis=0)) ** 2).sum(axis=0)
    return float(np.mean(1.0 - residual / spread)) if np.all(spread > 0) else math.nan


def _class_metrics(y: np.ndarray, P: np.ndarray) -> dict[str, float | None]:
    metrics = require("sklearn.metrics", "evaluating the model")
    labels, present = np.arange(P.shape[1]), np.unique(y)
    predicted = P.argmax(axis=1)
    every_class = len(present) == len(labels)
    auc = None
    if every_class:
        auc = metrics.roc_auc_score(y, P[:, 1]) if len(labels) == 2 else metrics.roc_auc_score(y, P, multi_class="ovr")
    return {
        "accuracy": metrics.accuracy_score(y, predicted),
        "balanced accuracy": metrics.recall_score(y, predicted, labels=present, average="macro", zero_division=0),
        "log loss": metrics.log_loss(y, P, labels=labels),
        "AUC": auc,
    }


def _label_metrics(Y: np.ndarray, P: np.ndarray) -> dict[str, float | None]:
    metrics = require("sklearn.metrics", "evaluating the model")
    predicted = (P >= 0.5).astype(np.int64)
    truth = np.asarray(Y).astype(np.int64)
    return {
        "label accuracy": float((predicted == truth).mean()),
        "exact match": metrics.accuracy_score(truth, predicted),
        "macro F1": metrics.f1_score(truth, predicted, average="macro", zero_division=0),
        "log loss": sum(metrics.log_loss(truth[:, j], P[:, j], labels=[0, 1]) for j in range(truth.shape[1])),
    }


def _number_metrics(t: np.ndarray, predicted: np.ndarray) -> dict[str, float | None]:
    metrics = require("sklearn.metrics", "evaluating the model")
    defined = len(t) > 1 and t.min() < t.max()
    return {
        "RMSE": metrics.root_mean_squared_error(t, predicted),
        "MAE": metrics.mean_absolute_error(t, predicted),
        "R2": metrics.r2_score(t, predicted) if defined else None,
    }


def _by_class(truth: np.ndarray, predicted: np.ndarray, names: Sequence[str]) -> dict[str, ClassScores]:
    metrics = require("sklearn.metrics", "evaluating the model")
    several = {"labels": np.arange(len(names))} if np.ndim(truth) == 1 else {}
    numbers = metrics.precision_recall_fscore_support(truth, predicted, average=None, zero_division=0, **several)
    columns = zip(names, *numbers, strict=True)
    return {name: ClassScores(float(p), float(r), float(f1), int(rows)) for name, p, r, f1, rows in columns}


def _paired(model: dict[str, float | None], baseline: dict[str, float | None]) -> dict[str, Score]:
    return {name: Score(_finite(value), _finite(baseline[name])) for name, value in model.items()}


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _below(score: Score) -> bool:
    return score.model is not None and score.baseline is not None and score.model < score.baseline


def _above(score: Score, margin: float) -> bool:
    return score.model is not None and score.baseline is not None and score.model > score.baseline + margin
