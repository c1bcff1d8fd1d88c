"""The classifier for Dask collections."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from dask.delayed import delayed
from distributed import Client
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils.validation import check_is_fitted

from ..errors import InputError
from ..network import Network
from .estimator import DaskMLP
from .predictions import outputs
from .recovery import Recovery
from .scores import accuracy


class DaskMLPClassifier(ClassifierMixin, DaskMLP):  # type: ignore[misc]
    """Multi-layer perceptron classifier for Dask collections, trained in rounds over their partitions.

    In each round every partition trains some steps by itself, from the same parameters, which are then averaged
    (`tileprop.trainer.dask.fit_rounds`). The result does not depend on the number of workers.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(100,)
        Number of units of each hidden layer.

    activation : str or list of str, default="relu"
        Activation of the hidden layers, one name for all or one for each, as `MLPRegressor` takes it.

    solver : {"adam", "sgd", "lbfgs"}, default="adam"
        How the weights are found: in rounds of Adam or stochastic gradient descent; or by L-BFGS, each step of which takes all
        rows (`tileprop.trainer.dask.fit_exact`) and only the arguments alpha, max_iter, n_iter_no_change and tol.

    alpha : float, default=0.0001
        Strength of the L2 penalty, as `Network.fit` takes it.

    batch_size : int or "auto", default="auto"
        Number of rows of a batch. "auto": 200, or all rows of a partition that has fewer.

    learning_rate_init : float, default=0.001
        Learning rate of "adam" and "sgd".

    max_iter : int, default=200
        Largest number of rounds, or of iterations of L-BFGS.

    steps : int or None, default=None
        Steps of each partition in a round. None: as many as a partition of average size has batches.

    momentum : float, default=0.9
        Momentum of "sgd".

    shuffle : bool, default=True
        Shuffle the rows of each partition in each of its epochs.

    n_iter_no_change : int, default=10
        Rounds without an improvement by tol before training stops.

    tol : float, default=1e-4
        Smallest improvement of the loss that counts: of the validation loss where `fit` is given X_val and y_val, otherwise of
        the training loss.

    optimizer : optimizer of `tileprop.trainer`, default=None
        SGD, Adam, Nadam, RMSprop or Rprop, used instead of solver, learning_rate_init and momentum.

    weight_decay : float, default=0.0
        Decoupled weight decay (AdamW): weights shrink by the learning rate times this before each step.

    dropout : float or list of float, default=0.0
        Rate at which hidden units are left out of a step at random, for all hidden layers or a list with one for each.

    schedule : schedule of `tileprop.trainer` or None, default=None
        Per-round multiplier of the learning rate, such as Cosine() or StepDecay().

    dtype : {"float32", "float64"} or None, default=None
        Floating-point type used in training. None: float32 where all columns of X have it, otherwise float64.

    random_state : int, RandomState instance or None, default=None
        Seed of the initial weights, the order of the rows and dropout.

    verbose : bool, default=False
        Show progress on a terminal and in a notebook.

    Attributes
    ----------
    client : dask.distributed.Client, str or None
        The client that training uses, or the address of a scheduler. None, the default, stands for the current client, or else
        for a cluster of this process that `fit` makes and closes. It may be set. Pickles and clones do not keep it.

    network_ : Network
        The trained network.

    history_ : History
        Losses and times, one entry for each round.

    n_iter_ : int
        Number of rounds.

    loss_curve_ : list of float
        Training loss of each round.

    n_features_in_ : int
        Number of columns of X.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where X is a data frame whose names are all strings.

    classes_ : ndarray of shape (n_classes,)
        Class labels.

    See Also
    --------
    MLPClassifier : Trains on arrays in memory.

    Examples
    --------
    >>> import dask.array as da
    >>> from tileprop.trainer.dask import DaskMLPClassifier
    >>> X = da.random.default_rng(0).normal(size=(2000, 2), chunks=(500, 2))
    >>> y = X[:, 0] > X[:, 1]
    >>> model = DaskMLPClassifier((16,), learning_rate_init=0.01, max_iter=30, random_state=0).fit(X, y)
    >>> model.predict(X)
    dask.array<_of_block, shape=(2000,), dtype=bool, chunksize=(500,), chunktype=numpy.ndarray>
    >>> model.score(X, y) > 0.95
    True
    """

    classes_: np.ndarray

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, X_val: Any = None, y_val: Any = None, sample_weight_val: Any = None
    ) -> Self:
        """Train on X and y.

        Parameters
        ----------
        X : dask.array.Array of shape (n_samples, n_features), or dask.dataframe.DataFrame
            Training rows. Each chunk of rows or partition is a shard. Scale the columns to similar ranges first.

        y : dask.array.Array or dask.dataframe.Series of shape (n_samples,)
            Class labels, at least two different ones, in the same chunks or partitions as X.

        sample_weight : dask.array.Array or dask.dataframe.Series of shape (n_samples,), default=None
            Weights of the rows in the loss.

        X_val, y_val : like X and y, default=None
            Validation data. Training stops when their loss no longer falls, and keeps the parameters of the best round.

        sample_weight_val : like sample_weight, default=None
            Weights of the validation rows.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            For arguments or data that do not fit. InputError is one of these.
        DivergenceError
            Where training diverges.
        ClusterError
            Where the cluster is lost, or loses its workers again and again.
        """
        return self._train(X, y, sample_weight, (X_val, y_val, sample_weight_val))

    def predict(self, X: Any) -> Any:
        """Predict the class of each row, lazily.

        Parameters
        ----------
        X : Dask array of shape (n_samples, n_features), or Dask data frame
            Inputs. An array in memory is taken, too, and predicted at once.

        Returns
        -------
        y : Dask array of shape (n_samples,), or Dask series
            Class labels, in the chunks of X, or with its index.
        """
        check_is_fitted(self)
        return self._predicted(X, _labels, None, self.classes_.dtype)

    def predict_proba(self, X: Any) -> Any:
        """Predict the probability of each class, lazily.

        Parameters
        ----------
        X : Dask array of shape (n_samples, n_features), or Dask data frame
            Inputs. An array in memory is taken, too, and predicted at once.

        Returns
        -------
        proba : Dask array of shape (n_samples, n_classes), or Dask data frame
            Probabilities, in the chunks of X, or with its index and a column for each class.
        """
        check_is_fitted(self)
        return self._predicted(X, outputs, self.classes_.tolist(), self.network_.dtype)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Accuracy, computed partition by partition.

        Parameters
        ----------
        X : Dask array of shape (n_samples, n_features), or Dask data frame
            Inputs.

        y : Dask array or series of shape (n_samples,)
            True labels.

        sample_weight : Dask array or series of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        score : float
            Share of the rows, or of their weight, that is predicted right.
        """
        with self._connected() as client:
            return accuracy(client, self.predict(X), y, sample_weight)

    def _untrained(self, client: Client, n_in: int, y: Any, **arguments: Any) -> Network:
        if y.ndim != 1:
            raise InputError(f"y has {y.ndim} axes; it must have one, of class labels")
        found = Recovery(client).gathered([delayed(np.unique)(part) for part in np.ravel(y.to_delayed())])
        self.classes_ = np.unique(np.concatenate([np.asarray(labels) for labels in found]))
        if len(self.classes_) < 2:
            raise InputError(f"y holds one class, {self.classes_.tolist()}; give rows of at least two classes")
        sizes = [n_in, *arguments.pop("hidden"), len(self.classes_)]
        network = Network(sizes, output_activation="softmax", loss="log_loss", **arguments)
        network.classes = self.classes_.tolist()
        return network


def _labels(network: Network, rows: Any) -> np.ndarray:
    """The predicted labels, also of no rows."""
    assert network.classes is not None
    return np.asarray(network.classes)[outputs(network, rows).argmax(axis=1)]
