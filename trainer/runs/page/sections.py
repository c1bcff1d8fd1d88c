"""The sections of the page, each from the content to HTML; an empty text where there is nothing to show."""

from __future__ import annotations

import numpy as np

from ...data.targets import CLASSIFICATION, REGRESSION
from .charts import curves_chart
from .content import Importance, Metric, PageContent
from .evaluation import loss_name, row_losses
from .markup import LONGEST, cut, gallery, number, pairs, paragraph, picture, section, table, text

MOST_COLUMNS = 200
# Numbers shown large at the top.
MOST_HEADLINES = 4
# Columns of the data beside the worst rows: those of the greatest importance first.
MOST_CELLS = 12


def summary(content: PageContent) -> str:
    """Headline numbers and all metrics."""
    shown = [metric for metric in content.metrics if _best_part(metric)[1] is not None]
    cards = "".join(_card(metric, content.baseline_name) for metric in shown[:MOST_HEADLINES])
    return section(
        "summary",
        "Summary",
        [
            f'<ul class="cards">{cards}</ul>' if cards else "",
            pairs(content.facts) if content.facts else "",
            _metrics(content) if content.metrics else "",
        ],
    )


def _card(metric: Metric, baseline_name: str) -> str:
    part, value = _best_part(metric)
    baseline = ""
    if metric.baseline is not None:
        baseline = f"<span>{text(baseline_name or 'baseline')}: {number(metric.baseline)}</span>"
    return f"<li><span>{text(metric.name)}, {part}</span><strong>{number(value)}</strong>{baseline}</li>"


def _best_part(metric: Metric) -> tuple[str, float | None]:
    """The part that says most about new rows."""
    for part in ("held_out", "validation", "training"):
        if getattr(metric, part) is not None:
            return part.replace("_", "-"), getattr(metric, part)
    return "", None


def _metrics(content: PageContent) -> str:
    parts = [("training", "training"), ("validation", "validation"), ("held_out", "held out")]
    there = [(part, name) for part, name in parts if any(getattr(metric, part) is not None for metric in content.metrics)]
    if any(metric.baseline is not None for metric in content.metrics):
        there.append(("baseline", f"baseline ({content.baseline_name})" if content.baseline_name else "baseline"))
    rows = [[cut(metric.name), *(number(getattr(metric, part)) for part, _ in there)] for metric in content.metrics]
    return table("Scores and losses", ("", *(name for _, name in there)), rows)


def reading(content: PageContent) -> str:
    """How the data were read: sentences, and what became of the columns."""
    notes = "<ul>" + "".join(f"<li>{text(note)}</li>" for note in content.notes) + "</ul>" if content.notes else ""
    rows = [
        (cut(column.name), cut(column.kind), cut(column.treatment, 2 * LONGEST), f"{100 * column.missing:.3g}%")
        for column in content.columns[:MOST_COLUMNS]
    ]
    more = len(content.columns) - MOST_COLUMNS
    return section(
        "data",
        "How the data were read",
        [
            notes,
            table("Columns", ("column", "kind", "treatment", "missing"), rows, 3, tall=True) if rows else "",
            paragraph(f"And {more:,} more columns.") if more > 0 else "",
        ],
    )


def training(content: PageContent) -> str:
    """Loss curves."""
    curves = content.curves
    if curves is None or not len(curves.loss):
        return ""
    words = f"Loss by epoch: {curves.loss_name}."
    if len(curves.scores):
        words += f" Below: {curves.score_name} on the validation rows."
    if curves.kept is not None:
        words += f" The model has the weights of epoch {curves.kept}."
    return section("curves", "Training curves", [gallery([picture(curves_chart(curves), words)])])


