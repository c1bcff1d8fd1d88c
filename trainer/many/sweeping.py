"""How a sweep goes: its networks, rung after rung, and the table of the settings. The caller says what trains them."""

from __future__ import annotations

import functools
import math
import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...kernels.validation import positive_integer, seed_number
from ..errors import InputError
from ..fit.early_stopping import EarlyStopping
from ..fit.history import History
from ..network import Network
from ..other_names import refuse_unknown
from .candidates import SETTINGS, Setting, Shape, candidates, fit_arguments, optimizer_of
from .halving import rungs_of
from .standings import noticing_interrupt
from .sweep_result import SweepResult

# `fit_many`, or what is called like it and trains to the same bits.
Train = Callable[..., list[History]]


class _Member(NamedTuple):
    """A network of the sweep, the numbers of its setting and seed, and the state of its optimizer, which is kept over rungs."""

    network: Network
    setting: int
    seed: int
    state: Any


def swept(
    fit_many: Train,
    X: Any,
    T: Any,
    settings: Mapping[str, Any],
    *,
    draws: int | None = None,
    seeds: int | Sequence[int] = 3,
    loss: str | None = None,
    epochs: int = 100,
    validation_data: tuple[Any, ...] | None = None,
    validation_split: float | None = None,
    sample_weight: Any = None,
    early_stopping: EarlyStopping | None = None,
    halving: int | None = None,
    refit: bool = True,
    random_state: int | None = 0,
    progress: bool | None = None,
    n_threads: int | None = None,
    **fixed: Any,
) -> SweepResult:
    """See `sweep`. fit_many: trains the networks."""
    refuse_unknown("sweep", fixed, SETTINGS)
    tried = candidates(settings, draws, random_state)
    twice = next((name for name in settings if name in fixed), None)
    if twice is not None:
        raise InputError(f"{twice} is in settings and is also given for all; give it once")
    if (validation_data is None) == (validation_split is None):
        raise InputError("give validation_data or validation_split, one of them: settings are compared by validation losses")
    numbers = _seeds(seeds)
    full = [{"epochs": epochs, **fixed, **setting} for setting in tried]
    rungs = rungs_of(full, halving, early_stopping)
    shape = Shape.of(X, T, loss)
    members = _members(shape, full, numbers)
    train = functools.partial(
        fit_many, X=X, T=T, sample_weight=sample_weight, early_stopping=early_stopping, validation_data=validation_data,
        validation_split=validation_split, progress=progress, n_threads=n_threads,
    )  # fmt: skip
    scores: dict[int, list[float]] = {}
    kept: dict[int, list[int]] = {}
    made, reached = 0, [0] * len(full)
    for until in rungs:
        histories, interrupted = noticing_interrupt(functools.partial(_trained, train, members, full, numbers, until, made))
        for i in dict.fromkeys(member.setting for member in members):
            own = [history for member, history in zip(members, histories, strict=True) if member.setting == i]
            before = scores.get(i, [math.inf] * len(own))
            scores[i] = [_score(history, score) for history, score in zip(own, before, strict=True)]
            kept[i] = [made + history.kept_epoch for history in own]
            reached[i] = until or full[i]["epochs"]
        made = until or 0
        if interrupted:
            refit = False
            break
        ranked = sorted({member.setting for member in members}, key=lambda i: (statistics.median(scores[i]), i))
        going_on = set(ranked[: math.ceil(len(ranked) / (halving or 1))])
        if until != rungs[-1]:
            members = [member for member in members if member.setting in going_on]
    deeper = reached if halving is not None else [0] * len(full)
    order = sorted(range(len(full)), key=lambda i: (-deeper[i], statistics.median(scores[i]), i))
    table = [
        {**tried[i], "val_loss": statistics.median(scores[i]), "val_losses": scores[i], "epochs": reached[i]} for i in order
    ]
    best = order[0]
    if not refit:
        return SweepResult(table, tried[best])
    if not math.isfinite(statistics.median(scores[best])):
        raise InputError("training diverged with every setting; give smaller learning rates, or scale X and T")
    network, arguments = shape.network(full[best], numbers[0]), fit_arguments(full[best])
    if early_stopping is not None:
        arguments["epochs"] = max(1, round(statistics.median(kept[best])))
    optimizer = optimizer_of(full[best])
    history = network.fit(
        X, T, sample_weight=sample_weight, optimizer=optimizer, n_threads=n_threads, progress=False, **arguments
    )
    return SweepResult(table, tried[best], network, history)


def _seeds(seeds: Any) -> list[int]:
    if np.ndim(seeds) == 0:
        return list(range(positive_integer("seeds", seeds)))
    numbers = [seed_number(seed) for seed in seeds]
    if not numbers or len(set(numbers)) < len(numbers):
        raise InputError(f"seeds is {seeds!r}; it must hold different whole numbers, at least one")
    return numbers


def _members(shape: Shape, full: list[Setting], seeds: list[int]) -> list[_Member]:
    members = []
    for i, setting in enumerate(full):
        try:
            optimizer = optimizer_of(setting)
            for place, seed in enumerate(seeds):
                network = shape.network(setting, seed)
                members.append(_Member(network, i, place, optimizer.state(network.plan, network.dtype)))
        except (InputError, TypeError, ValueError) as error:
            raise InputError(f"setting {setting}: {error}") from error
    return members


def _trained(
    train: Train, members: list[_Member], full: list[Setting], seeds: list[int], until: int | None, made: int
) -> list[History]:
    """Train each network until it has made as many epochs; made: how many it has."""
    arguments = [fit_arguments(full[member.setting]) for member in members]
    if until is not None:
        arguments = [{**given, "epochs": until - made} for given in arguments]
    each_seed = None if made else [seeds[member.seed] for member in members]
    try:
        return train(
            [member.network for member in members],
            optimizers=[member.state for member in members],
            settings=arguments,
            seeds=each_seed,
        )
    except InputError as error:
        found = re.match(r"network (\d+): (.*)", str(error), re.DOTALL)
        if found is None:
            raise
        raise InputError(f"setting {full[members[int(found[1])].setting]}: {found[2]}") from error


def _score(history: History, before: float) -> float:
    """The validation loss of the parameters that the network was left with; infinity where training diverged or failed.

    before: the loss before this training, which stays where Ctrl-C comes before the first epoch is done.
    """
    if history.stopped == "stop" and not history.val_loss:
        return before
    if history.stopped in ("divergence", "error") or not history.val_loss or not history.kept_epoch:
        return math.inf
    value = history.val_loss[history.kept_epoch - 1]
    return value if math.isfinite(value) else math.inf
