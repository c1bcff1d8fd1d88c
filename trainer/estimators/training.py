"""What takes time, compiled: the epochs, the gradient of L-BFGS, predictions. The rest is scikit-learn's."""

from __future__ import annotations

import warnings
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import _fit_context, is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import validate_data

from ..arrays import refuse_masked
from ..errors import DivergenceError, InputError
from ..fit.fitting import fit
from ..fit.options import FitOptions
from ..fit.resuming import Resumed, read_checkpoint
from ..network import Network
from ..sparse_inputs import SparseInputs
from ..threads.team import SecondInterrupt
from .bookkeeping import Bookkeeping, state_of, with_state
from .by_lbfgs import ByLBFGS
from .callback_protocol import WithCallbacks
from .going_on import check_goes_on
from .inputs import as_given_targets, as_rows, in_dtype
from .known import Knowing
from .linking import LinkedNetwork
from .stepping import Stepping
from .validation import Validating


def _of_estimator(resumed: Resumed, network: Network) -> dict[str, Any]:
    """What an estimator has kept in a checkpoint, which then goes on in this network."""
    kept = resumed.of_last_callback()
    if "before" not in kept:
        raise InputError(f"{resumed.path} is not a checkpoint of an estimator with solver='sgd' or 'adam'")
    ours, theirs = ({**model.plan.arguments, "dtype": model.dtype.name} for model in (network, resumed.model))
    for name, value in ours.items():
        if theirs.get(name) != value:
            raise InputError(f"the network's {name} is {value}; that of the fit in {resumed.path} is {theirs.get(name)}")
    resumed.model = network
    return kept


