"""A training run in memory: load, split, scale, train, evaluate. Nothing is written."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..data.array_recipe import ArrayRecipe
from ..data.datasets import Dataset, load_dataset
from ..data.scaling import Scaling
from ..data.targets import CLASSIFICATION, MULTILABEL, REGRESSION
from ..errors import DivergenceError, InputError
from ..extras import require
from ..fit.callbacks import RunningFit
from ..fit.history import History
from ..network import Network
from ..tables.recipe import Recipe
from .settings import Settings
from .trained_model import TrainedModel


@dataclass(frozen=True)
class Split:
    """Row numbers: trained on, validated on after each epoch, held out until the end. The last two may be empty."""

    training: np.ndarray
    validation: np.ndarray
    test: np.ndarray


@dataclass(frozen=True)
class Outcome:
    """What a run leaves. losses and scores (accuracy or R2): by the names of the parts of the split that have rows.

    error: what ended the training before its last epoch. The model is as it was then; where it is no KeyboardInterrupt, numbers
    were no longer finite, and nothing is evaluated.
    """

    settings: Settings
    dataset: Dataset
    split: Split
    model: TrainedModel
    history: History
    losses: dict[str, float]
    scores: dict[str, float]
    error: KeyboardInterrupt | DivergenceError | None = None

    @property
    def score_name(self) -> str:
        return "R2" if self.dataset.task == REGRESSION else "accuracy"

    @property
    def samples_per_second(self) -> float:
        """Of the median epoch: the first one may hold the compilation of the kernels. 0 where no epoch has ended."""
        if not self.history.epochs:
            return 0.0
        seconds = sorted(self.history.seconds)[(self.history.epochs - 1) // 2]
        return self.history.n_samples / max(seconds, 1e-9)


@dataclass(frozen=True)
class Experiment:
    """What is to be trained, and on what: nothing has been trained yet."""

    settings: Settings
    dataset: Dataset
    split: Split
    model: TrainedModel

    def train(
        self,
        checkpoint: Path | None = None,
        resume: bool = False,
        after_epoch: Callable[[], None] = lambda: None,
        **options: Any,
    ) -> Outcome:
        """Train and evaluate. resume: go on from the checkpoint. options: of `Network.fit`, those that change no bit.

        An interrupt, or numbers that are no longer finite, end the training, and are raised where no epoch has ended before.
        Raises InputError for data that do not fit, before training starts.
        """
        settings, rows, T = self.settings, self.split, training_targets(self.dataset, self.model)
        X = {name: self.model.prepare(self.dataset.rows, part) for name, part in vars(rows).items() if part.size}
        seen = _Seen(self.model.network, History(n_samples=len(rows.training)), after_epoch)
        given: dict[str, Any] = {"callbacks": [seen], "checkpoint": checkpoint, **options}
        if rows.validation.size:
            given["validation_data"] = X["validation"], T[rows.validation]
        error = None
        try:
            if resume:
                seen.network, seen.history = Network.resume(given["checkpoint"], X["training"], T[rows.training], **given)
            else:
                given |= {"epochs": settings.epochs, "batch_size": settings.batch_size, "optimizer": settings.make_optimizer()}
                seen.history = seen.network.fit(X["training"], T[rows.training], **given)
        except (KeyboardInterrupt, DivergenceError) as ended:
            if not seen.history.epochs:
                raise
            error = ended
        model = replace(self.model, network=seen.network)
        parts = {name: part for name, part in vars(rows).items() if part.size and not isinstance(error, DivergenceError)}
        unseen = next((name for name in ("test", "validation") if name in parts), None)
        if unseen is not None and model.task == REGRESSION:
            model = model.with_errors(model.network.predict(X[unseen]), self.dataset.y[parts[unseen]])
        losses = {name: seen.network.loss(X[name], T[part]) for name, part in parts.items()}
        scores = {name: score(model, model.network.predict(X[name]), self.dataset.y[part]) for name, part in parts.items()}
        return Outcome(settings, self.dataset, rows, model, seen.history, losses, scores, error)


class _Seen:
    """A callback that looks on: the network and the history, also of a fit that does not return."""

    losses_only = True

    def __init__(self, network: Network, history: History, after_epoch: Callable[[], None]) -> None:
        self.network, self.history, self._after_epoch = network, history, after_epoch

    def __call__(self, running: RunningFit) -> None:
        assert isinstance(running.network, Network)
        self.network, self.history = running.network, running.history
        self._after_epoch()


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


def untrained_model(dataset: Dataset, rows: np.ndarray, settings: Settings) -> TrainedModel:
    """A model with new parameters, its recipe and scaling fitted to the given rows."""
    loss, target_scaling = settings.loss_for(dataset.task), None
    recipe: Recipe | ArrayRecipe
    if dataset.is_table:
        recipe = Recipe.fit(dataset.rows, dataset.choices, rows)
    else:
        recipe = ArrayRecipe.fit(dataset.rows[rows], dataset.column_names)
    if dataset.task == CLASSIFICATION:
        n_out, output = len(dataset.class_names), "softmax" if loss == "log_loss" else "sigmoid"
    elif dataset.task == MULTILABEL:
        n_out, output = dataset.y.shape[1], "sigmoid"
    else:
        T = dataset.y.reshape(len(dataset.y), -1)
        n_out, output, target_scaling = T.shape[1], "identity", Scaling.fit(T[rows], dataset.target_names)
    network = Network(
        [len(recipe.feature_names), *settings.hidden, n_out],
        activation=settings.activation,
        output_activation=output,
        loss=loss,
        dtype=settings.dtype,
        random_state=settings.seed,
    )
    return TrainedModel(network, recipe, dataset.task, dataset.target_names, dataset.class_names, target_scaling)


def training_targets(dataset: Dataset, model: TrainedModel) -> np.ndarray:
    """What the network learns: class labels (n) or one-hot rows; several labels (n, n_labels); or standardised targets."""
    if model.target_scaling is not None:
        return model.target_scaling.apply(dataset.y.reshape(len(dataset.y), -1))
    if dataset.task == MULTILABEL:
        return dataset.y.astype(np.float64)
    return dataset.y if model.network.plan.loss == "log_loss" else np.eye(len(dataset.class_names))[dataset.y]


def score(model: TrainedModel, Y: np.ndarray, y: np.ndarray) -> float:
    """Accuracy, of labels the mean over them, or R2, averaged over the target columns.

    Y (n, n_out): the network's outputs. y: targets as a Dataset holds them.
    """
    if model.task == CLASSIFICATION:
        return float((Y.argmax(axis=1) == y).mean())
    if model.task == MULTILABEL:
        return float(((Y > 0.5) == y).mean())
    residual = ((y - model.decoded(Y)) ** 2).sum(axis=0)
    spread = ((y - y.mean(axis=0)) ** 2).sum(axis=0)
    return float(np.mean(1.0 - residual / spread)) if np.all(spread > 0) else math.nan
