"""What a training run is asked to do: every choice of `tileprop train`, checked when it is made."""

from __future__ import annotations

import dataclasses
import math
import shlex
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from ...kernels.activations import activation_registry
from ...kernels.losses import loss_registry
from ...kernels.validation import heads_of
from ..bounds import check_whole, check_within
from ..data.targets import CLASSIFICATION, REGRESSION, TASKS
from ..errors import InputError
from ..fingerprint import fingerprint
from ..fit.early_stopping import EarlyStopping
from ..fit.optimizers import SGD, Adam, Nadam, Optimizer, RMSprop
from ..fit.schedules import Constant, Cosine, InverseScaling, OneCycle, Plateau, Schedule
from ..other_names import meant
from ..tables.dialects import ReadingOptions
from ..tables.kinds import ColumnChoices
from ..tables.reading import file_name

HIDDEN_ACTIVATIONS = tuple(name for name in activation_registry if name != "softmax")
# Those with one output for each target that any output activation may go with; and log_loss, for classes.
LOSSES = tuple(name for name in loss_registry if loss_registry[name].needs in ("", "softmax") and heads_of(name) == 1)
# With the learning rates that are taken where none is given.
OPTIMIZERS: dict[str, tuple[type[Adam | Nadam | RMSprop | SGD], float]] = {
    "adam": (Adam, 0.002),
    "nadam": (Nadam, 0.002),
    "rmsprop": (RMSprop, 0.001),
    "sgd": (SGD, 0.1),
}
SCHEDULES: dict[str, type[Constant | Cosine | InverseScaling | OneCycle | Plateau]] = {
    "constant": Constant,
    "cosine": Cosine,
    "inverse_scaling": InverseScaling,
    "one_cycle": OneCycle,
    "plateau": Plateau,
}
CLASS_WEIGHTS = NONE, BALANCED = ("none", "balanced")
# Epochs at most, and epochs without a lower validation loss that are waited for.
EPOCHS, PATIENCE = 200, 20
DROPOUT = 0.2
# Steps of an epoch, about, where the size of a batch is not given.
STEPS = 50
DTYPES = ("float32", "float64")
# Settings that are for one value of another one; they are forgotten where that changes.
DEPENDENT = {
    "source": ("n_samples", "noise", "stream"),
    "optimizer": ("learning_rate", "momentum"),
    "early_stopping": ("patience",),
}
# Where the data are; the target of .npy files is another file.
PLACES = ("source", "target")


