"""Exact steps: losses and gradients of all rows, summed over fixed shards, for solvers and for steps on very large batches."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any

from ...kernels import State
from ...kernels.validation import positive_integer
from ..errors import InputError
from ..fit.beginning import check_start
from ..fit.callbacks import Callback
from ..fit.fitting import solved
from ..fit.history import History
from ..fit.optimizers import Optimizer
from ..fit.options import FitOptions
from ..fit.progress import reporter
from ..fit.resuming import resumed_for
from ..network import Network
from ..other_names import refuse_unknown
from ..solvers import Solver
from .begun import begin_or_resume
from .gathered_steps import GatheredSteps
from .gathering import classes_of, gathered, validator_of
from .local import LocalShards
from .loop import StageLoop
from .objective import ShardObjective
from .orders import Orders
from .shards import Read, Shards, items_of

# Further arguments, which mean what they mean to `Network.fit`.
FURTHER = (
    "alpha", "l1", "weight_decay", "clip_norm", "frozen_layers", "schedule", "shuffle", "progress", "max_seconds",
    "on_divergence",
)  # fmt: skip


def fit_exact(
    network: Network,
    shards: Any,
    *,
    epochs: int,
    optimizer: Optimizer | Solver | State | str = "lbfgs",
    batches: int = 1,
    read: Read | None = None,
    validation_data: Any = None,
    callbacks: Sequence[Callback] = (),
    n_threads: int | None = None,
    checkpoint: str | PathLike[str] | None = None,
    checkpoint_every: int = 1,
    resume: bool = False,
    **options: Any,
) -> History:
    """Train a network by steps over all shards of the rows, on this machine.

    Each step takes the loss and its derivatives of all rows, summed over the shards in a fixed order. Any number of threads or
    machines takes the very same steps. `tileprop.trainer.dask.fit_exact` does the same on a cluster, to the same bits.

    Parameters
    ----------
    network : Network
        The network, which is changed in place.

    shards : list of tuple, or Source
        (X, T) or (X, T, sample_weight) for each shard. Or what `read` makes them of, such as the names of files. The blocks
        of a source are shards.

    epochs : int
        Number of passes over the rows; of a solver, the most iterations.

    optimizer : str, solver, optimizer or State, default="lbfgs"
        LBFGS() takes any loss, LevenbergMarquardt() takes squared losses and small networks. An optimizer such as Adam() takes
        `batches` steps in each epoch.

    batches : int, default=1
        Steps of an optimizer in each epoch. Each step takes this share of every shard: a very large batch.

    read : callable, default=None
        Function that makes (X, T) or (X, T, sample_weight) of an entry of `shards`.

    validation_data : tuple or list of tuple, default=None
        (X, T) or (X, T, sample_weight), whose loss is taken after each epoch. Or a list of such shards, or a source.

    callbacks : sequence of callables, default=()
        Each is called after each epoch.

    n_threads : int, default=None
        Most threads to use. Unless given, `TILEPROP_NUM_THREADS`, or all processors at hand. Results are bit-identical for any
        value.

    checkpoint : str or path-like, default=None
        File to which the training is written (needs the extra `files`).

    checkpoint_every : int, default=1
        Epochs between two checkpoints.

    resume : bool, default=False
        Whether to go on from `checkpoint`, to the same bits as if the training had never stopped. Give the other arguments as
        they were.

    **options : dict
        Further arguments of `Network.fit`: alpha, frozen_layers, progress and max_seconds. For an optimizer also l1,
        weight_decay, clip_norm, schedule, shuffle (True or False) and on_divergence ("raise" or "stop").

    Returns
    -------
    History
        One entry for each epoch.

    Raises
    ------
    InputError
        For arguments that do not fit, before training.
    DivergenceError
        Where the loss or the parameters become infinite.
    TypeError
        For an unknown argument, with the near one.

    See Also
    --------
    fit_rounds : Many small steps of each shard between two sums, where sums over all rows take too long.

    Notes
    -----
    Solvers compute in float64, as for `Network.fit`. Sums over shards are float64.

    Examples
    --------
    >>> import numpy as np
    >>> from tileprop import Network, fit_exact
    >>> X = np.linspace(-1, 1, 200)[:, None]
    >>> shards = [(X[i::4], X[i::4] ** 2) for i in range(4)]
    >>> network = Network([1, 6, 1], "tanh", "identity", dtype="float64")
    >>> history = fit_exact(network, shards, epochs=100)
    >>> history.loss[-1] < 1e-4
    True
    """
    given: dict[str, Any] = {"optimizer": optimizer, "callbacks": callbacks, "n_threads": n_threads}
    given |= {"checkpoint": checkpoint, "checkpoint_every": checkpoint_every}
    settings = checked_exact(network, epochs, batches, resume, validation_data is not None, given, options)
    here = LocalShards(*items_of(shards, read), n_threads)
    held = validation_data
    if held is not None and not isinstance(held, tuple):
        held = LocalShards(*items_of(held, read), n_threads)
    return trained_exactly(network, here, held, settings, batches, resume)


def checked_exact(
    network: Any,
    epochs: Any,
    batches: Any,
    resume: bool,
    validates: bool,
    given: dict[str, Any],
    further: dict[str, Any],
) -> FitOptions:
    """The options of `fit_exact`. Raises InputError, before any data is read, for arguments that cannot be."""
    if not isinstance(network, Network):
        raise InputError(f"network is {network!r}; it must be a Network")
    refuse_unknown("fit_exact", further, FURTHER)
    positive_integer("batches", batches)
    options = FitOptions(epochs=epochs, **given, **further)
    if callable(options.shuffle):
        raise InputError(f"shuffle is {options.shuffle!r}; fit_exact takes True or False")
    if options.on_divergence not in ("raise", "stop"):
        raise InputError(f"on_divergence is {options.on_divergence!r}; fit_exact takes 'raise' or 'stop'")
    if isinstance(options.optimizer, Solver) and batches != 1:
        raise InputError(
            f"batches is {batches}; {type(options.optimizer).__name__} uses all rows in every step, so leave it out"
        )
    if resume and options.checkpoint is None:
        raise InputError("resume is True without checkpoint; give the file of the checkpoint")
    options = options.checked_for(network)
    check_start(network, options, validates)
    return options


def trained_exactly(
    network: Network,
    shards: Shards,
    held: Shards | tuple[Any, ...] | None,
    options: FitOptions,
    batches: int,
    resume: bool,
) -> History:
    """Train on shards, wherever they are. held: validation data."""
    solver, prints = isinstance(options.optimizer, Solver), options.checkpoint is not None
    classes = classes_of(network, shards)
    known = gathered(network, shards, classes, "float64" if solver else network.dtype.name, prints)
    validate, data = validator_of(network, held, classes, prints)
    data = known.data | data
    if solver:
        resumed = resumed_for(network, options, data, {}) if resume else None
        network.classes = classes
        objective = ShardObjective(shards, known, options.alpha, options.frozen_layers, network.dtype)
        return solved(network, objective, validate, options, data, resumed)
    begun = begin_or_resume(network, options, data, {"batches": batches} if resume else None, {})
    network.classes = classes
    orders = Orders(begun.seed, bool(options.shuffle))
    stage = GatheredSteps(network, begun.state, shards, known, options, batches, orders)
    loop = StageLoop(network, begun.state, stage, options, validate, known.rows)
    with reporter(options.progress, options.epochs, known.rows) as report:
        return loop.run(report, data, begun.resumed)
