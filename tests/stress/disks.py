"""A disk that fails: every call by which a checkpoint is written is counted, and some of them raise an error."""

from __future__ import annotations

import builtins
import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tileprop.trainer import writing

# Of the module `os`; `open` and `write` of files come besides.
CALLS = ("open", "fsync", "stat", "chmod", "replace", "unlink", "close")


class Disk:
    """fails: told the number and the name of each call, says which error it raises, or None. before: called before each."""

    def __init__(self, fails: Callable[[int, str], int | None], before: Callable[[], None] = lambda: None) -> None:
        self.fails, self.before = fails, before
        self.calls: list[str] = []
        self.failed: list[str] = []

    def call(self, name: str, original: Callable[..., Any], *arguments: Any, **more: Any) -> Any:
        """The call itself, or its failure: of a write, after half of it."""
        if self._looks or not (self.calls or name == "create"):  # what looks at files before the fit is no write
            return original(*arguments, **more)
        self._looks = True
        self.before()
        self._looks = False
        code = self.fails(len(self.calls), name)
        self.calls.append(name)
        if code is None:
            return original(*arguments, **more)
        self.failed.append(name)
        if name == "write":
            original(arguments[0][: len(arguments[0]) // 2])
        if name == "close":
            original(*arguments)
        raise OSError(code, os.strerror(code))

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """For the time of a `with` block, in which this process does nothing else."""
        self._looks = False
        originals = {name: getattr(os, name) for name in CALLS}
        calls = {**originals, "fsync": lambda file: None}  # thousands of them would be what takes time
        writing.open = lambda *arguments: _File(self, self.call("create", builtins.open, *arguments))
        for name, call in calls.items():
            setattr(os, name, functools.partial(self.call, name, call))
        try:
            yield
        finally:
            del writing.open
            for name, original in originals.items():
                setattr(os, name, original)


class _File:
    """An open file whose writes are calls of a `Disk`."""

    def __init__(self, disk: Disk, file: Any) -> None:
        self._disk, self._file = disk, file

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def write(self, data: bytes) -> int:
        return int(self._disk.call("write", self._file.write, data))

    def flush(self) -> None:
        self._disk.call("flush", self._file.flush)

    def fileno(self) -> int:
        return int(self._file.fileno())
