"""The parts of a model's file beside its first network, each checked when it is read."""

from __future__ import annotations

from os import PathLike
from typing import Any

import numpy as np

from ..data.array_files import feature_names
from ..data.array_recipe import ArrayRecipe
from ..errors import ModelFormatError
from ..network import Network
from ..scaling import Scaling
from ..tables.recipe import Recipe

# The name under which a table's recipe lies in a model's file.
RECIPE = "recipe"
# And that of the parameters of an ensemble's members after the first.
MEMBERS = "members"


def recipe_of(
    path: str | PathLike[str], arrays: dict[str, np.ndarray], notes: dict[str, Any], n_in: int
) -> Recipe | ArrayRecipe:
    """The recipe of a table, or of an array."""
    if RECIPE in arrays:
        text = arrays[RECIPE]
        if text.dtype != np.uint8 or text.ndim != 1:
            raise ModelFormatError(f"{path}: {RECIPE} is not text")
        recipe = Recipe.from_json(text.tobytes(), f"{path}: {RECIPE}")
        if len(recipe.feature_names) != n_in:
            raise ModelFormatError(f"{path}: {RECIPE} has {len(recipe.feature_names)} inputs; the network takes {n_in}")
        return recipe
    names = names_of(path, notes, "feature_names", n_in) if "feature_names" in notes else tuple(feature_names(n_in))
    return ArrayRecipe(scaling_of(path, arrays, "scaling", n_in), names)


def errors_of(path: str | PathLike[str], arrays: dict[str, np.ndarray], n_targets: int) -> np.ndarray | None:
    """The sorted errors for intervals; None where there are none."""
    errors = arrays.get("errors")
    if errors is None:
        return None
    if errors.dtype != np.float64 or errors.ndim != 2 or len(errors) != n_targets or (np.diff(errors, axis=1) < 0).any():
        raise ModelFormatError(f"{path}: errors are not {n_targets} sorted rows of float64 numbers")
    return errors


def others_of(path: str | PathLike[str], arrays: dict[str, np.ndarray], network: Network) -> tuple[Network, ...]:
    """The members of an ensemble after the first network."""
    if MEMBERS not in arrays:
        return ()
    thetas = arrays[MEMBERS]
    if thetas.ndim != 2 or not len(thetas) or thetas.shape[1] != network.plan.n_parameters or thetas.dtype != network.dtype:
        raise ModelFormatError(
            f"{path}: {MEMBERS} are not rows of {network.plan.n_parameters} {network.dtype} parameters, one for each network"
        )
    return tuple(Network(**network.plan.arguments, dtype=network.dtype, initial=theta) for theta in thetas)


def names_of(path: str | PathLike[str], notes: dict[str, Any], key: str, count: int, different: bool = True) -> tuple[str, ...]:
    """A list of names among the notes. different: whether no two may be the same."""
    names = notes.get(key)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ModelFormatError(f"{path}: {key} is not a list of names")
    if len(names) != count or (different and len(set(names)) != count):
        raise ModelFormatError(f"{path}: {key} has {len(names)} names, {len(set(names))} of them different; {count} are needed")
    return tuple(names)


def scaling_of(path: str | PathLike[str], arrays: dict[str, np.ndarray], name: str, count: int) -> Scaling:
    """The scaling of that name."""
    mean, scale = (_vector(path, arrays, f"{name}.{part}", count) for part in ("mean", "scale"))
    if np.any(scale <= 0):
        raise ModelFormatError(f"{path}: {name}.scale has numbers that are not positive")
    return Scaling(mean, scale)


def _vector(path: str | PathLike[str], arrays: dict[str, np.ndarray], name: str, count: int) -> np.ndarray:
    array = arrays.get(name)
    if array is None or array.shape != (count,) or array.dtype != np.float64:
        raise ModelFormatError(f"{path}: {name} is missing, or is not {count} float64 numbers")
    return array
