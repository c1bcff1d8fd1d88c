"""A training run in memory: load, split, scale, train, evaluate. Nothing is written."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..data.datasets import Dataset, load_dataset
from ..data.scaling import Scaling
from ..data.targets import CLASSIFICATION
from ..errors import DivergenceError, InputError
from ..extras import require
from ..fit.callbacks import RunningFit
from ..fit.history import History
from ..network import Network
from .evaluation import Evaluation, evaluate_classes, evaluate_numbers
from .settings import BALANCED, Settings
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

    losses: as in training, of standardised targets, and of weighted classes where class_weight says so. evaluations: of the
    parts that were not trained on, in the targets' own unit. kept_epoch: the epoch, from 1, after which the network had the
    parameters that the model has. stopped_early: whether early stopping ended the training.
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
    evaluations: dict[str, Evaluation]
    kept_epoch: int
    stopped_early: bool = False
    error: KeyboardInterrupt | DivergenceError | None = None

    @property
    def score_name(self) -> str:
        return "accuracy" if self.dataset.task == CLASSIFICATION else "R2"

    @property
    def loss_name(self) -> str:
        """What `losses` are of, for a table."""
        if self.dataset.task != CLASSIFICATION:
            return "loss (standardised target)"
        return "loss (balanced classes)" if self.settings.class_weight == BALANCED else "loss"

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
        X, T = self.model.scaled(self.dataset.X), training_targets(self.dataset, self.model)
        settings, rows = self.settings, self.split
        weight = _class_weights(self.dataset, rows.training) if settings.class_weight == BALANCED else None
        seen = _Seen(self.model.network, History(n_samples=len(rows.training)), after_epoch)
        early = settings.make_early_stopping()
        # Early stopping first: what `after_epoch` raises must not keep it from an epoch that is in the history.
        callbacks = [seen] if early is None else [early, seen]
        given: dict[str, Any] = {"callbacks": callbacks, "checkpoint": checkpoint, **options}
        given["sample_weight"] = _of(weight, rows.training)
        if rows.validation.size:
            given["validation_data"] = X[rows.validation], T[rows.validation], _of(weight, rows.validation)
        error = None
        try:
            if resume:
                seen.network, seen.history = Network.resume(given["checkpoint"], X[rows.training], T[rows.training], **given)
            else:
                seen.history = seen.network.fit(X[rows.training], T[rows.training], **given, **_training_options(settings))
        except (KeyboardInterrupt, DivergenceError) as ended:
            if not seen.history.epochs:
                raise
            error = ended
        model = replace(self.model, network=seen.network)
        parts = {name: part for name, part in vars(rows).items() if part.size and not isinstance(error, DivergenceError)}
        return Outcome(
            settings,
            self.dataset,
            rows,
            model,
            seen.history,
            losses={name: seen.network.loss(X[part], T[part], _of(weight, part)) for name, part in parts.items()},
            scores={name: score(model, self.dataset.X[part], self.dataset.y[part]) for name, part in parts.items()},
            evaluations={
                name: evaluation(model, self.dataset, rows, part) for name, part in parts.items() if part is not rows.training
            },
            kept_epoch=seen.history.kept_epoch,
            stopped_early=early is not None and early.ended,
            error=error,
        )


def _training_options(settings: Settings) -> dict[str, Any]:
    """Of `Network.fit`, those that decide about the result."""
    names = ("epochs", "batch_size", "dropout", "weight_decay", "label_smoothing")
    made = {"optimizer": settings.make_optimizer(), "schedule": settings.make_schedule()}
    return {name: getattr(settings, name) for name in names} | made


def _class_weights(dataset: Dataset, training: np.ndarray) -> np.ndarray:
    """A weight (n) for each row, so that each class has the same among the training rows."""
    class_weight = require("sklearn.utils.class_weight", "weighting the classes")
    weight: np.ndarray = class_weight.compute_sample_weight("balanced", dataset.y, indices=training)
    return weight


def _of(weight: np.ndarray | None, rows: np.ndarray) -> np.ndarray | None:
    return None if weight is None else weight[rows]


def evaluation(model: TrainedModel, dataset: Dataset, split: Split, rows: np.ndarray) -> Evaluation:
    """How good the model is on these rows of the dataset, beside what the training rows' targets alone tell."""
    X, y, known = dataset.X[rows], dataset.y[rows], dataset.y[split.training]
    if dataset.task == CLASSIFICATION:
        shares = np.bincount(known, minlength=len(dataset.class_names)) / len(known)
        return evaluate_classes(y, model.predict_proba(X), shares, dataset.class_names)
    mean = np.atleast_1d(known.mean(axis=0))
    names = [dataset.target_name] if len(mean) == 1 else [f"{dataset.target_name} {i + 1}" for i in range(len(mean))]
    return evaluate_numbers(y, model.predict(X), mean, names)


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
        ignore=settings.ignore,
        n_samples=settings.n_samples,
        noise=settings.noise,
        seed=settings.seed,
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
    """A model with new parameters, its scaling fitted to the given rows."""
    loss = settings.loss_for(dataset.task)
    scaling = Scaling.fit(dataset.X[rows], dataset.feature_names)
    if dataset.task == CLASSIFICATION:
        n_out, output, target_scaling = len(dataset.class_names), "softmax" if loss == "log_loss" else "sigmoid", None
    else:
        T = dataset.y.reshape(len(dataset.y), -1)
        n_out, output, target_scaling = T.shape[1], "identity", Scaling.fit(T[rows], (dataset.target_name,) * T.shape[1])
    network = Network(
        [dataset.X.shape[1], *settings.hidden, n_out],
        activation=settings.activation,
        output_activation=output,
        loss=loss,
        dtype=settings.dtype,
        random_state=settings.seed,
    )
    return TrainedModel(
        network, scaling, dataset.feature_names, dataset.task, dataset.target_name, dataset.class_names, target_scaling
    )


def training_targets(dataset: Dataset, model: TrainedModel) -> np.ndarray:
    """What the network learns: class labels (n) for log_loss, one-hot rows for another loss, or standardised targets."""
    if model.target_scaling is not None:
        return model.target_scaling.apply(dataset.y.reshape(len(dataset.y), -1))
    return dataset.y if model.network.plan.loss == "log_loss" else np.eye(len(dataset.class_names))[dataset.y]


def score(model: TrainedModel, X: np.ndarray, y: np.ndarray) -> float:
    """Accuracy, or R2, averaged over the target columns, for raw rows X and targets y as a Dataset holds them."""
    if model.task == CLASSIFICATION:
        return float((model.outputs(X).argmax(axis=1) == y).mean())
    residual = ((y - model.predict(X)) ** 2).sum(axis=0)
    spread = ((y - y.mean(axis=0)) ** 2).sum(axis=0)
    return float(np.mean(1.0 - residual / spread)) if np.all(spread > 0) else math.nan
