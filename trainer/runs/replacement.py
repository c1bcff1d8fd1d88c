"""How a finished run takes the place of another one: two renames, with one of the two in place or found again at any moment.

The new run waits beside its place, in NAME.new, and says in its record what it replaces. The old one is moved to a hidden
name, the new one to its place, and only then does the old one go. Whatever uses the place next goes on where a killed process
has stopped.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import time
from hashlib import blake2b
from pathlib import Path

from ...kernels.interrupts import HeldSignals
from ..errors import InputError
from ..writing import LEFT_BEHIND
from .lock import at_work
from .record import FINISHED, RECORD, RunRecord, read_record

NEW = ".new"
_TRASH = ".tileprop.{}.unfinished"


def replace(new: Path, place: Path) -> None:
    """Move the run folder `new` to its place. Raises InputError where something else than a run that has ended is there now."""
    old = _aside(place)
    with HeldSignals():
        if os.path.lexists(place):
            if not is_run_or_empty(place) or at_work(place):
                raise InputError(
                    f"{place} can no longer be replaced, since it is not a run folder now; the new run is in {new}"
                )
            with contextlib.suppress(FileNotFoundError):  # another process goes on for this one: see `recover`
                place.rename(old)
        try:
            new.rename(place)
        except FileNotFoundError:
            if not os.path.lexists(place):
                raise
        except OSError:
            old.rename(place)
            raise
        remove(old)


def recover(place: Path) -> None:
    """Go on where a process that was killed while it replaced the run at this place has stopped. Nothing else is touched."""
    if not place.name:
        return
    new, old = place.with_name(place.name + NEW), _aside(place)
    with HeldSignals(), contextlib.suppress(OSError, InputError):
        record = record_of(new)
        if record is not None and replaced_by(new, record) and record.state == FINISHED and not at_work(new):
            replace(new, place)
        elif old.is_dir():
            if os.path.lexists(place):
                remove(old)
            else:
                old.rename(place)


def replaced_by(folder: Path, record: RunRecord) -> str | None:
    """The name of the folder whose place a run is to take. None also where the user has given its own folder another name."""
    return record.replaces if record.replaces is not None and folder.name == record.replaces + NEW else None


def is_run_or_empty(path: Path) -> bool:
    """Whether it is a folder that a run may replace."""
    return path.is_dir() and (not any(path.iterdir()) or (path / RECORD).is_file())


def record_of(folder: Path) -> RunRecord | None:
    """The record of a run, or None where there is none that can be read."""
    with contextlib.suppress(InputError, OSError):
        return read_record(folder)
    return None


def trash(parent: Path) -> Path:
    """A new name in a folder for what is not finished, or goes."""
    return parent / _TRASH.format(secrets.token_hex(6))


def remove(folder: Path) -> None:
    """Remove a folder, where it is there and can be; first by its name, so that no part of it is ever taken for a whole."""
    going = trash(folder.parent)
    with contextlib.suppress(OSError):
        folder.rename(going)
    shutil.rmtree(going, ignore_errors=True)


def remove_left_behind(parent: Path) -> None:
    """What killed processes left unfinished, once it is old."""
    with contextlib.suppress(OSError):
        for folder in parent.glob(_TRASH.format("*")):
            if time.time() - folder.stat().st_mtime > LEFT_BEHIND:
                shutil.rmtree(folder, ignore_errors=True)


def _aside(place: Path) -> Path:
    """Where the old run is meanwhile. Not the place's own name with more to it, which might be too long."""
    return place.with_name(f".{blake2b(os.fsencode(place.name), digest_size=6).hexdigest()}.replaced")
