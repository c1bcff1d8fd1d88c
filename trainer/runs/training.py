"""A run from its folder's beginning to its end: a new one, or one that was interrupted or killed and goes on."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..data.datasets import NAMES
from ..errors import InputError
from ..extras import available
from ..tables.finding import is_pattern
from ..tables.reading import STANDARD_INPUT
from .experiment import Experiment, Outcome
from .folder import RunFolder
from .preparation import prepare
from .record import FINISHED, INTERRUPTED, MODEL, RunRecord, beginning, ending, go_on, write_record
from .settings import PLACES, Settings
from .stream_preparation import prepare_streamed

# Takes what the user should know while the run is under way.
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Ended:
    """A run that has ended: what it leaves, where, in which state (see `record.py`), and what to type to go on, if it can."""

    outcome: Outcome
    folder: Path
    state: str
    go_on: str | None


def new_run(
    settings: Settings,
    out: str | None,
    overwrite: bool,
    tell: Tell,
    checkpoint: bool,
    describe: Callable[[Experiment], None] = lambda experiment: None,
    report: bool = True,
    **options: Any,
) -> Ended:
    """Train in a folder of its own. checkpoint: whether any are written. options: of `Network.fit`, which change no bit.

    describe: called with what is to be trained, before anything is written. report: whether pictures and a page are written.

    Raises InputError where data or folder do not fit, and whatever ends the training before its first epoch has ended; nothing
    is left then.
    """
    folder = RunFolder.for_new(settings.run_name, out, overwrite)
    experiment = prepared(settings)
    experiment.model.check_can_save()
    describe(experiment)
    with folder:
        record = folder.make(beginning(experiment))
        if folder.left:
            names = ", ".join(map(str, folder.left))
            tell(f"not finished: {names}; {go_on(folder.left[-1])}")
        if folder.removed is not None:
            tell(f"{folder.removed}, which had not finished, is replaced")
        tell(f"the run folder is {folder.shown}")
        return _train(experiment, folder, record, checkpoint, report, **options)


def prepared(settings: Settings) -> Experiment:
    """What is to be trained, in memory or streamed."""
    return prepare_streamed(settings) if settings.stream else prepare(settings)


def resumed_run(run: Path, given: dict[str, Any], tell: Tell, report: bool = True, **options: Any) -> Ended:
    """Go on with a run, to the same bits as if it had never stopped. given: settings, which must be the run's own.

    Where files are may have changed. Raises InputError where there is nothing to go on with, and for other settings or data,
    naming what differs; the folder stays as it is then.
    """
    folder, record = RunFolder.of_run(run)
    with folder:
        settings = _same_settings(record, given, run)
        if record.state == INTERRUPTED and not (folder.has_checkpoint or folder.checkpoint.is_dir()):
            raise InputError(f"{run} has no checkpoint to resume from; start a new run")
        experiment = prepared(settings)
        here = beginning(experiment)
        _check_same_data(here, record, run)
        if here.fingerprints.environment != record.fingerprints.environment:
            tell(
                f"{run} began with other versions or on another processor, so that its last digits may differ: "
                f"tileprop info --fingerprint {run}"
            )
        if not folder.has_checkpoint:
            tell(f"{run} was stopped before its first checkpoint, so it begins anew")
        return _train(experiment, folder, record, True, report, **options)


def _train(
    experiment: Experiment, folder: RunFolder, record: RunRecord, checkpoint: bool, report: bool, **options: Any
) -> Ended:
    place = folder.checkpoint if checkpoint else None
    outcome = experiment.train(place, folder.has_checkpoint, folder.keep, **options)
    folder.keep()  # a limit on the time may end a training before its first epoch has ended
    record = ending(record, outcome)
    write_run(outcome, record, folder.path, report)
    if record.state == FINISHED:
        folder.finish()
    return Ended(outcome, folder.shown, record.state, go_on(folder.shown) if record.can_go_on and checkpoint else None)


def write_run(outcome: Outcome, record: RunRecord, folder: Path, report: bool = True) -> None:
    """The model, the history, and last the record. A finished run leaves pictures and a page, too, where matplotlib is."""
    outcome.model.save(folder / MODEL)
    outcome.history.save_csv(folder / "history.csv")
    if report and record.state == FINISHED and available("matplotlib"):
        from .shown import show

        show(outcome, folder)
    write_record(folder, record)


def _same_settings(record: RunRecord, given: dict[str, Any], run: Path) -> Settings:
    """The run's settings, with the places where the files are now."""
    if record.settings.fingerprint() != record.fingerprints.settings:
        raise InputError(f"the settings in {run} differ from those that the run started with; restore them, or start a new run")
    for name, value in given.items():
        kept = getattr(record.settings, name)
        if name not in PLACES and value != kept:
            raise InputError(f"{name} is {value!r}, but the run in {run} has {kept!r}. Give the same value, or leave it out")
    settings = dataclasses.replace(record.settings, **{name: value for name, value in given.items() if name in PLACES})
    if settings.source == STANDARD_INPUT:
        raise InputError(
            f"the run in {run} read its data from standard input; save them to a file: tileprop train --resume RUN FILE"
        )
    elsewhere = settings.source in NAMES or is_pattern(settings.source) or "://" in settings.source
    if not elsewhere and not Path(settings.source).exists():
        raise InputError(
            f"the run in {run} started with {settings.source}, but there is no such file here; resume from the folder where "
            "the run was started, or say where the file is: tileprop train --resume RUN DATA"
        )
    return settings


def _check_same_data(here: RunRecord, began: RunRecord, run: Path) -> None:
    if here.fingerprints.data == began.fingerprints.data:
        return
    sizes = [f"{record.data.rows} rows of {record.data.columns} columns" for record in (here, began)]
    differs = f"they have {sizes[0]}, and had {sizes[1]}" if sizes[0] != sizes[1] else "other numbers or names"
    raise InputError(
        f"the data in {here.settings.source} differ from those that the run in {run} started with: {differs}. "
        "Give the same data, or start a new run"
    )
