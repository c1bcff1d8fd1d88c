"""`fit_many`, `sweep` and `cross_val_fit` on a cluster, with the arguments and the results that they have on one machine."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from distributed import Client
from numpy.typing import ArrayLike

from ...kernels.validation import positive_integer
from ..errors import InputError
from ..fit.history import History
from ..many.arguments import asked_for
from ..many.cross_val_fit import CrossValidation, cross_validated
from ..many.preparation import Given
from ..many.sweep_result import SweepResult
from ..many.sweeping import swept
from ..network import Network
from .cluster import client_of
from .groups import Look, trained_in_groups

# Arguments of the local calls that a cluster has no use for, and why.
REFUSED = {
    "checkpoint": "Dask trains again what a lost worker had",
    "checkpoint_every": "Dask trains again what a lost worker had",
    "resume": "Dask trains again what a lost worker had",
    "max_seconds": "tasks cannot be ended from outside; give fewer epochs",
}


def fit_many(
    networks: Sequence[Network], X: ArrayLike, T: ArrayLike, *, client: Client | str | None = None, **options: Any
) -> list[History]:
    """Train many networks on the same rows, on a Dask cluster.

    Networks are trained in groups. Each group is one task, which trains as `tileprop.fit_many` does. The data are sent to each
    worker once. The results are those of `tileprop.fit_many`, bit for bit, for any number of workers.

    Parameters
    ----------
    networks : sequence of Network
        The networks, which are changed in place.

    X : array-like of shape (n, n_in)
        Inputs. They must fit into the memory of a worker.

    T : array-like of shape (n,) or (n, n_targets)
        Targets, as `Network.fit` takes them.

    client : dask.distributed.Client or str, default=None
        The cluster's client, or the address of its scheduler. Unless given, the current client, or else a cluster of this
        process that the call makes and closes.

    **options : dict
        The other arguments of `tileprop.fit_many`, except checkpoint, checkpoint_every, resume and max_seconds. `n_threads`
        is the number of threads of each task, 1 unless given: Dask runs one task for each thread of a worker.

    Returns
    -------
    list of History
        One for each network, as from `tileprop.fit_many`.

    Raises
    ------
    InputError
        For arguments that do not fit, before anything is changed.
    ClusterError
        Where the cluster is lost, or loses worker after worker. Networks whose group was done are then trained, and the others
        are unchanged.

    Warns
    -----
    RuntimeWarning
        Where training of a network diverges, where one fails, and where Ctrl-C ends the call.

    Notes
    -----
    Callbacks are called on the workers, as copies. When a worker is lost, its group is trained again on another worker, from
    the beginning. Dask cannot end a task that has begun: after Ctrl-C, workers finish the groups that they have begun, and a
    cluster of the call's own is closed only then.

    Examples
    --------
    >>> import numpy as np
    >>> from tileprop import Adam, Network
    >>> from tileprop.trainer.dask import fit_many
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> networks = [Network([2, 8, 1], "tanh", "identity", random_state=seed) for seed in range(4)]
    >>> histories = fit_many(networks, X, X[:, 0] * X[:, 1], epochs=20, optimizers=Adam(0.03))
    >>> [history.epochs for history in histories]
    [20, 20, 20, 20]
    """
    with client_of(client) as connected:
        return fit_with(connected)(networks, X, T, **options)


def fit_with(client: Client, look: Look | None = None) -> Callable[..., list[History]]:
    """What is called like `tileprop.fit_many`, and trains on this cluster. look: called for each network that is done."""
    return functools.partial(_fit_many, client, look)


def _fit_many(
    client: Client,
    look: Look | None,
    networks: Sequence[Network],
    X: Any,
    T: Any,
    *,
    sample_weight: Any = None,
    validation_data: tuple[Any, ...] | None = None,
    progress: bool | None = None,
    n_threads: int | None = None,
    **options: Any,
) -> list[History]:
    for name, why in REFUSED.items():
        if options.pop(name, None):
            raise InputError(f"{name} is given, but on a Dask cluster it is not taken: {why}")
    each = 1 if n_threads is None else positive_integer("n_threads", n_threads)
    asked = asked_for(networks, **options)
    return trained_in_groups(client, asked, Given(X, T, sample_weight, validation_data), each, progress, look)


def sweep(
    X: ArrayLike, T: ArrayLike, settings: Mapping[str, Any], *, client: Client | str | None = None, **options: Any
) -> SweepResult:
    """Compare settings of a network by their validation losses, on a Dask cluster, and train the best one on all rows.

    The result is that of `tileprop.sweep`, bit for bit. The last training, of the best setting, is made in this process.

    Parameters
    ----------
    X : array-like of shape (n, n_in)
        Inputs. They must fit into the memory of a worker.

    T : array-like of shape (n,) or (n, n_targets)
        Targets: numbers, or labels of classes.

    settings : dict
        Values to try, a list for each name, as for `tileprop.sweep`.

    client : dask.distributed.Client or str, default=None
        The cluster's client, or the address of its scheduler. Unless given, the current client, or else a cluster of this
        process that the call makes and closes.

    **options : dict
        The other arguments of `tileprop.sweep`. `n_threads` is the number of threads of each task, 1 unless given, and of the
        last training.

    Returns
    -------
    SweepResult
        The table of the settings, the best first, the best setting, and the network trained with it.

    Raises
    ------
    InputError
        For arguments that do not fit, before any training.
    ClusterError
        Where the cluster is lost, or loses worker after worker.

    See Also
    --------
    fit_many : Trains the networks.

    Examples
    --------
    >>> import numpy as np
    >>> from tileprop.trainer.dask import sweep
    >>> X = np.random.default_rng(0).normal(size=(300, 2))
    >>> settings = {"hidden": [(8,), (32, 32)], "learning_rate": [0.03, 0.003]}
    >>> result = sweep(X, X[:, 0] * X[:, 1], settings, seeds=2, epochs=30, validation_split=0.2)
    >>> len(result.table)
    4
    """
    with client_of(client) as connected:
        return swept(fit_with(connected), X, T, settings, **options)


def cross_val_fit(
    network: Network | Callable[[int], Network],
    X: ArrayLike,
    T: ArrayLike,
    *,
    client: Client | str | None = None,
    **options: Any,
) -> CrossValidation:
    """Train one network for each fold, on a Dask cluster, and test it on the rows that the fold holds out.

    The result is that of `tileprop.cross_val_fit`, bit for bit. The tests are made in this process.

    Parameters
    ----------
    network : Network or callable
        The network, which is copied for each fold and not changed; or a function of the fold's number, from 0, that makes one.

    X : array-like of shape (n, n_in)
        Inputs. They must fit into the memory of a worker.

    T : array-like of shape (n,) or (n, n_targets)
        Targets, as `Network.fit` takes them.

    client : dask.distributed.Client or str, default=None
        The cluster's client, or the address of its scheduler. Unless given, the current client, or else a cluster of this
        process that the call makes and closes.

    **options : dict
        The other arguments of `tileprop.cross_val_fit`.

    Returns
    -------
    CrossValidation
        Loss and score of each fold, out-of-fold predictions, networks and histories.

    Raises
    ------
    InputError
        For arguments that do not fit, before training.
    ClusterError
        Where the cluster is lost, or loses worker after worker.

    See Also
    --------
    fit_many : Trains the networks.

    Examples
    --------
    >>> import numpy as np
    >>> from tileprop import Network
    >>> from tileprop.trainer.dask import cross_val_fit
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> labels = np.where(X[:, 0] > X[:, 1], "right", "left")
    >>> network = Network([2, 8, 2], "tanh", "softmax", "log_loss")
    >>> result = cross_val_fit(network, X, labels, epochs=100, optimizers="adam")
    >>> bool(result.score.mean() > 0.9)
    True
    """
    with client_of(client) as connected:
        return cross_validated(fit_with(connected), network, X, T, **options)
