"""What JSON tells, as the types that it should be of: each value is looked at before anything is done with it."""

from __future__ import annotations

import dataclasses
import functools
import reprlib
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from .errors import InputError

_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false", dict: "an object", tuple: "a list"}
_type_hints = functools.lru_cache(get_type_hints)  # 30 us each time, for each of thousands of columns


def from_json(wanted: Any, value: Any, where: str) -> Any:
    """A JSON value as a type: a dataclass, str, int, float, bool, X | None, tuple[X, ...], or dict[str, X].

    Fields of a dataclass that have a default may be missing. Raises InputError, which begins with `where`, for anything else.
    """
    if dataclasses.is_dataclass(wanted):
        return _dataclass(wanted, value, where)
    kind, inner = get_origin(wanted) or wanted, get_args(wanted)
    if NoneType in inner:
        return None if value is None else from_json(inner[0], value, where)
    if kind is tuple and isinstance(value, list):
        return tuple(from_json(inner[0], entry, where) for entry in value)
    if kind is dict and isinstance(value, dict):
        return {name: from_json(inner[1], entry, f"{where}.{name}") for name, entry in value.items()}
    if kind is float and type(value) is int and abs(value) < 1 << 53:
        return float(value)
    if kind in (str, int, float, bool) and type(value) is kind:
        return value
    raise InputError(f"{where} is {reprlib.repr(value)}; it must be {_WORDS[kind]}")


def _dataclass(wanted: Any, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise InputError(f"{where} is {reprlib.repr(value)}; it must be {_WORDS[dict]}")
    fields, hints = {field.name: field for field in dataclasses.fields(wanted)}, _type_hints(wanted)
    for name in value:
        if name not in fields:
            raise InputError(f"{where} has an entry {reprlib.repr(name)}, which this version does not know")
    for name, field in fields.items():
        if name not in value and field.default is dataclasses.MISSING:
            raise InputError(f"{where} has no entry {name}")
    try:
        return wanted(**{name: from_json(hints[name], entry, f"{where}.{name}") for name, entry in value.items()})
    except InputError as error:
        # What the class itself says of a value does not tell where that is from.
        message = str(error)
        raise error if message.startswith(where) else InputError(f"{where}: {message}") from None
