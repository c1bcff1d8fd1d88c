"""What a finished run shows of itself: curves.png, boundary.png where there are two features, and report.html."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..data.targets import CLASSIFICATION, REGRESSION
from ..fit.progress import seconds_in_words
from ..tables.recipe import Recipe
from ..versions import versions
from .curves import Curves
from .evaluation import Evaluation
from .experiment import Outcome, answers
from .fitting import ensemble_in_words, epochs_in_words
from .page.content import Column, Metric, PageContent
from .page.document import write_page
from .page.examining import examine
from .pictures import Plane, draw_boundary, draw_curves
from .settings import command_line

# The most seconds that measuring the importance of the columns may take.
EXAMINING = 2.0


def show(outcome: Outcome, folder: Path) -> None:
    """Write the pictures and the page. Needs matplotlib."""
    curves = _curves(outcome)
    draw_curves(folder / "curves.png", curves, outcome.dataset.name)
    plane = _plane(outcome)
    if plane is not None:
        draw_boundary(folder / "boundary.png", plane)
    write_page(folder / "report.html", _content(outcome, curves))


def _curves(outcome: Outcome) -> Curves:
    history, loss = outcome.history, outcome.model.network.plan.loss
    if outcome.dataset.task == REGRESSION:
        loss = f"{loss.replace('_', ' ')} (of the standardised target)"
    members = outcome.settings.ensemble
    kept = outcome.kept_epoch if outcome.settings.stops_early and outcome.kept_epoch and members == 1 else None
    mean = f", mean of {members} networks" if members > 1 else ""
    return Curves(history.loss, loss.replace("_", " ") + mean, history.val_loss, kept)


def _plane(outcome: Outcome) -> Plane | None:
    """All rows on the plane of the model's two features; None where it has not two, of numbers."""
    dataset, model = outcome.dataset, outcome.model
    names = model.recipe.column_names
    if len(names) != 2 or len(model.feature_names) != 2 or dataset.y.ndim == 2:
        return None
    X = model.recipe.numbers(dataset.rows) if isinstance(model.recipe, Recipe) else dataset.rows
    if X is None:
        return None
    held_out = np.zeros(len(dataset.y), bool)
    held_out[outcome.split.test] = True
    predict = model.predict_proba if dataset.class_names else model.predict
    return Plane(dataset.name, X, dataset.y, held_out, (names[0], names[1]), dataset.target_name, predict, dataset.class_names)


def _content(outcome: Outcome, curves: Curves) -> PageContent:
    dataset, model, split, settings = outcome.dataset, outcome.model, outcome.split, outcome.settings
    held_out = importance = worst = None
    recipe, notes, columns = model.recipe, list(dataset.notes), tuple[Column, ...]()
    if outcome.streamed is not None:
        notes.append(
            "the rows were streamed: results are those of a sample of the rows, and rows have their numbers in the sample"
        )
    if isinstance(recipe, Recipe):
        notes += recipe.notes
        columns = tuple(Column(c.name, c.kind, c.treatment, c.missing) for c in recipe.report())
    if split.test.size:
        needed = set(recipe.column_names)
        used = [name for name in dataset.column_names if name in needed]
        rows = dataset.take(split.test)
        held_out, importance, worst = examine(
            rows.select(used) if dataset.is_table else rows,
            dataset.y[split.test],
            lambda some: answers(model, model.outputs(some)),
            dataset.task,
            used,
            (split.test + 1).tolist(),
            seconds=EXAMINING,
        )
    return PageContent(
        title=f"{dataset.target_name} from {dataset.name}",
        task=dataset.task,
        command=command_line(settings),
        target_names=dataset.target_names,
        class_names=dataset.class_names if dataset.task == CLASSIFICATION else (),
        facts=_facts(outcome),
        notes=tuple(notes),
        columns=columns,
        metrics=_metrics(outcome),
        baseline_name="the mean of the targets" if dataset.task == REGRESSION else "the shares of the classes",
        curves=curves,
        held_out=held_out,
        importance=importance,
        worst=worst,
        settings=tuple((name, _shown(value)) for name, value in vars(settings).items() if value not in (None, ())),
        versions=tuple((name, version or "not installed") for name, version in versions().items()),
    )


def _facts(outcome: Outcome) -> tuple[tuple[str, str], ...]:
    plan, history = outcome.model.network.plan, outcome.history
    parts = {"training": "training", "validation": "validation", "test": "held out"}
    rows = ", ".join(f"{size:,} {parts[name]}" for name, size in outcome.sizes.items())
    kept = f"; the model has the parameters of {epochs_in_words(outcome.kept_epochs)}" if outcome.settings.stops_early else ""
    return (
        ("rows", rows),
        ("network", f"{'-'.join(map(str, plan.sizes))}, {plan.activations[0]}, {plan.n_parameters:,} parameters"),
        *(
            [("ensemble", ensemble_in_words(outcome.settings, len(outcome.model.members)))]
            if outcome.settings.ensemble > 1
            else []
        ),
        ("training", f"{history.epochs} epochs{kept}"),
        ("seconds of each" if outcome.settings.ensemble > 1 else "seconds", seconds_in_words(history)),
    )


def _metrics(outcome: Outcome) -> tuple[Metric, ...]:
    """Of validation and held-out rows, beside the baseline; of the training rows what is known."""
    found = outcome.evaluations
    first = found.get("test", found.get("validation"))
    if first is None:
        return ()
    training = {outcome.score_name: outcome.scores.get("training")}

    def of(part: str, name: str) -> float | None:
        evaluation: Evaluation | None = found.get(part)
        return None if evaluation is None else evaluation.scores[name].model

    return tuple(
        Metric(name, training.get(name), of("validation", name), of("test", name), score.baseline)
        for name, score in first.scores.items()
    )


def _shown(value: Any) -> str:
    """A setting as it is typed."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
