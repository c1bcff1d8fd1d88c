"""Training of many networks on the same rows, in one call."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any

from numpy.typing import ArrayLike

from ..fit.early_stopping import EarlyStopping
from ..fit.history import History
from ..fit.optimizers import Optimizer
from ..fit.schedules import Schedule
from ..network import Network
from ..threads.number import most_threads
from .arguments import asked_for
from .preparation import Given, prepared_fits
from .running import Call


def fit_many(
    networks: Sequence[Network],
    X: ArrayLike,
    T: ArrayLike,
    *,
    epochs: int = 1,
    batch_size: int | None = None,
    optimizers: Sequence[Optimizer | str | None] | Optimizer | str | None = None,
    schedules: Sequence[Schedule | None] | Schedule | None = None,
    row_subsets: Sequence[ArrayLike | None] | None = None,
    seeds: Sequence[int] | None = None,
    sample_weight: ArrayLike | None = None,
    validation_data: tuple[Any, ...] | None = None,
    validation_split: float | None = None,
    validation_subsets: Sequence[ArrayLike | None] | None = None,
    early_stopping: Sequence[EarlyStopping | None] | EarlyStopping | None = None,
    settings: Sequence[dict[str, Any]] | None = None,
    progress: bool | None = None,
    n_threads: int | None = None,
    checkpoint: str | PathLike[str] | None = None,
    checkpoint_every: int | None = None,
    resume: bool = False,
    max_seconds: float | None = None,
    **options: Any,
) -> list[History]:
    """Train many networks on the same rows.

    Each network is trained by one thread, and ends at exactly the bits that `Network.fit` alone would give. The networks may
    have different sizes. X and T are shared, and not copied.

    Parameters
    ----------
    networks : sequence of Network
        The networks, which are changed in place.

    X : array-like of shape (n, n_in)
        Inputs.

    T : array-like of shape (n,) or (n, n_targets)
        Targets, as `Network.fit` takes them.

    epochs : int, default=1
        Number of passes of each network over its rows.

    batch_size : int, default=None
        Rows of a step; 32 unless given.

    optimizers : optimizer, str, or a sequence of these, default=None
        One optimizer for all networks, or one for each.

    schedules : schedule, or a sequence of these, default=None
        One schedule of the learning rate for all networks, or one for each.

    row_subsets : sequence of array-like of int, default=None
        For each network the numbers of the rows of X that it is trained on, such as a fold or a bootstrap sample. None stands
        for all rows.

    seeds : sequence of int, default=None
        For each network the seed of the order of its rows, of its dropout and of `validation_split`. Unless given, each
        network goes on with its own generator; two networks must not share one.

    sample_weight : array-like of shape (n,), default=None
        Weights of the rows of X.

    validation_data : tuple, default=None
        (X, T) or (X, T, sample_weight), whose loss is taken after each epoch of each network.

    validation_split : float, default=None
        Share of each network's rows that is held out for validation instead.

    validation_subsets : sequence of array-like of int, default=None
        For each network the numbers of the rows of X that it is validated on, instead.

    early_stopping : EarlyStopping, or a sequence of these, default=None
        Ends the fit of a network whose validation loss no longer falls. Each network gets a copy.

    settings : sequence of dict, default=None
        For each network further arguments of `Network.fit`, which go before those for all: `[{"alpha": 0.1}, ...]`.

    progress : bool, default=None
        Whether to show how many networks are done, the best loss so far and the time left. Unless given, calls that last a
        while show it on a terminal and in a notebook.

    n_threads : int, default=None
        Most threads to use. Unless given, `TILEPROP_NUM_THREADS`, or all processors at hand.

    checkpoint : str or path-like, default=None
        Folder to which the fits are written, a file for each network (needs the extra `files`). It is made where it is not
        there.

    checkpoint_every : int, default=None
        Epochs between two checkpoints of a network. Unless given, one is written each minute and at the end of its fit.

    resume : bool, default=False
        Whether to go on with the fits that are in the folder `checkpoint`, to the same bits as if they had never stopped. Give
        the other arguments as they were. Fits that are not there begin.

    max_seconds : float, default=None
        Time limit of the call: all fits then end after a step. Networks whose fits were not begun are not changed.

    **options : dict
        Further arguments of `Network.fit` for all networks: alpha, l1, weight_decay, clip_norm, frozen_layers, dropout,
        label_smoothing, shuffle and on_divergence, which is "stop" unless given.

    Returns
    -------
    list of History
        One for each network. Its `stopped` says why the fit ended: besides what `Network.fit` knows "stop" for Ctrl-C, and
        "error" where a callback has raised. A fit that was not begun has no epochs.

    Raises
    ------
    InputError
        For arguments that do not fit, before anything is changed; the message names the network's number.
    TypeError
        For an unknown argument, with the near one.

    Warns
    -----
    RuntimeWarning
        Where training of a network diverges, where one fails, and where Ctrl-C ends the call: all networks are then returned
        as they stand. A second Ctrl-C raises at once.

    See Also
    --------
    Network.fit : Trains one network; says what each argument is.

    Notes
    -----
    Where training of a network diverges, it ends up with its last finite parameters, and the others are trained on.
    on_divergence="raise" is not taken. Solvers (LBFGS, LevenbergMarquardt) are not taken either.

    Examples
    --------
    >>> import numpy as np
    >>> from tileprop import Adam, Network, fit_many
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> networks = [Network([2, 8, 1], "tanh", "identity", random_state=seed) for seed in range(4)]
    >>> optimizers = [Adam(rate) for rate in (0.1, 0.03, 0.01, 0.003)]
    >>> histories = fit_many(networks, X, X[:, 0] * X[:, 1], epochs=20, optimizers=optimizers, validation_split=0.2)
    >>> best = min(range(4), key=lambda i: histories[i].val_loss[-1])
    >>> networks[best].predict(X).shape
    (200, 1)
    """
    asked = asked_for(
        networks,
        epochs=epochs,
        batch_size=batch_size,
        optimizers=optimizers,
        schedules=schedules,
        row_subsets=row_subsets,
        seeds=seeds,
        validation_split=validation_split,
        validation_subsets=validation_subsets,
        early_stopping=early_stopping,
        settings=settings,
        **options,
    )
    fits = prepared_fits(asked, Given(X, T, sample_weight, validation_data))
    call = Call(progress, most_threads(n_threads), checkpoint, checkpoint_every, resume, max_seconds)
    return call.run(fits)
