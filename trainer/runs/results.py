"""Evaluations as tables on the terminal."""

from __future__ import annotations

from collections.abc import Mapping

from .evaluation import Evaluation
from .report import print_table

# Classes or labels that a table is shown for.
MOST_CLASSES = 10
# The parts of the split in the order to be shown in: the first that there is.
TITLES = {"test": "Held out", "validation": "Validation"}


def print_evaluations(evaluations: Mapping[str, Evaluation]) -> str:
    """Print that of the held-out rows, or without these that of the validation rows; returns a warning, or nothing."""
    for part, title in TITLES.items():
        if part in evaluations:
            _print(evaluations[part], f"{title}: {evaluations[part].rows:,} rows")
            return "" if evaluations[part].beats_baseline else worse(part)
    return ""


def worse(part: str) -> str:
    """What to say where the model does not beat the baseline."""
    rows = "held-out" if part == "test" else part
    return f"on the {rows} rows the model is no better than the baseline, which looks at no column"


def _print(evaluation: Evaluation, title: str) -> None:
    scores = [(name, figure(score.model), figure(score.baseline)) for name, score in evaluation.scores.items()]
    print_table(title, scores, ("metric", "model", "baseline"))
    classes = evaluation.classes or {}
    if 0 < len(classes) <= MOST_CLASSES:
        rows = [
            (name, figure(one.precision), figure(one.recall), figure(one.f1), f"{one.rows:,}") for name, one in classes.items()
        ]
        print_table("By class", rows, ("class", "precision", "recall", "F1", "rows"))


def figure(value: float | None) -> str:
    """Four significant digits; "-" for a metric that is not defined."""
    if value is None:
        return "-"
    return f"{value:.4f}" if 0.001 <= abs(value) < 10 else f"{value:.4g}"
