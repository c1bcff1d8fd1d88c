"""Going on with a fit from its checkpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ...kernels import State, make_state
from ..errors import InputError, ModelFormatError
from ..extras import require
from ..files import load_network
from ..model import Model
from ..other_names import refuse_unknown
from ..solvers import SOLVERS, Solver
from . import schedules
from .callbacks import Callback
from .checkpoints import FINAL, FORMAT, NOTHING, place_of, previous
from .fingerprints import NO_WORDS, Data, check_same, described_optimizer, fingerprints, settings_of
from .history import History
from .options import FitOptions, optimizer_named

AnyModel = TypeVar("AnyModel", bound=Model)
SOLVER_CLASSES = {kind.__name__: kind for kind in SOLVERS.values()}


class Resumed:
    """A checkpoint that was read: the model, and what else a fit goes on from."""

    def __init__(self, path: Path, model: Model, arrays: dict[str, np.ndarray], notes: dict[str, Any]) -> None:
        self.path, self.model, self._arrays, self._notes = path, model, arrays, notes

    def options(self, given: dict[str, Any]) -> FitOptions:
        """The settings of the fit, with those given; `check` says whether they are the same."""
        refuse_unknown("Network.resume", given, FitOptions.__dataclass_fields__)
        kept = dict(self._notes["settings"])
        schedule = kept.pop("schedule")
        if "schedule" not in given and schedule is not None:
            given = {**given, "schedule": _schedule(schedule)}
        if kept["shuffle"] == "a function" and "shuffle" not in given:
            raise InputError(f"the fit in {self.path} has a function as shuffle; give it again")
        optimizer = self.optimizer(given.get("optimizer"))
        return FitOptions(**{**kept, **given, "optimizer": optimizer})

    def optimizer(self, given: Any) -> State | Solver:
        """The optimizer's state, or the solver. Raises InputError where another one is given."""
        described = self._notes["optimizer"]
        given = optimizer_named(given) if isinstance(given, str) else given
        if given is not None and described_optimizer(given) != described:
            was = "a state" if described is None else f"{described['class']} with {_fields(described)}"
            raise InputError(f"optimizer is {given!r}; the fit in {self.path} has {was}. Give the same, or leave it out")
        if described is None or described["class"] not in SOLVER_CLASSES:
            return self.state()
        return SOLVER_CLASSES[described["class"]](**_fields(described)) if given is None else given

    def check(self, options: FitOptions, data: Data, words: Mapping[str, str] = NO_WORDS) -> None:
        """Raise InputError where settings or data are other ones. words: as for `check_same`."""
        check_same(self._notes, {"settings": settings_of(options), "data": fingerprints(data)}, self.path, words)
        if len(options.callbacks) != self._n_callbacks:
            raise InputError(
                f"callbacks holds {len(options.callbacks)}; the fit in {self.path} has {self._n_callbacks}. Give the same ones"
            )

    @property
    def _n_callbacks(self) -> int:
        return sum(owner.startswith("callback.") for owner in self._notes["kept"])

    def kept(self, owner: str = "optimizer") -> dict[str, Any]:
        """What was remembered of the optimizer, of the callback `callback.0`, or of another part."""
        return {**self._notes["kept"].get(owner, {}), **self._arrays_of(f"{owner}.")}

    def of_last_callback(self) -> dict[str, Any]:
        """What the last one remembered."""
        return self.kept(f"callback.{self._n_callbacks - 1}")

    def state(self) -> State:
        """The optimizer's, where it is no solver."""
        state, kept = make_state(self.model.plan, dtype=self.model.dtype), self.kept()
        for record, name in ((state.counters[0], "counters"), (state.hyperparameters[0], "hyperparameters")):
            for field, value in kept[name].items():
                record[field] = value
        velocity, mean_square = (kept[name].view(self.model.dtype) for name in ("velocity", "mean_square"))
        return state._replace(velocity=velocity, mean_square=mean_square)

    def put_back(self, history: History, callbacks: Sequence[Callback], parts: Mapping[str, Any] = NOTHING) -> None:
        """The parameters, the random generator, the history and what callbacks and parts remember, as they were. `stopped` of
        the history is empty where there is something to go on with."""
        self.model.theta[:] = self._arrays["theta"]
        kept = json.loads(self._notes["generator"])
        bits = getattr(np.random, kept["bit_generator"])()
        bits.state = kept
        self.model.generator = np.random.Generator(bits)
        for name, losses in self._arrays_of("history.").items():
            getattr(history, name).extend(losses.view(np.float64).tolist())
        history.stopped = self._notes["stopped"] if self._notes["stopped"] in FINAL else ""
        owners: dict[str, Any] = {f"callback.{i}": callback for i, callback in enumerate(callbacks)}
        owners |= {f"part.{name}": part for name, part in parts.items()}
        for owner, one in owners.items():
            if hasattr(one, "remembered") and owner in self._notes["kept"]:
                one.recall(self.kept(owner))

    def _arrays_of(self, prefix: str) -> dict[str, np.ndarray]:
        return {name.removeprefix(prefix): array for name, array in self._arrays.items() if name.startswith(prefix)}


def read_checkpoint(kind: type[AnyModel], path: str | PathLike[str]) -> tuple[AnyModel, Resumed]:
    """The model and the rest of the last checkpoint at this place, or the one before where that is missing or damaged.

    Raises InputError where there is none, and ModelFormatError where neither can be read.
    """
    require("safetensors", "going on with a fit")
    place = place_of(path)
    failure: Exception | None = None
    for candidate in (place, previous(place)):
        try:
            if candidate.exists():
                return _read(kind, candidate)
        except (ModelFormatError, OSError) as error:
            failure = failure or error
    if failure is None:
        raise InputError(f"there is no checkpoint {path}")
    raise ModelFormatError(f"the checkpoint cannot be read: {failure}") from failure


def resumed_for(model: Model, options: FitOptions, data: Data, words: Mapping[str, str]) -> Resumed:
    """The checkpoint that the options name, for a network like the one that it is of. Raises InputError for what differs.

    words: as for `check_same`.
    """
    assert options.checkpoint is not None
    of_file, resumed = read_checkpoint(Model, options.checkpoint)
    ours, theirs = ({**one.plan.arguments, "dtype": one.dtype.name} for one in (model, of_file))
    for name, value in ours.items():
        if theirs.get(name) != value:
            raise InputError(f"the network's {name} is {value}; that of the fit in {resumed.path} is {theirs.get(name)}")
    resumed.model = model
    resumed.optimizer(options.optimizer)
    resumed.check(options, data, words)
    return resumed


def _read(kind: type[AnyModel], path: Path) -> tuple[AnyModel, Resumed]:
    model, arrays, notes = load_network(kind, path)
    if not isinstance(notes, dict) or notes.get("format") != FORMAT:
        raise ModelFormatError(f"{path} is a network, and no checkpoint of a fit")
    return model, Resumed(path, model, arrays, notes)


def _fields(described: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in described.items() if name != "class"}


def _schedule(kept: Any) -> Any:
    """The schedule that `_described` described."""
    name = kept["class"] if isinstance(kept, dict) else kept
    found = getattr(schedules, name, None)
    if found is None or not isinstance(kept, dict):
        raise InputError(f"the fit has a schedule of your own, {name}; give it again, as schedule")
    return found(**{k: _schedule(v) if isinstance(v, dict) else v for k, v in kept.items() if k != "class"})
