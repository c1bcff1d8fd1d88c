"""Checkpoints: a fit on disk, as it was after an epoch, to go on from to the same bits.

A checkpoint is a network's file (`files.py`) that holds more: the optimizer's state, that of the random generator, the history,
what callbacks remember, and a fingerprint of the data and the settings. It is written whole or not at all; the one before it
stays beside it, with `.previous` at the end of its name.
"""

from __future__ import annotations

import dataclasses
import json
import math
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
from . import schedules
from .callbacks import Callback
from .history import History
from .options import FitOptions

# Without `checkpoint_every`.
SECONDS_BETWEEN = 60.0
PREVIOUS = ".previous"
# To keep in memory what is so after an epoch takes at most this part of the time, where no checkpoint is due.
SHARE = 0.01
# Of `History.stopped`: after these there is nothing to go on with.
FINAL = ("epochs", "callback")
FORMAT = "tileprop-checkpoint-1"

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

    def __init__(self, options: FitOptions, model: Model, state: State, history: History, data: Data) -> None:
        assert options.checkpoint is not None
        self._path, self._every = Path(options.checkpoint), options.checkpoint_every
        self._model, self._state, self._history, self._callbacks = model, state, history, options.callbacks
        self._fixed = {"format": FORMAT, "settings": settings_of(options), "data": fingerprints(data)}
        self._written, self._time = history.epochs, time.monotonic()
        self._now: tuple[dict[str, np.ndarray], dict[str, Any]] = ({}, {})
        self._remembered, self._cost = -math.inf, 0.0

    @property
    def due(self) -> float:
        """When the next one is to be written, by `time.monotonic`, also within an epoch."""
        return self._time + SECONDS_BETWEEN if self._every is None else math.inf

    def is_due(self) -> bool:
        return time.monotonic() >= self.due or (self._every is not None and self._history.epochs - self._written >= self._every)

    def is_cheap(self) -> bool:
        """Whether to remember what is so takes little time, beside the time since it was done last."""
        return time.monotonic() - self._remembered >= self._cost / SHARE

    def remember(self, base_rate: float, parts: dict[str, dict[str, Any]]) -> None:
        """What is so now. base_rate: the learning rate without its schedule. parts: what else is kept, by names."""
        began = time.monotonic()
        counters, hyperparameters = _numbers(self._state.counters[0]), _numbers(self._state.hyperparameters[0])
        hyperparameters["learning_rate"] = base_rate  # a schedule multiplies it anew for each epoch
        callbacks = [_remembered(callback) for callback in self._callbacks]
        split = {name: _split(kept) for name, kept in parts.items()}
        arrays = {
            "theta": self._model.theta.copy(),
            "velocity": self._state.velocity.copy(),
            "mean_square": self._state.mean_square.copy(),
            # As the bits that they are: losses may be infinite, which no saved number may be.
            **{f"history.{name}": np.array(getattr(self._history, name), np.float64).view(np.int64) for name in _LISTS},
            **{f"callback.{i}.{name}": array for i, (_, kept) in enumerate(callbacks) for name, array in kept.items()},
            **{f"{part}.{name}": array for part, (_, kept) in split.items() for name, array in kept.items()},
        }
        notes = {
            "stopped": self._history.stopped,
            "counters": counters,
            "hyperparameters": hyperparameters,
            "generator": json.dumps(self._model.generator.bit_generator.state, default=np.ndarray.tolist),
            "callbacks": [numbers for numbers, _ in callbacks],
            "parts": {part: numbers for part, (numbers, _) in split.items()},
        }
        self._now = arrays, notes
        self._remembered = time.monotonic()
        self._cost = self._remembered - began

    def write(self) -> None:
        """What was remembered last. An error of the disk is warned of: it costs neither the fit nor the checkpoint before."""
        arrays, notes = self._now
        if not arrays:  # an error before anything was remembered
            return
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


def previous(path: Path) -> Path:
    """Where the checkpoint before the last one is."""
    return path.with_name(path.name + PREVIOUS)


def _numbers(record: Any) -> dict[str, Any]:
    return {name: record[name].item() for name in record.dtype.names}


def _remembered(callback: Callback) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """A callback's numbers and arrays, where it has any to give."""
    return _split(callback.remembered()) if hasattr(callback, "remembered") else ({}, {})


def _split(kept: dict[str, Any]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    arrays = {name: value for name, value in kept.items() if isinstance(value, np.ndarray)}
    return {name: value for name, value in kept.items() if name not in arrays}, arrays


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
    return blake2b(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data, digest_size=16).hexdigest()


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
        return state._replace(velocity=self._arrays["velocity"], mean_square=self._arrays["mean_square"])

    @property
    def stopped(self) -> str:
        """Why the fit ended, where there is nothing to go on with."""
        stopped: str = self._notes["stopped"]
        return stopped if stopped in FINAL else ""

    def put_back(self, history: History, callbacks: Sequence[Callback], parts: dict[str, Any]) -> None:
        """The parameters, the random generator, the history and what callbacks and parts remember, as they were."""
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
                callback.recall({**self._notes["callbacks"][i], **self._arrays_of(f"callback.{i}.")})
        for name, numbers in self._notes["parts"].items():
            if name in parts:
                parts[name].recall({**numbers, **self._arrays_of(f"{name}.")})

    def _arrays_of(self, prefix: str) -> dict[str, np.ndarray]:
        return {name.removeprefix(prefix): array for name, array in self._arrays.items() if name.startswith(prefix)}


def read_checkpoint(kind: type[AnyModel], path: str | PathLike[str]) -> tuple[AnyModel, Resumed]:
    """The model and the rest of the last checkpoint at this place, or the one before where that is missing or damaged.

    Raises InputError where there is none, and ModelFormatError where neither can be read.
    """
    require("safetensors", "going on with a fit")
    place, failure = Path(path), None
    for candidate in (place, previous(place)):
        if not candidate.exists():
            continue
        try:
            model, arrays, notes = load_network(kind, candidate)
            if notes.get("format") != FORMAT:
                raise ModelFormatError(f"{candidate} is a network, and no checkpoint of a fit")
            return model, Resumed(candidate, model, arrays, notes)
        except ModelFormatError as error:
            failure = failure or error
    raise failure or InputError(f"there is no checkpoint {path}")


def _schedule(kept: Any) -> Any:
    """The schedule that `_described` described."""
    name = kept["class"] if isinstance(kept, dict) else kept
    found = getattr(schedules, name, None)
    if found is None or not isinstance(kept, dict):
        raise InputError(f"the fit has a schedule of your own, {name}; give it again, as schedule")
    return found(**{k: _schedule(v) if isinstance(v, dict) else v for k, v in kept.items() if k != "class"})
