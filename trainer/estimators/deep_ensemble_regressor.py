"""The ensemble for regression: means, standard deviations and intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self, overload

import numpy as np
from scipy.special import ndtr, ndtri
from sklearn.base import MultiOutputMixin, RegressorMixin, _fit_context

from ..bounds import as_float
from ..errors import InputError
from ..intervals import COVERAGE, deviation
from ..network import Network
from ..scaling import Scaling
from .deep_ensemble import DeepEnsemble
from .inputs import as_given_targets, in_dtype

# Halvings of the range in which a quantile lies: beyond float64's precision.
_HALVINGS = 60


class DeepEnsembleRegressor(MultiOutputMixin, RegressorMixin, DeepEnsemble):  # type: ignore[misc]
    """Networks that are trained apart and predict together: a mean and a standard deviation for each row.

    Each network learns a mean and a variance for each row (loss "gaussian_nll"), for standardised targets. The ensemble
    predicts the mixture of these normal distributions, with equal weights. All networks are trained in one call.

    All networks are trained in one call; within `joblib.parallel_config("dask")` on the Dask cluster of the current client.

    Parameters
    ----------
    n_estimators : int, default=8
        Number of networks.

    hidden_layer_sizes : int or sequence of int, default=(64,)
        Number of units of each hidden layer.

    activation : str or list of str, default="relu"
        Activation of the hidden layers, one name for all or one for each, as `MLPRegressor` takes it.

    alpha : float, default=0.0001
        Strength of the L2 penalty, as `Network.fit` takes it.

    learning_rate_init : float, default=0.003
        Learning rate of Adam.

    batch_size : int or "auto", default="auto"
        Number of rows of a batch. "auto": 32.

    max_iter : int, default=200
        Largest number of epochs.

    early_stopping : bool, default=True
        Stop the training of a network when its loss on validation rows does not improve, and keep the best weights. Each
        network has validation rows of its own.

    validation_fraction : float, default=0.1
        Part of the rows that early_stopping sets aside, between 0 and 1.

    n_iter_no_change : int, default=10
        Epochs without an improvement by tol before training stops.

    tol : float, default=1e-4
        Smallest improvement of the validation loss that counts.

    optimizer : optimizer of `tileprop.trainer`, default=None
        SGD, Adam, Nadam, RMSprop or Rprop, used instead of Adam(learning_rate_init).

    weight_decay : float, default=0.0
        Decoupled weight decay (AdamW): weights shrink by the learning rate times this before each step.

    dropout : float or list of float, default=0.0
        Rate at which hidden units are left out of a step at random, for all hidden layers or a list with one for each.

    schedule : schedule of `tileprop.trainer` or None, default=None
        Per-epoch multiplier of the learning rate, such as Cosine() or StepDecay().

    dtype : {"float32", "float64"} or None, default=None
        Floating-point type used in training. None: that of X.

    random_state : int, RandomState instance or None, default=None
        Seed of the initial weights, the order of the rows and the validation rows of all networks.

    n_threads : int or None, default=None
        Largest number of training threads. None: all processors. Results are bit-identical for any value.

    verbose : bool, default=False
        Show progress on a terminal and in a notebook.

    Attributes
    ----------
    networks_ : list of Network
        The trained networks.

    histories_ : list of History
        The fit of each network.

    n_iter_ : int
        Largest number of epochs of a network.

    n_features_in_ : int
        Number of columns of X.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where X has names that are all strings.

    n_outputs_ : int
        Number of targets.

    Notes
    -----
    Lakshminarayanan, Pritzel and Blundell (2017): networks with other initial weights and another order of the rows err in
    different ways, and their mean is better than each. Their adversarial training is not part of this class.

    Examples
    --------
    >>> import numpy as np
    >>> from tileprop.trainer import DeepEnsembleRegressor
    >>> X = np.random.default_rng(0).uniform(-1, 1, size=(200, 1))
    >>> model = DeepEnsembleRegressor(4, max_iter=50, random_state=0).fit(X, X[:, 0] ** 2)
    >>> mean, std = model.predict(X, return_std=True)
    >>> lower, upper = model.predict_interval(X, coverage=0.5)
    >>> bool(((lower < mean) & (mean < upper)).all())
    True
    """

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train all networks on X and y.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows. Scale the columns to similar ranges, with scikit-learn's StandardScaler for instance.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows in the loss.

        Returns
        -------
        self : object
            The fitted ensemble.

        Raises
        ------
        ValueError
            For arguments or data that do not fit, and where training of a network diverges. InputError is one of these.
        """
        y = as_given_targets(self, "y", y)
        X, y, weight = self._validated(X, y, sample_weight, multi_output=True, y_numeric=True)
        targets = in_dtype("y", y.reshape(len(y), -1), np.float64)
        self.n_outputs_ = targets.shape[1]
        self._scaling = Scaling.fit(targets)
        self._train(X, self._scaling.apply(targets).astype(X.dtype), weight, None)
        return self

    if TYPE_CHECKING:
        # scikit-learn has no types.
        def score(self, X: Any, y: Any, sample_weight: Any = None) -> float: ...

    @overload
    def predict(self, X: Any, return_std: Literal[False] = False) -> np.ndarray: ...

    @overload
    def predict(self, X: Any, return_std: Literal[True]) -> tuple[np.ndarray, np.ndarray]: ...

    def predict(self, X: Any, return_std: bool = False) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Predict the targets of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.

        return_std : bool, default=False
            Return the standard deviations as well.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Means of the networks' means.

        std : ndarray, shaped like y
            Standard deviations of the mixture, in the unit of the targets: noise that the networks have learned, and the
            spread of their means. Only with return_std=True.
        """
        means, deviations = self._members(X)
        mean = means.mean(axis=0)
        if not return_std:
            return _as_predicted(mean)
        return _as_predicted(mean), _as_predicted(np.sqrt((deviations**2).mean(axis=0) + means.var(axis=0)))

    def predict_interval(self, X: Any, coverage: float = COVERAGE) -> tuple[np.ndarray, np.ndarray]:
        """Predict intervals that are to hold the targets: between two quantiles of the mixture.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.

        coverage : float, default=0.9
            Share of the targets that the intervals are to hold, above 0 and below 1.

        Returns
        -------
        lower, upper : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Bounds in the unit of the targets. The same share of targets is expected below lower as above upper.

        Raises
        ------
        InputError
            For a coverage that is out of range.
        """
        if not 0.0 < as_float(coverage) < 1.0:
            raise InputError(f"coverage is {coverage!r}; it must be a number above 0 and below 1")
        members = self._members(X)
        outside = (1.0 - coverage) / 2
        return _as_predicted(_quantile(outside, *members)), _as_predicted(_quantile(1.0 - outside, *members))

    def _members(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        """Means and standard deviations (n_estimators, n, n_outputs) of all networks, in the unit of the targets."""
        Y, plan = self._outputs(X), self.networks_[0].plan
        means = self._scaling.undo(Y[..., : self.n_outputs_])
        return means, np.stack([deviation(plan, outputs) for outputs in Y]) * self._scaling.scale

    def _network(self, n_in: int, **arguments: Any) -> Network:
        sizes = [n_in, *arguments.pop("hidden"), 2 * self.n_outputs_]
        return Network(sizes, output_activation="identity", loss="gaussian_nll", **arguments)


def _quantile(level: float, means: np.ndarray, deviations: np.ndarray) -> np.ndarray:
    """Of mixtures of normal distributions, all three (n_members, ...) without the first axis. By halving.

    A mixture's quantile lies between the lowest and the highest of its members'.
    """
    of_members = means + ndtri(level) * deviations
    low, high = of_members.min(axis=0), of_members.max(axis=0)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        below = ndtr((middle - means) / deviations).mean(axis=0) < level
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return 0.5 * (low + high)


def _as_predicted(Y: np.ndarray) -> np.ndarray:
    """Targets (n, n_outputs) as scikit-learn returns them: (n,) for one."""
    return Y[:, 0] if Y.shape[1] == 1 else Y