def importance(content: PageContent) -> str:
    """Permutation importance, as bars."""
    found = content.importance
    if found is None:
        return ""
    if not found.names:
        words = f"The {found.n_columns:,} columns could not be measured in the time that a report has for it."
        return section("importance", "Importance of the columns", [paragraph(words)])
    largest = max(float(found.means.max()), 1e-300)
    rows = []
    for name, mean, deviation in zip(found.names, found.means, found.deviations, strict=True):
        width = 100 * max(float(mean), 0.0) / largest
        bar = f'<span style="width:{width:.1f}%"></span>'
        rows.append((cut(name), bar, f"{number(float(mean))} ± {number(float(deviation))}"))
    caption = f"Increase of the {found.loss_name} where a column is shuffled: mean ± standard deviation"
    html = table(caption, ("column", "", "increase"), rows, 2).replace("<td><span", '<td class="bar"><span')
    return section("importance", "Importance of the columns", [paragraph(_how_measured(found)), html])


def _how_measured(found: Importance) -> str:
    times = "once" if found.repeats == 1 else f"{found.repeats} times"
    words = (
        f"Each column was shuffled {times} among {found.n_rows:,} held-out rows; without shuffling the {found.loss_name} is "
        f"{number(found.loss)}. Columns that say the same share their importance."
    )
    if found.searched:
        words += (
            f" Of the {found.n_columns:,} columns only these were measured one by one: they were found by shuffling groups of "
            "columns and halving the group that mattered most."
        )
    elif found.n_columns > len(found.names):
        words += f" The first {len(found.names)} of {found.n_columns:,} columns are shown."
    return words


def worst(content: PageContent) -> str:
    """The held-out rows with the largest loss, with truth, prediction and loss."""
    rows, held_out = content.worst, content.held_out
    if rows is None or held_out is None or not len(rows.positions):
        return ""
    losses = row_losses(held_out, content.task)
    order = _columns_to_show(rows.headers, content.importance)
    html = []
    for position, n, cells in zip(rows.positions, rows.numbers, rows.cells, strict=True):
        truth, predicted = _truth_and_prediction(content, int(position))
        shown = [cut(cells[i]) for i in order]
        html.append([str(n), cut(truth), cut(predicted), number(float(losses[position])), *shown])
    headers = ("row", "true", "predicted", loss_name(content.task, held_out.truth), *(rows.headers[i] for i in order))
    more = len(rows.headers) - len(order)
    left_out = f" {more:,} more columns are not shown." if more else ""
    words = f"The held-out rows with the largest loss. Rows are counted from 1.{left_out}"
    return section("worst", "Worst rows", [paragraph(words), table("Worst held-out rows", headers, html, len(headers))])


def _columns_to_show(headers: tuple[str, ...], found: Importance | None) -> list[int]:
    if len(headers) <= MOST_CELLS or found is None:
        return list(range(min(len(headers), MOST_CELLS)))
    rank = {name: i for i, name in enumerate(found.names)}
    return sorted(range(len(headers)), key=lambda i: (rank.get(headers[i], len(rank)), i))[:MOST_CELLS]


def _truth_and_prediction(content: PageContent, position: int) -> tuple[str, str]:
    assert content.held_out is not None
    truth, predicted = content.held_out.truth[position], content.held_out.predictions[position]
    if content.task == CLASSIFICATION:
        k = int(np.argmax(predicted))
        return content.class_names[int(truth)], f"{content.class_names[k]} ({100 * float(predicted[k]):.3g}%)"
    if content.task == REGRESSION:
        return ", ".join(number(float(v)) for v in np.ravel(truth)), ", ".join(number(float(v)) for v in np.ravel(predicted))
    named = [
        ", ".join(name for name, there in zip(content.target_names, labels, strict=True) if there) or "none"
        for labels in (truth == 1, predicted >= 0.5)
    ]
    return named[0], named[1]


def settings(content: PageContent) -> str:
    """Settings and versions."""
    parts = []
    for title, rows in (("Settings", content.settings), ("Versions", content.versions)):
        if rows:
            parts += [f"<h3>{title}</h3>", pairs(rows)]
    return section("settings", "Settings and versions", parts)


def command(content: PageContent) -> str:
    """What to type to repeat the run."""
    return section(
        "command", "Repeat this run", [f"<pre><code>{text(content.command)}</code></pre>"] if content.command else []
    )
