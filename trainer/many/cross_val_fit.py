"""Cross-validation: one network for each fold, all trained in one call."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ...kernels.validation import seed_number
from ..arrays import unmasked
from ..errors import InputError
from ..extras import require
from ..fit.history import History
from ..labels import classes_in
from ..network import Network
from .fit_many import fit_many
from .folds import folds_of


@dataclass(repr=False)
class CrossValidation:
    """Results of `cross_val_fit`: one entry for each fold, and the predictions for rows that were held out.

    Parameters
    ----------
    loss : ndarray of shape (n_folds,)
        Mean loss of each network on the held-out rows of its fold.

    score : ndarray of shape (n_folds,)
        Score of each network on these rows, as `Network.score` gives it. NaN where it is R2 and the fold holds out one row.

    predictions : ndarray of shape (n, n_out)
        Out-of-fold predictions: the outputs for each row by the network that was not trained on it. NaN for rows that no fold
        holds out. For rows that several folds hold out, the mean of the outputs.

    folds : list of (ndarray, ndarray)
        Row numbers (train, test) of each fold.

    networks : list of Network
        The trained network of each fold.

    histories : list of History
        The fit of each fold.

    Examples
    --------
    >>> import numpy as np
    >>> from tileprop import Network, cross_val_fit
    >>> X = np.random.default_rng(0).normal(size=(100, 2))
    >>> result = cross_val_fit(Network([2, 8, 1], "tanh", "identity"), X, X[:, 0], cv=4, epochs=50, optimizers="adam")
    >>> result.score.shape, result.predictions.shape
    ((4,), (100, 1))
    """

    loss: np.ndarray
    score: np.ndarray
    predictions: np.ndarray
    folds: list[tuple[np.ndarray, np.ndarray]]
    networks: list[Network] = field(default_factory=list)
    histories: list[History] = field(default_factory=list)

    def __repr__(self) -> str:
        figures = ", ".join(
            f"{name} {np.mean(values):.4g} +/- {np.std(values):.2g}"
            for name, values in (("loss", self.loss), ("score", self.score))
        )
        return f"CrossValidation of {len(self.folds)} folds: {figures}"

    def to_frame(self) -> Any:
        """The folds as a pandas DataFrame (needs pandas, extra `frames`).

        Returns
        -------
        pandas.DataFrame
            One row for each fold, numbered from 0 by the index `fold`; columns `loss`, `score`, `epochs`, `n_train` and
            `n_test`.
        """
        pandas = require("pandas", "CrossValidation.to_frame")
        columns = {
            "loss": self.loss,
            "score": self.score,
            "epochs": [history.epochs for history in self.histories],
            "n_train": [len(train) for train, _ in self.folds],
            "n_test": [len(test) for _, test in self.folds],
        }
        return pandas.DataFrame(columns, index=pandas.RangeIndex(len(self.folds), name="fold"))


def cross_val_fit(
    network: Network | Callable[[int], Network],
    X: ArrayLike,
    T: ArrayLike,
    *,
    cv: Any = 5,
    random_state: int = 0,
    sample_weight: ArrayLike | None = None,
    **options: Any,
) -> CrossValidation:
    """Train one network for each fold, and test it on the rows that the fold holds out.

    Parameters
    ----------
    network : Network or callable
        The network, which is copied for each fold and not changed; or a function of the fold's number, from 0, that makes one.

    X : array-like of shape (n, n_in)
        Inputs.

    T : array-like of shape (n,) or (n, n_targets)
        Targets, as `Network.fit` takes them.

    cv : int, splitter of scikit-learn, or list of (train, test), default=5
        Number of folds, of randomly ordered rows; with class labels each fold has about the same share of each class. Or
        something with `split(X, T)`, or the row numbers of each fold.

    random_state : int, default=0
        Seed of the folds. Used where cv is an int.

    sample_weight : array-like of shape (n,), default=None
        Weights of the rows, in training and in loss and score.

    **options : dict
        Further arguments of `fit_many`: epochs, batch_size, optimizers, schedules, early_stopping, n_threads and so on. Early
        stopping needs `validation_split`, which is taken from the training rows of each fold.

    Returns
    -------
    CrossValidation
        Loss and score of each fold, out-of-fold predictions, networks and histories.

    Raises
    ------
    InputError
        For arguments that do not fit, before training.

    See Also
    --------
    fit_many : Trains the networks.

    Notes
    -----
    Held-out rows take no part in training, nor in early stopping. Each network ends at the bits that `Network.fit` would give
    for the training rows of its fold.

    Examples
    --------
    >>> import numpy as np
    >>> from tileprop import Network, cross_val_fit
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> labels = np.where(X[:, 0] > X[:, 1], "right", "left")
    >>> network = Network([2, 8, 2], "tanh", "softmax", "log_loss")
    >>> result = cross_val_fit(network, X, labels, epochs=100, optimizers="adam")
    >>> bool(result.score.mean() > 0.9)
    True
    """
    return cross_validated(fit_many, network, X, T, cv=cv, random_state=random_state, sample_weight=sample_weight, **options)


def cross_validated(
    fit_many: Callable[..., list[History]],
    network: Network | Callable[[int], Network],
    X: Any,
    T: Any,
    *,
    cv: Any = 5,
    random_state: int = 0,
    sample_weight: Any = None,
    **options: Any,
) -> CrossValidation:
    """See `cross_val_fit`. fit_many: trains the networks; called like `fit_many`, to the same bits."""
    for name in ("row_subsets", "validation_subsets", "validation_data"):
        if options.get(name) is not None:
            raise InputError(f"cross_val_fit takes no {name}: its folds say which rows are trained on; use fit_many")
    inputs, targets = unmasked("X", X).array, unmasked("T", T).array
    one = network if isinstance(network, Network) else _made(network, 0)
    classes = one.classes or classes_in(T, one.plan)
    plan, _, numbers, weight = one.prepared(X, T, sample_weight, classes=classes)
    n = len(numbers)
    labels = numbers[:, 0] if plan.loss == "log_loss" and numbers.shape[1] == 1 else None
    folds = folds_of(cv, inputs, targets, n, labels, np.random.default_rng(seed_number(random_state)))
    for i, (_, test) in enumerate(folds):
        if weight.size and not weight[test].any():
            raise InputError(f"fold {i} of cv holds out only rows whose sample_weight is 0; give other folds")
    networks = [one if i == 0 and one is not network else _made(network, i) for i in range(len(folds))]
    given = {"sample_weight": sample_weight, "row_subsets": [train for train, _ in folds], **options}
    histories = fit_many(networks, X, T, **given)
    losses, scores = np.empty(len(folds)), np.full(len(folds), np.nan)
    predictions, count = np.zeros((n, one.plan.sizes[-1])), np.zeros((n, 1))
    for i, (trained, (_, test)) in enumerate(zip(networks, folds, strict=True)):
        held = inputs[test], targets[test], weight[test] if weight.size else None
        losses[i] = trained.loss(*held)
        if plan.loss == "log_loss" or len(test) > 1:
            scores[i] = trained.score(*held)
        predictions[test] += trained.predict(inputs[test])
        count[test] += 1
    with np.errstate(invalid="ignore"):
        predictions /= count
    return CrossValidation(losses, scores, predictions, folds, networks, histories)


def _made(network: Any, number: int) -> Network:
    """The network of a fold."""
    if isinstance(network, Network):
        return copy.deepcopy(network)
    if not callable(network):
        raise InputError(f"network is {network!r}; it must be a Network, or a function of the fold's number that makes one")
    made = network(number)
    if not isinstance(made, Network):
        raise InputError(f"network({number}) is {made!r}; the function must return a Network")
    return made