@dataclass(frozen=True)
class Settings:
    """source to seed: the data, as in `load_dataset`, and their split. hidden to dtype: the network and its training.

    test_size: share of all rows that is held out; validation_size: share of the others that is not trained on; both may be 0.
    hidden: widths of the hidden layers, none for a linear model. loss: log_loss for classification and squared_error for
    regression where not given. learning_rate: 0.002 for adam and nadam, 0.001 for rmsprop and 0.1 for sgd where not given.
    momentum: of sgd, 0.9. epochs: at most. early_stopping: whether the epoch with the lowest validation loss is kept, and
    training ends when it has not fallen for more than `patience` epochs (20); by default where there are validation rows.
    stream: whether the rows of Parquet or Arrow files are read again in each epoch, and never all in memory.
    ensemble: number of networks, with the seeds seed, seed + 1, ..., whose mean the model predicts.
    shards: number of parts of the training rows, over which the network is trained in rounds; see `fit_rounds`. An epoch is
    then a round. batch_size: see `batch_rows`. dropout: share of the hidden units that
    are left out of a step, 0.2 unless given. class_weight: "balanced" gives each class the same weight in
    the loss. label_smoothing: part of each target of log_loss that is spread over all classes.

    Raises InputError for a value that does not fit.
    """

    source: str
    target: str | None = None
    task: str | None = None
    ignore: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    numeric: tuple[str, ...] = ()
    encode: bool = True
    sep: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    encoding: str | None = None
    na: tuple[str, ...] | None = None
    skip_rows: int | None = None
    header: bool | None = None
    stream: bool | None = None
    n_samples: int | None = None
    noise: float | None = None
    test_size: float = 0.2
    validation_size: float = 0.15
    seed: int = 0
    hidden: tuple[int, ...] = (64, 64)
    activation: str = "silu"
    loss: str | None = None
    epochs: int = EPOCHS
    early_stopping: bool | None = None
    patience: int | None = None
    batch_size: int | None = None
    optimizer: str = "adam"
    learning_rate: float | None = None
    momentum: float | None = None
    schedule: str = "constant"
    dropout: float | None = None
    weight_decay: float = 0.0
    class_weight: str = NONE
    label_smoothing: float = 0.0
    dtype: str = "float32"
    ensemble: int = 1
    shards: int | None = None

    def __post_init__(self) -> None:
        _ = self.reading_options
        for name in ("test_size", "validation_size"):
            check_within(name, getattr(self, name), 0.0, 1.0, what="a share of the rows")
        check_whole("seed", self.seed, 0, 2**32 - 1)
        check_whole("epochs", self.epochs, 1)
        check_whole("ensemble", self.ensemble, 1)
        if self.batch_size is not None:
            check_whole("batch_size", self.batch_size, 1)
        if self.shards is not None:
            check_whole("shards", self.shards, 1)
            if self.ensemble > 1:
                raise InputError("ensemble cannot be combined with shards; train one network in rounds, or leave shards out")
        for width in self.hidden:
            check_whole("hidden", width, 1)
        one_of("task", self.task, (None, *TASKS))
        one_of("activation", self.activation, HIDDEN_ACTIVATIONS)
        one_of("loss", self.loss, (None, *LOSSES))
        one_of("optimizer", self.optimizer, OPTIMIZERS)
        one_of("dtype", self.dtype, DTYPES)
        one_of("schedule", self.schedule, SCHEDULES)
        one_of("class_weight", self.class_weight, CLASS_WEIGHTS)
        check_within("dropout", self.dropout, 0.0, 1.0, or_none=True)
        check_within("label_smoothing", self.label_smoothing, 0.0, 1.0)
        check_within("weight_decay", self.weight_decay, 0.0)
        if self.dropout and not self.hidden:
            raise InputError(f"dropout is {self.dropout!r}, but there are no hidden layers; leave it out")
        if self.patience is not None:
            check_whole("patience", self.patience, 1)
        if self.early_stopping and self.validation_size == 0:
            raise InputError(
                "early_stopping needs validation rows, but validation_size is 0; give a larger validation_size, or switch "
                "early stopping off"
            )
        if self.patience is not None and not self.stops_early:
            raise InputError(f"patience is {self.patience}, but early stopping is off; leave patience out")
        if self.momentum is not None and self.optimizer != "sgd":
            raise InputError(
                f"momentum is {self.momentum!r}, but only sgd has a momentum; leave it out, or choose the optimizer sgd"
            )
        self.make_optimizer()

    @property
    def run_name(self) -> str:
        """The name of a named dataset, or of the file without its ending: one that a folder may have."""
        return file_name(self.source).lstrip(".") or "run"

    @property
    def reading_options(self) -> ReadingOptions:
        """How a text file with a table is read."""
        return ReadingOptions.of(self)

    @property
    def column_choices(self) -> ColumnChoices:
        """How the columns of a table are treated."""
        return ColumnChoices.of(self)

    def fingerprint(self) -> str:
        """Of all but the places of files, which may be moved: what is in them has a fingerprint of its own."""
        return fingerprint({name: value for name, value in vars(self).items() if name not in PLACES})

    def changed(self, **given: Any) -> Settings:
        """The same with those given. Where one is another now, those that depend on it get their defaults, unless given."""
        follow = [DEPENDENT[name] for name, value in given.items() if name in DEPENDENT and value != getattr(self, name)]
        fields: dict[str, Any] = {field.name: field.default for field in dataclasses.fields(self)}
        return dataclasses.replace(self, **{name: fields[name] for names in follow for name in names} | given)

    @property
    def stops_early(self) -> bool:
        return self.validation_size > 0 if self.early_stopping is None else self.early_stopping

    def make_early_stopping(self) -> EarlyStopping | None:
        """Any lower loss counts, however little: losses of rare classes are small."""
        patience = PATIENCE if self.patience is None else self.patience
        return EarlyStopping(patience, tol=0.0) if self.stops_early else None

    @property
    def dropout_rate(self) -> float:
        """As given, or 0.2 where there are hidden layers."""
        if self.dropout is None:
            return DROPOUT if self.hidden else 0.0
        return self.dropout

    def batch_rows(self, n_training: int) -> int:
        """Rows of a step: as given, or a power of 2 near a fiftieth of the training rows, from 16 to 256."""
        if self.batch_size is not None:
            return self.batch_size
        return int(2 ** min(max(round(math.log2(max(n_training, 1) / STEPS)), 4), 8))

    def make_optimizer(self) -> Optimizer:
        kind, usual = OPTIMIZERS[self.optimizer]
        rate = usual if self.learning_rate is None else self.learning_rate
        if kind is SGD:
            return SGD(learning_rate=rate, momentum=0.9 if self.momentum is None else self.momentum)
        return kind(learning_rate=rate)

    def make_schedule(self) -> Schedule | None:
        """None for a constant rate."""
        return None if self.schedule == "constant" else SCHEDULES[self.schedule]()

    def loss_for(self, task: str) -> str:
        """The loss, given or usual. Raises InputError where it, or what goes with it, is not for this task."""
        if task != CLASSIFICATION and self.class_weight != NONE:
            raise InputError(f"class_weight is {self.class_weight!r}, but this is not a classification; leave it out")
        if task == REGRESSION and self.loss == "log_loss":
            raise InputError(
                "loss is 'log_loss', but this is a regression; its losses are "
                + ", ".join(name for name in LOSSES if name != "log_loss")
            )
        loss = self.loss or ("squared_error" if task == REGRESSION else "log_loss")
        if self.label_smoothing and loss != "log_loss":
            raise InputError(
                f"label_smoothing is {self.label_smoothing:g}, but the loss is {loss}, and only log_loss takes it; leave it out"
            )
        return loss


def command_line(settings: Settings) -> str:
    """What to type to train with these settings."""
    words = ["tileprop", "train", settings.source]
    for field in dataclasses.fields(settings):
        name, value, option = field.name, getattr(settings, field.name), "--" + field.name.replace("_", "-")
        if name == "source" or value == field.default:
            continue
        if isinstance(value, bool):
            words.append(option if value else "--no-" + option[2:])
        elif isinstance(value, tuple):
            words += [option, ",".join(map(quoted, value)) or "none"]
        else:
            words += [option, f"{value:g}" if isinstance(value, float) else str(value)]
    return shlex.join(words)


def quoted(value: Any) -> str:
    """A name of a list as the command line takes it: in quotes where it has a comma or a quote."""
    text = str(value)
    return '"' + text.replace('"', '""') + '"' if set(text) & {",", '"'} else text


def one_of(name: str, value: Any, choices: Collection[Any]) -> None:
    """Raise InputError unless the value is one of the choices; None among them is not named."""
    names = [choice for choice in choices if choice is not None]
    if value not in choices:
        near = meant(value, names) if isinstance(value, str) else ""
        raise InputError(f"{name} is {value!r}; it must be one of {', '.join(names)}{near}")
