"""The regressor: its arguments, and what they are."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any, Literal, Self, overload

import numpy as np
import sklearn.neural_network
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from ...kernels.validation import heads_of
from ..errors import InputError
from ..intervals import deviation, interval, middle
from ..scikit_learn_names import loss_parameters
from .options import CONSTRAINTS, Registered, regression_losses
from .training import CompiledTraining


class MLPRegressor(CompiledTraining, sklearn.neural_network.MLPRegressor):  # type: ignore[misc]
    """scikit-learn's MLPRegressor, trained by tileprop.

    All arguments, methods and fitted attributes are scikit-learn's, with the same meaning and defaults, and
    with the same `random_state` the same weights up to rounding. Beyond them:

    Parameters
    ----------
    loss : str, default="squared_error"
        Also "poisson", "mae", "huber", "quantile", "gaussian_nll" (a normal distribution whose mean and variance are both
        learned) or a registered one.

    quantile : float or list of float, default=0.5
        With loss="quantile": the level, or several, rising; `predict` then gives the middle one (of an even number, the upper
        of two), `predict_interval` the outermost.

    delta : float, default=1.0
        With loss="huber": differences up to this count by their squares.

    activation : str or list of str
        One name for all hidden layers, or one for each.

    optimizer : an optimizer or a solver of `tileprop.trainer`, default=None
        SGD, Adam, Nadam, RMSprop, Rprop, LBFGS or LevenbergMarquardt, used in place of solver (which must not be "lbfgs"),
        learning_rate_init, momentum, beta_1, ... The last two take all rows in every step; an epoch is one such step.

    l1 : float, default=0.0
        Strength of the penalty on the weights' magnitudes, divided by the sample size like alpha's.

    weight_decay : float, default=0.0
        Weights shrink by the learning rate times this before each step (AdamW).

    clip_norm : float, default=None
        Gradients longer than this are shortened to it.

    frozen_layers : list of int, default=None
        Layers, from 0, whose weights and biases stay as they are.

    dropout : float or list of float, default=0.0
        The rate at which hidden units are left out of a step, at random; one for all hidden layers or one for each.

    scoring : str, callable or None, default=None
        What early stopping looks at: a scorer, "loss" for the validation loss, or None for the estimator's own score.

    schedule : a schedule of `tileprop.trainer.fit.schedules`, default=None
        By what the learning rate is multiplied in each epoch.

    keep_optimizer : bool, default=False
        Whether a warm start goes on with the optimizer's state, too.

    callbacks : list of callables, default=None
        Called after each epoch with a `tileprop.trainer.fit.callbacks.RunningFit`; one that returns True ends the fit.

    dtype : {"float32", "float64"}, default=None
        What to compute in. None: in the dtype of X.

    n_threads : int, default=None
        Threads to train with. None: as many of the processors at hand as have enough to do. Their number changes no bit of
        the result.

    checkpoint : path, default=None
        A file that `fit` is written to once a minute and when it ends, for `resume` to go on from.

    Attributes
    ----------
    network_ : Network
        What was trained. `coefs_` and `intercepts_` are views of its parameters.
    """

    _parameter_constraints: dict[str, Any] = {  # noqa: RUF012
        **sklearn.neural_network.MLPRegressor._parameter_constraints,
        "loss": [Registered(regression_losses, "register_loss")],
        "quantile": [Interval(Real, 0, 1, closed="neither"), "array-like"],
        "delta": [Interval(Real, 0, None, closed="neither")],
        **CONSTRAINTS,
    }

    if TYPE_CHECKING:
        # What type checkers see: scikit-learn has no types.
        def fit(
            self, X: Any, y: Any, sample_weight: Any = None, *, X_val: Any = None, y_val: Any = None,
            sample_weight_val: Any = None,
        ) -> Self: ...  # fmt: skip

        def score(self, X: Any, y: Any, sample_weight: Any = None) -> float: ...

    def __init__(
        self,
        loss: str = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: int = 10,
        max_fun: int = 15000,
        quantile: Any = 0.5,
        delta: float = 1.0,
        optimizer: Any = None,
        l1: float = 0.0,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
        frozen_layers: Any = None,
        dropout: Any = 0.0,
        scoring: Any = None,
        schedule: Any = None,
        keep_optimizer: bool = False,
        callbacks: Any = None,
        dtype: str | None = None,
        n_threads: int | None = None,
        checkpoint: Any = None,
    ) -> None:
        super().__init__(
            loss=loss,
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            solver=solver,
            alpha=alpha,
            batch_size=batch_size,
            learning_rate=learning_rate,
            learning_rate_init=learning_rate_init,
            power_t=power_t,
            max_iter=max_iter,
            shuffle=shuffle,
            random_state=random_state,
            tol=tol,
            verbose=verbose,
            warm_start=warm_start,
            momentum=momentum,
            nesterovs_momentum=nesterovs_momentum,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            n_iter_no_change=n_iter_no_change,
            max_fun=max_fun,
        )
        self.quantile = quantile
        self.delta = delta
        self.optimizer = optimizer
        self.l1 = l1
        self.weight_decay = weight_decay
        self.clip_norm = clip_norm
        self.frozen_layers = frozen_layers
        self.dropout = dropout
        self.scoring = scoring
        self.schedule = schedule
        self.keep_optimizer = keep_optimizer
        self.callbacks = callbacks
        self.dtype = dtype
        self.n_threads = n_threads
        self.checkpoint = checkpoint

    @overload
    def predict(self, X: Any, return_std: Literal[False] = False) -> np.ndarray: ...

    @overload
    def predict(self, X: Any, return_std: Literal[True]) -> tuple[np.ndarray, np.ndarray]: ...

    def predict(self, X: Any, return_std: bool = False) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Predict the targets of X; with loss="gaussian_nll", their standard deviations too.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs.

        return_std : bool, default=False
            Return the standard deviations as well. Needs loss="gaussian_nll".

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predictions: means for most losses, the middle quantile for loss="quantile".

        std : ndarray, shaped like y
            Standard deviations in the unit of the targets. Only with return_std=True.

        Raises
        ------
        InputError
            For return_std=True with a loss that learns no standard deviation.

        Examples
        --------
        >>> import numpy as np
        >>> from tileprop.trainer import MLPRegressor
        >>> X = np.linspace(-1, 1, 60)[:, None]
        >>> model = MLPRegressor(loss="gaussian_nll", max_iter=5, tol=0, random_state=0, solver="lbfgs").fit(X, X[:, 0])
        >>> mean, std = model.predict(X, return_std=True)
        >>> mean.shape, std.shape, bool((std > 0).all())
        ((60,), (60,), True)
        """
        check_is_fitted(self)
        if not return_std:
            return self._predict(X)
        plan = self.network_.plan
        if plan.loss != "gaussian_nll":  # before time is spent
            raise InputError(f"return_std=True needs loss='gaussian_nll'; this estimator was fitted with loss={self.loss!r}")
        Y = self._forward_pass_fast(X)
        return _as_predicted(middle(plan, Y)), _as_predicted(deviation(plan, Y))

    def predict_interval(self, X: Any, coverage: float | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper bounds, each shaped like what `predict` returns; see `Network.predict_interval`."""
        check_is_fitted(self)
        Y = self._forward_pass_fast(X)
        lower, upper = interval(self.network_.plan, Y, coverage)
        return _as_predicted(lower), _as_predicted(upper)

    def _predict(self, X: Any, check_input: bool = True) -> np.ndarray:
        Y = self._forward_pass_fast(X, check_input=check_input)
        return _as_predicted(middle(self.network_.plan, Y))

    def _initialize(self, y: np.ndarray, layer_units: list[int], dtype: Any) -> None:
        outputs = layer_units[-1] * heads_of(self.loss, **loss_parameters(self))
        super()._initialize(y, [*layer_units[:-1], outputs], dtype)


def _as_predicted(Y: np.ndarray) -> np.ndarray:
    """Outputs (n, n_targets) as scikit-learn returns them: (n,) for one."""
    return Y.ravel() if Y.shape[1] == 1 else Y
