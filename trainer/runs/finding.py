"""A run and its model, by what the user gives for one: a run folder, or a model's file."""

from __future__ import annotations

from pathlib import Path

from ..errors import InputError
from ..suggestions import did_you_mean, existing_file, neighbours
from .record import MODEL, RECORD, RunRecord, go_on, read_record
from .replacement import recover

# Other runs that an error names.
MOST_NAMED = 8


def find_record(run: Path) -> RunRecord | None:
    """The record of a run folder; None for a model's file, and where there is none. Raises InputError for a damaged one."""
    recover(run.resolve())
    return read_record(run) if run.is_dir() else None


def find_run(run: Path) -> RunRecord:
    """The record of a run folder. Raises InputError where there is none, or a damaged one."""
    record = find_record(run)
    if record is not None:
        return record
    if run.is_dir():
        raise InputError(f"{run} is not a run folder: it has no {RECORD}")
    raise InputError(_no_run(run))


def find_model(run: Path) -> Path:
    """The model's file. Raises InputError where there is none, or the folder's record is damaged."""
    try:
        record = find_record(run)
    except InputError as error:
        remedy = f"; give {run / MODEL} to use the model without it" if (run / MODEL).is_file() else ""
        raise InputError(f"{error}{remedy}") from error
    if not run.exists() and not run.suffix:
        raise InputError(_no_run(run))
    if not run.is_dir():
        return existing_file(run)
    if (run / MODEL).is_file():
        return run / MODEL
    if record is not None and record.can_go_on:
        raise InputError(f"the run in {run} has not finished, so it has no model yet; {go_on(run)}")
    raise InputError(f"{run} has no {MODEL}; give a run folder or a model file")


def _no_run(run: Path) -> str:
    """That a run folder is not there, with the near one, or the others beside where it would be."""
    others = sorted(str(run.parent / name) for name in neighbours(run) if (run.parent / name).is_dir() and name[:1] != ".")
    meant = did_you_mean(run.name, neighbours(run))
    if not meant and others and str(run.parent) != ".":
        meant = f"; there are {', '.join(others[:MOST_NAMED])}" + (" and more" if len(others) > MOST_NAMED else "")
    return f"there is no run folder {run}{meant}"
