"""What a finished run shows of itself: curves.png, boundary.png where there are two features, and report.html."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..tables.recipe import Recipe
from .curves import Curves
from .experiment import Outcome
from .pictures import Plane, draw_boundary, draw_curves


def draw(outcome: Outcome, folder: Path) -> None:
    """Write the pictures. Needs matplotlib."""
    dataset = outcome.dataset
    draw_curves(folder / "curves.png", curves_of(outcome), dataset.name)
    plane = _plane(outcome)
    if plane is not None:
        draw_boundary(folder / "boundary.png", plane)


def curves_of(outcome: Outcome) -> Curves:
    """Losses of each epoch."""
    history = outcome.history
    return Curves(history.loss, outcome.model.network.plan.loss, history.val_loss)


def _plane(outcome: Outcome) -> Plane | None:
    """All rows on the plane of the model's two features; None where it has not two, of numbers."""
    dataset, model = outcome.dataset, outcome.model
    recipe, names = model.recipe, model.recipe.column_names
    if len(names) != 2 or len(model.feature_names) != 2 or dataset.y.ndim == 2:
        return None
    if isinstance(recipe, Recipe):
        numbers = recipe.numbers(dataset.rows)
        if numbers is None:
            return None
        X = numbers
    else:
        X = dataset.rows
    held_out = np.zeros(len(dataset.y), bool)
    held_out[outcome.split.test] = True
    predict = model.predict_proba if dataset.class_names else model.predict
    return Plane(dataset.name, X, dataset.y, held_out, (names[0], names[1]), dataset.target_name, predict, dataset.class_names)
