"""What the two ensembles of networks share: their arguments, and training of all members in one call."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from ..arrays import refuse_masked
from ..errors import InputError
from ..fit.early_stopping import EarlyStopping
from ..fit.history import History
from ..fit.optimizers import SGD, Adam, Nadam, RMSprop, Rprop
from ..many.fit_many import fit_many
from ..many.folds import held_out
from ..network import Network
from ..scikit_learn_names import ACTIVATIONS
from .inputs import in_dtype
from .joblib_backend import on_dask
from .options import CONSTRAINTS

_OPTIONS = ("activation", "weight_decay", "dropout", "schedule", "dtype", "n_threads")


def _many_fits() -> Callable[..., list[History]]:
    """What trains the members: threads of this process, or a Dask cluster within `joblib.parallel_config("dask")`."""
    if not on_dask():
        return fit_many
    from ..dask import many

    return many.fit_many


class DeepEnsemble(BaseEstimator):  # type: ignore[misc]
    """A part of both estimators."""

    _parameter_constraints: dict[str, Any] = {  # noqa: RUF012
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "optimizer": [SGD, Adam, Nadam, RMSprop, Rprop, None],
        "random_state": ["random_state"],
        "verbose": ["boolean"],
        **{name: CONSTRAINTS[name] for name in _OPTIONS},
    }

    networks_: list[Network]
    histories_: list[History]

    def __init__(
        self,
        n_estimators: int = 8,
        hidden_layer_sizes: Any = (64,),
        activation: Any = "relu",
        *,
        alpha: float = 0.0001,
        learning_rate_init: float = 0.003,
        batch_size: int | str = "auto",
        max_iter: int = 200,
        early_stopping: bool = True,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        optimizer: Any = None,
        weight_decay: float = 0.0,
        dropout: Any = 0.0,
        schedule: Any = None,
        dtype: str | None = None,
        random_state: Any = None,
        n_threads: int | None = None,
        verbose: bool = False,
    ) -> None:
        self.n_estimators = n_estimators
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.alpha = alpha
        self.learning_rate_init = learning_rate_init
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.optimizer = optimizer
        self.weight_decay = weight_decay
        self.dropout = dropout
        self.schedule = schedule
        self.dtype = dtype
        self.random_state = random_state
        self.n_threads = n_threads
        self.verbose = verbose

    @abstractmethod
    def _network(self, n_in: int, **arguments: Any) -> Network:
        """An untrained member. arguments: of `Network`, those that both estimators give alike."""

    def _validated(self, X: Any, y: Any, sample_weight: Any, **checks: Any) -> tuple[np.ndarray, Any, np.ndarray | None]:
        """X, y and sample weights, checked as scikit-learn does, without rows of weight 0.

        checks: further ones of `validate_data`.
        """
        refuse_masked(X=X, y=y, sample_weight=sample_weight)
        X, y = validate_data(self, X, y, dtype=(np.float64, np.float32), ensure_min_samples=2, **checks)
        X = in_dtype("X", X, self.dtype or X.dtype)
        if sample_weight is None:
            return X, y, None
        weight = _check_sample_weight(sample_weight, X, dtype=X.dtype)
        counts = weight != 0  # rows without weight would be validated on, and be classes
        if counts.all():
            return X, y, weight
        if counts.sum() < 2:
            raise InputError("sample_weight is 0 but for one row at most; give at least two rows a weight")
        return X[counts], y[counts], weight[counts]

    def _train(self, X: np.ndarray, T: np.ndarray, weight: np.ndarray | None, labels: np.ndarray | None) -> None:
        """All members, in one call. T: as networks take it. labels: numbers of classes, for the validation rows."""
        n = len(X)
        seeds = check_random_state(self.random_state).randint(np.iinfo(np.int32).max, size=self.n_estimators).tolist()
        hidden = np.atleast_1d(self.hidden_layer_sizes).tolist()
        names = [self.activation] * len(hidden) if isinstance(self.activation, str) else list(self.activation)
        arguments = {
            "hidden": hidden,
            "activation": [ACTIVATIONS.get(name, name) for name in names] or "identity",
            "dtype": X.dtype,
        }
        self.networks_ = [self._network(X.shape[1], random_state=seed, **arguments) for seed in seeds]
        rows: dict[str, Any] = {}
        if self.early_stopping:
            n_held = max(1, round(self.validation_fraction * n))
            if n_held >= n:
                raise InputError(f"validation_fraction={self.validation_fraction:g} of {n} rows leaves none to train on")
            folds = [held_out(n, n_held, labels, np.random.default_rng(seed)) for seed in seeds]
            rows = {
                "row_subsets": [train for train, _ in folds],
                "validation_subsets": [held for _, held in folds],
                "early_stopping": EarlyStopping(self.n_iter_no_change, self.tol),
            }
        self.histories_ = _many_fits()(
            self.networks_,
            X,
            T,
            epochs=self.max_iter,
            batch_size=min(32 if self.batch_size == "auto" else int(self.batch_size), n),
            optimizers=Adam(self.learning_rate_init) if self.optimizer is None else self.optimizer,
            schedules=self.schedule,
            seeds=seeds,
            sample_weight=weight,
            progress=None if self.verbose else False,
            n_threads=self.n_threads,
            alpha=self.alpha,
            weight_decay=self.weight_decay,
            dropout=self.dropout,
            **rows,
        )
        self.n_iter_ = max(history.epochs for history in self.histories_)
        diverged = [i for i, history in enumerate(self.histories_) if history.stopped == "divergence"]
        if diverged:
            raise InputError(f"training of the members {diverged} has diverged; scale X, or lower learning_rate_init")

    def _outputs(self, X: Any) -> np.ndarray:
        """Every member's outputs (n_estimators, n, n_out), float64."""
        check_is_fitted(self)
        refuse_masked(X=X)
        X = validate_data(self, X, dtype=(np.float64, np.float32), reset=False)
        X = np.ascontiguousarray(in_dtype("X", X, self.networks_[0].dtype))
        return np.stack([network.outputs(X) for network in self.networks_]).astype(np.float64)
