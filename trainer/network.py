"""Network: the model that users hold, with all that is done with one."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import kernels
from ..kernels import State
from . import derivatives, files
from .extras import require
from .fit.callbacks import Callback
from .fit.epochs import Shuffle
from .fit.fitting import fit
from .fit.history import History
from .fit.optimizers import Optimizer
from .fit.options import FitOptions
from .fit.resuming import read_checkpoint
from .fit.schedules import Schedule
from .intervals import interval
from .model import Model
from .other_names import suggesting
from .scores import predicted_classes, score
from .solvers import Solver
from .streams.source import Source
from .summary import Summary, summary


class Network(Model):
    """A dense network: layers, parameters, training and predictions.

    Parameters
    ----------
    sizes : list of int
        Widths of the layers, from the number of inputs to the number of outputs: `[4, 8, 3]` has one hidden layer of 8 units.

    activation : str or list of str, default="sigmoid"
        Activation of the hidden layers, one name for all or one for each: "sigmoid", "tanh", "relu", "leaky_relu", "elu",
        "silu", "gelu", "softplus", "softmax", "identity", "exp", or a registered one.

    output_activation : str, default="sigmoid"
        Activation of the last layer: "identity" for regression, "softmax" for classes, "sigmoid" for two classes or labels.

    loss : str, default="mse"
        What training makes small: "mse", "squared_error" (half of it), "sum_squared_error", "mae", "huber", "quantile",
        "log_loss" (cross-entropy, over softmax or sigmoid outputs), "poisson" (over exp), "gaussian_nll" (over identity: the
        means, then the logarithms of the variances), or a registered one.

    bias : bool, default=True
        Whether layers have biases.

    dtype : {"float32", "float64"}, default="float32"
        Floating-point type of the parameters and of all computations.

    random_state : int, numpy.random.Generator or None, default=0
        Seed of the initial weights, of the order of the rows and of `validation_split`. None draws another one each time.

    initial : {"auto", "glorot", "he"} or ndarray of shape (n_parameters,), default="auto"
        How the weights are drawn, or all parameters. A vector of the network's dtype becomes its own memory.

    quantile : float or list of float, default=None
        Level of the loss "quantile", or several, with outputs for each.

    delta : float, default=None
        Where the loss "huber" goes over from squares to distances.

    Attributes
    ----------
    theta : ndarray of shape (n_parameters,)
        All parameters. Assigning copies the values into the same memory.

    weights : list of ndarray of shape (n_in, n_out)
        Weights of each layer, writable views of `theta`.

    biases : list of ndarray of shape (n_out,)
        Biases of each layer, writable views of `theta`.

    classes : tuple or None
        Names of the classes. `fit` sets them where labels are text; assign a list for other labels or another order.

    Raises
    ------
    InputError
        For sizes, names or numbers that make no network.

    Examples
    --------
    >>> import numpy as np
    >>> from tileprop import Network
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> labels = np.where(X[:, 0] > 0, "right", "left")
    >>> network = Network([2, 8, 2], "tanh", "softmax", "log_loss")
    >>> history = network.fit(X, labels, epochs=200, optimizer="adam", validation_split=0.2)
    >>> network.predict_classes([[3.0, 0.0], [-3.0, 0.0]]).tolist()
    ['right', 'left']
    """

    # Predictions and scores ------------------------------------------------------------------------------------------------

    def predict_classes(self, X: ArrayLike) -> np.ndarray:
        """Predict the class of each row: that of the largest softmax output, or whether a sigmoid output is above 0.5.

        Parameters
        ----------
        X : array-like of shape (n, n_in)
            Inputs.

        Returns
        -------
        ndarray of shape (n,) or (n, n_out)
            Names of classes where the network has such (`classes`), numbers from 0 otherwise. Of several sigmoid outputs 0 or 1
            for each: (n, n_out).

        Raises
        ------
        InputError
            Where the outputs are no probabilities, and for inputs that do not fit.

        Examples
        --------
        >>> from tileprop import Network
        >>> network = Network([1, 1], random_state=0)
        >>> network.theta = [1.0, 0.0]
        >>> network.predict_classes([[-2.0], [2.0]]).tolist()
        [0, 1]
        """
        return predicted_classes(self, self.predict(X))

    def score(self, X: ArrayLike, T: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Accuracy where the loss is "log_loss", R2 otherwise. The best score is 1.

        Parameters
        ----------
        X : array-like of shape (n, n_in)
            Inputs.

        T : array-like of shape (n,) or (n, n_targets)
            Targets, as `fit` takes them.

        sample_weight : array-like of shape (n,), default=None
            Weights of the rows.

        Returns
        -------
        float
            Accuracy: the share of rows whose class is right, of several labels the share of rows with every label right.
            R2: 1 minus the sum of squared errors by that of squared distances from the mean, averaged over the targets. The
            losses "quantile" and "gaussian_nll" are scored by the middle quantile and by the mean.

        Raises
        ------
        InputError
            For data that do not fit, and for R2 of a single row.

        Examples
        --------
        >>> from tileprop import Network
        >>> network = Network([1, 1], output_activation="identity")
        >>> network.theta = [2.0, 0.0]
        >>> network.score([[1.0], [2.0], [3.0]], [2.0, 4.0, 6.0])
        1.0
        """
        return score(self, X, T, sample_weight)

    def summary(self) -> Summary:
        """Describe the network layer by layer.

        Returns
        -------
        Summary
            Layers, activations, parameters, loss and dtype; printed it is a table.

        Examples
        --------
        >>> from tileprop import Network
        >>> Network([4, 8, 3], "relu", "softmax", "log_loss").summary()
        layer  inputs  outputs  activation  parameters
        ----------------------------------------------
            0       4        8  relu                40
            1       8        3  softmax             27
        loss log_loss, 67 parameters of float32 (268 bytes)
        """
        return summary(self)

    def predict_interval(self, X: ArrayLike, coverage: float | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Predict intervals that hold a share of the targets. For the losses "gaussian_nll" and "quantile".

        Parameters
        ----------
        X : array-like of shape (n, n_in)
            Inputs.

        coverage : float, default=None
            Share of the targets that the intervals are to hold, above 0 and below 1. With "gaussian_nll" 0.9 unless given. With
            "quantile" the distance between the lowest and the highest level, which need not be given.

        Returns
        -------
        lower, upper : ndarray of shape (n, n_targets)
            Bounds of the intervals.

        Raises
        ------
        InputError
            For another loss, a single quantile, or a coverage that was not learned.

        Examples
        --------
        >>> from tileprop import Network
        >>> network = Network([1, 2], output_activation="identity", loss="quantile", quantile=[0.1, 0.9])
        >>> lower, upper = network.predict_interval([[1.0], [2.0]])
        >>> lower.shape
        (2, 1)
        """
        return interval(self.plan, self.predict(X), coverage)

    # Other derivatives -----------------------------------------------------------------------------------------------------

    def input_gradient(self, X: ArrayLike, T: ArrayLike, sample_weight: ArrayLike | None = None) -> np.ndarray:
        """Gradient of the mean loss by the inputs.

        Parameters
        ----------
        X : array-like of shape (n, n_in)
            Inputs.

        T : array-like of shape (n,) or (n, n_targets)
            Targets, as `fit` takes them.

        sample_weight : array-like of shape (n,), default=None
            Weights of the rows.

        Returns
        -------
        ndarray of shape (n, n_in)
            Derivatives of the mean loss by each input.

        Raises
        ------
        InputError
            For data that do not fit.

        Examples
        --------
        >>> from tileprop import Network
        >>> Network([3, 2]).input_gradient([[1.0, 2.0, 3.0]], [[0.0, 1.0]]).shape
        (1, 3)
        """
        return derivatives.input_gradient(self, X, T, sample_weight)

    def target_gradient(self, X: ArrayLike, T: ArrayLike, sample_weight: ArrayLike | None = None) -> np.ndarray:
        """Gradient of the mean loss by the targets.

        Parameters
        ----------
        X : array-like of shape (n, n_in)
            Inputs.

        T : array-like of shape (n,) or (n, n_targets)
            Targets, no class labels.

        sample_weight : array-like of shape (n,), default=None
            Weights of the rows.

        Returns
        -------
        ndarray of shape (n, n_targets)
            Derivatives of the mean loss by each target.

        Raises
        ------
        InputError
            For class labels, and for data that do not fit.

        Examples
        --------
        >>> from tileprop import Network
        >>> Network([3, 2]).target_gradient([[1.0, 2.0, 3.0]], [[0.0, 1.0]]).shape
        (1, 2)
        """
        return derivatives.target_gradient(self, X, T, sample_weight)

    def sample_gradients(self, X: ArrayLike, T: ArrayLike, sample_weight: ArrayLike | None = None) -> np.ndarray:
        """Gradient of each row's loss by the parameters. Their weighted mean is the gradient of `loss_and_grad`.

        Parameters
        ----------
        X : array-like of shape (n, n_in)
            Inputs.

        T : array-like of shape (n,) or (n, n_targets)
            Targets, as `fit` takes them.

        sample_weight : array-like of shape (n,), default=None
            Weights, by which each row's gradient is multiplied.

        Returns
        -------
        ndarray of shape (n, n_parameters)
            One gradient for each row, laid out like `theta`.

        Raises
        ------
        InputError
            For data that do not fit.

        Examples
        --------
        >>> from tileprop import Network
        >>> Network([3, 2]).sample_gradients([[1.0, 2.0, 3.0]], [[0.0, 1.0]]).shape
        (1, 8)
        """
        return derivatives.sample_gradients(self, X, T, sample_weight)

    def input_jacobian(self, X: ArrayLike) -> np.ndarray:
        """Derivatives of each output by the inputs of its row.

        Parameters
        ----------
        X : array-like of shape (n, n_in)
            Inputs.

        Returns
        -------
        ndarray of shape (n, n_out, n_in)
            Element [i, j, k] is the derivative of output j of row i by its input k.

        Raises
        ------
        InputError
            For inputs that do not fit.

        Examples
        --------
        >>> from tileprop import Network
        >>> Network([3, 2]).input_jacobian([[1.0, 2.0, 3.0]]).shape
        (1, 2, 3)
        """
        return derivatives.input_jacobian(self, X)

    def parameter_jacobian(self, X: ArrayLike) -> np.ndarray:
        """Derivatives of each output of each row by the parameters.

        Parameters
        ----------
        X : array-like of shape (n, n_in)
            Inputs.

        Returns
        -------
        ndarray of shape (n, n_out, n_parameters)
            Element [i, j] is the gradient of output j of row i, laid out like `theta`.

        Raises
        ------
        InputError
            For inputs that do not fit.

        Examples
        --------
        >>> from tileprop import Network
        >>> Network([3, 2]).parameter_jacobian([[1.0, 2.0, 3.0]]).shape
        (1, 2, 8)
        """
        return derivatives.parameter_jacobian(self, X)

    def vjp(self, X: ArrayLike, dY: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Vector-Jacobian product: from derivatives by the outputs back to those by parameters and inputs.

        Parameters
        ----------
        X : array-like of shape (n, n_in)
            Inputs.

        dY : array-like of shape (n, n_out)
            Derivatives of some number by the outputs for X.

        Returns
        -------
        grad : ndarray of shape (n_parameters,)
            Derivatives by the parameters, summed over the rows, laid out like `theta`.
        dX : ndarray of shape (n, n_in)
            Derivatives by the inputs.

        Raises
        ------
        InputError
            For arrays that do not fit.

        Examples
        --------
        >>> from tileprop import Network
        >>> grad, dX = Network([3, 2]).vjp([[1.0, 2.0, 3.0]], [[1.0, 0.0]])
        >>> grad.shape, dX.shape
        ((8,), (1, 3))
        """
        return derivatives.vjp(self, X, dY)

    def hessian_vector(self, X: ArrayLike, T: ArrayLike, v: ArrayLike, sample_weight: ArrayLike | None = None) -> np.ndarray:
        """Second derivatives of the mean loss times a vector. Exact, and no matrix is formed.

        Parameters
        ----------
        X : array-like of shape (n, n_in)
            Inputs.

        T : array-like of shape (n,) or (n, n_targets)
            Targets, as `fit` takes them.

        v : array-like of shape (n_parameters,)
            A vector laid out like `theta`.

        sample_weight : array-like of shape (n,), default=None
            Weights of the rows.

        Returns
        -------
        ndarray of shape (n_parameters,)
            The Hessian at `theta` times v.

        Raises
        ------
        InputError
            For arrays that do not fit.

        Examples
        --------
        >>> from tileprop import Network
        >>> Network([3, 2]).hessian_vector([[1.0, 2.0, 3.0]], [[0.0, 1.0]], [1.0] * 8).shape
        (8,)
        """
        return derivatives.curvature_vector(kernels.hessian_vector, self, X, T, v, sample_weight)

    def gauss_newton_vector(
        self, X: ArrayLike, T: ArrayLike, v: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> np.ndarray:
        """The Gauss-Newton matrix of the mean loss times a vector.

        The matrix is the Hessian without the second derivatives of the outputs; it is positive semidefinite for losses that are
        convex in the outputs.

        Parameters
        ----------
        X : array-like of shape (n, n_in)
            Inputs.

        T : array-like of shape (n,) or (n, n_targets)
            Targets, as `fit` takes them.

        v : array-like of shape (n_parameters,)
            A vector laid out like `theta`.

        sample_weight : array-like of shape (n,), default=None
            Weights of the rows.

        Returns
        -------
        ndarray of shape (n_parameters,)
            The Gauss-Newton matrix at `theta` times v.

        Raises
        ------
        InputError
            For arrays that do not fit.

        Examples
        --------
        >>> from tileprop import Network
        >>> Network([3, 2]).gauss_newton_vector([[1.0, 2.0, 3.0]], [[0.0, 1.0]], [1.0] * 8).shape
        (8,)
        """
        return derivatives.curvature_vector(kernels.gauss_newton_vector, self, X, T, v, sample_weight)

    def as_torch(self) -> Any:
        """The network as a PyTorch module, on the same memory (needs the extra `torch`).

        Returns
        -------
        torch.nn.Module
            Its one parameter is `theta`.

        Raises
        ------
        MissingExtraError
            Without PyTorch.
        """
        require("torch", "as_torch")
        from .bridges.torch_function import TorchNetwork

        return TorchNetwork(self)

    def as_jax(self) -> Any:
        """The network as a function for JAX, with its derivative (needs the extra `jax`).

        Returns
        -------
        callable
            Function f(theta, X) of the parameters and the inputs, which gives the outputs (n, n_out).

        Raises
        ------
        MissingExtraError
            Without JAX.
        """
        require("jax", "as_jax")
        from .bridges.jax_function import jax_function

        return jax_function(self)

    # Training --------------------------------------------------------------------------------------------------------------

    @suggesting
    def fit(
        self,
        X: ArrayLike | Source,
        T: ArrayLike | None = None,
        *,
        epochs: int = 1,
        batch_size: int | None = None,
        optimizer: Optimizer | Solver | State | str | None = None,
        alpha: float = 0.0,
        l1: float = 0.0,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
        frozen_layers: Sequence[int] = (),
        dropout: float | Sequence[float] = 0.0,
        label_smoothing: float = 0.0,
        schedule: Schedule | None = None,
        shuffle: Shuffle = True,
        sample_weight: ArrayLike | None = None,
        validation_data: tuple[Any, ...] | Source | None = None,
        validation_split: float | None = None,
        callbacks: Sequence[Callback] = (),
        progress: bool | None = None,
        n_threads: int | None = None,
        checkpoint: str | PathLike[str] | None = None,
        checkpoint_every: int | None = None,
        max_seconds: float | None = None,
        on_divergence: str = "raise",
    ) -> History:
        """Train the network.

        Ctrl-C ends the fit after a whole step. A second fit goes on from the parameters of the first.

        Parameters
        ----------
        X : array-like of shape (n, n_in), or Source
            Inputs: numbers, in an array, a list or a data frame of pandas or polars. Standardised columns train best. A source,
            such as ArraySource, gives inputs, targets and weights of rows that need not fit into memory.

        T : array-like of shape (n,) or (n, n_targets), default=None
            Targets; None with a source. For "log_loss" over softmax one row of probabilities each, or class labels (n,): whole
            numbers from 0, or text, whose classes the network then keeps in `classes`.

        epochs : int, default=1
            Number of passes over the rows; of a solver, the most iterations.

        batch_size : int, default=None
            Rows of a step; 32 unless given. The last step of an epoch may have fewer.

        optimizer : str, optimizer, solver or State, default=None
            How steps are taken: "sgd" (the default), "adam", "nadam", "rmsprop", "rprop", "lbfgs", "levenberg_marquardt", or an
            object such as Adam(learning_rate=0.01). The state that an optimizer's `state` made goes on where it stands.
            LevenbergMarquardt and LBFGS take all rows in each iteration.

        alpha : float, default=0.0
            L2 penalty: alpha / 2 times the sum of squared weights, divided by the batch's sum of sample weights, is added to
            the loss.

        l1 : float, default=0.0
            L1 penalty: the same with l1 times the sum of the weights' magnitudes.

        weight_decay : float, default=0.0
            Weights shrink by learning_rate times this before each step, as in AdamW.

        clip_norm : float, default=None
            Longer gradients are shortened to this length.

        frozen_layers : sequence of int, default=()
            Numbers of layers, from 0, that are not trained.

        dropout : float or sequence of float, default=0.0
            Share of the hidden units that each step leaves out, at least 0 and below 1: one for all hidden layers, or one for
            each. Training losses are taken with it, validation losses without.

        label_smoothing : float, default=0.0
            Share of each target of "log_loss" that is spread evenly over all classes.

        schedule : schedule, default=None
            Per-epoch multiplier of the learning rate, such as Cosine().

        shuffle : bool or callable, default=True
            Whether each epoch takes the rows in a new order, drawn by `random_state`; or a function that gives an order of n
            rows. Of a source, blocks are shuffled, and rows within windows of some blocks.

        sample_weight : array-like of shape (n,), default=None
            Weights of the rows, at least 0.

        validation_data : tuple or Source, default=None
            (X, T) or (X, T, sample_weight), or a source, whose loss is taken after each epoch.

        validation_split : float, default=None
            Share of the rows that is held out for validation instead, above 0 and below 1. The rows are drawn by
            `random_state`: each fit on as many rows holds out the same ones.

        callbacks : sequence of callables, default=()
            Each is called after each epoch with a RunningFit; one that returns True ends the fit.

        progress : bool, default=None
            Whether to show progress. Unless given, fits that last a while show it on a terminal and in a notebook.

        n_threads : int, default=None
            Most threads to use. Unless given, `TILEPROP_NUM_THREADS`, or all processors at hand. The fastest number is measured
            while the fit runs. Results are bit-identical for any value.

        checkpoint : str or path-like, default=None
            File to which the fit is written, for `resume` (needs the extra `files`). The one before it stays as NAME.previous.

        checkpoint_every : int, default=None
            Epochs between two checkpoints. Unless given, one is written each minute and at the end.

        max_seconds : float, default=None
            Time limit: the fit ends after the step in which it is up; see `History.unfinished_rows`.

        on_divergence : {"raise", "stop", "restore", "retry"}, default="raise"
            What to do where the loss or the parameters become infinite. "raise": raise DivergenceError; the network holds its
            last finite parameters. "stop": end the fit with these. "restore": end it with the parameters of the best epoch, by
            validation loss, or else by training loss. "retry": go back to these, and on with half the learning rate, at most
            three times. All but "raise" warn.

        Returns
        -------
        History
            Losses and times of each epoch, and why the fit ended.

        Raises
        ------
        InputError
            For arguments that do not fit, before anything is changed.
        DivergenceError
            Where training diverges, see `on_divergence`.
        TypeError
            For an unknown argument, with the near one.

        Warns
        -----
        TrainingWarning
            Where the output activation cannot reach the targets, and where after 20 epochs or more the loss is no better than
            that of always predicting the same.

        Examples
        --------
        >>> from tileprop import Adam, Network
        >>> network = Network([2, 8, 1], "tanh")
        >>> X, T = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
        >>> history = network.fit(X, T, epochs=300, batch_size=4, optimizer=Adam(learning_rate=0.1))
        >>> network.predict(X).round().ravel().tolist()
        [0.0, 1.0, 1.0, 0.0]
        """
        options = FitOptions(
            epochs=epochs,
            batch_size=batch_size,
            optimizer=optimizer,
            alpha=alpha,
            l1=l1,
            weight_decay=weight_decay,
            clip_norm=clip_norm,
            frozen_layers=frozen_layers,
            dropout=dropout,
            label_smoothing=label_smoothing,
            schedule=schedule,
            shuffle=shuffle,
            callbacks=callbacks,
            progress=progress,
            n_threads=n_threads,
            checkpoint=checkpoint,
            checkpoint_every=checkpoint_every,
            max_seconds=max_seconds,
            on_divergence=on_divergence,
            validation_split=validation_split,
        )
        return fit(self, X, T, sample_weight, validation_data, options, hints=True)

    @classmethod
    def resume(
        cls,
        path: str | PathLike[str],
        X: ArrayLike | Source,
        T: ArrayLike | None = None,
        *,
        sample_weight: ArrayLike | None = None,
        validation_data: tuple[Any, ...] | Source | None = None,
        callbacks: Sequence[Callback] = (),
        **options: Any,
    ) -> tuple[Network, History]:
        """Go on with a fit from its checkpoint, to the same bits as if it had never stopped.

        Parameters
        ----------
        path : str or path-like
            The checkpoint that `fit(..., checkpoint=path)` wrote.

        X : array-like of shape (n, n_in), or Source
            Inputs of the fit.

        T : array-like of shape (n,) or (n, n_targets), default=None
            Targets of the fit; None with a source.

        sample_weight : array-like of shape (n,), default=None
            Weights of the fit.

        validation_data : tuple or Source, default=None
            Validation data of the fit.

        callbacks : sequence of callables, default=()
            New callbacks like those of the fit. EarlyStopping gets back what it had seen.

        **options : dict
            Options of `fit`. Those that decide about the result are in the checkpoint and need not be given, but for a schedule
            or a shuffle function of your own. n_threads, progress, checkpoint (`path` unless given), checkpoint_every,
            max_seconds and on_divergence may differ, and have the defaults of `fit`.

        Returns
        -------
        network : Network
            The network at the end of the fit.
        history : History
            All epochs, those before the checkpoint included.

        Raises
        ------
        InputError
            Where there is no checkpoint, and for other data or options, naming what differs.
        ModelFormatError
            Where neither the last checkpoint nor the one before it can be read.
        """
        network, resumed = read_checkpoint(cls, path)
        given = {"checkpoint": path, "callbacks": callbacks, **options}
        return network, fit(network, X, T, sample_weight, validation_data, resumed.options(given), resumed)

    # Files -----------------------------------------------------------------------------------------------------------------

    def save(self, path: str | PathLike[str]) -> None:
        """Write the network to a safetensors file (needs the extra `files`).

        Parameters
        ----------
        path : str or path-like
            The file, in a folder that is there. It is written whole or not at all.

        Raises
        ------
        InputError
            Where parameters are not finite.
        OSError
            Where the file cannot be written.

        Examples
        --------
        >>> from tileprop import Network
        >>> import tempfile
        >>> network, path = Network([2, 1]), tempfile.mkdtemp() + "/network.safetensors"
        >>> network.save(path)
        >>> Network.load(path).plan.sizes
        [2, 1]
        """
        files.save_network(path, self)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Network:
        """Read a network that `save` wrote.

        Parameters
        ----------
        path : str or path-like
            The file. Nothing in it is run, wherever it comes from.

        Returns
        -------
        Network
            The network, its class names included.

        Raises
        ------
        ModelFormatError
            Where the file holds no network.
        """
        return files.load_network(cls, path)[0]
