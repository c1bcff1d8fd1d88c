"""Networks as safetensors files: tensors `weights.0`, `biases.0`, ...; the plan as JSON in the text metadata.

Nothing is ever unpickled. Loading checks names, shapes, dtypes and sizes, of the file and of the plan, before it takes memory
for the parameters; they are read right into the network's vector. A file from anywhere gives a network or a ModelFormatError.
"""

from __future__ import annotations

import json
import reprlib
from hashlib import blake2b
from itertools import pairwise
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ..kernels import Plan, make_plan
from .arrays import all_finite
from .errors import InputError, ModelFormatError
from .extras import require
from .model import Model
from .tensor_files import DTYPES, MOST_BRACKETS, MOST_HEADER, Tensor, TensorFile, read_json, shortened
from .writing import whole_file

AnyModel = TypeVar("AnyModel", bound=Model)

FORMAT = "tileprop-network-1"
METADATA = ("format", "plan", "notes", "checksum", "classes")
# What the plan tells of a network, and as what.
FIELDS = {"sizes": list, "activation": list, "output_activation": str, "loss": str, "bias": bool, "dtype": str}
# Besides, of a loss that has one, its parameter: a number or several.
PARAMETERS = ("quantile", "delta")
REALS = ("float32", "float64")


def save_network(
    path: str | PathLike[str],
    network: Model,
    arrays: dict[str, np.ndarray] | None = None,
    notes: dict[str, Any] | None = None,
    keep_as: Path | None = None,
) -> None:
    """Write a network; `arrays` and `notes` (anything that JSON holds) travel along, for `load_network` to give back.

    keep_as: what a file that is there already is then called, see `whole_file`.

    Raises InputError for what could not be loaded again: numbers that are not finite, arrays of anything but real numbers, and
    more notes than 1 MiB.
    """
    data, end = _serialized(network, arrays, notes)
    header = data[8:end]
    header = _in_order(header)
    with whole_file(path, keep_as) as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.write(memoryview(data)[end:])


def check_can_save(network: Model, arrays: dict[str, np.ndarray] | None = None, notes: dict[str, Any] | None = None) -> None:
    """Raise InputError where `save_network` would refuse these."""
    # The parameters play no part, and may be many.
    _serialized(network, arrays, notes, without_parameters=True)


def _serialized(
    network: Model, arrays: dict[str, np.ndarray] | None, notes: dict[str, Any] | None, without_parameters: bool = False
) -> tuple[bytes, int]:
    """The bytes of a file, and where its header ends. Raises InputError for what could not be loaded again."""
    safetensors = require("safetensors.numpy", "saving a network")
    # safetensors writes the memory of an array that is not contiguous in the wrong order, so copies are made.
    tensors = {f"extra.{name}": np.array(array, order="C") for name, array in (arrays or {}).items()}
    if not without_parameters:
        tensors |= {name: np.array(tensor, order="C") for name, tensor in _tensors(network.plan, network.theta).items()}
    for name, tensor in tensors.items():
        if tensor.dtype not in DTYPES.values() or not all_finite(tensor):
            raise InputError(f"{name} ({tensor.dtype}) cannot be saved: all its entries must be finite real numbers")
    plan = {**network.plan.arguments, "dtype": network.dtype.name}
    metadata = {"format": FORMAT, "plan": json.dumps(plan), "notes": json.dumps(notes or {})}
    if network.classes is not None:
        metadata["classes"] = json.dumps(network.classes)
    metadata["checksum"] = _checksum(metadata, tensors)
    # Not save_file, whose files nobody else may read, and whose errors are no OSErrors.
    data = safetensors.save(tensors, metadata)
    end = 8 + int.from_bytes(data[:8], "little")
    header = data[8:end]
    brackets = header.count(b"[") + header.count(b"{")
    if len(header) > MOST_HEADER or brackets > MOST_BRACKETS:
        raise InputError(
            f"names and notes take {len(header)} bytes, {brackets} lists and objects; "
            f"at most {MOST_HEADER} and {MOST_BRACKETS} can be saved"
        )
    return data, end


def _in_order(header: bytes) -> bytes:
    """A header whose metadata are in alphabetical order: safetensors has another one in each process, and so other bytes."""
    entries = json.loads(header)
    entries["__metadata__"] = dict(sorted(entries["__metadata__"].items()))
    text = json.dumps(entries, ensure_ascii=False, separators=(",", ":")).encode()
    return text + b" " * (-len(text) % 8)


