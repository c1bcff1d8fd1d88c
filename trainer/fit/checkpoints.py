"""Checkpoints: a fit on disk, as it was after an epoch, to go on from to the same bits.

A checkpoint is a network's file (`files.py`) that holds more: the optimizer's state, that of the random generator, the history,
what callbacks remember, and a fingerprint of the data and the settings. It is written whole or not at all; the one before it
stays beside it, with `.previous` at the end of its name.
"""

from __future__ import annotations

import dataclasses
import json
import os
import time
import warnings
from collections.abc import Sequence
from hashlib import blake2b
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ...kernels import State, make_state
from ..errors import InputError, ModelFormatError
from ..extras import require
from ..files import load_network, save_network
from ..model import Model
from ..tensor_files import DTYPES
from . import schedules
from .callbacks import Callback
from .history import History
from .options import FitOptions

# Without `checkpoint_every`.
SECONDS_BETWEEN = 60.0
PREVIOUS = ".previous"
FORMAT = "tileprop-checkpoint-2"

AnyModel = TypeVar("AnyModel", bound=Model)
# What is trained and validated on, by the names of arguments; None where it is not given.
Data = dict[str, np.ndarray | None]

# Settings that decide about the result. The others, as n_threads, may be others when a fit goes on.
_SETTINGS = (
    "epochs", "batch_size", "alpha", "l1", "weight_decay", "clip_norm", "frozen_layers", "dropout", "label_smoothing",
    "schedule", "shuffle",
)  # fmt: skip
_LISTS = ("loss", "val_loss", "seconds", "batch_loss", "penalty")


class Checkpoints:
    """Writes the checkpoints of one fit: every so many epochs, or once a minute, and when it ends, however it ends."""

    def __init__(self, options: FitOptions, model: Model, state: State, history: History, base_rate: float, data: Data) -> None:
        assert options.checkpoint is not None
        self._path, self._every, self._base_rate = _place(options.checkpoint), options.checkpoint_every, base_rate
        self._model, self._state, self._history, self._callbacks = model, state, history, options.callbacks
        self._fixed = {"format": FORMAT, "settings": settings_of(options), "data": fingerprints(data)}
        self._written, self._time = history.epochs, time.monotonic()
        # What was remembered last, and what of it was written; None before the first epoch.
        self._now: tuple[dict[str, np.ndarray], dict[str, Any]] | None = None
        self._saved: object = None
        self._keeps = True  # whether what is in the place is worth to be kept when a new one is written

    def goes_on_from(self, path: Path) -> None:
        """The checkpoint that was read, and put back. Where it is the one before the last, the last is missing or damaged."""
        self._keeps, self._written = path != previous(self._path), self._history.epochs

    def remember(self, ended: bool) -> None:
        """What is so after this epoch. ended: no more are to come."""
        counters, hyperparameters = _numbers(self._state.counters[0]), _numbers(self._state.hyperparameters[0])
        hyperparameters["learning_rate"] = self._base_rate  # a schedule multiplies it anew for each epoch
        callbacks = [_remembered(callback) for callback in self._callbacks]
        arrays = {
            "theta": self._model.theta.copy(),
            # As the bits that they are: squares may be infinite, and losses, which no saved number may be.
            "velocity": _bits(self._state.velocity.copy()),
            "mean_square": _bits(self._state.mean_square.copy()),
            **{f"callback.{i}.{name}": array for i, (_, kept) in enumerate(callbacks) for name, array in kept.items()},
        }
        notes = {
            "epochs": self._history.epochs,
            "ended": ended,
            "counters": counters,
            "hyperparameters": hyperparameters,
            "generator": json.dumps(self._model.generator.bit_generator.state, default=np.ndarray.tolist),
            "callbacks": [numbers for numbers, _ in callbacks],
        }
        self._now = arrays, notes

    def epochs_until_due(self) -> int:
        """How many may be made before the next one; many where time decides."""
        return 1 << 30 if self._every is None else self._every - (self._history.epochs - self._written)

    def write_if_due(self) -> None:
        """After an epoch that was remembered."""
        due = time.monotonic() - self._time >= SECONDS_BETWEEN if self._every is None else self.epochs_until_due() == 0
        if due:
            self.write()

    def write(self) -> None:
        """What was remembered last. What keeps it from being written is warned of: it costs neither the fit nor the
        checkpoints that are there, of which one is whole at each moment."""
        if self._now is None or self._now is self._saved:
            return
        arrays, notes = self._now
        self._written, self._time = self._history.epochs, time.monotonic()
        try:
            # Lists are only added to, so they need not be copied after each epoch.
            lists = {f"history.{name}": _bits(np.array(getattr(self._history, name)[: notes["epochs"]])) for name in _LISTS}
            arrays, notes = {**arrays, **lists}, {**self._fixed, **notes}
            notes["checksum"] = _checksum(arrays, notes)
            save_network(self._path, self._model, arrays, notes, previous(self._path) if self._keeps else None)
            self._keeps, self._saved = True, self._now
        except (OSError, MemoryError, InputError) as error:
            there = " and ".join(str(place) for place in (self._path, previous(self._path)) if os.path.exists(place))
            warnings.warn(
                f"the checkpoint {self._path} could not be written: {getattr(error, 'strerror', None) or error}. The fit goes "
                f"on; {f'there is still {there}' if there else 'there is none before it'}",
                stacklevel=2,
            )


