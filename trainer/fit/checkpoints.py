"""Checkpoints: a fit on disk, as it was after an epoch, to go on from to the same bits.

A checkpoint is a network's file (`files.py`) that holds more: the optimizer's state, that of the random generator, the history,
what callbacks remember, and a fingerprint of the data and the settings. It is written whole or not at all; the one before it
stays beside it, with `.previous` at the end of its name. `resuming.py` reads it.
"""

from __future__ import annotations

import dataclasses
import json
import os
import time
import warnings
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import InputError
from ..files import save_network
from ..model import Model
from . import schedules
from .history import History
from .options import FitOptions

# Without `checkpoint_every`.
SECONDS_BETWEEN = 60.0
PREVIOUS = ".previous"
HASHED_AT_ONCE = 1 << 24  # bytes
FORMAT = "tileprop-checkpoint-1"

# What is trained and validated on, by the names of arguments; None where it is not given.
Data = dict[str, np.ndarray | None]

# Settings that decide about the result. The others, as n_threads, may be others when a fit goes on.
_SETTINGS = (
    "epochs", "batch_size", "alpha", "l1", "weight_decay", "clip_norm", "frozen_layers", "dropout", "label_smoothing",
    "schedule", "shuffle",
)  # fmt: skip
LISTS = ("loss", "val_loss", "seconds", "batch_loss", "penalty")


class Moment(NamedTuple):
    """A fit after an epoch. lengths: of the history's lists.

    kept, callbacks: what the optimizer, and each callback, goes on from: arrays that are not changed any more, what JSON holds,
    or functions that give one of these, called when it is written.
    """

    ended: bool
    theta: np.ndarray
    generator: Any
    lengths: dict[str, int]
    kept: dict[str, Any]
    callbacks: list[dict[str, Any]]


class Checkpoints:
    """Writes the checkpoints of one fit: every so many epochs, or once a minute, and when it ends, however it ends."""

    def __init__(self, options: FitOptions, model: Model, history: History, data: Data) -> None:
        assert options.checkpoint is not None
        self._path, self._every = Path(options.checkpoint), options.checkpoint_every
        self._model, self._history, self._callbacks = model, history, options.callbacks
        fixed = {"settings": settings_of(options), "optimizer": described_optimizer(options.optimizer)}
        self._fixed = {"format": FORMAT, "data": fingerprints(data), **fixed}
        self._written, self._time = history.epochs, time.monotonic()
        self._now: Moment | None = None

    def remember(self, ended: bool, kept: dict[str, Any]) -> None:
        """What is so after this epoch. ended: no more are to come. kept: what the optimizer goes on from, see `Moment`."""
        lengths = {name: len(getattr(self._history, name)) for name in LISTS}
        generator = self._model.generator.bit_generator.state
        callbacks = [callback.remembered() if hasattr(callback, "remembered") else {} for callback in self._callbacks]
        self._now = Moment(ended, self._model.theta.copy(), generator, lengths, kept, callbacks)

    def write_if_due(self) -> None:
        """After an epoch that was remembered."""
        epochs = self._history.epochs
        due = time.monotonic() - self._time >= SECONDS_BETWEEN if self._every is None else epochs - self._written >= self._every
        if due:
            self.write()

    def write(self) -> None:
        """What was remembered last. An error of the disk is warned of: it costs neither the fit nor the checkpoint before."""
        if self._now is None:  # an interrupt came before the fit began
            return
        arrays, notes = self._laid_out(self._now)
        self._written, self._time = self._history.epochs, time.monotonic()
        try:
            if os.path.lexists(self._path):
                os.replace(self._path, previous(self._path))
            save_network(self._path, self._model, arrays, {**self._fixed, **notes})
        except OSError as error:
            warnings.warn(
                f"the checkpoint {self._path} could not be written: {error.strerror}. The fit goes on; the checkpoint before "
                f"it is {previous(self._path)}",
                stacklevel=2,
            )

    def _laid_out(self, now: Moment) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """As arrays and as what JSON holds."""
        arrays = {"theta": now.theta}
        for name, length in now.lengths.items():
            arrays[f"history.{name}"] = bits_of(getattr(self._history, name)[:length])
        owners = {"optimizer": now.kept, **{f"callback.{i}": kept for i, kept in enumerate(now.callbacks)}}
        numbers: dict[str, dict[str, Any]] = {owner: {} for owner in owners}
        for owner, kept in owners.items():
            for name, given in kept.items():
                value = given() if callable(given) else given
                if isinstance(value, np.ndarray):
                    arrays[f"{owner}.{name}"] = value
                else:
                    numbers[owner][name] = value
        of_optimizer, *of_callbacks = numbers.values()
        generator = json.dumps(now.generator, default=np.ndarray.tolist)
        return arrays, {"ended": now.ended, "kept": of_optimizer, "generator": generator, "callbacks": of_callbacks}