def load_network(kind: type[AnyModel], path: str | PathLike[str]) -> tuple[AnyModel, dict[str, np.ndarray], dict[str, Any]]:
    """A network of a kind, `Network` for instance, and the arrays and notes that travelled along."""

    with TensorFile(path) as file:
        metadata = file.metadata
        if metadata.get("format") != FORMAT:
            found = reprlib.repr(metadata.get("format"))
            raise ModelFormatError(f"{path} is not a tileprop network: its format is {found}, not {FORMAT!r}")
        unknown = [name for name in metadata if name not in METADATA]
        if unknown:
            raise ModelFormatError(f"{path} holds unknown metadata: {', '.join(reprlib.repr(name) for name in unknown[:5])}")
        described = read_json(metadata.get("plan", ""), f"the plan in {path}")
        notes = read_json(metadata.get("notes", ""), f"the notes in {path}")
        classes = read_json(metadata["classes"], f"the classes in {path}") if "classes" in metadata else None
        plan, dtype = _checked_plan(described, file.tensors, path)
        theta = np.empty(plan.n_parameters, dtype)
        for name, parameters in _tensors(plan, theta).items():
            file.read(name, parameters)
        extra = {name: file.read(name) for name in file.tensors if name.startswith("extra.")}
    if "checksum" in metadata and metadata["checksum"] != _checksum(metadata, {**_tensors(plan, theta), **extra}):
        raise ModelFormatError(f"{path} is damaged: its checksum does not fit its content")
    network = kind(**described, initial=theta)
    try:
        network.classes = classes
    except InputError as error:
        raise ModelFormatError(f"{path} describes no network: {shortened(error)}") from error
    return network, {name.removeprefix("extra."): array for name, array in extra.items()}, notes


def _tensors(plan: Plan, theta: np.ndarray) -> dict[str, np.ndarray]:
    """The parameters by the names that they have in a file, views of theta."""
    weights, biases = plan.unflatten(theta)
    named = {f"weights.{i}": W for i, W in enumerate(weights)}
    return named | ({f"biases.{i}": b for i, b in enumerate(biases)} if plan.bias else {})


def _checksum(metadata: dict[str, str], tensors: dict[str, np.ndarray]) -> str:
    """Of all that a file holds. A checkpoint of which a bit has flipped is to be refused, and the one before it taken."""
    digest = blake2b(digest_size=16)
    for name in ("plan", "notes", "classes"):
        if name not in metadata:  # networks without names of classes have none
            continue
        digest.update(f"{name} {len(metadata[name])} {metadata[name]}".encode("utf-8", "surrogatepass"))
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype.str} {tensor.shape}".encode("utf-8", "surrogatepass"))
        digest.update(np.ascontiguousarray(tensor).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _tells_a_network(described: Any) -> bool:
    """Whether all fields are there and of their types, and no others."""
    if not isinstance(described, dict):
        return False
    fields = {name: type(value) for name, value in described.items() if name not in PARAMETERS}
    given = [described[name] for name in PARAMETERS if name in described]
    return fields == FIELDS and all(type(n) is float for value in given for n in (value if type(value) is list else [value]))


def _checked_plan(described: Any, tensors: dict[str, Tensor], path: str | PathLike[str]) -> tuple[Plan, np.dtype[Any]]:
    """The plan and dtype that are described. The tensors are those of the plan, and fit."""
    if not _tells_a_network(described):
        raise ModelFormatError(f"{path}: the plan is {reprlib.repr(described)}; it must contain {', '.join(FIELDS)}")
    if described["dtype"] not in REALS:
        raise ModelFormatError(f"{path}: dtype is {reprlib.repr(described['dtype'])}; it must be {' or '.join(REALS)}")
    sizes, dtype = described["sizes"], np.dtype(described["dtype"])
    # Before a table is made of them.
    if not all(type(n) is int for n in sizes) or len(sizes) - 1 != sum(name.startswith("weights.") for name in tensors):
        raise ModelFormatError(f"{path}: sizes are {reprlib.repr(sizes)}, but the weights have other sizes")
    try:
        plan = make_plan(**{name: value for name, value in described.items() if name != "dtype"})
    except (TypeError, ValueError) as error:
        raise ModelFormatError(f"{path} does not describe a network: {shortened(error)}") from error
    shapes: dict[str, tuple[int, ...]] = {}
    for i, (n_in, n_out) in enumerate(pairwise(sizes)):
        shapes[f"weights.{i}"] = (n_in, n_out)
        if plan.bias:
            shapes[f"biases.{i}"] = (n_out,)
    for name, shape in shapes.items():
        tensor = tensors.get(name)
        if tensor is None or tensor.shape != shape or tensor.dtype != dtype:
            found = "missing" if tensor is None else f"{tensor.dtype} {tensor.shape}"
            raise ModelFormatError(f"{path}: tensor {name} is {found}; the plan needs {dtype} {shape}")
    unknown = [name for name in tensors if name not in shapes and not name.startswith("extra.")]
    if unknown:
        raise ModelFormatError(f"{path} holds unknown tensors: {', '.join(reprlib.repr(name) for name in unknown[:5])}")
    return plan, dtype
