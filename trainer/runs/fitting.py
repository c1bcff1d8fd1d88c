"""The fit of a run: of one network, or of the members of an ensemble, which are trained in one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np

from ..errors import ClusterError, DivergenceError, InputError
from ..fit.callbacks import RunningFit
from ..fit.early_stopping import EarlyStopping
from ..fit.history import History
from ..many.fit_many import fit_many
from ..network import Network
from ..rounds.fitting import fit_rounds
from ..streams.source import Source
from .settings import Settings

# Why a fit has ended that has nothing left to train.
DONE = ("epochs", "callback")


class Fitted(NamedTuple):
    """What a fit leaves; see `Outcome`."""

    networks: tuple[Network, ...]
    history: History
    kept_epochs: tuple[int, ...]
    finished: bool
    stopped_early: bool
    error: KeyboardInterrupt | DivergenceError | ClusterError | None = None


class Work(NamedTuple):
    """What there is to fit. options: arguments of `Network.fit` that decide about the result. given: its others, and those that
    hold rows or weights. X: a source has the targets, too. resume: whether to go on from the checkpoint.
    """

    settings: Settings
    X: np.ndarray | Source
    T: np.ndarray | None
    given: dict[str, Any]
    options: dict[str, Any]
    checkpoint: Path | None
    resume: bool
    after_epoch: Callable[[], None]

    def callbacks(self, network: Network) -> tuple[_Seen, EarlyStopping | None, list[Any]]:
        """Early stopping first: what `after_epoch` raises must not keep it from an epoch that is in the history."""
        n_rows = self.X.n_rows if isinstance(self.X, Source) else len(self.X)
        seen = _Seen(network, History(n_samples=n_rows), self.after_epoch)
        early = self.settings.make_early_stopping()
        return seen, early, [seen] if early is None else [early, seen]


def fit_network(network: Network, work: Work) -> Fitted:
    """Train one network, by `Network.fit` or in rounds. What ends it early is raised where no epoch has ended."""
    seen, early, callbacks = work.callbacks(network)
    given: dict[str, Any] = {"callbacks": callbacks, "checkpoint": work.checkpoint, **work.given}
    error = None
    try:
        if work.settings.shards is not None:
            seen.history = _in_rounds(network, work, given)
        elif work.resume:
            seen.network, seen.history = Network.resume(given["checkpoint"], work.X, work.T, **given)
        else:
            seen.history = seen.network.fit(work.X, work.T, **given, **work.options)
    except (KeyboardInterrupt, DivergenceError, ClusterError) as ended:
        if not seen.history.epochs:
            raise
        error = ended
    history, stopped_early = seen.history, early is not None and early.ended
    finished = stopped_early or history.epochs == work.settings.epochs
    return Fitted((seen.network,), history, (history.kept_epoch,), finished, stopped_early, error)


def _in_rounds(network: Network, work: Work, given: dict[str, Any]) -> History:
    """Train over shards of the rows, here, or as given["train_rounds"] does it."""
    settings, weight = work.settings, given.pop("sample_weight", None)
    train = given.pop("train_rounds", fit_rounds)
    assert isinstance(work.X, np.ndarray), "rounds are not trained on a stream"
    assert settings.shards is not None
    n = len(work.X)
    if settings.shards > n:
        raise InputError(f"shards is {settings.shards}, and there are {n} training rows; give fewer shards")
    rows = [one for one in (work.X, work.T, weight) if one is not None]
    bounds = [n * i // settings.shards for i in range(settings.shards + 1)]
    shards = [tuple(one[begin:end] for one in rows) for begin, end in pairwise(bounds)]
    held = given.pop("validation_data", None)
    if held is not None:
        given["validation_data"] = tuple(one for one in held if one is not None)
    options = {name: value for name, value in work.options.items() if name != "epochs"}
    history: History = train(network, shards, rounds=settings.epochs, resume=work.resume, **given, **options)
    return history


def fit_members(network: Network, work: Work) -> Fitted:
    """Train the members of an ensemble, of which `network` is the first. Errors are as in `fit_network`.

    Where the time ends before every member has ended an epoch, the others alone make the ensemble so far.
    """
    settings, plan = work.settings, network.plan
    seeds = range(settings.seed + 1, settings.seed + settings.ensemble)
    others = [Network(**plan.arguments, dtype=network.dtype, random_state=seed) for seed in seeds]
    networks = (network, *others)
    assert not isinstance(work.X, Source), "an ensemble is not trained on a stream"
    assert work.T is not None
    histories = fit_many(
        networks,
        work.X,
        work.T,
        settings=[{**work.options, "callbacks": work.callbacks(member)[2]} for member in networks],
        checkpoint=work.checkpoint,
        resume=work.resume,
        **work.given,
    )
    for number, one in enumerate(histories):
        if one.stopped == "error":
            raise InputError(f"the fit of network {number} of the ensemble has failed; the warning above says why")
    error = _error(histories, settings)
    history = mean_of(histories)
    if error is not None and not history.epochs:
        raise error
    finished = all(one.stopped in DONE for one in histories)
    stopped_early = finished and any(one.stopped == "callback" for one in histories)
    begun = [i for i, one in enumerate(histories) if one.epochs] or range(len(networks))
    kept_epochs = tuple(histories[i].kept_epoch for i in begun)
    return Fitted(tuple(networks[i] for i in begun), history, kept_epochs, finished, stopped_early, error)


def _error(histories: Sequence[History], settings: Settings) -> KeyboardInterrupt | DivergenceError | None:
    diverged = [settings.seed + i for i, one in enumerate(histories) if one.stopped == "divergence"]
    if diverged:
        seeds = ", ".join(map(str, diverged))
        return DivergenceError(f"training of the networks with these seeds diverged: {seeds}; give a smaller learning rate")
    return KeyboardInterrupt() if any(one.stopped == "stop" for one in histories) else None


def mean_of(histories: Sequence[History]) -> History:
    """The means over members. A member that has ended counts with the losses of the epoch that it kept, and with no time."""
    begun = [one for one in histories if one.epochs]
    mean = History(histories[0].n_samples)
    for epoch in range(max((one.epochs for one in begun), default=0)):
        places = [(one, epoch if epoch < one.epochs else max(one.kept_epoch, 1) - 1) for one in begun]
        val_loss = fmean(one.val_loss[place] for one, place in places) if begun[0].val_loss else None
        seconds = fmean(one.seconds[epoch] for one in begun if epoch < one.epochs)
        mean.record(fmean(one.loss[place] for one, place in places), val_loss, seconds)
    return mean


def loss_of(networks: Sequence[Network], X: np.ndarray, Y: np.ndarray, T: np.ndarray, weight: np.ndarray | None) -> float:
    """The loss of one network on rows X, or of an ensemble whose mean outputs are Y."""
    if len(networks) == 1:
        return networks[0].loss(X, T, weight)
    # A layer that changes nothing, after the inverse of the output activation, has these outputs.
    plan, n = networks[0].plan, Y.shape[1]
    output = plan.activations[-1]
    arguments = {**plan.arguments, "sizes": [n, n], "activation": [], "bias": False, "dtype": "float64"}
    return Network(**arguments, initial=np.eye(n).ravel()).loss(_before(output, Y.astype(np.float64)), T, weight)


def _before(output: str, Y: np.ndarray) -> np.ndarray:
    """What the output activation makes Y of."""
    if output == "identity":
        return Y
    tiny = np.finfo(np.float32).tiny
    logarithms: np.ndarray = np.log(np.maximum(Y, tiny))
    return logarithms if output == "softmax" else logarithms - np.log(np.maximum(1.0 - Y, tiny))


def epochs_in_words(kept: Sequence[int]) -> str:
    """The epoch that was kept, or the first and the last of an ensemble's."""
    least, most = min(kept), max(kept)
    return f"epoch {most}" if least == most else f"epochs {least} to {most}"


def ensemble_in_words(settings: Settings, n_members: int) -> str:
    """How many networks there are, with which seeds. n_members: how many have been trained so far."""
    if n_members < settings.ensemble:
        return f"{n_members} of {settings.ensemble} networks have been trained so far; their mean is predicted"
    last = settings.seed + settings.ensemble - 1
    return f"{settings.ensemble} networks, seeds {settings.seed} to {last}; their mean is predicted"


class _Seen:
    """A callback that looks on: the network and the history, also of a fit that does not return."""

    losses_only = True

    def __init__(self, network: Network, history: History, after_epoch: Callable[[], None]) -> None:
        self.network, self.history, self._after_epoch = network, history, after_epoch

    def __call__(self, running: RunningFit) -> None:
        assert isinstance(running.network, Network)
        self.network, self.history = running.network, running.history
        self._after_epoch()
