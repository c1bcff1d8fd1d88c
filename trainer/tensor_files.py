"""Safetensors files of unknown origin: the header read strictly, numbers into memory that the caller has.

safetensors' own reader takes the last of two tensors of one name, needs eleven times the header's size and seconds for a large
one (0.8, 964 MB and 8 s for 87 MB of empty tensors), and maps the file: one that is cut short meanwhile ends the process.

The format (https://huggingface.co/docs/safetensors): the header's length in 8 bytes, little-endian; the header, JSON; the
tensors, one after the other, without gaps.
"""

from __future__ import annotations

import json
import math
import os
import reprlib
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from .arrays import all_finite
from .errors import InputError, ModelFormatError

# So much JSON, and so many lists and objects, which are 40 times as large in Python, take a fraction of a second and of 64 MiB.
MOST_HEADER, MOST_BRACKETS = 1 << 20, 1 << 15
DIMENSIONS = 32
DTYPES = {
    code: np.dtype(name)
    for code, name in {
        "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
        "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1",
    }.items()
}  # fmt: skip


class Tensor(NamedTuple):
    """What the header tells of a tensor; begin: bytes from the end of the header."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    begin: int
    end: int


class TensorFile:
    """An open file: `metadata`, texts by name, and `tensors`, checked against the file's size; a context manager.

    Raises InputError where there is no file, and ModelFormatError for what is no safetensors file of real numbers.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = path
        if not Path(path).exists():
            raise InputError(f"there is no file {path}")
        if not Path(path).is_file():  # to open a pipe might never end
            raise ModelFormatError(f"{path} is a folder or a device; give a model file")
        self._file = open(path, "rb")  # noqa: SIM115, closed by __exit__
        try:
            size = os.fstat(self._file.fileno()).st_size
            self.metadata, self.tensors, self._data_at = self._header(size)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, name: str, out: np.ndarray | None = None) -> np.ndarray:
        """A tensor's numbers, in `out`, C-contiguous and of its dtype and size, or in a new array. They must be finite."""
        tensor = self.tensors[name]
        array = np.empty(tensor.shape, tensor.dtype) if out is None else out
        self._file.seek(self._data_at + tensor.begin)
        if array.size and self._file.readinto(array.reshape(-1).view(np.uint8).data) != array.nbytes:
            raise ModelFormatError(f"{self.path} ends in the middle of tensor {name!r}")
        if not all_finite(array):
            raise ModelFormatError(f"{self.path}: tensor {name!r} contains NaN or infinity")
        return array

    def _header(self, size: int) -> tuple[dict[str, str], dict[str, Tensor], int]:
        """Metadata, tensors, and where their numbers begin, in a file of `size` bytes."""
        length = int.from_bytes(self._file.read(8), "little")
        if size < 8 or length > size - 8:
            raise ModelFormatError(f"{self.path} is not a safetensors file, or is incomplete: it has {size} bytes")
        if length > MOST_HEADER:
            raise ModelFormatError(f"{self.path} has a header of {length} bytes; at most {MOST_HEADER} are allowed")
        header = read_json(self._file.read(length), f"the header of {self.path}")
        metadata = header.pop("__metadata__", {}) if isinstance(header, dict) else None
        if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
            raise ModelFormatError(f"{self.path} does not have the header of a safetensors file")
        tensors = {name: self._tensor(name, described) for name, described in header.items()}
        end = 0
        for name, tensor in sorted(tensors.items(), key=lambda item: (item[1].begin, item[1].end)):
            if tensor.begin != end:
                raise ModelFormatError(
                    f"{self.path}: tensor {reprlib.repr(name)} does not begin where the previous tensor ends"
                )
            end = tensor.end
        if end != size - 8 - length:
            raise ModelFormatError(f"{self.path} has {size - 8 - length} bytes of tensors, but its header describes {end}")
        return metadata, tensors, 8 + length

    def _tensor(self, name: str, described: Any) -> Tensor:
        match described:
            case {"dtype": str(code), "shape": list(shape), "data_offsets": [int(begin), int(end)], **rest} if (
                not rest and code in DTYPES and len(shape) <= DIMENSIONS and all(type(n) is int and n >= 0 for n in shape)
            ):
                dtype = DTYPES[code]
                if 0 <= begin <= end and end - begin == dtype.itemsize * math.prod(shape):
                    return Tensor(dtype, tuple(shape), begin, end)
        raise ModelFormatError(
            f"{self.path}: tensor {reprlib.repr(name)} has a malformed entry in the header: {reprlib.repr(described)}"
        )


def read_json(text: str | bytes, what: str, most_brackets: int = MOST_BRACKETS) -> Any:
    """What JSON tells, UTF-8 if bytes. Raises ModelFormatError where it is no JSON, or too much, or has a name twice."""
    try:
        decoded = text.decode() if isinstance(text, bytes) else text
        brackets = decoded.count("[") + decoded.count("{")
        if brackets > most_brackets:
            raise ValueError(f"there are {brackets} lists and objects; at most {most_brackets} are allowed")
        return json.loads(decoded, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise ModelFormatError(f"{what} is not valid JSON: {shortened(error)}") from error


def shortened(error: Exception) -> str:
    """An error's message. One that quotes from a file might be as long as that."""
    return str(error)[:200]


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) < len(pairs):
        raise ValueError("a name occurs twice")
    return unique
