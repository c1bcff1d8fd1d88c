"""Rounds: each shard trains some steps from the same parameters, which are then averaged over the shards."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any

from ...kernels import State
from ...kernels.validation import positive_integer
from ..errors import InputError
from ..fit.beginning import check_start
from ..fit.callbacks import Callback
from ..fit.history import History
from ..fit.optimizers import Optimizer
from ..fit.options import FitOptions
from ..fit.progress import reporter
from ..network import Network
from ..other_names import refuse_unknown
from ..solvers import Solver
from .averages import Averages
from .begun import begin_or_resume
from .gathering import classes_of, gathered, validator_of
from .local import LocalShards
from .loop import StageLoop
from .orders import Orders
from .shards import Read, Shards, items_of
from .training import Training

# Further arguments, which mean what they mean to `Network.fit`.
FURTHER = (
    "alpha", "l1", "weight_decay", "clip_norm", "frozen_layers", "dropout", "label_smoothing", "schedule", "shuffle",
    "progress", "max_seconds", "on_divergence",
)  # fmt: skip


def fit_rounds(
    network: Network,
    shards: Any,
    *,
    rounds: int,
    steps: int | None = None,
    batch_size: int | None = None,
    optimizer: Optimizer | State | str | None = None,
    read: Read | None = None,
    validation_data: Any = None,
    callbacks: Sequence[Callback] = (),
    n_threads: int | None = None,
    checkpoint: str | PathLike[str] | None = None,
    checkpoint_every: int = 1,
    resume: bool = False,
    **options: Any,
) -> History:
    """Train a network in rounds over fixed shards of the rows, on this machine.

    In each round every shard trains some steps by itself, from the same parameters. The parameters, and the optimizer's
    moments, are then averaged over the shards. `tileprop.trainer.dask.fit_rounds` does the same on a cluster, to the same
    bits.

    Parameters
    ----------
    network : Network
        The network, which is changed in place.

    shards : list of tuple, or Source
        (X, T) or (X, T, sample_weight) for each shard. Or what `read` makes them of, such as the names of files. The blocks
        of a source are shards.

    rounds : int
        Number of rounds.

    steps : int, default=None
        Steps of each shard in a round. Unless given, as many as a shard of average size has batches.

    batch_size : int, default=None
        Rows of a step; 32 unless given.

    optimizer : str, optimizer or State, default=None
        How steps are taken, as for `Network.fit`; no solver.

    read : callable, default=None
        Function that makes (X, T) or (X, T, sample_weight) of an entry of `shards`.

    validation_data : tuple or list of tuple, default=None
        (X, T) or (X, T, sample_weight), whose loss is taken after each round. Or a list of such shards, or a source.

    callbacks : sequence of callables, default=()
        Each is called after each round, which counts as an epoch.

    n_threads : int, default=None
        Most threads to use. Unless given, `TILEPROP_NUM_THREADS`, or all processors at hand. Results are bit-identical for any
        value.

    checkpoint : str or path-like, default=None
        File to which the training is written (needs the extra `files`).

    checkpoint_every : int, default=1
        Rounds between two checkpoints.

    resume : bool, default=False
        Whether to go on from `checkpoint`, to the same bits as if the training had never stopped. Give the other arguments as
        they were.

    **options : dict
        Further arguments of `Network.fit`: alpha, l1, weight_decay, clip_norm, frozen_layers, dropout, label_smoothing,
        schedule (over rounds), shuffle (True or False), progress, max_seconds, and on_divergence ("raise" or "stop").

    Returns
    -------
    History
        One entry for each round. `loss` is the mean loss of the rows that were trained on in the round, each before its step.

    Raises
    ------
    InputError
        For arguments that do not fit, before training.
    DivergenceError
        Where training of a shard diverges. The network holds its parameters of the round before.
    TypeError
        For an unknown argument, with the near one.

    See Also
    --------
    fit_exact : Takes the very steps that one machine takes over all rows.

    Notes
    -----
    Local SGD with periodic averaging (Stich 2019; McMahan et al. 2017). Shards count in the average by their number of rows, or
    by the sum of their sample weights. The sums are float64, and taken in an order that follows from the number of shards.

    Examples
    --------
    >>> import numpy as np
    >>> from tileprop import Adam, Network, fit_rounds
    >>> X = np.random.default_rng(0).normal(size=(400, 2))
    >>> shards = [(X[i::4], X[i::4].sum(axis=1)) for i in range(4)]
    >>> network = Network([2, 8, 1], "tanh", "identity")
    >>> history = fit_rounds(network, shards, rounds=30, optimizer=Adam(0.03))
    >>> history.epochs, history.loss[-1] < 0.1 * history.loss[0]
    (30, True)
    """
    given: dict[str, Any] = {"batch_size": batch_size, "optimizer": optimizer, "callbacks": callbacks, "n_threads": n_threads}
    given |= {"checkpoint": checkpoint, "checkpoint_every": checkpoint_every}
    settings = checked_rounds(network, rounds, steps, resume, validation_data is not None, given, options)
    here = LocalShards(*items_of(shards, read), n_threads)
    held = validation_data
    if held is not None and not isinstance(held, tuple):
        held = LocalShards(*items_of(held, read), n_threads)
    return trained_in_rounds(network, here, held, settings, steps, resume)


def checked_rounds(
    network: Any,
    rounds: Any,
    steps: int | None,
    resume: bool,
    validates: bool,
    given: dict[str, Any],
    further: dict[str, Any],
) -> FitOptions:
    """The options of `fit_rounds`. Raises InputError, before any data is read, for arguments that cannot be."""
    if not isinstance(network, Network):
        raise InputError(f"network is {network!r}; it must be a Network")
    refuse_unknown("fit_rounds", further, FURTHER)
    positive_integer("rounds", rounds)
    options = FitOptions(epochs=int(rounds), **given, **further)
    if isinstance(options.optimizer, Solver):
        raise InputError(f"optimizer is {options.optimizer!r}, a solver; give an optimizer such as 'adam', or use fit_exact")
    if callable(options.shuffle):
        raise InputError(f"shuffle is {options.shuffle!r}; fit_rounds takes True or False")
    if options.on_divergence not in ("raise", "stop"):
        raise InputError(f"on_divergence is {options.on_divergence!r}; fit_rounds takes 'raise' or 'stop'")
    if steps is not None:
        positive_integer("steps", steps)
    if resume and options.checkpoint is None:
        raise InputError("resume is True without checkpoint; give the file of the checkpoint")
    options = options.checked_for(network)
    check_start(network, options, validates)
    return options


def trained_in_rounds(
    network: Network,
    shards: Shards,
    held: Shards | tuple[Any, ...] | None,
    options: FitOptions,
    steps: int | None,
    resume: bool,
) -> History:
    """Train on shards, wherever they are. held: validation data."""
    prints = options.checkpoint is not None
    classes = classes_of(network, shards)
    known = gathered(network, shards, classes, network.dtype.name, prints)
    validate, data = validator_of(network, held, classes, prints)
    batch_size = options.batch_size or 0
    steps = steps or max(1, round(known.rows / len(known.numbers) / batch_size))
    begun = begin_or_resume(network, options, known.data | data, {"steps": steps} if resume else None, {"epochs": "rounds"})
    network.classes = classes
    rates: Any = options.dropout  # one for each hidden layer, as `checked_for` leaves them
    training = Training(
        blueprint=known.blueprint,
        shares=known.shares,
        batch_size=batch_size,
        steps=steps,
        orders=Orders(begun.seed, bool(options.shuffle)),
        frozen_layers=tuple(options.frozen_layers),
        dropout=tuple(rates),
        label_smoothing=options.label_smoothing,
    )
    stage = Averages(network, begun.state, shards, known.numbers, training)
    loop = StageLoop(network, begun.state, stage, options, validate, known.rows)
    with reporter(options.progress, options.epochs, known.rows) as report:
        return loop.run(report, known.data | data, begun.resumed)
