"""A sweep: many settings of a network, each with several seeds, trained at once and compared on validation rows."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ...kernels.validation import positive_integer, seed_number
from ..errors import InputError
from ..fit.early_stopping import EarlyStopping
from ..fit.history import History
from ..network import Network
from ..other_names import refuse_unknown
from .candidates import SETTINGS, Setting, Shape, candidates, fit_arguments, optimizer_of
from .fit_many import fit_many
from .halving import rungs_of
from .sweep_result import SweepResult


class _Member(NamedTuple):
    """A network of the sweep, the numbers of its setting and seed, and the state of its optimizer, which is kept over rungs."""

    network: Network
    setting: int
    seed: int
    state: Any


def sweep(
    X: ArrayLike,
    T: ArrayLike,
    settings: Mapping[str, Any],
    *,
    draws: int | None = None,
    seeds: int | Sequence[int] = 3,
    loss: str | None = None,
    epochs: int = 100,
    validation_data: tuple[Any, ...] | None = None,
    validation_split: float | None = None,
    sample_weight: ArrayLike | None = None,
    early_stopping: EarlyStopping | None = None,
    halving: int | None = None,
    refit: bool = True,
    random_state: int | None = 0,
    progress: bool | None = None,
    n_threads: int | None = None,
    **fixed: Any,
) -> SweepResult:
    """Compare settings of a network by their validation losses, and train the best one on all rows.

    All networks are trained at once by `fit_many`.

    Parameters
    ----------
    X : array-like of shape (n, n_in)
        Inputs.

    T : array-like of shape (n,) or (n, n_targets)
        Targets: numbers, or labels of classes.

    settings : dict
        Values to try, a list for each name: `{"hidden": [(32,), (64, 64)], "learning_rate": [0.01, 0.001]}`. Names are
        `hidden` (widths of the hidden layers), `optimizer`, `learning_rate`, the arguments of `Network` except loss, and those
        of `Network.fit`: batch_size, epochs, alpha, l1, weight_decay, dropout, clip_norm, label_smoothing, schedule and others.

    draws : int, default=None
        Number of settings drawn at random. A value may then also be a distribution with a method `rvs`, as those of
        `scipy.stats`. Unless given, all combinations are tried.

    seeds : int or sequence of int, default=3
        Seeds of each setting's networks, or their number. A seed decides the initial weights, the order of the rows and the
        rows of `validation_split`.

    loss : str, default=None
        Loss of all networks. Unless given, log_loss where T holds text, whole numbers or bools in one column, otherwise
        squared_error. Needed for whole numbers below 0, or as large as the number of rows.

    epochs : int, default=100
        Number of epochs of each network, at most.

    validation_data : tuple, default=None
        (X, T) or (X, T, sample_weight), by whose loss settings are compared.

    validation_split : float, default=None
        Share of the rows that is held out for that instead.

    sample_weight : array-like of shape (n,), default=None
        Weights of the rows of X.

    early_stopping : EarlyStopping, default=None
        Ends the training of a network whose validation loss no longer falls.

    halving : int, default=None
        Factor of successive halving, at least 2: all settings are trained for few epochs, the best `1 / halving` of them go
        on for `halving` times as many epochs in all, and so on. Unless given, each setting is trained for all epochs.

    refit : bool, default=True
        Whether the best setting is trained on all rows of X at the end, with the first seed. With early stopping for as many
        epochs as the setting's networks kept, by the median.

    random_state : int, default=0
        Seed of the draws.

    progress, n_threads : default=None
        As in `fit_many`.

    **fixed : dict
        Settings that are the same for all networks, by the same names as in `settings`: `activation="tanh"`.

    Returns
    -------
    SweepResult
        The table of the settings, the best first, the best setting, and the network trained with it.

    Raises
    ------
    InputError
        For arguments that do not fit, before any training.
    TypeError
        For an unknown name, with the near one.

    Notes
    -----
    A network whose training diverged has the validation loss infinity. After Ctrl-C the table is that of the networks as they
    stand, with infinity for those that were not begun, and nothing is trained on all rows.

    Successive halving: Jamieson, K., Talwalkar, A. (2016). Non-stochastic best arm identification and hyperparameter
    optimization. AISTATS. A network that goes on keeps its optimizer's state, so it ends at the bits of a fit without halving.

    Examples
    --------
    >>> import numpy as np
    >>> from tileprop import sweep
    >>> X = np.random.default_rng(0).normal(size=(300, 2))
    >>> settings = {"hidden": [(8,), (32, 32)], "learning_rate": [0.03, 0.003]}
    >>> result = sweep(X, X[:, 0] * X[:, 1], settings, seeds=2, epochs=30, validation_split=0.2, activation="tanh")
    >>> len(result.table), result.network.predict(X).shape
    (4, (300, 1))
    """
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
    common = {
        "sample_weight": sample_weight, "early_stopping": early_stopping, "validation_data": validation_data,
        "validation_split": validation_split, "progress": progress, "n_threads": n_threads,
    }  # fmt: skip
    scores: dict[int, list[float]] = {}
    kept: dict[int, list[int]] = {}
    made, reached = 0, [0] * len(full)
    for until in rungs:
        histories = _trained(members, full, numbers, X, T, until, made, common)
        for i in dict.fromkeys(member.setting for member in members):
            own = [history for member, history in zip(members, histories, strict=True) if member.setting == i]
            before = scores.get(i, [math.inf] * len(own))
            scores[i] = [_score(history, score) for history, score in zip(own, before, strict=True)]
            kept[i] = [made + history.kept_epoch for history in own]
            reached[i] = until or full[i]["epochs"]
        made = until or 0
        if any(history.stopped == "stop" for history in histories):  # Ctrl-C
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
    members: list[_Member], full: list[Setting], seeds: list[int], X: Any, T: Any, until: int | None, made: int, common: Any
) -> list[History]:
    """Train each network until it has made as many epochs; made: how many it has."""
    arguments = [fit_arguments(full[member.setting]) for member in members]
    if until is not None:
        arguments = [{**given, "epochs": until - made} for given in arguments]
    each_seed = None if made else [seeds[member.seed] for member in members]
    try:
        return fit_many(
            [member.network for member in members],
            X,
            T,
            optimizers=[member.state for member in members],
            settings=arguments,
            seeds=each_seed,
            **common,
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
