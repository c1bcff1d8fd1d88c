"""Where a run's files go. The folder is there before the first epoch, with run.json in it, so that a killed run can go on.

It appears at once, by a rename, and never replaces another: a new run takes the first free of runs/NAME, runs/NAME-2, ...
A run that is to replace another one trains beside it, in NAME.new, and takes its place when it has finished.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from ...kernels.interrupts import HeldSignals
from ..errors import DivergenceError, InputError
from ..fit.checkpoints import previous
from ..writing import sync_folder
from .finding import find_run
from .lock import RunLock, at_work
from .record import DIVERGED, RECORD, RunRecord, go_on, write_record
from .replacement import NEW, is_run_or_empty, record_of, recover, remove, remove_left_behind, replace, replaced_by, trash

RUNS = Path("runs")
CHECKPOINT = "fit.checkpoint"


class RunFolder:
    """A context for one run. Left before `keep`, it removes what it made; `finish` ends the run. An error that leaves a run
    that can go on gets a note that says how.

    path: where it is; shown: the same as a user would type it. left: unfinished runs that were passed over, and removed: one
    whose place this run has taken, as a user would type them.
    """

    def __init__(self, path: Path, shown: Path) -> None:
        self.path, self.shown = path, shown
        self.left: list[Path] = []
        self.removed: Path | None = None
        self._numbered = False
        self._replaces: str | None = None
        self._kept = False
        self._made: list[Path] = []
        self._lock: RunLock | None = None

    @classmethod
    def for_new(cls, name: str, out: str | os.PathLike[str] | None = None, overwrite: bool = False) -> RunFolder:
        """out: the folder asked for, otherwise one of runs/. overwrite: replace a run that is there. Nothing is made yet.

        Raises InputError where another folder is there, or a run that is being trained.
        """
        shown = RUNS / name if out is None else Path(out)
        folder = cls(shown.resolve(), shown)
        if str(out) == "" or not folder.path.name:
            raise InputError(f"out is {str(out)!r}; give the name of a folder")
        folder._numbered = out is None and not overwrite
        recover(folder.path)
        if folder._numbered or not os.path.lexists(folder.path):
            return folder
        if not overwrite:
            raise InputError(f"{shown} already exists; choose another folder, or replace it with --overwrite")
        if not is_run_or_empty(folder.path):
            raise InputError(f"{shown} is not a run folder (it has no {RECORD}), so it is not overwritten; choose another")
        folder._check_free()
        folder._replaces = folder.path.name
        folder._move_to(folder._replaces + NEW)
        folder._check_free()
        if os.path.lexists(folder.path):
            there = record_of(folder.path)
            if there is None or replaced_by(folder.path, there) is None:
                raise InputError(
                    f"{folder.shown} is needed for the new run until it has finished, but it already exists; move it away"
                )
        return folder

    @classmethod
    def of_run(cls, run: Path) -> tuple[RunFolder, RunRecord]:
        """A run to go on with, and its record. Raises InputError where it is none, or cannot go on."""
        path = run.resolve()
        folder = cls(path, run)
        recover(path)
        there = record_of(path)
        if there is not None and (replaces := replaced_by(path, there)):
            recover(path.with_name(replaces))
            if not path.exists():
                raise InputError(f"the run in {run} has already finished; it is {folder._shown_as(replaces)} now")
        _check_can_go_on(find_run(run), run)  # first of all, since taking the lock writes to the folder
        try:
            folder._take_lock()
        except OSError as error:
            raise InputError(f"{run} cannot be written: {error.strerror}") from error
        record = _check_can_go_on(find_run(run), run)
        folder._kept, folder._replaces = True, replaced_by(path, record)
        return folder, record

    def make(self, record: RunRecord) -> RunRecord:
        """Make the folder, with a record in it, which is returned. An unfinished run that was to replace the same one goes."""
        record = dataclasses.replace(record, replaces=self._replaces)
        parent = self.path.parent
        missing = list(itertools.takewhile(lambda folder: not folder.exists(), (parent, *parent.parents)))
        unfinished = trash(parent)
        try:
            with HeldSignals():
                for folder in reversed(missing):
                    folder.mkdir(exist_ok=True)
                    self._made.insert(0, folder)
                remove_left_behind(parent)
                unfinished.mkdir()
                write_record(unfinished, record)
                self._appear(unfinished)
                self._take_lock()
        except OSError as error:
            raise InputError(
                f"the run folder {self.shown} cannot be created: {error.strerror}; choose another with --out"
            ) from error
        finally:
            remove(unfinished)
            if self._lock is None:
                self._remove_made()
        return record

    def _appear(self, unfinished: Path) -> None:
        if self._replaces is not None and os.path.lexists(self.path):
            remove(self.path)
            self.removed = self.shown
        for name in self._names():
            path = self.path.with_name(name)
            recover(path)
            if not os.path.lexists(path):
                try:
                    unfinished.rename(path)
                except OSError:
                    if not os.path.lexists(path):
                        raise
                else:
                    sync_folder(path.parent)
                    self._move_to(name)
                    return
            there = record_of(path)
            if there is not None and there.can_go_on and not at_work(path):
                self.left.append(self._shown_as(name))
        raise InputError(f"{self.shown} was created by another process in the meantime; choose another folder")

    def _names(self) -> Iterator[str]:
        yield self.path.name
        for number in itertools.count(2) if self._numbered else ():
            yield f"{self.path.name}-{number}"

    def _move_to(self, name: str) -> None:
        self.shown, self.path = self._shown_as(name), self.path.with_name(name)

    def _shown_as(self, name: str) -> Path:
        """A folder beside this one: as the user would type it, where this one was typed by its own name."""
        typed = self.shown.name == self.path.name
        return self.shown.with_name(name) if typed else self.path.with_name(name)

    def _check_free(self) -> None:
        if at_work(self.path):
            raise InputError(
                f"another process is training in {self.shown}; wait until it has finished, or choose another folder"
            )

    def _take_lock(self) -> None:
        lock = RunLock(self.path)
        if not lock.take():
            raise InputError(f"another process is training in {self.shown}; wait until it has finished")
        self._lock = lock

    @property
    def checkpoint(self) -> Path:
        return self.path / CHECKPOINT

    @property
    def has_checkpoint(self) -> bool:
        if self.checkpoint.is_dir():  # of an ensemble, with a file for each network whose fit has begun
            return any(self.checkpoint.iterdir())
        return self.checkpoint.exists() or previous(self.checkpoint).exists()

    def keep(self) -> None:
        """From now on there is something to go on from."""
        self._kept = True

    def finish(self) -> None:
        """For a run whose record says so: its checkpoints go, and it takes the place of the run that it replaces."""
        with HeldSignals():
            if self.checkpoint.is_dir():
                remove(self.checkpoint)
            for path in (self.checkpoint, previous(self.checkpoint)):
                path.unlink(missing_ok=True)
            self._unlock()
            if self._replaces is not None:
                replace(self.path, self.path.with_name(self._replaces))
                self._move_to(self._replaces)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with HeldSignals():
            made = self._lock is not None
            self._unlock()
            if made and not self._kept:
                remove(self.path)
                self._remove_made()
            elif made and error is not None and not isinstance(error, (InputError, DivergenceError)):
                error.add_note(go_on(self.shown))

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _remove_made(self) -> None:
        """The parent folders that were made for this run, where they are empty."""
        for parent in self._made:
            with contextlib.suppress(OSError):
                parent.rmdir()


def _check_can_go_on(record: RunRecord, run: Path) -> RunRecord:
    if record.state == DIVERGED:
        raise InputError(
            f"the training in {run} diverged, and would diverge again; start a new one with a smaller --learning-rate"
        )
    if not record.can_go_on:
        raise InputError(f"the run in {run} has already finished: there is nothing to resume")
    return record