class CompiledTraining(LinkedNetwork, Stepping, ByLBFGS, Validating, Knowing, WithCallbacks):
    """What both estimators do otherwise than scikit-learn's."""

    # Of the call of `resume` under way.
    _resumed: Resumed | None = None

    def _targets(self: Any, y: np.ndarray, name: str = "y") -> np.ndarray:
        """Validated targets (n, n_outputs) as `Network` takes them: classes as their numbers."""
        if is_classifier(self):
            return y.argmax(axis=1) if self.out_activation_ == "softmax" else y
        return in_dtype(name, y, self.coefs_[0].dtype)

    def _total_loss(self: Any, data: float, penalty: float) -> float:
        """The loss that scikit-learn reports: squares averaged over the outputs, although their sum is what it descends."""
        return (data / self.n_outputs_ if self.loss == "squared_error" else data) + penalty

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(
        self: Any,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Any:
        """Train on X and y.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows. Sparse rows are trained without a dense copy.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets: class labels, or numbers.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows in the loss.

        X_val, y_val : like X and y, default=None
            Validation data. Their loss after each epoch is kept in `validation_loss_curve_`, and early_stopping looks at them
            instead of a part of X.

        sample_weight_val : array-like, default=None
            Weights of the validation rows.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            For arguments or data that do not fit, and where training diverges. InputError is one of these.

        Examples
        --------
        >>> import numpy as np
        >>> from tileprop.trainer import MLPRegressor
        >>> X = np.linspace(-1, 1, 60)[:, None]
        >>> model = MLPRegressor(early_stopping=True, random_state=0).fit(X[::2], X[::2, 0], X_val=X[1::2], y_val=X[1::2, 0])
        >>> len(model.validation_loss_curve_) == model.n_iter_
        True
        """
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val go together; one of them is missing")
        if sample_weight_val is not None and X_val is None:
            raise ValueError("sample_weight_val is given without X_val and y_val; give these, too, or leave it out")
        self._tasks = self._begin_fit(X, y, sample_weight)
        self._validation = None if X_val is None else (X_val, y_val, sample_weight_val)
        try:
            self._fit(X, y, sample_weight=sample_weight)
            self._tasks.end()
            return self
        finally:
            del self._validation, self._tasks

    def resume(
        self: Any,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Any:
        """Continue the fit that was written to `checkpoint`. Results are bit-identical to a fit that never stopped.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs of that fit.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets of that fit.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of that fit.

        X_val : {array-like, sparse matrix} of shape (n_val, n_features), default=None
            Inputs to validate on of that fit.

        y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
            Targets to validate on of that fit.

        sample_weight_val : array-like of shape (n_val,), default=None
            Weights to validate on of that fit.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        InputError
            Where there is no checkpoint, or the data or arguments are not those of that fit. `random_state` need not be given,
            and `n_threads` may differ.
        ModelFormatError
            Where the checkpoint cannot be read.

        Notes
        -----
        Needs the extra `files`.
        """
        if self.checkpoint is None:
            raise ValueError("resume needs the argument checkpoint of the estimator: the file that the fit was written to")
        _, self._resumed = read_checkpoint(Network, self.checkpoint)
        vars(self).pop("coefs_", None)  # a fit from its beginning, be it a warm start
        try:
            return self.fit(X, y, sample_weight, X_val=X_val, y_val=y_val, sample_weight_val=sample_weight_val)
        finally:
            del self._resumed

    def _validate_input(self: Any, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, np.ndarray]:
        return self._known_input(X, y, lambda: self._validated(X, y, incremental, reset))  # type: ignore[no-any-return]

    def _validated(self: Any, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, np.ndarray]:
        refuse_masked(X=X, y=y)  # scikit-learn takes the numbers under the mask
        y = as_given_targets(self, "y", y)
        X, y = super()._validate_input(X, y, incremental, reset)  # type: ignore[misc]
        if not reset:
            check_goes_on(self, y)
        return in_dtype("X", X, self.dtype or X.dtype), y

    def _fit(self: Any, X: Any, y: Any, sample_weight: Any = None, incremental: bool = False) -> Any:
        if incremental and isinstance(getattr(self, "class_weight", None), str):
            raise ValueError("class_weight='balanced' is not for partial_fit: it would balance every piece by itself")
        refuse_masked(sample_weight=sample_weight)
        try:
            super()._fit(X, y, sample_weight=sample_weight, incremental=incremental)  # type: ignore[misc]
        except DivergenceError as error:
            raise ValueError(
                "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
                f"preprocessed. ({error})"
            ) from error
        self._linked()
        return self

    def _forward_pass_fast(self: Any, X: Any, check_input: bool = True) -> np.ndarray:
        if check_input:
            X = self._known_rows(X, lambda: self._checked(X))
        network = self._linked()
        X = in_dtype("X", X, network.dtype)
        rows = as_rows(X)
        if isinstance(rows, SparseInputs):
            return rows.outputs(network.plan, network.theta, len(rows) * network.seconds_a_row)
        return network.outputs(np.ascontiguousarray(rows, network.dtype))

    def _checked(self: Any, X: Any) -> Any:
        refuse_masked(X=X)
        return validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)

    def _fit_stochastic(
        self: Any, X: Any, y: np.ndarray, sample_weight: np.ndarray | None, *scratch_and_incremental: Any
    ) -> None:
        incremental, tasks, resumed = scratch_and_incremental[-1], self._tasks, self._resumed
        sample_weight = self._with_class_weight(sample_weight, y)
        network = self._linked(anew=True)
        goes_on = incremental or (self.warm_start and self.keep_optimizer)
        if self.early_stopping and incremental:
            raise ValueError("partial_fit does not support early_stopping=True")
        if resumed is not None:
            kept = _of_estimator(resumed, network)
            self._random_state = with_state(self.random_state, kept["before"])
        before = state_of(self._random_state) if self.checkpoint is not None else ""
        validation = self._given_validation()
        if validation is None and self.early_stopping:
            X, y, sample_weight, validation = self._split(X, y, sample_weight)
        self._warn_of_weights(validation[2] if validation is not None else None)
        validates = validation is not None and (self._validation is not None or self.scoring == "loss")
        if not (validates and self.warm_start and hasattr(self, "validation_loss_curve_")):
            vars(self).pop("validation_loss_curve_", None)
            if validates:
                self.validation_loss_curve_: list[float] = []
        n = X.shape[0]
        if self.batch_size != "auto" and self.batch_size > n:
            warnings.warn("Got `batch_size` less than 1 or larger than sample size. It is going to be clipped", stacklevel=4)
        orders = self._orders_of_rows(n)
        count = Bookkeeping(self, before, orders, n, validation, validates, incremental)
        # Short epochs may be made several at a time where nobody looks at the weights or draws from the generator after each.
        steady = self.solver == "adam" or self.learning_rate == "constant"
        seeded = isinstance(self.random_state, Integral) or not self.shuffle
        count.losses_only = steady and seeded and not (self.early_stopping or incremental or tasks.watched)
        options: dict[str, Any] = {
            "epochs": self.max_iter,
            "alpha": self.alpha,
            "l1": self.l1,
            "weight_decay": self.weight_decay,
            "clip_norm": self.clip_norm,
            "frozen_layers": self.frozen_layers or (),
            "dropout": self.dropout,
            "shuffle": orders if self.shuffle else False,
            "label_smoothing": getattr(self, "label_smoothing", 0.0),
            "schedule": self.schedule,
            "callbacks": [*(self.callbacks or ()), count],
            "progress": False,
            "n_threads": self.n_threads,
            "checkpoint": None if incremental else self.checkpoint,
            **self._steps_of(network, X, goes_on, resumed),
        }
        validation_data = (as_rows(validation[0]), self._targets(validation[3], "y_val"), validation[2]) if validates else None
        try:
            tasks.begin_epoch()
            fit(network, as_rows(X), self._targets(y), sample_weight, validation_data, FitOptions(**options), resumed)
        except SecondInterrupt:
            raise
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=4)
            count.settle()
        except DivergenceError:
            if not self.early_stopping:
                raise
            # scikit-learn goes on with NaN, to the same end: the best weights are at hand.
            self.n_iter_ += 1
            self.t_ += n
            self.loss_ = np.nan
            for curve in (self.loss_curve_, self.validation_scores_, *([self.validation_loss_curve_] if validates else [])):
                curve.append(np.nan)
            warnings.warn(
                f"Training diverged in epoch {self.n_iter_}; the weights with the best validation score are kept.",
                ConvergenceWarning,
                stacklevel=4,
            )
        tasks.drop_epoch()
        if self.early_stopping:
            best = [*self._best_coefs, *self._best_intercepts]
            for view, values in zip([*network.weights, *network.biases], best, strict=True):
                view[:] = values
