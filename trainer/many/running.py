"""The fits of one call of `fit_many`: made by threads, kept on disk, shown while they run, and put together at the end."""

from __future__ import annotations

import copy
import functools
import math
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...kernels.validation import positive_integer
from ..bounds import check_within
from ..errors import InputError
from ..extras import require
from ..fit.checkpoints import previous
from ..fit.divergence import Among
from ..fit.fingerprints import fingerprints
from ..fit.fitting import Prepared, data_of, trained, with_split
from ..fit.history import History
from ..fit.progress import shown
from ..fit.resuming import Resumed, read_checkpoint
from ..fit.validation import split_seed
from ..network import Network
from ..threads.team import Team
from .preparation import Fit
from .side_by_side import lanes, train_side_by_side
from .standings import STOP, Standings, interrupted
from .workers import Workers

SUFFIX = ".safetensors"
# Of `History.stopped`.
ERROR = "error"


def _warn(message: str) -> None:
    warnings.warn(message, RuntimeWarning, stacklevel=5)


class Call(NamedTuple):
    """How the fits are made; see `fit_many`. n_threads: how many.

    numbers: of the networks in messages, where they are a part of those that the user gave. warn: takes the messages.
    """

    progress: bool | None
    n_threads: int
    checkpoint: str | PathLike[str] | None
    checkpoint_every: int | None
    resume: bool
    max_seconds: float | None
    numbers: Sequence[int] | None = None
    warn: Callable[[str], None] = _warn

    def name(self, number: int) -> str:
        """A network's name in messages."""
        return f"network {number if self.numbers is None else self.numbers[number]}"

    def run(self, fits: Sequence[Fit]) -> list[History]:
        """Make the fits. Raises InputError before any begins, and before any network is changed."""
        check_within("max_seconds", self.max_seconds, 0.0, above=True, or_none=True)
        ends = math.inf if self.max_seconds is None else time.monotonic() + self.max_seconds
        known = _Fingerprints()
        resumed = self._resumed(fits, known)
        for fit in fits:
            fit.prepared.model.classes = fit.classes
            if fit.seed is not None:
                fit.prepared.model.generator = np.random.default_rng(fit.seed)
        running = _Running(fits, self, resumed, known)
        numbers = running.tasks(self.n_threads)
        workers = Workers([functools.partial(running.train, task) for task in numbers], self.n_threads)
        with shown(self.progress) as show:
            workers.run(lambda: show(running.standings.now), ends)
            show(running.standings.now)
        errors = {number: error for place, error in workers.errors.items() for number in numbers[place]}
        return running.histories(errors, workers)

    def _resumed(self, fits: Sequence[Fit], known: _Fingerprints) -> dict[int, Resumed]:
        """The checkpoints of earlier fits, by the numbers of their networks."""
        if self.checkpoint is None:
            if self.resume or self.checkpoint_every is not None:
                name = "resume" if self.resume else "checkpoint_every"
                raise InputError(f"{name} is given without checkpoint; give the folder of the checkpoints")
            return {}
        require("safetensors", "writing checkpoints")
        if self.checkpoint_every is not None:
            positive_integer("checkpoint_every", self.checkpoint_every)
        folder = Path(self.checkpoint)
        if folder.exists() and not folder.is_dir():
            raise InputError(f"checkpoint is {str(folder)!r}, a file; give the name of a folder")
        places = [folder / _file(i) for i in range(len(fits))]
        there = [i for i, place in enumerate(places) if place.exists() or previous(place).exists()]
        if there and not self.resume:
            raise InputError(f"checkpoint is {str(folder)!r}, which holds checkpoints; give resume=True, or another folder")
        if self.resume and not there:
            raise InputError(f"there are no checkpoints in {str(folder)!r}; give resume=False to begin")
        found = {i: _read(places[i], fits[i].prepared, i, known) for i in there}
        folder.mkdir(parents=True, exist_ok=True)
        return found


