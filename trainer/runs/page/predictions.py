"""The section about held-out predictions: confusions, scores by class, label or target, ROC, calibration, predicted values."""

from __future__ import annotations

import numpy as np

from ...data.targets import CLASSIFICATION, REGRESSION
from .charts import calibration_chart, predicted_chart, roc_chart
from .content import HeldOut, PageContent
from .evaluation import class_scores, confusion, label_scores, target_scores
from .markup import boxed, cut, gallery, number, paragraph, picture, section, share, table

# Confusions of more classes are a list of the largest ones.
MOST_IN_MATRIX = 20
MOST_CONFUSIONS = 20
LONGEST_CLASS = 24
# Scores of more classes or targets are those of the worst ones.
MOST_CLASSES = 50
MOST_CHARTS = 4


def predictions(content: PageContent) -> str:
    """Everything that truth and predictions of the held-out rows show."""
    held_out = content.held_out
    if held_out is None or not len(held_out.truth):
        return ""
    if content.task == CLASSIFICATION:
        parts = _classes(content.class_names, held_out)
    elif content.task == REGRESSION:
        parts = _targets(content.target_names, held_out)
    else:
        parts = _labels(content.target_names, held_out)
    words = f"Predictions for {len(held_out.truth):,} held-out rows, which the network was not trained on."
    return section("predictions", "Predictions", [paragraph(words), *parts])


def _classes(names: tuple[str, ...], held_out: HeldOut) -> list[str]:
    truth, P = held_out.truth, held_out.predictions
    predicted = P.argmax(axis=1)
    counts = confusion(truth, predicted, len(names))
    confusions = _matrix(counts, names) if len(names) <= MOST_IN_MATRIX else _largest_confusions(counts, names)
    scores = sorted(class_scores(truth, predicted, names), key=lambda s: np.nan_to_num(s.f1, nan=np.inf))
    chosen = scores if len(names) > MOST_CLASSES else class_scores(truth, predicted, names)
    rows = [(cut(s.name), f"{s.rows:,}", *map(share, (s.precision, s.recall, s.f1))) for s in chosen[:MOST_CLASSES]]
    caption = "Scores by class" if len(names) <= MOST_CLASSES else f"The {MOST_CLASSES} classes of the lowest F1"
    parts = [gallery([confusions, table(caption, ("class", "rows", "precision", "recall", "F1"), rows, tall=True)])]
    if len(names) == 2:
        parts.append(gallery(_two_classes(names[1], (truth == 1).astype(int), P[:, 1])))
    else:
        chart = calibration_chart(
            (predicted == truth).astype(int), P.max(axis=1), "probability of the likeliest class", "share of right predictions"
        )
        words = (
            "Calibration: how often the likeliest class is the true one, by its probability. Below the dotted line the model "
            "is too sure. Larger dots stand for more rows."
        )
        parts.append(gallery([picture(chart, words)]))
    return parts


def _two_classes(name: str, truth: np.ndarray, P: np.ndarray) -> list[str]:
    pictures = []
    if len(np.unique(truth)) == 2:
        words = f"ROC: share of the rows of {name} that are found, against the share of the others that are taken for it."
        pictures.append(picture(roc_chart([(name, truth, P)]), words))
    words = (
        f"Calibration: share of {name} by its predicted probability. On the dotted line probabilities are right. Larger dots "
        "stand for more rows."
    )
    pictures.append(picture(calibration_chart(truth, P, "predicted probability", "share of rows"), words))
    return pictures


def _matrix(counts: np.ndarray, names: tuple[str, ...]) -> str:
    head = "".join(f'<th scope="col">{cut(name, LONGEST_CLASS)}</th>' for name in names)
    body = ""
    for i, (name, row) in enumerate(zip(names, counts, strict=True)):
        shares = row / max(row.sum(), 1)
        cells = "".join(
            f'<td class="{"right" if i == j else "wrong" if count else "none"}" style="--share:{share:.3f}">{count:,}</td>'
            for j, (count, share) in enumerate(zip(row.tolist(), shares.tolist(), strict=True))
        )
        body += f'<tr><th scope="row">{cut(name, LONGEST_CLASS)}</th>{cells}</tr>\n'
    head = f'<thead><tr><th scope="col">true \\ predicted</th>{head}</tr></thead>'
    matrix = boxed("Confusion matrix", f'<table class="counts">{head}<tbody>\n{body}</tbody></table>')
    words = "Confusion matrix: rows by true class (down) and predicted class (across). Framed: right. Shade: share of the line."
    return f'<div><p class="quiet">{words}</p>{matrix}</div>'


def _largest_confusions(counts: np.ndarray, names: tuple[str, ...]) -> str:
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:MOST_CONFUSIONS]
    places = [np.unravel_index(int(place), wrong.shape) for place in order]
    rows = [
        (cut(names[i]), cut(names[j]), f"{wrong[i, j]:,}", f"{100 * wrong[i, j] / counts[i].sum():.3g}%")
        for i, j in places
        if wrong[i, j]
    ]
    if not rows:
        return paragraph(f"None of the {len(names)} classes was taken for another.")
    return table(f"The largest confusions of {len(names)} classes", ("true", "predicted", "rows", "share of true"), rows, 2)


def _targets(names: tuple[str, ...], held_out: HeldOut) -> list[str]:
    truth, values = (v.reshape(len(v), -1).astype(np.float64) for v in (held_out.truth, held_out.predictions))
    parts = []
    if len(names) > 1:
        scores = target_scores(truth, values, names)[:MOST_CLASSES]
        rows = [(cut(s.name), *map(number, (s.rmse, s.mae, s.r2))) for s in scores]
        parts.append(table("Scores by target, in its unit", ("target", "RMSE", "MAE", "R2"), rows))
    pictures = [
        picture(
            predicted_chart(truth[:, i], values[:, i], name),
            f"Predicted against true {name}. On the dashed line predictions are right.",
        )
        for i, name in enumerate(names[:MOST_CHARTS])
    ]
    return [*parts, gallery(pictures), _and_more(len(names), "targets")]


def _labels(names: tuple[str, ...], held_out: HeldOut) -> list[str]:
    truth, P = held_out.truth, held_out.predictions
    scores = label_scores(truth, P, names)
    rows = [(cut(s.name), f"{s.rows:,}", *map(share, (s.precision, s.recall, s.f1, s.auc))) for s in scores[:MOST_CLASSES]]
    parts = [table("Scores by label", ("label", "rows", "precision", "recall", "F1", "AUC"), rows)]
    both = [i for i in range(len(names)) if len(np.unique(truth[:, i])) == 2][:MOST_CHARTS]
    if both:
        chart = roc_chart([(names[i], truth[:, i], P[:, i]) for i in both])
        parts.append(gallery([picture(chart, "ROC: true against false positive rate of each label.")]))
    return [*parts, _and_more(len(names), "labels")]


def _and_more(n: int, what: str) -> str:
    return paragraph(f"Charts show the first {MOST_CHARTS} of {n:,} {what}.") if n > MOST_CHARTS else ""
