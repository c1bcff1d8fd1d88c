"""Rounds on a cluster: the pieces of `rounds/`, as tasks."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any

from distributed import Client

from ...kernels import State
from ..fit.callbacks import Callback
from ..fit.history import History
from ..fit.optimizers import Optimizer
from ..network import Network
from ..rounds.fitting import checked_rounds, trained_in_rounds
from ..rounds.shards import Read
from .cluster import client_of
from .shards import DaskShards, is_of_arrays


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
    client: Client | str | None = None,
    checkpoint: str | PathLike[str] | None = None,
    checkpoint_every: int = 1,
    resume: bool = False,
    **options: Any,
) -> History:
    """Train a network in rounds over fixed shards of the rows, on a Dask cluster.

    In each round every shard trains some steps by itself, from the same parameters. The parameters, and the optimizer's
    moments, are then averaged over the shards. The result depends neither on the number of workers nor on whether some were
    lost, and is that of `tileprop.trainer.fit_rounds` over the same shards, bit for bit.

    Parameters
    ----------
    network : Network
        The network, which is changed in place.

    shards : tuple of Dask collections, list, or Source
        A tuple (X, T) or (X, T, sample_weight) of Dask arrays, data frames or series, of which each partition is a shard. Or a
        list with an entry for each shard: (X, T) or (X, T, sample_weight), a `dask.delayed` that gives one, or what `read`
        makes one of, such as the name of a file that each worker can reach. The blocks of a source are shards, too.

    rounds : int
        Number of rounds.

    steps : int, default=None
        Steps of each shard in a round. Unless given, as many as a shard of average size has batches.

    batch_size : int, default=None
        Rows of a step; 32 unless given.

    optimizer : str, optimizer or State, default=None
        How steps are taken, as for `Network.fit`; no solver.

    read : callable, default=None
        Function that makes (X, T) or (X, T, sample_weight) of an entry of `shards`, on a worker.

    validation_data : tuple or list, default=None
        What the loss is taken of after each round: (X, T) or (X, T, sample_weight), in arrays of this process, or shards in any
        of the forms above.

    callbacks : sequence of callables, default=()
        Each is called in this process after each round, which counts as an epoch.

    client : dask.distributed.Client or str, default=None
        The cluster's client, or the address of its scheduler. Unless given, the current client, or else a cluster of this
        process that the call makes and closes.

    checkpoint : str or path-like, default=None
        File of this process to which the training is written (needs the extra `files`).

    checkpoint_every : int, default=1
        Rounds between two checkpoints.

    resume : bool, default=False
        Whether to go on from `checkpoint`, to the same bits as if the training had never stopped. Give the other arguments as
        they were; the cluster may be another one.

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
    ClusterError
        Where the cluster is lost, or loses its workers again and again. The network holds its parameters of the last round.
    TypeError
        For an unknown argument, with the near one.

    Notes
    -----
    Each piece of a round is one pure task, with its own seed. What a lost worker had is computed again by the scheduler.
    Arrays of this process are sent through the scheduler, which keeps a copy; for large data give files or collections. See
    `tileprop.trainer.fit_rounds` for the method. Dask cannot end a task that has begun: after Ctrl-C, workers finish the tasks
    that they have begun, and a cluster of the call's own is closed only then.

    Examples
    --------
    >>> import dask.array as da
    >>> from tileprop import Adam, Network
    >>> from tileprop.trainer.dask import fit_rounds
    >>> X = da.random.default_rng(0).normal(size=(400, 2), chunks=(100, 2))
    >>> network = Network([2, 8, 1], "tanh", "identity")
    >>> history = fit_rounds(network, (X, X.sum(axis=1)), rounds=30, optimizer=Adam(0.03))
    >>> history.epochs, history.loss[-1] < 0.1 * history.loss[0]
    (30, True)
    """
    given: dict[str, Any] = {"batch_size": batch_size, "optimizer": optimizer, "callbacks": callbacks}
    given |= {"checkpoint": checkpoint, "checkpoint_every": checkpoint_every}
    settings = checked_rounds(network, rounds, steps, resume, validation_data is not None, given, options)
    with client_of(client) as connected:
        there = DaskShards(connected, shards, read)
        held = validation_data
        if held is not None and not is_of_arrays(held):
            held = DaskShards(connected, held, read)
        return trained_in_rounds(network, there, held, settings, steps, resume)
