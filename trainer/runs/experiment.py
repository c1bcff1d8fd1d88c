"""A training run in memory: train a prepared model, and judge it. Nothing is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..data.datasets import Dataset
from ..data.targets import CLASSIFICATION, MULTILABEL, REGRESSION
from ..errors import ClusterError, DivergenceError, InputError
from ..extras import require
from ..fit.history import History
from .evaluation import Evaluation, evaluate_classes, evaluate_labels, evaluate_numbers, score
from .fitting import Work, fit_members, fit_network, loss_of
from .settings import BALANCED, Settings
from .streamed_rows import StreamedRows
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
    finished: whether nothing is left to train. Of an ensemble, history holds the means over the members, and kept_epochs the
    epoch of each member. streamed: as of the Experiment; scores and evaluations are then of a sample, as is the loss of the
    training rows.
    """

    settings: Settings
    dataset: Dataset
    split: Split
    model: TrainedModel
    history: History
    losses: dict[str, float]
    scores: dict[str, float]
    evaluations: dict[str, Evaluation]
    kept_epochs: tuple[int, ...]
    finished: bool
    stopped_early: bool = False
    error: KeyboardInterrupt | DivergenceError | ClusterError | None = None
    streamed: StreamedRows | None = None

    @property
    def sizes(self) -> dict[str, int]:
        """Numbers of rows by the names of the parts."""
        return sizes_of(self.split, self.streamed)

    @property
    def kept_epoch(self) -> int:
        return max(self.kept_epochs)

    @property
    def score_name(self) -> str:
        return "R2" if self.dataset.task == REGRESSION else "accuracy"

    @property
    def loss_name(self) -> str:
        """What `losses` are of, for a table."""
        if self.dataset.task == REGRESSION:
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
    """What is to be trained, and on what: nothing has been trained yet.

    streamed: the rows, where they are read from files; dataset and split are then a sample of them.
    """

    settings: Settings
    dataset: Dataset
    split: Split
    model: TrainedModel
    streamed: StreamedRows | None = None

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
        if "train_rounds" in options and settings.shards is None:
            raise InputError("the run was not begun with shards, so it cannot go on with Dask; leave --dask out")
        weight = class_weights(self.dataset, rows.training) if settings.class_weight == BALANCED else None
        X = {name: self._prepared(getattr(rows, name)) for name in ("training", "validation") if self.streamed is None}
        work = self._work(X, T, weight, options, checkpoint, resume, after_epoch)
        fitted = (fit_network if settings.ensemble == 1 else fit_members)(self.model.network, work)
        model, error = replace(self.model, network=fitted.networks[0], others=fitted.networks[1:]), fitted.error
        losses, outputs = {}, dict[str, np.ndarray]()
        for name, part in vars(rows).items():
            if part.size and not isinstance(error, DivergenceError):
                # One part at a time: prepared rows take more memory than the data themselves.
                inputs = X.pop(name) if name in X else self._prepared(part)
                outputs[name] = model.checked_outputs(model.members_outputs(inputs).mean(axis=0), part)
                losses[name] = loss_of(model.members, inputs, outputs[name], T[part], _of(weight, part))
        if self.streamed is not None and losses:
            losses |= self.streamed.losses(model.network)
        unseen = next((name for name in ("test", "validation") if name in outputs), None)
        if unseen is not None and model.task == REGRESSION:
            model = model.with_errors(outputs[unseen], self.dataset.y[getattr(rows, unseen)])
        return Outcome(
            settings,
            self.dataset,
            rows,
            model,
            fitted.history,
            losses,
            scores={
                name: score(model.task, self.dataset.y[vars(rows)[name]], answers(model, Y)) for name, Y in outputs.items()
            },
            evaluations={
                name: evaluation(model, self.dataset, rows, vars(rows)[name], Y)
                for name, Y in outputs.items()
                if name != "training"
            },
            kept_epochs=fitted.kept_epochs,
            finished=fitted.finished,
            stopped_early=fitted.stopped_early,
            error=error,
            streamed=self.streamed,
        )

    def _work(
        self,
        X: dict[str, np.ndarray],
        T: np.ndarray,
        weight: np.ndarray | None,
        options: dict[str, Any],
        checkpoint: Path | None,
        resume: bool,
        after_epoch: Callable[[], None],
    ) -> Work:
        """What there is to fit: the rows in memory, or those that are streamed."""
        settings, rows = self.settings, self.split
        decisive = training_options(settings, self.sizes["training"])
        if self.streamed is not None:
            sources = self.streamed.sources
            given = {**options, "validation_data": sources.get("validation")}
            return Work(settings, sources["training"], None, given, decisive, checkpoint, resume, after_epoch)
        given = {"sample_weight": _of(weight, rows.training), **options}
        if rows.validation.size:
            given["validation_data"] = X["validation"], T[rows.validation], _of(weight, rows.validation)
        return Work(settings, X["training"], T[rows.training], given, decisive, checkpoint, resume, after_epoch)

    @property
    def sizes(self) -> dict[str, int]:
        """Numbers of rows by the names of the parts."""
        return sizes_of(self.split, self.streamed)

    def fingerprint(self) -> str:
        """Of the data."""
        return self.dataset.fingerprint() if self.streamed is None else self.streamed.data

    def _prepared(self, part: np.ndarray) -> np.ndarray:
        return self.model.prepare(self.dataset.rows, part)


