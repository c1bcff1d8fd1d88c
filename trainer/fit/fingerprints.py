"""What must be the same where a fit goes on: its settings, and the data."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..fingerprint import digest
from ..sparse_inputs import SparseInputs, parts_of
from ..streams.stream import Stream
from . import schedules
from .options import FitOptions
from .validation import Rows

NO_WORDS: Mapping[str, str] = {}

# What is trained and validated on, by the names of arguments; None where it is not given. Lists are fingerprints.
Data = dict[str, np.ndarray | SparseInputs | Stream | list[Any] | None]

# Settings that decide about the result. The others, as n_threads, may be others when a fit goes on.
_SETTINGS = (
    "epochs", "batch_size", "alpha", "l1", "weight_decay", "clip_norm", "frozen_layers", "dropout", "label_smoothing",
    "schedule", "shuffle", "validation_split", "split_seed",
)  # fmt: skip


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


def data_of_rows(rows: Rows, prefix: str = "", subset: str = "row_subset") -> Data:
    """Data by the names of arguments. subset: the name of the rows' numbers."""
    data: Data = {
        f"{prefix}X": rows.X,
        f"{prefix}T": rows.T,
        f"{prefix}sample_weight": rows.weight if rows.weight.size else None,
    }
    return data if rows.which is None else {**data, subset: rows.which}


def data_of_validation(held: Rows | Stream | None) -> Data:
    """Validation data by the names of arguments."""
    prefix = "validation_data's "
    if isinstance(held, Rows):
        return data_of_rows(held, prefix, "validation_subset")
    return {f"{prefix}X": held, f"{prefix}T": None, f"{prefix}sample_weight": None}


def fingerprints(data: Data) -> dict[str, Any]:
    """Shape and hash of each array, by its name."""
    return {name: _fingerprint(value) for name, value in data.items()}


def _fingerprint(value: Any) -> list[Any] | None:
    if value is None or isinstance(value, list):
        return value
    return value.fingerprint() if isinstance(value, Stream) else [list(value.shape), digest(*parts_of(value))]


def check_same(kept: dict[str, Any], here: dict[str, Any], path: Path, words: Mapping[str, str] = NO_WORDS) -> None:
    """Raise InputError, which says what differs, where settings or data are not those of the checkpoint.

    words: what some settings are called by the caller.
    """
    for name, value in here["settings"].items():
        was = kept["settings"].get(name)
        if was != value:
            raise InputError(
                f"{words.get(name, name)} is {value!r}; the fit in {path} has {was!r}. Give the same, or leave it out"
            )
    for name, found in here["data"].items():
        was = kept["data"].get(name)
        if was == found:
            continue
        if was is None or found is None:
            missing, other = ("missing", "with") if found is None else ("given", "without")
            raise InputError(f"{name} is {missing}; the fit in {path} was started {other} it")
        shapes = f"of shape {tuple(found[0])}" + (f", there {tuple(was[0])}" if was[0] != found[0] else ", with other numbers")
        raise InputError(f"{name} is not what the fit in {path} was started with: here {shapes}")
