"""The classifier: its arguments, and what they are."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import sklearn.neural_network
from sklearn.utils._param_validation import Interval, StrOptions

from .options import CONSTRAINTS
from .training import CompiledTraining


class MLPClassifier(CompiledTraining, sklearn.neural_network.MLPClassifier):  # type: ignore[misc]
    """Multi-layer perceptron classifier: scikit-learn's MLPClassifier, trained by compiled code.

    It is a subclass of scikit-learn's class. Arguments, methods and fitted attributes have the same meaning and the same
    defaults, and the same `random_state` gives the same weights up to rounding. Arguments marked (+) are additions.

    Parameters
    ----------
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

    class_weight : dict, "balanced" or None, default=None
        (+) Weights of the classes, which multiply the sample weights. "balanced": inversely proportional to the number of
        rows of each class.

    label_smoothing : float, default=0.0
        (+) Part of each target that is spread evenly over all classes, from 0 to below 1.

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

    classes_ : ndarray of shape (n_classes,)
        Class labels.

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
    >>> from tileprop.trainer import MLPClassifier
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> y = np.where(X[:, 0] + X[:, 1] > 0, "above", "below")
    >>> model = MLPClassifier(hidden_layer_sizes=(8,), solver="lbfgs", random_state=0).fit(X, y)
    >>> model.predict([[1.0, 1.0], [-1.0, -1.0]])
    array(['above', 'below'], dtype='<U5')
    """

    _parameter_constraints: dict[str, Any] = {  # noqa: RUF012
        **sklearn.neural_network.MLPClassifier._parameter_constraints,
        "class_weight": [dict, list, StrOptions({"balanced"}), None],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        **CONSTRAINTS,
    }

    if TYPE_CHECKING:
        # What type checkers see: scikit-learn has no types.
        def fit(
            self, X: Any, y: Any, sample_weight: Any = None, *, X_val: Any = None, y_val: Any = None,
            sample_weight_val: Any = None,
        ) -> Self: ...  # fmt: skip

        def predict(self, X: Any) -> np.ndarray: ...

        def predict_proba(self, X: Any) -> np.ndarray: ...

        def score(self, X: Any, y: Any, sample_weight: Any = None) -> float: ...

    def __init__(
        self,
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
        class_weight: Any = None,
        label_smoothing: float = 0.0,
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
        self.class_weight = class_weight
        self.label_smoothing = label_smoothing
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