def _place(path: str | PathLike[str]) -> Path:
    """Where a checkpoint is, whatever the working directory will be: links are followed, and the one before stays beside it."""
    return Path(os.path.realpath(path))


def previous(path: Path) -> Path:
    """Where the checkpoint before the last one is."""
    return path.with_name(path.name + PREVIOUS)


def _numbers(record: Any) -> dict[str, Any]:
    return {name: record[name].item() for name in record.dtype.names}


def _remembered(callback: Callback) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """A callback's numbers and arrays, where it has any to give."""
    if not hasattr(callback, "remembered"):
        return {}, {}
    kept = callback.remembered()
    arrays = {name: value for name, value in kept.items() if isinstance(value, np.ndarray)}
    numbers = {name: value for name, value in kept.items() if name not in arrays}
    if any(array.dtype not in DTYPES.values() for array in arrays.values()) or not _is_json(numbers):
        raise InputError(
            f"{type(callback).__name__}.remembered returns {kept!r}; it must be a dictionary of numbers and arrays"
        )
    return numbers, arrays


def _is_json(value: Any) -> bool:
    try:
        text = json.dumps(value)
        return json.dumps(json.loads(text)) == text
    except (TypeError, ValueError):
        return False


def _bits(numbers: np.ndarray) -> np.ndarray:
    return numbers.view(f"i{numbers.itemsize}")


def _checksum(arrays: dict[str, np.ndarray], notes: dict[str, Any]) -> str:
    """Of all that is read back: a disk may have changed a bit."""
    digest = blake2b(json.dumps(notes).encode(), digest_size=16)
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].dtype} {arrays[name].shape}".encode())
        digest.update(_bytes_of(arrays[name]))
    return digest.hexdigest()


def _bytes_of(array: np.ndarray) -> memoryview:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


# What must be the same -------------------------------------------------------------------------------------------------------


def settings_of(options: FitOptions) -> dict[str, Any]:
    """Those that decide about the result, as JSON holds them."""
    return {name: _described(name, getattr(options, name)) for name in _SETTINGS}


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
        return [number.item() if hasattr(number, "item") else number for number in value]
    return value.item() if hasattr(value, "item") else value


def fingerprints(data: Data) -> dict[str, Any]:
    """Shape and hash of each array, by its name."""
    return {name: None if array is None else [list(array.shape), _hash(array)] for name, array in data.items()}


def _hash(array: np.ndarray) -> str:
    return blake2b(_bytes_of(array), digest_size=16).hexdigest()


def _check_same(kept: dict[str, Any], here: dict[str, Any], path: Path) -> None:
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


# Going on --------------------------------------------------------------------------------------------------------------------


