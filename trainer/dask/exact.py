"""Exact steps on a cluster: the sums of `rounds/`, as tasks."""

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
from ..rounds.exact import checked_exact, trained_exactly
from ..rounds.shards import Read
from ..solvers import Solver
from .cluster import client_of
from .shards import DaskShards, is_of_arrays


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
    client: Client | str | None = None,
    checkpoint: str | PathLike[str] | None = None,
    checkpoint_every: int = 1,
    resume: bool = False,
    **options: Any,
) -> History:
    """Train a network by steps over all shards of the rows, on a Dask cluster.

    Each step takes the loss and its derivatives of all rows, summed over the shards in a fixed order. The result depends
    neither on the number of workers nor on whether some were lost, and is that of `tileprop.trainer.fit_exact` over the same
    shards, bit for bit.

    Parameters
    ----------
    network : Network
        The network, which is changed in place.

    shards : tuple of Dask collections, list, or Source
        A tuple (X, T) or (X, T, sample_weight) of Dask arrays, data frames or series, of which each partition is a shard. Or a
        list with an entry for each shard: (X, T) or (X, T, sample_weight), a `dask.delayed` that gives one, or what `read`
        makes one of, such as the name of a file that each worker can reach. The blocks of a source are shards, too.

    epochs : int
        Number of passes over the rows; of a solver, the most iterations.

    optimizer : str, solver, optimizer or State, default="lbfgs"
        LBFGS() takes any loss, LevenbergMarquardt() takes squared losses and small networks. An optimizer such as Adam() takes
        `batches` steps in each epoch.

    batches : int, default=1
        Steps of an optimizer in each epoch. Each step takes this share of every shard: a very large batch.

    read : callable, default=None
        Function that makes (X, T) or (X, T, sample_weight) of an entry of `shards`, on a worker.

    validation_data : tuple or list, default=None
        What the loss is taken of after each epoch: (X, T) or (X, T, sample_weight), in arrays of this process, or shards in any
        of the forms above.

    callbacks : sequence of callables, default=()
        Each is called in this process after each epoch.

    client : dask.distributed.Client or str, default=None
        The cluster's client, or the address of its scheduler. Unless given, the current client, or else a cluster of this
        process that the call makes and closes.

    checkpoint : str or path-like, default=None
        File of this process to which the training is written (needs the extra `files`).

    checkpoint_every : int, default=1
        Epochs between two checkpoints.

    resume : bool, default=False
        Whether to go on from `checkpoint`, to the same bits as if the training had never stopped. Give the other arguments as
        they were; the cluster may be another one.

    **options : dict
        Further arguments of `Network.fit`, as for `tileprop.trainer.fit_exact`.

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
    ClusterError
        Where the cluster is lost, or loses its workers again and again. The network holds its parameters of the last epoch.
    TypeError
        For an unknown argument, with the near one.

    Examples
    --------
    >>> import dask.array as da
    >>> from tileprop import Network
    >>> from tileprop.trainer.dask import fit_exact
    >>> X = da.linspace(-1, 1, 200, chunks=50)[:, None]
    >>> network = Network([1, 6, 1], "tanh", "identity", dtype="float64")
    >>> history = fit_exact(network, (X, X**2), epochs=50)
    >>> history.loss[-1] < 1e-3
    True
    """
    given: dict[str, Any] = {"optimizer": optimizer, "callbacks": callbacks}
    given |= {"checkpoint": checkpoint, "checkpoint_every": checkpoint_every}
    settings = checked_exact(network, epochs, batches, resume, validation_data is not None, given, options)
    with client_of(client) as connected:
        there = DaskShards(connected, shards, read)
        held = validation_data
        if held is not None and not is_of_arrays(held):
            held = DaskShards(connected, held, read)
        return trained_exactly(network, there, held, settings, batches, resume)
