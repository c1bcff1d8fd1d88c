"""Checkpoints: a fit on disk, as it was after an epoch, to go on from to the same bits.

A checkpoint is a network's file (`files.py`) that holds more: the optimizer's state, that of the random generator, the history,
what callbacks remember, and a fingerprint of the data and the settings. It is written whole or not at all; the one before it
stays beside it, with `.previous` at the end of its name. `resuming.py` reads it.
"""

from __future__ import annotations

import json
import math
import os
import time
import warnings
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...kernels import State
from ..errors import InputError
from ..files import save_network
from ..model import Model
from ..tensor_files import DTYPES
from .callbacks import Callback
from .fingerprints import Data, described_optimizer, fingerprints, settings_of
from .history import History
from .options import FitOptions

# Without `checkpoint_every`.
SECONDS_BETWEEN = 60.0
PREVIOUS = ".previous"
FORMAT = "tileprop-checkpoint-2"
# To keep in memory what is so after an epoch takes at most this part of the time, where no checkpoint is due.
SHARE = 0.002
# Of `History.stopped`: after these there is nothing to go on with.
FINAL = ("epochs", "callback", "converged")

NOTHING: Mapping[str, dict[str, Any]] = {}

LISTS = ("loss", "val_loss", "seconds", "batch_loss", "penalty")


class Moment(NamedTuple):
    """A fit as it was when it was remembered. epochs: that were made by then.

    kept: what the optimizer, callbacks and others go on from, by owners: arrays that are not changed any more, what JSON holds,
    or functions that give one of these, called when it is written.
    """

    theta: np.ndarray
    generator: Any
    epochs: int
    stopped: str
    kept: dict[str, dict[str, Any]]


class Checkpoints:
    """Writes the checkpoints of one fit: every so many epochs, or once a minute, and when it ends, however it ends."""

    def __init__(self, options: FitOptions, model: Model, history: History, data: Data) -> None:
        assert options.checkpoint is not None
        self._path, self._every = place_of(options.checkpoint), options.checkpoint_every
        self._model, self._history, self._callbacks = model, history, options.callbacks
        fixed = {"settings": settings_of(options), "optimizer": described_optimizer(options.optimizer)}
        self._fixed = {"format": FORMAT, "data": fingerprints(data), **fixed}
        self._written, self._time = history.epochs, time.monotonic()
        # What was remembered last, and what of it was written; None before the first epoch.
        self._now: Moment | None = None
        self._saved: object = None
        self._keeps = True  # whether what is in the place is worth to be kept when a new one is written
        self._remembered, self._cost = -math.inf, 0.0

    def goes_on_from(self, path: Path) -> None:
        """The checkpoint that was read, and put back. Where it is the one before the last, the last is missing or damaged."""
        self._keeps, self._written = path != previous(self._path), self._history.epochs

    @property
    def due(self) -> float:
        """When the next one is to be written, by `time.monotonic`, also within an epoch."""
        return self._time + SECONDS_BETWEEN if self._every is None else math.inf

    def is_due(self) -> bool:
        """Whether one is to be written after this epoch."""
        return time.monotonic() >= self.due or self.epochs_until_due() <= 0

    def epochs_until_due(self) -> int:
        """How many may be made before the next one; many where time decides."""
        return 1 << 30 if self._every is None else self._every - (self._history.epochs - self._written)

    def is_cheap(self) -> bool:
        """Whether to remember what is so takes little time, beside the time since it was done last."""
        return time.monotonic() - self._remembered >= self._cost / SHARE

    def remember(self, kept: dict[str, Any], parts: Mapping[str, dict[str, Any]] = NOTHING, began: float | None = None) -> None:
        """What is so now. kept: what the optimizer goes on from; parts: what others do, by their names; see `Moment`.

        began: by `time.monotonic`, when the caller began to gather these, where that takes time.
        """
        began = time.monotonic() if began is None else began
        owners = {f"callback.{i}": _remembered(callback) for i, callback in enumerate(self._callbacks)}
        if self._now is None:
            for i, callback in enumerate(self._callbacks):
                _check_kept(callback, owners[f"callback.{i}"])
        owners |= {"optimizer": kept, **{f"part.{name}": part for name, part in parts.items()}}
        generator = self._model.generator.bit_generator.state
        self._now = Moment(self._model.theta.copy(), generator, self._history.epochs, self._history.stopped, owners)
        self._remembered = time.monotonic()
        self._cost = self._remembered - began

    def write_if_due(self) -> None:
        """What was just remembered."""
        if self.is_due():
            self.write()

    def write(self) -> None:
        """What was remembered last. What keeps it from being written is warned of: it costs neither the fit nor the
        checkpoints that are there, of which one is whole at each moment."""
        if self._now is None or self._now is self._saved:
            return
        self._written, self._time = self._history.epochs, time.monotonic()
        try:
            arrays, notes = self._laid_out(self._now)
            save_network(
                self._path, self._model, arrays, {**self._fixed, **notes}, previous(self._path) if self._keeps else None
            )
            self._keeps, self._saved = True, self._now
        except (OSError, MemoryError, InputError) as error:
            there = " and ".join(str(place) for place in (self._path, previous(self._path)) if os.path.exists(place))
            warnings.warn(
                f"the checkpoint {self._path} could not be written: {getattr(error, 'strerror', None) or error}. The fit goes "
                f"on; {f'there is still {there}' if there else 'there is none before it'}",
                stacklevel=2,
            )

    def _laid_out(self, now: Moment) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """The moment, as arrays and as what JSON holds."""
        arrays = {"theta": now.theta}
        for name in LISTS:  # which are only added to, so they need not be copied after each epoch
            arrays[f"history.{name}"] = bits_of(getattr(self._history, name)[: now.epochs])
        numbers: dict[str, dict[str, Any]] = {}
        for owner, kept in now.kept.items():
            of_owner, numbers[owner] = _apart(kept)
            arrays |= {f"{owner}.{name}": array for name, array in of_owner.items()}
        generator = json.dumps(now.generator, default=np.ndarray.tolist)
        return arrays, {"epochs": now.epochs, "stopped": now.stopped, "kept": numbers, "generator": generator}