class Resumed:
    """A checkpoint that was read: the model, and what else a fit goes on from."""

    def __init__(self, path: Path, model: Model, arrays: dict[str, np.ndarray], notes: dict[str, Any]) -> None:
        self.path, self.model, self._arrays, self._notes = path, model, arrays, notes

    def options(self, given: dict[str, Any]) -> FitOptions:
        """The settings of the fit, with those given; `check` says whether they are the same."""
        kept = dict(self._notes["settings"])
        schedule = kept.pop("schedule")
        if "schedule" not in given and schedule is not None:
            given = {**given, "schedule": _schedule(schedule)}
        if kept["shuffle"] == "a function" and "shuffle" not in given:
            raise InputError(f"the fit in {self.path} has a function as shuffle; give it again")
        return FitOptions(**{**kept, "optimizer": self.state(), **given})

    def check(self, options: FitOptions, data: Data) -> None:
        """Raise InputError where settings or data are other ones."""
        _check_same(self._notes, {"settings": settings_of(options), "data": fingerprints(data)}, self.path)
        if len(options.callbacks) != len(self._notes["callbacks"]):
            raise InputError(
                f"callbacks holds {len(options.callbacks)}; the fit in {self.path} has {len(self._notes['callbacks'])}. "
                "Give the same ones"
            )

    def state(self) -> State:
        """The optimizer's."""
        state = make_state(self.model.plan, dtype=self.model.dtype)
        for record, kept in ((state.counters[0], "counters"), (state.hyperparameters[0], "hyperparameters")):
            for name, value in self._notes[kept].items():
                record[name] = value
        velocity, mean_square = (self._arrays[name].view(self.model.dtype) for name in ("velocity", "mean_square"))
        return state._replace(velocity=velocity, mean_square=mean_square)

    def put_back(self, history: History, callbacks: Sequence[Callback]) -> bool:
        """The parameters, the random generator, the history and what callbacks remember, as they were; whether it had ended."""
        self.model.theta[:] = self._arrays["theta"]
        kept = json.loads(self._notes["generator"])
        bits = getattr(np.random, kept["bit_generator"])()
        bits.state = kept
        self.model.generator = np.random.Generator(bits)
        for name in _LISTS:
            getattr(history, name).extend(self._arrays[f"history.{name}"].view(np.float64).tolist())
        callback: Any
        for i, callback in enumerate(callbacks):
            if hasattr(callback, "remembered"):
                prefix = f"callback.{i}."
                arrays = {name.removeprefix(prefix): a for name, a in self._arrays.items() if name.startswith(prefix)}
                callback.recall({**self._notes["callbacks"][i], **arrays})
        return bool(self._notes["ended"])


def read_checkpoint(kind: type[AnyModel], path: str | PathLike[str]) -> tuple[AnyModel, Resumed]:
    """The model and the rest of the last checkpoint at this place, or the one before where that is missing or damaged.

    Raises InputError where there is none, and ModelFormatError where neither can be read.
    """
    require("safetensors", "going on with a fit")
    place = _place(path)
    failure: Exception | None = None
    for candidate in (place, previous(place)):
        try:
            if candidate.exists():
                return _read(kind, candidate)
        except (ModelFormatError, OSError) as error:
            failure = failure or error
    if failure is None:
        raise InputError(f"there is no checkpoint {path}")
    raise ModelFormatError(f"the checkpoint cannot be read: {failure}") from failure


def _read(kind: type[AnyModel], path: Path) -> tuple[AnyModel, Resumed]:
    model, arrays, notes = load_network(kind, path)
    if not isinstance(notes, dict) or notes.get("format") != FORMAT:
        raise ModelFormatError(f"{path} is a network, and no checkpoint of a fit")
    if notes.pop("checksum", None) != _checksum(arrays, notes):
        raise ModelFormatError(f"{path} is damaged: its numbers are not those that were written")
    return model, Resumed(path, model, arrays, notes)


def _schedule(kept: Any) -> Any:
    """The schedule that `_described` described."""
    name = kept["class"] if isinstance(kept, dict) else kept
    found = getattr(schedules, name, None)
    if found is None or not isinstance(kept, dict):
        raise InputError(f"the fit has a schedule of your own, {name}; give it again, as schedule")
    return found(**{k: _schedule(v) if isinstance(v, dict) else v for k, v in kept.items() if k != "class"})
