"""Where a run's files go: a folder that appears whole, at the end, and never silently replaces another."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
from pathlib import Path
from types import TracebackType

from ..errors import InputError

RUNS = Path("runs")
RECORD = "run.json"


class RunFolder:
    """A context: `path` is a folder to write into, `finish` moves it to its place, and leaving it unfinished removes it.

    out: the folder asked for. Otherwise it is runs/NAME, or runs/NAME-2 and so on where that exists. overwrite: replace an
    existing run folder; InputError where the existing folder is something else.
    """

    def __init__(self, name: str, out: str | os.PathLike[str] | None = None, overwrite: bool = False) -> None:
        self._shown = RUNS / name if out is None else Path(out)
        self._numbered = out is None and not overwrite
        self._overwrite = overwrite
        place = self._place = self._shown.resolve()
        if not self._numbered and os.path.lexists(place):
            if not overwrite:
                raise InputError(f"{out} exists already; choose another folder, or replace it with --overwrite")
            if not place.is_dir() or (any(place.iterdir()) and not (place / RECORD).is_file()):
                raise InputError(
                    f"{self._shown} is no run folder (it holds no {RECORD}), so it is not overwritten; choose another"
                )
        self.path = place.with_name(f".{place.name}.{os.getpid()}.unfinished")
        self._made: list[Path] = []

    def __enter__(self) -> RunFolder:
        missing = list(itertools.takewhile(lambda parent: not parent.exists(), self._place.parents))
        try:
            for parent in reversed(missing):
                parent.mkdir(exist_ok=True)
                self._made.insert(0, parent)
            self.path.mkdir()
        except OSError as error:
            self._remove_made()
            raise InputError(
                f"the run folder {self._shown} cannot be made: {error.strerror}; choose another with --out"
            ) from error
        return self

    def finish(self) -> Path:
        """Move the folder to its place, and return that."""
        endings = itertools.chain([""], (f"-{number}" for number in itertools.count(2))) if self._numbered else [""]
        for ending in endings:
            target, shown = (path.with_name(path.name + ending) for path in (self._place, self._shown))
            if not os.path.lexists(target):
                self.path.rename(target)
                return shown
            if self._overwrite:
                self._replace(target)
                return shown
        raise InputError(f"{self._shown} was made by someone else during the run; choose another folder")

    def _replace(self, target: Path) -> None:
        old = self.path.with_name(f"{self.path.name}.old")
        target.rename(old)
        try:
            self.path.rename(target)
        except OSError:
            old.rename(target)
            raise
        shutil.rmtree(old)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        self._remove_made()

    def _remove_made(self) -> None:
        """The parent folders that were made for this run, where they are empty."""
        for parent in self._made:
            with contextlib.suppress(OSError):
                parent.rmdir()