def bits_of(numbers: Sequence[float]) -> np.ndarray:
    """The bits that they are: losses may be infinite, which no saved number may be."""
    return np.array(numbers, np.float64).view(np.int64)


def previous(path: Path) -> Path:
    """Where the checkpoint before the last one is."""
    return path.with_name(path.name + PREVIOUS)


# What must be the same -------------------------------------------------------------------------------------------------------


def settings_of(options: FitOptions) -> dict[str, Any]:
    """Those that decide about the result, as JSON holds them."""
    return {name: _described(name, getattr(options, name)) for name in _SETTINGS}


def described_optimizer(optimizer: Any) -> dict[str, Any] | None:
    """Its class and hyperparameters, but for the time that it may take; None for a state."""
    if not dataclasses.is_dataclass(optimizer):
        return None
    fields = {name: _plain(value) for name, value in vars(optimizer).items() if name != "time_limit"}
    return {"class": type(optimizer).__name__, **fields}


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _described(name: str, value: Any) -> Any:
    if name == "schedule" and value is not None:
        if not dataclasses.is_dataclass(value):
            return type(value).__name__
        described: dict[str, Any] = {"class": type(value).__name__}
        for field in dataclasses.fields(value):
            inner = getattr(value, field.name)
            described[field.name] = _described(name, inner) if isinstance(inner, schedules.Schedule) else inner
        return described
    if name == "shuffle" and callable(value):
        return "a function"
    if name in ("frozen_layers", "dropout"):
        return [_plain(number) for number in value]
    return _plain(value)


def fingerprints(data: Data) -> dict[str, Any]:
    """Shape and hash of each array, by its name."""
    return {name: None if array is None else [list(array.shape), _hash(array)] for name, array in data.items()}


def _hash(array: np.ndarray) -> str:
    numbers, digest = np.ascontiguousarray(array).reshape(-1).view(np.uint8), blake2b(digest_size=16)
    for start in range(0, numbers.size, HASHED_AT_ONCE):  # so that Ctrl-C is answered
        digest.update(numbers[start : start + HASHED_AT_ONCE].data)
    return digest.hexdigest()


def check_same(kept: dict[str, Any], here: dict[str, Any], path: Path) -> None:
    """Raise InputError, which says what differs, where settings or data are not those of the checkpoint."""
    for name, value in here["settings"].items():
        was = kept["settings"].get(name)
        if was != value:
            raise InputError(f"{name} is {value!r}; the fit in {path} has {was!r}. Give the same, or leave it out")
    for name, found in here["data"].items():
        was = kept["data"].get(name)
        if was == found:
            continue
        if was is None or found is None:
            missing, other = ("missing", "with") if found is None else ("given", "without")
            raise InputError(f"{name} is {missing}; the fit in {path} was started {other} it")
        shapes = f"of shape {tuple(found[0])}" + (f", there {tuple(was[0])}" if was[0] != found[0] else ", with other numbers")
        raise InputError(f"{name} is not what the fit in {path} was started with: here {shapes}")
