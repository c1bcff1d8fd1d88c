"""What is to be trained: the data loaded and divided, and a model made for them."""

from __future__ import annotations

import math

import numpy as np

from ..data.array_recipe import ArrayRecipe
from ..data.datasets import Dataset, load_dataset
from ..data.targets import CLASSIFICATION, MULTILABEL, REGRESSION
from ..errors import InputError
from ..extras import require
from ..network import Network
from ..scaling import Scaling
from ..tables.recipe import Recipe
from .experiment import Experiment, Split
from .settings import Settings
from .trained_model import TrainedModel


def prepare(settings: Settings) -> Experiment:
    """Load and divide the data, and make the model, as `settings` say. Raises InputError for data that do not fit."""
    require("sklearn", "splitting the rows")
    dataset = load_dataset(
        settings.source,
        settings.target,
        task=settings.task,
        n_samples=settings.n_samples,
        noise=settings.noise,
        seed=settings.seed,
        choices=settings.column_choices,
        reading=settings.reading_options,
    )
    split = split_rows(dataset, settings.test_size, settings.validation_size, settings.seed)
    return Experiment(settings, dataset, split, untrained_model(dataset, split.training, settings))


def split_rows(dataset: Dataset, test_size: float, validation_size: float, seed: int) -> Split:
    """Shuffle and cut the rows; classes keep their shares in each part. Raises InputError where there are too few rows."""
    rest, test = _cut(dataset, np.arange(len(dataset.y)), "test_size", test_size, seed)
    training, validation = _cut(dataset, rest, "validation_size", validation_size, seed)
    return Split(training, validation, test)


def _cut(dataset: Dataset, rows: np.ndarray, argument: str, size: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    if size == 0:
        return rows, rows[:0]
    count = math.ceil(size * len(rows))
    least, labels = 2, None
    remedy = f"give more rows, another {argument}, or 0 for none"
    if dataset.task == CLASSIFICATION:
        labels = dataset.y[rows]
        classes, counts = np.unique(labels, return_counts=True)
        rare = counts.argmin()
        if counts[rare] < 2:
            name = dataset.class_names[classes[rare]]
            raise InputError(f"{dataset.name}: class {name!r} has a single row to be divided by {argument} {size}; {remedy}")
        least = max(least, len(classes))
    if min(count, len(rows) - count) < least:
        raise InputError(
            f"{dataset.name}: {argument} {size} divides {len(rows)} rows into {len(rows) - count} and {count}, "
            f"and each part needs {least}; {remedy}"
        )
    selection = require("sklearn.model_selection", "splitting the rows")
    first, second = selection.train_test_split(rows, test_size=count, stratify=labels, random_state=seed)
    return first, second


def model_for(
    settings: Settings,
    recipe: Recipe | ArrayRecipe,
    task: str,
    target_names: tuple[str, ...],
    class_names: tuple[str, ...],
    target_scaling: Scaling | None,
) -> TrainedModel:
    """A model with new parameters for such inputs and targets."""
    loss = settings.loss_for(task)
    if task == CLASSIFICATION:
        n_out, output = len(class_names), "softmax" if loss == "log_loss" else "sigmoid"
    elif task == MULTILABEL:
        n_out, output = len(target_names), "sigmoid"
    else:
        n_out, output = len(target_names), "identity"
    network = Network(
        [len(recipe.feature_names), *settings.hidden, n_out],
        activation=settings.activation,
        output_activation=output,
        loss=loss,
        dtype=settings.dtype,
        random_state=settings.seed,
    )
    return TrainedModel(network, recipe, task, target_names, class_names, target_scaling)


def untrained_model(dataset: Dataset, rows: np.ndarray, settings: Settings) -> TrainedModel:
    """A model with new parameters, its recipe and scaling fitted to the given rows."""
    settings.loss_for(dataset.task)  # may refuse the task
    recipe: Recipe | ArrayRecipe
    if dataset.is_table:
        recipe = Recipe.fit(dataset.rows, dataset.choices, rows)
    else:
        recipe = ArrayRecipe.fit(dataset.rows[rows], dataset.column_names)
    target_scaling = None
    if dataset.task == REGRESSION:
        target_scaling = Scaling.fit(dataset.y.reshape(len(dataset.y), -1)[rows], dataset.target_names)
    return model_for(settings, recipe, dataset.task, dataset.target_names, dataset.class_names, target_scaling)
