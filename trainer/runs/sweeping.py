"""Many settings of a training run, each with several seeds, trained at once and compared by their validation losses."""

from __future__ import annotations

import functools
import itertools
import math
import statistics
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import InputError
from ..fit.callbacks import RunningFit
from ..fit.history import History
from ..many.fit_many import fit_many
from ..many.standings import INTERRUPTED, noticing_interrupt
from ..network import Network
from .drawing import BLUE, INK, new_axes, new_figure, save, short
from .experiment import Experiment, class_weights, training_options, training_targets
from .settings import BALANCED, Settings


class Tried(NamedTuple):
    """A setting: its own choices in words, all settings, and the validation losses of its networks that are done, by seed."""

    name: str
    settings: Settings
    losses: dict[int, float]

    @property
    def median(self) -> float:
        return statistics.median(self.losses.values()) if self.losses else math.inf


def grid(given: dict[str, Any], choices: dict[str, list[Any]]) -> list[Tried]:
    """All combinations of the choices, each with what is given for all."""
    tried = []
    for values in itertools.product(*choices.values()):
        own = dict(zip(choices, values, strict=True))
        if own.get("hidden") == () and not _is_for_no_hidden_layers(own, choices):
            continue
        name = "  ".join(f"{key} {_word(value)}" for key, value in own.items() if len(choices[key]) > 1)
        tried.append(Tried(name or "the only setting", Settings(**given, **own), {}))
    for one in tried:
        if one.settings.validation_size == 0:
            raise InputError("validation_size is 0, but settings are compared on validation rows; give a larger share")
    return tried


def _is_for_no_hidden_layers(own: dict[str, Any], choices: dict[str, list[Any]]) -> bool:
    """Whether the setting is the one to try of those that differ only in what hidden layers have."""
    no_dropout = 0.0 if 0.0 in choices.get("dropout", ()) else own.get("dropout")
    return own.get("dropout") == no_dropout and own.get("activation") == next(iter(choices.get("activation", ())), None)


def _word(value: Any) -> str:
    return (",".join(map(str, value)) or "none") if isinstance(value, tuple) else f"{value}"


def ranked(tried: list[Tried]) -> list[Tried]:
    """Those with the lowest median first."""
    return sorted(tried, key=lambda one: one.median)


def train_all(
    experiment: Experiment,
    tried: list[Tried],
    seeds: list[int],
    look: Callable[[], None],
    elsewhere: Callable[[Callable[[int, History], None]], Callable[..., Any]] | None = None,
) -> None:
    """Train each setting with each seed, and write down the losses. Raises KeyboardInterrupt after Ctrl-C.

    look: called when a network is done, one call at a time. elsewhere: makes what is called in place of `fit_many`, for a
    cluster, of a function that it calls with the number and the history of each network that is done.
    """
    dataset, rows, plan = experiment.dataset, experiment.split, experiment.model.network.plan
    n_training = len(rows.training)
    networks, arguments = [], []
    done = _Done(list(itertools.product(tried, seeds)), look)
    for number, (one, seed) in enumerate(itertools.product(tried, seeds)):
        settings = one.settings
        network = Network(
            [plan.sizes[0], *settings.hidden, plan.sizes[-1]],
            activation=settings.activation,
            output_activation=plan.activations[-1],
            loss=plan.loss,
            dtype=settings.dtype,
            random_state=seed,
        )
        networks.append(network)
        early = settings.make_early_stopping()
        callbacks: list[Any] = [] if early is None else [early]
        if elsewhere is None:
            callbacks.append(_Told(done, number))
        arguments.append({**training_options(settings, n_training), "callbacks": callbacks})
    T = training_targets(dataset, experiment.model)
    weight = class_weights(dataset, rows.training) if experiment.settings.class_weight == BALANCED else None
    X, X_held = (experiment.model.prepare(dataset.rows, part) for part in (rows.training, rows.validation))
    held = (X_held, T[rows.validation]) if weight is None else (X_held, T[rows.validation], weight[rows.validation])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", INTERRUPTED)  # the caller says so
        train = functools.partial(
            fit_many if elsewhere is None else elsewhere(done),
            networks,
            X,
            T[rows.training],
            settings=arguments,
            sample_weight=None if weight is None else weight[rows.training],
            validation_data=held,
            progress=False,
        )
        _, interrupted = noticing_interrupt(train)
    if interrupted:
        raise KeyboardInterrupt


class _Done:
    """Writes down the loss of the epoch that is kept, of each network that is done."""

    def __init__(self, trained: list[tuple[Tried, int]], look: Callable[[], None]) -> None:
        self._trained, self._look, self._lock = trained, look, threading.Lock()

    def __call__(self, number: int, history: History) -> None:
        """number: of the network."""
        one, seed = self._trained[number]
        losses = [loss for loss in history.val_loss if math.isfinite(loss)]
        if not losses and history.stopped == "stop":  # by Ctrl-C, in its first epoch
            return
        kept = min if one.settings.stops_early else _last
        with self._lock:
            one.losses[seed] = kept(losses) if losses else math.inf
            self._look()


class _Told:
    """A callback that says when a network of this process is done."""

    losses_only = True

    def __init__(self, done: _Done, number: int) -> None:
        self._done, self._number = done, number

    def __call__(self, running: RunningFit) -> None:
        """Nothing after an epoch."""

    def finish(self, running: RunningFit) -> None:
        """See `Callback`."""
        self._done(self._number, running.history)


def _last(losses: list[float]) -> float:
    return losses[-1]


def best_of(tried: list[Tried]) -> Settings:
    """The settings with the lowest median. Raises InputError where every setting diverged."""
    best = min(tried, key=lambda one: one.median)
    if not math.isfinite(best.median):
        raise InputError("training diverged with every setting; give smaller learning rates")
    return best.settings


def draw(tried: list[Tried], path: Path) -> None:
    """A picture: a row for each setting, a dot for each seed's validation loss, a line at the median. Needs matplotlib."""
    shown = [one for one in ranked(tried) if math.isfinite(one.median)]
    figure = new_figure((7.0, 1.2 + 0.28 * len(shown)))
    axes = new_axes(figure)
    for place, one in enumerate(shown):
        losses = [loss for loss in one.losses.values() if math.isfinite(loss)]
        axes.plot(losses, [place] * len(losses), "o", color=BLUE, alpha=0.6, markersize=5, label="" if place else "a seed")
        axes.plot([one.median], [place], "|", color=INK, markersize=14, label="" if place else "median")
    axes.set_yticks(range(len(shown)), [short(one.name, 60) for one in shown])
    axes.invert_yaxis()
    axes.set_xlabel("validation loss")
    axes.legend(frameon=False)
    save(figure, path)
