"""The loss on rows that are not trained on, taken after each epoch."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...kernels import Plan, loss_and_grad, make_workspace
from ...kernels.training.watched import Samples, Validation
from ..errors import InputError
from ..model import Model
from ..sparse_inputs import SparseInputs
from ..streams.ahead import Ahead
from ..streams.source import Source
from ..streams.stream import Stream
from ..threads.long_calls import answering
from ..threads.team import WORTH_A_THREAD

# Rows that its workspace has room for; more are worked through in blocks.
VALIDATION_ROWS = 4096


class Rows(NamedTuple):
    """Data as kernels take them, see `Model.prepared`, with the plan that they are for.

    which: numbers of the rows that are meant, int64; None for all.
    """

    plan: Plan
    X: np.ndarray
    T: np.ndarray
    weight: np.ndarray
    which: np.ndarray | None = None

    @property
    def n(self) -> int:
        """How many rows are meant."""
        return len(self.X) if self.which is None else len(self.which)

    def taken(self) -> Rows:
        """The rows that are meant, copied out of the others."""
        if self.which is None:
            return self
        which = self.which
        return Rows(self.plan, self.X[which], self.T[which], self.weight[which] if self.weight.size else self.weight)


def prepared_validation(model: Model, data: tuple[Any, ...] | Source | None, classes: Any) -> Rows | Stream | None:
    """Validation data as kernels take them."""
    if data is None:
        return None
    if isinstance(data, Source):
        return Stream(model, data, classes, prefix="validation_data's ")
    return prepared_rows(model, data, classes)


def prepared_rows(model: Model, data: tuple[Any, ...], classes: Any) -> Rows:
    """Validation data that are arrays."""
    if not isinstance(data, (tuple, list)) or len(data) not in (2, 3):
        raise InputError("validation_data must be (X, T) or (X, T, sample_weight)")
    weight = data[2] if len(data) == 3 else None
    return Rows(*model.prepared(data[0], data[1], weight, "validation_data's ", classes))


def held_of(n: int, part: float) -> int:
    """How many of n rows are held out as a part of all. Raises InputError where that leaves none, or takes none."""
    n_held = round(part * n)
    if not 0 < n_held < n:
        left = "for validation; give a larger part" if n_held == 0 else "to train on; give a smaller part"
        raise InputError(f"validation_split={part:g} of {n} rows leaves none {left}, more rows, or validation_data")
    return n_held


def split(rows: Rows, part: float, seed: int) -> tuple[Rows, Rows]:
    """Rows to train on and rows to validate on, a part of all, drawn by a seed."""
    n, n_held = rows.n, held_of(rows.n, part)
    order = np.random.default_rng(seed).permutation(n)

    def take(drawn: np.ndarray) -> Rows:
        which = np.sort(drawn) if rows.which is None else rows.which[np.sort(drawn)]
        if rows.weight.size and not rows.weight[which].any():
            raise InputError("validation_split leaves only rows whose sample_weight is 0; give validation_data")
        return rows._replace(which=which)

    return take(order[n_held:]), take(order[:n_held])


def split_seed(generator: np.random.Generator) -> int:
    """A number that a generator's seed decides, whatever it has been used for."""
    sequence: Any = generator.bit_generator.seed_seq
    try:
        return int(sequence.generate_state(1)[0])
    except NotImplementedError:  # a generator without a seed
        return 0


class Validator:
    """Takes the validation loss of a network.

    in_a_call: what `train_watched` validates on; None where a validation takes long, or X is sparse.
    """

    def __init__(self, model: Model, rows: Rows) -> None:
        self._model, self._rows = model, rows.taken()
        self._seconds = rows.n * model.seconds_a_row
        self._no_gradient = np.empty(0, model.dtype)
        self.in_a_call: Validation | None = None
        if isinstance(rows.X, SparseInputs):
            return
        plan, X, T, weight, _ = self._rows
        self._work = make_workspace(plan, min(len(X), VALIDATION_ROWS), model.dtype)
        if self._seconds < WORTH_A_THREAD:
            self.in_a_call = Validation(plan, read_only_samples(X, T, weight), self._no_gradient, self._work)

    def __call__(self) -> float:
        plan, X, T, weight, _ = self._rows
        theta = self._model.theta
        if isinstance(X, SparseInputs):
            return X.loss_and_grad(plan, theta, T, weight, self._no_gradient, self._seconds)
        return answering(self._seconds, self._work, loss_and_grad, plan, theta, X, T, weight, self._no_gradient)


class StreamedValidator:
    """Takes the validation loss of a network on a source, window by window: the mean, weighted by the sums of weights."""

    in_a_call: Validation | None = None

    def __init__(self, model: Model, stream: Stream) -> None:
        self._model, self._stream = model, stream
        self._filler = stream.filler(1)

    def __call__(self) -> float:
        model, windows, prefetch = self._model, self._filler.windows, self._stream.source.prefetch
        total = total_weight = 0.0
        with Ahead(self._filler, prefetch) as ahead:
            for number in range(windows.count):
                keys = [(None, w) for w in range(number, min(windows.count, number + 1 + prefetch))]
                X, T, weight, _ = ahead.window(keys)
                here = float(weight.sum(dtype=np.float64)) if weight.size else float(len(X))
                if here:
                    total += model.mean_loss(self._stream.plan, X, T, weight) * here
                    total_weight += here
        if not total_weight:
            raise InputError("validation_data's sample weights are all zero; give some rows a weight above 0")
        return total / total_weight


def validator(model: Model, held: Rows | Stream | None) -> Validator | StreamedValidator | None:
    """What takes the validation loss; None without validation data."""
    if held is None:
        return None
    return StreamedValidator(model, held) if isinstance(held, Stream) else Validator(model, held)


def read_only_samples(X: np.ndarray, T: np.ndarray, weight: np.ndarray) -> Samples:
    """The same arrays, declared read-only: one specialisation then takes arrays of either kind."""
    views = [array.view() for array in (X, T, weight)]
    for view in views:
        view.flags.writeable = False
    return Samples(*views)
