"""What a training run is asked to do: every choice of `tileprop train`, checked when it is made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...kernels.activations import activation_registry
from ..bounds import check_whole, check_within
from ..data.targets import CLASSIFICATION, MULTILABEL, TASKS
from ..errors import InputError
from ..fingerprint import fingerprint
from ..fit.optimizers import SGD, Adam, Optimizer
from ..tables.dialects import ReadingOptions
from ..tables.kinds import ColumnChoices
from ..tables.reading import file_name

HIDDEN_ACTIVATIONS = tuple(name for name in activation_registry if name != "softmax")
LOSSES = ("log_loss", "squared_error", "mse")
OPTIMIZERS = ("adam", "sgd")
DTYPES = ("float32", "float64")
# Where the data are; the target of .npy files is another file.
PLACES = ("source", "target")


@dataclass(frozen=True)
class Settings:
    """source to seed: the data, as in `load_dataset`, and their split. hidden to dtype: the network and its training.

    test_size: share of all rows that is held out; validation_size: share of the others that is not trained on; both may be 0.
    hidden: widths of the hidden layers, none for a linear model. loss: log_loss for classification and squared_error for
    regression where not given. learning_rate: 0.002 for adam and 0.1 for sgd where not given. momentum: of sgd, 0.9.

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
    n_samples: int | None = None
    noise: float | None = None
    test_size: float = 0.2
    validation_size: float = 0.1
    seed: int = 0
    hidden: tuple[int, ...] = (64, 64)
    activation: str = "tanh"
    loss: str | None = None
    epochs: int = 60
    batch_size: int = 32
    optimizer: str = "adam"
    learning_rate: float | None = None
    momentum: float | None = None
    dtype: str = "float32"

    def __post_init__(self) -> None:
        _ = self.reading_options
        for name in ("test_size", "validation_size"):
            check_within(name, getattr(self, name), 0.0, 1.0, what="a share of the rows")
        check_whole("seed", self.seed, 0, 2**32 - 1)
        check_whole("epochs", self.epochs, 1)
        check_whole("batch_size", self.batch_size, 1)
        for width in self.hidden:
            check_whole("hidden", width, 1)
        _one_of("task", self.task, (None, *TASKS))
        _one_of("activation", self.activation, HIDDEN_ACTIVATIONS)
        _one_of("loss", self.loss, (None, *LOSSES))
        _one_of("optimizer", self.optimizer, OPTIMIZERS)
        _one_of("dtype", self.dtype, DTYPES)
        if self.momentum is not None and self.optimizer != "sgd":
            raise InputError(f"momentum is {self.momentum!r}, which is for sgd; leave it out, or choose the optimizer sgd")
        self.make_optimizer()

    @property
    def run_name(self) -> str:
        """The name of a named dataset, or of the file without its ending: one that a folder may have."""
        return file_name(Path(self.source)).lstrip(".") or "run"

    @property
    def reading_options(self) -> ReadingOptions:
        """How a text file with a table is read."""
        return ReadingOptions(self.sep, self.decimal, self.thousands, self.encoding, self.na, self.skip_rows, self.header)

    @property
    def column_choices(self) -> ColumnChoices:
        """How the columns of a table are treated."""
        return ColumnChoices(self.ignore, self.categorical, self.numeric, self.encode)

    def fingerprint(self) -> str:
        """Of all but the places of files, which may be moved: what is in them has a fingerprint of its own."""
        return fingerprint({name: value for name, value in vars(self).items() if name not in PLACES})

    def make_optimizer(self) -> Optimizer:
        if self.optimizer == "adam":
            return Adam(learning_rate=0.002 if self.learning_rate is None else self.learning_rate)
        rate = 0.1 if self.learning_rate is None else self.learning_rate
        return SGD(learning_rate=rate, momentum=0.9 if self.momentum is None else self.momentum)

    def loss_for(self, task: str) -> str:
        """The loss, given or usual. Raises InputError where it is not for this task."""
        if task in (CLASSIFICATION, MULTILABEL):
            return self.loss or "log_loss"
        if self.loss == "log_loss":
            raise InputError("loss is 'log_loss', which is for classification; regression takes squared_error or mse")
        return self.loss or "squared_error"


def _one_of(name: str, value: Any, choices: tuple[Any, ...]) -> None:
    if value not in choices:
        raise InputError(f"{name} is {value!r}; it must be one of {', '.join(str(c) for c in choices if c is not None)}")