def sizes_of(split: Split, streamed: StreamedRows | None) -> dict[str, int]:
    """Numbers of rows by the names of the parts."""
    return {name: len(rows) for name, rows in vars(split).items()} if streamed is None else streamed.sizes


def training_options(settings: Settings, n_training: int) -> dict[str, Any]:
    """Of `Network.fit`, those that decide about the result."""
    names = ("epochs", "weight_decay", "label_smoothing")
    made = {
        "optimizer": settings.make_optimizer(),
        "schedule": settings.make_schedule(),
        "batch_size": settings.batch_rows(n_training),
        "dropout": settings.dropout_rate,
    }
    return {name: getattr(settings, name) for name in names} | made


def class_weights(dataset: Dataset, training: np.ndarray) -> np.ndarray:
    """A weight (n) for each row, so that each class has the same among the training rows."""
    class_weight = require("sklearn.utils.class_weight", "weighting the classes")
    weight: np.ndarray = class_weight.compute_sample_weight("balanced", dataset.y, indices=training)
    return weight


def _of(weight: np.ndarray | None, rows: np.ndarray) -> np.ndarray | None:
    return None if weight is None else weight[rows]


def training_targets(dataset: Dataset, model: TrainedModel) -> np.ndarray:
    """What the network learns of the targets of all rows; see `learned`."""
    return learned(model, len(dataset.class_names))(dataset.y)


def learned(model: TrainedModel, n_classes: int) -> Callable[[np.ndarray], np.ndarray]:
    """What makes of targets y, as a Dataset has them, what the network learns.

    That is class labels (n) or one-hot rows; several labels (n, n_labels); or standardised targets.
    """
    scaling = model.target_scaling
    if scaling is not None:
        return lambda y: scaling.apply(y.reshape(len(y), -1))
    if model.task == MULTILABEL:
        return lambda y: y.astype(np.float64)
    return (lambda y: y) if model.network.plan.loss == "log_loss" else (lambda y: np.eye(n_classes)[y])


def answers(model: TrainedModel, Y: np.ndarray) -> np.ndarray:
    """What outputs Y (n, n_out) say: probabilities, or targets in their own unit."""
    return model.decoded(Y) if model.task == REGRESSION else model.probabilities(Y)


def evaluation(model: TrainedModel, dataset: Dataset, split: Split, rows: np.ndarray, Y: np.ndarray) -> Evaluation:
    """How good outputs Y (n, n_out) for these rows are, beside what the training rows' targets alone say."""
    y, known = dataset.y[rows], dataset.y[split.training]
    if dataset.task == CLASSIFICATION:
        shares = np.bincount(known, minlength=len(dataset.class_names)) / len(known)
        return evaluate_classes(y, answers(model, Y), shares, dataset.class_names)
    mean = np.atleast_1d(known.mean(axis=0))
    evaluate = evaluate_labels if dataset.task == MULTILABEL else evaluate_numbers
    return evaluate(y, answers(model, Y), mean, dataset.target_names)
