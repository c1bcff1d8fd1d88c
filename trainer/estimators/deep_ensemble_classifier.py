"""The ensemble for classes: probabilities, and how far the networks agree about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self, overload

import numpy as np
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils.multiclass import check_classification_targets

from ..errors import InputError
from ..network import Network
from .deep_ensemble import DeepEnsemble
from .inputs import as_given_targets


class DeepEnsembleClassifier(ClassifierMixin, DeepEnsemble):  # type: ignore[misc]
    """Networks that are trained apart and predict together: the mean of their probabilities.

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

    classes_ : ndarray of shape (n_classes,)
        Class labels.

    Notes
    -----
    Lakshminarayanan, Pritzel and Blundell (2017): networks with other initial weights and another order of the rows err in
    different ways, and their mean is better than each. Their adversarial training is not part of this class.

    Examples
    --------
    >>> import numpy as np
    >>> from tileprop.trainer import DeepEnsembleClassifier
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> y = np.where(X[:, 0] + X[:, 1] > 0, "above", "below")
    >>> model = DeepEnsembleClassifier(4, max_iter=50, random_state=0).fit(X, y)
    >>> model.predict([[1.0, 1.0], [-1.0, -1.0]])
    array(['above', 'below'], dtype='<U5')
    """

    classes_: np.ndarray

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train all networks on X and y.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows. Scale the columns to similar ranges, with scikit-learn's StandardScaler for instance.

        y : array-like of shape (n_samples,)
            Class labels, at least two different ones.

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
        X, y, weight = self._validated(X, y, sample_weight)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise InputError(f"y holds one class, {self.classes_.tolist()[0]!r}; give rows of at least two classes")
        self._train(X, labels, weight, labels)
        return self

    if TYPE_CHECKING:
        # scikit-learn has no types.
        def score(self, X: Any, y: Any, sample_weight: Any = None) -> float: ...

    def predict(self, X: Any) -> np.ndarray:
        """Predict the class of each row: the one with the largest mean probability.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Class labels.
        """
        P = self.predict_proba(X)
        labels: np.ndarray = self.classes_[P.argmax(axis=1)]
        return labels

    @overload
    def predict_proba(self, X: Any, return_std: Literal[False] = False) -> np.ndarray: ...

    @overload
    def predict_proba(self, X: Any, return_std: Literal[True]) -> tuple[np.ndarray, np.ndarray]: ...

    def predict_proba(self, X: Any, return_std: bool = False) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Predict the probability of each class: the mean of the networks' probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.

        return_std : bool, default=False
            Return the spread of the networks' probabilities as well.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            Probabilities; the sum of each row is 1.

        std : ndarray of shape (n_samples, n_classes)
            Standard deviations of the networks' probabilities: 0 where all agree. Only with return_std=True.
        """
        Y = self._outputs(X)
        Y /= Y.sum(axis=2, keepdims=True)  # to 1 in float64
        return (Y.mean(axis=0), Y.std(axis=0)) if return_std else Y.mean(axis=0)

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Predict the logarithm of the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        log_proba : ndarray of shape (n_samples, n_classes)
            Natural logarithms of `predict_proba`.
        """
        with np.errstate(divide="ignore"):
            log_proba: np.ndarray = np.log(self.predict_proba(X))
        return log_proba

    def _network(self, n_in: int, **arguments: Any) -> Network:
        sizes = [n_in, *arguments.pop("hidden"), len(self.classes_)]
        return Network(sizes, output_activation="softmax", loss="log_loss", **arguments)