def place_of(path: str | PathLike[str]) -> Path:
    """Where a checkpoint is, whatever the working directory will be: links are followed, and the one before stays beside it."""
    return Path(os.path.realpath(path))


def previous(path: Path) -> Path:
    """Where the checkpoint before the last one is."""
    return path.with_name(path.name + PREVIOUS)


def _remembered(callback: Callback) -> dict[str, Any]:
    return callback.remembered() if hasattr(callback, "remembered") else {}


def _check_kept(callback: Callback, kept: Any) -> None:
    """Raise InputError for what a callback remembers that no checkpoint can hold."""
    arrays, numbers = _apart(kept) if isinstance(kept, dict) else ({}, kept)
    if (
        not isinstance(kept, dict)
        or any(array.dtype not in DTYPES.values() for array in arrays.values())
        or not _is_json(numbers)
    ):
        raise InputError(
            f"{type(callback).__name__}.remembered returns {kept!r}; it must be a dictionary of numbers and arrays"
        )


def _apart(kept: dict[str, Any]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays, and what JSON holds."""
    values = {name: value() if callable(value) else value for name, value in kept.items()}
    arrays = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
    return arrays, {name: value for name, value in values.items() if name not in arrays}


def _is_json(value: Any) -> bool:
    try:
        text = json.dumps(value)
        return json.dumps(json.loads(text)) == text
    except (TypeError, ValueError):
        return False


def kept_of(state: State, base_rate: float | None) -> dict[str, Any]:
    """What a fit goes on from with an optimizer's state. base_rate: the learning rate that a schedule multiplies anew."""
    hyperparameters = numbers_of(state.hyperparameters[0])
    if base_rate is not None:
        hyperparameters["learning_rate"] = base_rate
    numbers = {"counters": numbers_of(state.counters[0]), "hyperparameters": hyperparameters}
    return {**numbers, "velocity": bits(state.velocity.copy()), "mean_square": bits(state.mean_square.copy())}


def numbers_of(record: Any) -> dict[str, Any]:
    """A record's fields as Python's numbers."""
    return {name: record[name].item() for name in record.dtype.names}


def bits(numbers: np.ndarray) -> np.ndarray:
    """As integers: numbers may be infinite, which no saved number may be."""
    return numbers.view(f"i{numbers.itemsize}")


def bits_of(numbers: Sequence[float]) -> np.ndarray:
    """`bits` of a list."""
    return bits(np.array(numbers, np.float64))
