"""TrainedModel: a network with what belongs to it, so that raw rows go in, and class names or original units come out."""

from __future__ import annotations

import reprlib
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import as_inputs
from ..data.scaling import Scaling
from ..data.targets import CLASSIFICATION, REGRESSION, TASKS
from ..errors import InputError, ModelFormatError
from ..files import load_network, save_network
from ..network import Network


@dataclass(frozen=True)
class TrainedModel:
    """network takes rows scaled by `scaling`; `target_scaling`, of regression alone, leads from its outputs to targets.

    class_names: one for each output; empty for regression.
    """

    network: Network
    scaling: Scaling
    feature_names: tuple[str, ...]
    task: str
    target_name: str = "target"
    class_names: tuple[str, ...] = ()
    target_scaling: Scaling | None = None

    def predict(self, X: ArrayLike) -> np.ndarray:
        """For X (n, n_features) in original units: class names (n), or targets (n) or (n, n_targets) in original units."""
        Y = self.outputs(X)
        if self.target_scaling is None:
            names: np.ndarray = np.array(self.class_names)[Y.argmax(axis=1)]
            return names
        values = self.target_scaling.undo(Y)
        return values[:, 0] if values.shape[1] == 1 else values

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Probabilities (n, n_classes), each row of sum 1. Outputs that are not trained as such are divided by their sum."""
        if self.task != CLASSIFICATION:
            raise InputError("predict_proba is for classification; this model was trained for regression")
        Y = self.outputs(X).astype(np.float64)
        Y /= np.maximum(Y.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
        return Y

    def outputs(self, X: ArrayLike) -> np.ndarray:
        """The network's outputs (n, n_out) for X in original units. Raises InputError where they are not finite."""
        Y = self.network.predict(self.scaled(X))
        lost = np.flatnonzero(~np.isfinite(Y).all(axis=1))
        if lost.size:
            raise InputError(f"row {lost[0] + 1} is so far from the training rows that the network's output is not finite")
        return Y

    def scaled(self, X: ArrayLike) -> np.ndarray:
        """What the network takes for X (n, n_features), float64. Raises InputError for rows too far away to be scaled."""
        X = as_inputs(X, len(self.feature_names), np.dtype(np.float64))
        Z = self.scaling.apply(X)
        far = np.argwhere(np.abs(Z) > np.finfo(self.network.dtype).max)
        if far.size:
            row, column = far[0]
            raise InputError(
                f"row {row + 1}: {self.feature_names[column]!r} is {X[row, column]:g}, too far from the training rows "
                f"(mean {self.scaling.mean[column]:g}, standard deviation {self.scaling.scale[column]:g})"
            )
        return Z

    # Files -----------------------------------------------------------------------------------------------------------------

    def save(self, path: str | PathLike[str]) -> None:
        """Write a safetensors file, which `Network.load` can read too (needs the extra `files`)."""
        arrays = {"scaling.mean": self.scaling.mean, "scaling.scale": self.scaling.scale}
        if self.target_scaling is not None:
            arrays |= {"target_scaling.mean": self.target_scaling.mean, "target_scaling.scale": self.target_scaling.scale}
        notes = {
            "task": self.task,
            "feature_names": list(self.feature_names),
            "target_name": self.target_name,
            "class_names": list(self.class_names),
        }
        save_network(path, self.network, arrays, notes)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> TrainedModel:
        """Read a file that `save` wrote. Raises ModelFormatError where it is no such thing, or is not consistent."""
        return cls.from_parts(path, *load_network(Network, path))

    @classmethod
    def from_parts(
        cls, path: str | PathLike[str], network: Network, arrays: dict[str, np.ndarray], notes: dict[str, Any]
    ) -> TrainedModel:
        """A model from what `load_network` gives. `path` names it in errors."""
        if not isinstance(notes, dict) or "task" not in notes:
            raise ModelFormatError(f"{path} holds a network without the scaling and names of a model; Network.load reads it")
        task, n_in, n_out = notes["task"], network.plan.sizes[0], network.plan.sizes[-1]
        if task not in TASKS:
            raise ModelFormatError(f"{path}: task is {reprlib.repr(task)}; it must be {' or '.join(TASKS)}")
        features = _names(path, notes, "feature_names", n_in)
        classes = _names(path, notes, "class_names", n_out if task == CLASSIFICATION else 0)
        target_name = notes.get("target_name")
        if not isinstance(target_name, str):
            raise ModelFormatError(f"{path}: target_name is {reprlib.repr(target_name)}; it must be text")
        target_scaling = _scaling(path, arrays, "target_scaling", n_out) if task == REGRESSION else None
        return cls(network, _scaling(path, arrays, "scaling", n_in), features, task, target_name, classes, target_scaling)


def _names(path: str | PathLike[str], notes: dict[str, Any], key: str, count: int) -> tuple[str, ...]:
    names = notes.get(key)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ModelFormatError(f"{path}: {key} is not a list of names")
    if len(names) != count or len(set(names)) != count:
        raise ModelFormatError(f"{path}: {key} has {len(names)} names, {len(set(names))} of them different; {count} are needed")
    return tuple(names)


def _scaling(path: str | PathLike[str], arrays: dict[str, np.ndarray], name: str, count: int) -> Scaling:
    mean, scale = (_vector(path, arrays, f"{name}.{part}", count) for part in ("mean", "scale"))
    if np.any(scale <= 0):
        raise ModelFormatError(f"{path}: {name}.scale holds numbers that are not positive")
    return Scaling(mean, scale)


def _vector(path: str | PathLike[str], arrays: dict[str, np.ndarray], name: str, count: int) -> np.ndarray:
    array = arrays.get(name)
    if array is None or array.shape != (count,) or array.dtype != np.float64:
        raise ModelFormatError(f"{path}: {name} is missing, or is not {count} float64 numbers")
    return array
