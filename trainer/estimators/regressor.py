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
    """Multi-layer perceptron regressor: scikit-learn's MLPRegressor, trained by compiled code.

    It is a subclass of scikit-learn's class. Arguments, methods and fitted attributes have the same meaning and the same
    defaults, and the same `random_state` gives the same weights up to rounding. Arguments marked (+) are additions.

    Parameters
    ----------
    loss : str, default="squared_error"
        Loss to minimise: "squared_error" or "poisson"; (+) "mae", "huber", "quantile", "gaussian_nll" (a normal distribution
        whose mean and variance are both learned), or the name of a registered loss.

    hidden_layer_sizes : int or sequence of int, default=(100,)
        Number of units of each hidden layer.

    activation : str or list of str, default="relu"
        Activation of the hidden layers: "identity", "logistic", "tanh" or "relu"; (+) "leaky_relu", "elu", "silu", "gelu",
        "softplus", "exp", or the name of a registered activation. (+) A list gives one name for each hidden layer.

    solver : {"adam", "sgd", "lbfgs"}, default="adam"
        How the weights are found: Adam or stochastic gradient descent, which step after each batch, or L-BFGS, which takes all
        rows in every step.

    alpha : float, default=0.0001
        Strength of the L2 penalty: alpha / 2 times the sum of the squared weights, divided by the number of rows.

    batch_size : int or "auto", default="auto"
        Number of rows of a batch. "auto": 200, or all rows if there are fewer. Not used by "lbfgs".

    learning_rate : {"constant", "invscaling", "adaptive"}, default="constant"
        With solver="sgd": keep the learning rate, divide it by t ** power_t after t rows, or divide it by 5 whenever two
        epochs in a row do not improve the loss by tol.

    learning_rate_init : float, default=0.001
        Learning rate of "sgd" and "adam".

    power_t : float, default=0.5
        Exponent of learning_rate="invscaling".

    max_iter : int, default=200
        Largest number of epochs; with solver="lbfgs", of iterations.

    shuffle : bool, default=True
        Take the rows in a new random order in each epoch.

    random_state : int, RandomState instance or None, default=None
        Seed of the initial weights, the order of the rows and the validation split. An int gives the same result each time.

    tol : float, default=1e-4
        Smallest improvement that counts. Training stops after more than n_iter_no_change epochs without one.

    verbose : bool, default=False
        Print the loss after each epoch.

    warm_start : bool, default=False
        Begin `fit` with the weights of the previous fit.

    momentum : float, default=0.9
        Momentum of solver="sgd", from 0 to 1.

    nesterovs_momentum : bool, default=True
        Use Nesterov's momentum with solver="sgd".

    early_stopping : bool, default=False
        Stop when the score on validation data does not improve, and keep the best weights. The validation data are a part of
        the training data, or X_val and y_val of `fit`.

    validation_fraction : float, default=0.1
        Part of the training data that early_stopping sets aside, between 0 and 1.

    beta_1 : float, default=0.9
        Decay rate of Adam's mean of the gradients, from 0 to below 1.

    beta_2 : float, default=0.999
        Decay rate of Adam's mean of the squared gradients, from 0 to below 1.

    epsilon : float, default=1e-8
        Small number that keeps Adam from dividing by zero.

    n_iter_no_change : int, default=10
        Epochs without an improvement by tol before training stops.

    max_fun : int, default=15000
        With solver="lbfgs": largest number of evaluations of the loss.

    quantile : float or list of float, default=0.5
        (+) With loss="quantile": the level, above 0 and below 1, or a rising list of levels. `predict` returns the middle
        one (the upper of two), `predict_interval` the outermost.

    delta : float, default=1.0
        (+) With loss="huber": errors up to this size count by their squares, in the unit of the targets.

    optimizer : optimizer or solver of `tileprop.trainer`, default=None
        (+) SGD, Adam, Nadam, RMSprop, Rprop, LBFGS or LevenbergMarquardt, used instead of solver (which must not be "lbfgs"),
        learning_rate_init, momentum, beta_1 and so on. LBFGS and LevenbergMarquardt take all rows in every step, and an
        epoch is one step.

    l1 : float, default=0.0
        (+) Strength of the L1 penalty: l1 times the sum of the weights' absolute values, divided by the number of rows.

    weight_decay : float, default=0.0
        (+) Decoupled weight decay (AdamW): weights shrink by the learning rate times this before each step.

    clip_norm : float or None, default=None
        (+) Largest length of the gradient; longer ones are shortened to it.

    frozen_layers : list of int or None, default=None
        (+) Layers, counted from 0, whose weights and biases do not change.

    dropout : float or list of float, default=0.0
        (+) Rate at which hidden units are left out of a step at random, for all hidden layers or a list with one for each.

    scoring : str, callable or None, default=None
        (+) Score that early stopping looks at: a scorer of scikit-learn or a callable (estimator, X, y), "loss" for the
        validation loss, or None for the estimator's own `score`.

    schedule : schedule of `tileprop.trainer` or None, default=None
        (+) Per-epoch multiplier of the learning rate, such as Cosine() or StepDecay().

    keep_optimizer : bool, default=False
        (+) Keep the optimizer's moments on warm_start.

    callbacks : list of callable or None, default=None
        (+) Functions called after each epoch with a RunningFit; one that returns True ends the fit.

    dtype : {"float32", "float64"} or None, default=None
        (+) Floating-point type used in training. None: that of X.

    n_threads : int or None, default=None
        (+) Largest number of training threads. None: as many as are faster. Results are bit-identical for any value.

    checkpoint : path or None, default=None
        (+) File that `fit` is written to once a minute and at its end. `resume` continues from it.

    Attributes
    ----------
    network_ : Network
        (+) The trained network. `coefs_` and `intercepts_` are views of its parameters.

    coefs_ : list of ndarray
        Weights of each layer, of shape (units below, units of the layer).

    intercepts_ : list of ndarray
        Biases of each layer, of shape (units of the layer,).

    loss_ : float
        Training loss of the last epoch, penalties included.

    loss_curve_ : list of float
        Training loss of each epoch.

    best_loss_ : float or None
        Lowest training loss; None with early_stopping.

    validation_scores_ : list of float or None
        Score on the validation data after each epoch; None without early_stopping.

    best_validation_score_ : float or None
        Best of these scores; None without early_stopping.

    validation_loss_curve_ : list of float
        (+) Loss on the validation data after each epoch, where X_val is given or scoring="loss".

    n_iter_ : int
        Number of epochs.

    t_ : int
        Number of rows trained on, over all epochs.

    n_features_in_ : int
        Number of columns of X.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where X has names that are all strings.

    n_layers_, n_outputs_ : int
        Number of layers, input and output included, and of outputs.

    out_activation_ : str
        Activation of the output layer.

    Examples
    --------
    >>> import numpy as np
    >>> from tileprop.trainer import MLPRegressor
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> y = X[:, 0] - 2 * X[:, 1]
    >>> model = MLPRegressor(hidden_layer_sizes=(8,), solver="lbfgs", random_state=0).fit(X, y)
    >>> bool(model.score(X, y) > 0.99)
    True
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
        >>> model = MLPRegressor(loss="gaussian_nll", solver="lbfgs", random_state=0).fit(X, X[:, 0])
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
        """Predict intervals that are to hold the targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs.

        coverage : float, default=None
            With loss="gaussian_nll": share of the targets that the intervals are to hold, above 0 and below 1; None means 0.9.
            With loss="quantile" and several levels, these give it, and it need not be given.

        Returns
        -------
        lower, upper : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Bounds in the unit of the targets.

        Raises
        ------
        InputError
            For another loss, and for a coverage that is out of range or not that of the quantiles.

        Notes
        -----
        Quantiles that cross are put in order (Chernozhukov, Fernandez-Val, Galichon 2010).

        Examples
        --------
        >>> import numpy as np
        >>> from tileprop.trainer import MLPRegressor
        >>> X = np.linspace(-1, 1, 60)[:, None]
        >>> model = MLPRegressor(loss="gaussian_nll", solver="lbfgs", random_state=0).fit(X, X[:, 0])
        >>> lower, upper = model.predict_interval(X, coverage=0.5)
        >>> bool((lower < upper).all())
        True
        """
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
