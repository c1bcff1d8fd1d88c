"""Networks as safetensors files: tensors `weights.0`, `biases.0`, ...; the plan as JSON in the text metadata.

Nothing is ever unpickled. Loading checks names, shapes and dtypes against the plan before a network is made.
"""

from __future__ import annotations

import itertools
import json
import os
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..kernels import Plan, make_plan
from .errors import InputError, ModelFormatError
from .extras import require

if TYPE_CHECKING:
    from .network import Network

FORMAT = "tileprop-network-1"


def save_network(
    path: str | PathLike[str],
    network: Network,
    arrays: dict[str, np.ndarray] | None = None,
    notes: dict[str, Any] | None = None,
) -> None:
    """Write a network; `arrays` and `notes` (anything that JSON holds) travel along, for `load_network` to give back."""
    safetensors = require("safetensors.numpy", "saving a network")
    tensors = {f"extra.{name}": np.array(array, order="C") for name, array in (arrays or {}).items()}
    for i, (W, b) in enumerate(zip(network.weights, network.biases, strict=True)):
        # safetensors writes the memory of an array that is not contiguous in the wrong order, so copies are made.
        tensors[f"weights.{i}"] = np.array(W, order="C")
        if network.plan.bias:
            tensors[f"biases.{i}"] = np.array(b, order="C")
    plan = {**network.plan.arguments, "dtype": network.dtype.name}
    metadata = {"format": FORMAT, "plan": json.dumps(plan), "notes": json.dumps(notes or {})}
    # Written beside its place and moved there whole: an interrupted save leaves the old file as it was.
    target = Path(path)
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        # Not save_file, whose files nobody else may read, and whose errors are no OSErrors.
        unfinished.write_bytes(safetensors.save(tensors, metadata))
        os.replace(unfinished, target)
    finally:
        unfinished.unlink(missing_ok=True)


def load_network(path: str | PathLike[str]) -> tuple[Network, dict[str, np.ndarray], dict[str, Any]]:
    """A network and the arrays and notes that travelled along."""
    from .network import Network

    safetensors = require("safetensors", "loading a network")
    if not Path(path).is_file():
        raise InputError(f"there is no file {path}")
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise ModelFormatError(f"{path} is no tileprop network: its format is {metadata.get('format')!r}")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, a method of its own
        described, notes = json.loads(metadata["plan"]), json.loads(metadata["notes"])
        dtype = described.pop("dtype")
        _check_tensors(tensors, make_plan(**described), np.dtype(dtype), path)
        network = Network(**described, dtype=dtype)
    except ModelFormatError:
        raise
    except (safetensors.SafetensorError, OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelFormatError(f"{path} is not a readable tileprop network: {error}") from error
    for i, (W, b) in enumerate(zip(network.weights, network.biases, strict=True)):
        W[:] = tensors.pop(f"weights.{i}")
        if network.plan.bias:
            b[:] = tensors.pop(f"biases.{i}")
    return network, {name.removeprefix("extra."): tensor for name, tensor in tensors.items()}, notes


def _check_tensors(tensors: dict[str, np.ndarray], plan: Plan, dtype: np.dtype[Any], path: str | PathLike[str]) -> None:
    """The plan's tensors are there, fit and are finite; checked before anything of the plan's size is allocated."""
    sizes = plan.sizes
    shapes: dict[str, tuple[int, ...]] = {}
    for i, (n_in, n_out) in enumerate(itertools.pairwise(sizes)):
        shapes[f"weights.{i}"] = (n_in, n_out)
        if plan.bias:
            shapes[f"biases.{i}"] = (n_out,)
    for name, shape in shapes.items():
        tensor = tensors.get(name)
        if tensor is None or tensor.shape != shape or tensor.dtype != dtype:
            found = "missing" if tensor is None else f"{tensor.dtype} {tensor.shape}"
            raise ModelFormatError(f"{path}: tensor {name} is {found}; the plan needs {dtype} {shape}")
        if not np.isfinite(tensor).all():
            raise ModelFormatError(f"{path}: tensor {name} holds numbers that are not finite")
    unknown = [name for name in tensors if name not in shapes and not name.startswith("extra.")]
    if unknown:
        raise ModelFormatError(f"{path} holds unknown tensors: {', '.join(unknown)}")