class _Fingerprints:
    """Fingerprints of the data of fits. Those of an array that several fits have are taken once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], Any] = {}

    def of(self, fit: Prepared) -> dict[str, Any]:
        """Those of one fit, by the names of its data."""
        data = data_of(fit)
        for name, array in data.items():
            if array is not None and not name.endswith("subset"):
                key = name, id(array)  # which stays: the fits hold the array
                if key not in self._known:
                    self._known[key] = fingerprints({name: array})[name]
                data[name] = self._known[key]
        return data


class _Running:
    """What the threads of a call share: the fits, and how far each is."""

    def __init__(self, fits: Sequence[Fit], call: Call, resumed: dict[int, Resumed], known: _Fingerprints) -> None:
        self._fits, self._call, self._resumed, self._fingerprints = fits, call, resumed, known
        self.standings = Standings(fits)

    def tasks(self, n_threads: int) -> list[list[int]]:
        """The fits' numbers, those together that are trained side by side. What takes longest comes first."""
        together = [] if self._call.checkpoint is not None else lanes(self._fits, n_threads)
        alone = sorted(set(range(len(self._fits))).difference(*together))
        return sorted([*together, *([number] for number in alone)], key=self.standings.expected, reverse=True)

    def train(self, task: list[int], team: Team) -> None:
        """One fit, or several side by side, by the thread that calls this."""
        if len(task) > 1:
            prepared = [with_split(self._fits[number].prepared) for number in task]
            if train_side_by_side(prepared, team, lambda i, history: self.standings.report(task[i], history)):
                return
        for number in task:
            if not team.stopped or len(task) == 1:
                self._train_one(number, team)

    def _train_one(self, number: int, team: Team) -> None:
        prepared = with_split(self._fits[number].prepared)
        self.standings.report(number, History(prepared.rows.n))
        resumed, data = self._resumed.get(number), {}
        if self._call.checkpoint is not None:
            place = Path(self._call.checkpoint) / _file(number)
            options = replace(prepared.options, checkpoint=place, checkpoint_every=self._call.checkpoint_every)
            if resumed is not None:
                options = replace(options, optimizer=resumed.optimizer(options.optimizer))
            prepared, data = prepared._replace(options=options), self._fingerprints.of(prepared)
        report = functools.partial(self.standings.report, number)
        report(trained(prepared, team, 1, report, data, resumed, Among(self._call.name(number), self._call.warn)))

    def histories(self, errors: dict[int, BaseException], workers: Workers) -> list[History]:
        """What the call returns, with a warning of what has gone wrong."""
        results = self.standings.histories()
        for number, history in enumerate(results):
            if number in errors:
                history.stopped = ERROR
            elif history.stopped == STOP and workers.out_of_time:
                history.stopped = "max_seconds"
        for number, error in sorted(errors.items()):
            failed = f"{self._call.name(number)}: its fit has failed with {type(error).__name__}: {error}"
            self._call.warn(f"{failed}. The other fits are not affected")
        if workers.interrupted:
            self._call.warn(interrupted(results))
        return results


def _file(number: int) -> str:
    return f"{number:05}{SUFFIX}"


def _read(path: Path, fit: Prepared, number: int, known: _Fingerprints) -> Resumed:
    """The checkpoint of this fit. Raises InputError where its network, settings or data are other ones."""
    of_file, resumed = read_checkpoint(Network, path)
    ours, theirs = ({**model.plan.arguments, "dtype": model.dtype.name} for model in (fit.model, of_file))
    for name, value in ours.items():
        if theirs.get(name) != value:
            raise InputError(f"network {number}: its {name} is {value}; that of the fit in {path} is {theirs.get(name)}")
    resumed.model = fit.model
    try:
        options = fit.options
        resumed.optimizer(options.optimizer)
        if options.validation_split is not None and options.split_seed is None:
            options = options.having(split_seed=split_seed(copy.deepcopy(fit.model.generator)))
        resumed.check(options, known.of(with_split(fit._replace(options=options))))
    except InputError as error:
        raise InputError(f"network {number}: {error}") from error
    return resumed
