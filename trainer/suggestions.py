"""Names that a user mistyped, and the ones that were probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

from .errors import InputError

# Of difflib, whose own default takes 'Fare' for 'Cabin area'.
LEAST_LIKENESS = 0.7


def did_you_mean(given: str, known: Iterable[str], likeness: float = LEAST_LIKENESS) -> str:
    """ "; did you mean 'x'?" for the nearest known name, or nothing where none is near. likeness: of difflib, at most 1."""
    names = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(given.casefold(), names, n=1, cutoff=likeness)
    return f"; did you mean {names[near[0]]!r}?" if near else ""


def listed(names: Iterable[object], most: int = 8) -> str:
    """The first names, quoted, and how many more there are."""
    every = list(names)
    shown = ", ".join(repr(name) for name in every[:most])
    return shown if len(every) <= most else f"{shown} and {len(every) - most} more"


def existing_file(path: Path) -> Path:
    """`path` where it is a file. Raises InputError, with the nearest name in its folder, where it is not."""
    if path.is_dir():
        raise InputError(f"{path} is a folder; give a file")
    if not path.exists():
        raise InputError(f"there is no file {path}{did_you_mean(path.name, neighbours(path))}")
    if not path.is_file():
        raise InputError(f"{path} is a device or a pipe; give a file, or - for standard input")
    return path


def neighbours(path: Path) -> list[str]:
    """The names in the folder of `path`."""
    return [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
