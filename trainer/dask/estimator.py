"""What both Dask estimators share: their arguments, training over shards, and lazy predictions."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import AbstractContextManager
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from dask.base import is_dask_collection
from distributed import Client
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from ..errors import InputError
from ..estimators.options import CONSTRAINTS
from ..fit.callbacks import RunningFit
from ..fit.early_stopping import EarlyStopping
from ..fit.history import History
from ..fit.optimizers import SGD, Adam, Nadam, RMSprop, Rprop
from ..network import Network
from ..scikit_learn_names import ACTIVATIONS
from .cluster import client_of
from .exact import fit_exact
from .predictions import Rows, by_rows
from .rounds import fit_rounds

# Rows of a batch, where "auto" is given: scikit-learn's.
BATCH = 200
_OPTIONS = ("activation", "weight_decay", "dropout", "schedule", "dtype")


class DaskMLP(BaseEstimator):  # type: ignore[misc]
    """A part of both estimators."""

    _parameter_constraints: dict[str, Any] = {  # noqa: RUF012
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "solver": [StrOptions({"adam", "sgd", "lbfgs"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "steps": [Interval(Integral, 1, None, closed="left"), None],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "shuffle": ["boolean"],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "optimizer": [SGD, Adam, Nadam, RMSprop, Rprop, None],
        "random_state": ["random_state"],
        "verbose": ["boolean"],
        **{name: CONSTRAINTS[name] for name in _OPTIONS},
    }

    network_: Network
    history_: History
    _client: Client | str | None = None

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate_init: float = 0.001,
        max_iter: int = 200,
        steps: int | None = None,
        momentum: float = 0.9,
        shuffle: bool = True,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        optimizer: Any = None,
        weight_decay: float = 0.0,
        dropout: Any = 0.0,
        schedule: Any = None,
        dtype: str | None = None,
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.steps = steps
        self.momentum = momentum
        self.shuffle = shuffle
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.optimizer = optimizer
        self.weight_decay = weight_decay
        self.dropout = dropout
        self.schedule = schedule
        self.dtype = dtype
        self.random_state = random_state
        self.verbose = verbose

    @property
    def client(self) -> Client | str | None:
        """The Dask client that training uses, or the address of a scheduler.

        None, the default, stands for the current client, or else for a cluster of this process that `fit` makes and closes.
        It is not kept when the estimator is pickled or cloned.
        """
        return self._client

    @client.setter
    def client(self, client: Client | str | None) -> None:
        self._client = client

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_client"}

    @abstractmethod
    def _untrained(self, client: Client, n_in: int, y: Any, **arguments: Any) -> Network:
        """A network for these targets, of which the estimator keeps what it must know. arguments: of `Network`."""

    def _train(self, X: Any, y: Any, sample_weight: Any, held: tuple[Any, Any, Any]) -> Self:
        """Train over the partitions of X and y. held: X_val, y_val and sample_weight_val."""
        if (held[0] is None) != (held[1] is None) or (held[0] is None and held[2] is not None):
            raise InputError("X_val and y_val go together, and sample_weight_val with them; give both, or leave all out")
        for name, one in (("X", X), ("y", y)):
            if not is_dask_collection(one):
                raise InputError(
                    f"{name} is of type {type(one).__name__}; give a Dask array, a Dask data frame or a Dask series"
                )
        self.n_features_in_ = len(X.columns) if hasattr(X, "columns") else int(X.shape[1])
        self.__dict__.pop("feature_names_in_", None)
        if hasattr(X, "columns") and all(isinstance(name, str) for name in X.columns):
            self.feature_names_in_ = np.asarray(X.columns, object)
        hidden = np.atleast_1d(self.hidden_layer_sizes).tolist()
        names = [self.activation] * len(hidden) if isinstance(self.activation, str) else list(self.activation)
        arguments = {
            "activation": [ACTIVATIONS.get(name, name) for name in names] or "identity",
            "dtype": self.dtype or _dtype_of(X),
            "random_state": int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max)),
        }
        validates = held[0] is not None
        stopping = EarlyStopping(self.n_iter_no_change, self.tol) if validates else NoChange(self.n_iter_no_change, self.tol)
        with client_of(self._client) as client:
            network = self._untrained(client, self.n_features_in_, y, hidden=hidden, **arguments)
            shards = tuple(one for one in (X, y, sample_weight) if one is not None)
            given: dict[str, Any] = {
                "validation_data": tuple(one for one in held if one is not None) if validates else None,
                "callbacks": [stopping],
                "client": client,
                "alpha": self.alpha,
                "progress": None if self.verbose else False,
            }
            if self.solver == "lbfgs" and self.optimizer is None:
                self.history_ = fit_exact(network, shards, epochs=self.max_iter, optimizer="lbfgs", **given)
            else:
                self.history_ = fit_rounds(network, shards, rounds=self.max_iter, **self._of_rounds(), **given)
        self.network_, self.n_iter_, self.loss_curve_ = network, self.history_.epochs, list(self.history_.loss)
        return self

    def _connected(self) -> AbstractContextManager[Client]:
        """The client of a score, once the estimator is known to be fitted."""
        check_is_fitted(self)
        return client_of(self._client)

    def _of_rounds(self) -> dict[str, Any]:
        """Arguments of `fit_rounds` that `fit_exact` does not have."""
        sgd = SGD(self.learning_rate_init, momentum=self.momentum)
        usual = sgd if self.solver == "sgd" else Adam(self.learning_rate_init)
        names = ("steps", "weight_decay", "dropout", "schedule", "shuffle")
        return {
            "batch_size": BATCH if self.batch_size == "auto" else int(self.batch_size),
            "optimizer": usual if self.optimizer is None else self.optimizer,
            **{name: getattr(self, name) for name in names},
        }

    def _predicted(self, X: Any, rows: Rows, columns: Any, dtype: Any, name: Any = None) -> Any:
        """rows(network, X), lazily for Dask collections. columns: names of them, or None for one axis; name: of a series."""
        known = getattr(self, "feature_names_in_", None)
        if known is not None and hasattr(X, "columns") and list(X.columns) != list(known):
            raise InputError(f"X has the columns {list(X.columns)}; the estimator was fitted with {list(known)}, in this order")
        if is_dask_collection(X):
            return by_rows(self.network_, X, rows, columns, np.dtype(dtype), name)
        return rows(self.network_, X)


class NoChange:
    """A callback that ends a training whose own loss no longer falls."""

    losses_only = True

    def __init__(self, rounds: int, tol: float) -> None:
        self._rounds, self._tol = rounds, tol

    def __call__(self, running: RunningFit) -> bool:
        """Whether the lowest loss of the last rounds is no lower than that of those before."""
        losses = running.history.loss
        before, last = losses[: -self._rounds], losses[-self._rounds :]
        return bool(before) and min(last) > min(before) - self._tol


def _dtype_of(X: Any) -> str:
    """float32 where all columns have it, otherwise float64."""
    dtypes = {str(dtype) for dtype in (X.dtypes if hasattr(X, "columns") else [X.dtype])}
    return "float32" if dtypes == {"float32"} else "float64"
