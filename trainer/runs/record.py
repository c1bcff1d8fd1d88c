"""run.json: what a run was asked to do, on which data, how far it came, and what came out."""

from __future__ import annotations

import dataclasses
import json
import math
import shlex
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from ..data.targets import CLASSIFICATION
from ..errors import DivergenceError, InputError
from ..fingerprint import environment, fingerprint
from ..tensor_files import read_json
from ..typed_json import from_json
from ..versions import versions
from ..writing import write_whole
from .evaluation import Evaluation
from .experiment import Experiment, Outcome
from .settings import Settings

RECORD, MODEL = "run.json", "model.safetensors"
FORMAT = "tileprop-run-3"
# A run is under way, or was killed; stopped before its last epoch, by Ctrl-C or a limit; stopped by numbers that were no longer
# finite; or has made all its epochs, or those after which early stopping ended it.
TRAINING, INTERRUPTED, DIVERGED, FINISHED = STATES = ("training", "interrupted", "diverged", "finished")
# Names of a thousand columns and classes take some 30 KB.
MOST_BYTES = 1 << 24


@dataclass(frozen=True)
class Fingerprints:
    """Hashes: of the data and the settings, which must be the same to go on, and of what else the bits depend on."""

    data: str
    settings: str
    environment: str


@dataclass(frozen=True)
class DataFacts:
    """The data; classes and split: rows by name."""

    name: str
    task: str
    rows: int
    columns: int
    split: dict[str, int]
    classes: dict[str, int] | None = None


@dataclass(frozen=True)
class NetworkFacts:
    """The network."""

    sizes: tuple[int, ...]
    activations: tuple[str, ...]
    loss: str


@dataclass(frozen=True)
class Results:
    """What came out. losses, accuracy, R2: by the parts of the split; None for what is not a finite number.

    losses: as in training, of standardised targets. kept_epoch: the epoch, from 1, whose parameters the model has, of `epochs`
    made. evaluations: by the parts that were not trained on. kept_epochs: of an ensemble, that of
    each network, and kept_epoch is the last of these; epochs are the most that one has made; losses, accuracy and R2 are of the
    mean; parameters, seconds and samples per second are of one network.
    """

    losses: dict[str, float | None]
    epochs: int
    kept_epoch: int
    stopped_early: bool
    seconds: float
    samples_per_second: float
    parameters: int
    accuracy: dict[str, float | None] | None = None
    R2: dict[str, float | None] | None = None
    evaluations: dict[str, Evaluation] | None = None
    kept_epochs: tuple[int, ...] | None = None


@dataclass(frozen=True)
class RunRecord:
    """The content of run.json. replaces: the folder beside it whose place the run takes when it has finished."""

    format: str
    state: str
    started: str
    settings: Settings
    fingerprints: Fingerprints
    data: DataFacts
    network: NetworkFacts
    versions: dict[str, str | None]
    ended: str | None = None
    replaces: str | None = None
    results: Results | None = None

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise InputError(f"the format is {self.format!r}, but this version of tileprop reads {FORMAT!r}")
        if self.state not in STATES:
            raise InputError(f"the state is {self.state!r}; it must be one of {', '.join(STATES)}")
        if self.state != TRAINING and self.results is None:
            raise InputError(f"the state is {self.state!r}, but there are no results")

    @property
    def can_go_on(self) -> bool:
        return self.state in (TRAINING, INTERRUPTED)


def beginning(experiment: Experiment) -> RunRecord:
    """The record of a run that begins now."""
    dataset, plan = experiment.dataset, experiment.model.network.plan
    classes = None
    if dataset.task == CLASSIFICATION and experiment.streamed is None:
        counts = np.bincount(dataset.y, minlength=len(dataset.class_names))
        classes = {name: int(count) for name, count in zip(dataset.class_names, counts, strict=True)}
    split = experiment.sizes
    return RunRecord(
        format=FORMAT,
        state=TRAINING,
        started=_now(),
        settings=experiment.settings,
        fingerprints=Fingerprints(experiment.fingerprint(), experiment.settings.fingerprint(), fingerprint(environment())),
        data=DataFacts(dataset.name, dataset.task, sum(split.values()), len(dataset.column_names), split, classes),
        network=NetworkFacts(tuple(plan.sizes), tuple(plan.activations), plan.loss),
        versions=versions(),
    )


def ending(began: RunRecord, outcome: Outcome) -> RunRecord:
    """The record of the same run as it ended."""
    history = outcome.history
    scores: dict[str, Any] = {outcome.score_name: outcome.scores}
    results = Results(
        losses={**outcome.losses},
        epochs=history.epochs,
        kept_epoch=outcome.kept_epoch,
        stopped_early=outcome.stopped_early,
        seconds=sum(history.seconds),
        samples_per_second=outcome.samples_per_second,
        parameters=outcome.model.network.plan.n_parameters,
        evaluations=outcome.evaluations or None,
        kept_epochs=outcome.kept_epochs if outcome.settings.ensemble > 1 else None,
        **scores,
    )
    return dataclasses.replace(began, state=_state(outcome), ended=_now(), settings=outcome.settings, results=results)


def _state(outcome: Outcome) -> str:
    if isinstance(outcome.error, DivergenceError):
        return DIVERGED
    return FINISHED if outcome.finished else INTERRUPTED


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


def write_record(folder: Path, record: RunRecord) -> None:
    """Write run.json, whole or not at all."""
    content = dataclasses.asdict(record, dict_factory=_without_none)
    text = json.dumps(_without_nan(content), indent=2, ensure_ascii=False, allow_nan=False)
    # The bytes of file names that are no UTF-8 become escapes, which are JSON's, too.
    write_whole(folder / RECORD, (text + "\n").encode("utf-8", "backslashreplace"))


def read_record(folder: Path) -> RunRecord | None:
    """run.json of a run folder, or None where there is none. Raises InputError where it is not as `write_record` writes it."""
    path = folder / RECORD
    if not path.is_file():
        return None
    if path.stat().st_size > MOST_BYTES:
        raise InputError(f"{path} has {path.stat().st_size} bytes; at most {MOST_BYTES} are allowed")
    record: RunRecord = from_json(RunRecord, read_json(path.read_bytes(), str(path)), str(path))
    return record


def go_on(run: Path) -> str:
    """What to type to go on with a run."""
    return f"continue with: tileprop train --resume {shlex.quote(str(run))}"


def _without_none(items: list[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value for name, value in items if value is not None}


def _without_nan(value: Any) -> Any:
    """The same with None for numbers that JSON does not know."""
    if isinstance(value, dict):
        return {key: _without_nan(v) for key, v in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
