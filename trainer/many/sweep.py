"""A sweep: many settings of a network, each with several seeds, trained at once and compared on validation rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import ArrayLike

from ..fit.early_stopping import EarlyStopping
from .fit_many import fit_many
from .sweep_result import SweepResult
from .sweeping import swept


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
    return swept(
        fit_many,
        X,
        T,
        settings,
        draws=draws,
        seeds=seeds,
        loss=loss,
        epochs=epochs,
        validation_data=validation_data,
        validation_split=validation_split,
        sample_weight=sample_weight,
        early_stopping=early_stopping,
        halving=halving,
        refit=refit,
        random_state=random_state,
        progress=progress,
        n_threads=n_threads,
        **fixed,
    )
