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
from .fit.history import History
from .fit.loop import fit
from .fit.optimizers import Optimizer
from .fit.options import FitOptions
from .fit.resuming import read_checkpoint
from .fit.schedules import Schedule
from .intervals import interval
from .model import Model
from .solvers import Solver


class Network(Model):
    """A dense network with parameters of its own.

    sizes: widths from inputs to outputs. activation: of the hidden layers, one name or one for each ("sigmoid", "tanh", "relu",
    "leaky_relu", "elu", "silu", "gelu", "softplus", "softmax", "identity", "exp", or a registered one). loss: "mse",
    "squared_error", "sum_squared_error", "mae", "huber" (with `delta`), "quantile" (with `quantile`, a level, or several with
    outputs for each), "log_loss" over softmax or sigmoid outputs, "poisson" over exp, "gaussian_nll" over identity outputs, the
    means and then the logarithms of the variances, or a registered one. dtype: "float32" or "float64". random_state: seed of
    the initial weights and of the order of the batches. initial: "auto", "glorot", "he", or the parameters, a vector like
    theta, which becomes the network's own where its dtype fits.

    theta is the parameter vector; weights[l] (n_in, n_out) and biases[l] (n_out) are writable views of it.
    """

    def predict_interval(self, X: ArrayLike, coverage: float | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper bounds (n, n_targets) of intervals that are to hold a share `coverage` of the targets.

        With the loss "gaussian_nll", around the means, 0.9 unless given. With "quantile" and several levels, from the lowest
        to the highest, so that `coverage` is given by them. Raises InputError for any other loss.
        """
        return interval(self.plan, self.predict(X), coverage)

    # Other derivatives -----------------------------------------------------------------------------------------------------

    def input_gradient(self, X: ArrayLike, T: ArrayLike, sample_weight: ArrayLike | None = None) -> np.ndarray:
        """The mean loss's gradient to the inputs, like X (n, n_in)."""
        return derivatives.input_gradient(self, X, T, sample_weight)

    def target_gradient(self, X: ArrayLike, T: ArrayLike, sample_weight: ArrayLike | None = None) -> np.ndarray:
        """The mean loss's gradient to the targets (n, n_targets). Raises InputError for class labels."""
        return derivatives.target_gradient(self, X, T, sample_weight)

    def sample_gradients(self, X: ArrayLike, T: ArrayLike, sample_weight: ArrayLike | None = None) -> np.ndarray:
        """The gradient of each row's loss, times its weight: (n, n_parameters). Their weighted mean is `loss_and_grad`'s."""
        return derivatives.sample_gradients(self, X, T, sample_weight)

    def input_jacobian(self, X: ArrayLike) -> np.ndarray:
        """Derivatives of each output to the inputs of its row: (n, n_out, n_in)."""
        return derivatives.input_jacobian(self, X)

    def parameter_jacobian(self, X: ArrayLike) -> np.ndarray:
        """Derivatives of each output of each row to theta: (n, n_out, n_parameters)."""
        return derivatives.parameter_jacobian(self, X)

    def vjp(self, X: ArrayLike, dY: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """From derivatives dY (n, n_out) to the outputs for X back to theta, summed over the rows, and to X: (grad, dX)."""
        return derivatives.vjp(self, X, dY)

    def hessian_vector(self, X: ArrayLike, T: ArrayLike, v: ArrayLike, sample_weight: ArrayLike | None = None) -> np.ndarray:
        """Second derivatives of the mean loss at theta times a vector v, like theta. Exact, and no matrix is formed."""
        return derivatives.curvature_vector(kernels.hessian_vector, self, X, T, v, sample_weight)

    def gauss_newton_vector(
        self, X: ArrayLike, T: ArrayLike, v: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> np.ndarray:
        """The same with the Gauss-Newton matrix, which is never negative for losses convex in the outputs."""
        return derivatives.curvature_vector(kernels.gauss_newton_vector, self, X, T, v, sample_weight)

    def as_torch(self) -> Any:
        """The network as a `torch.nn.Module`, whose parameter is this theta (needs the extra `torch`)."""
        require("torch", "as_torch")
        from .bridges.torch_function import TorchNetwork

        return TorchNetwork(self)

    def as_jax(self) -> Any:
        """The network as a function f(theta, X) for JAX, with its derivative (needs the extra `jax`)."""
        require("jax", "as_jax")
        from .bridges.jax_function import jax_function

        return jax_function(self)

    # Training --------------------------------------------------------------------------------------------------------------

    def fit(
        self,
        X: ArrayLike,
        T: ArrayLike,
        *,
        epochs: int = 1,
        batch_size: int | None = None,
        optimizer: Optimizer | Solver | State | None = None,
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
        validation_data: tuple[Any, ...] | None = None,
        callbacks: Sequence[Callback] = (),
        progress: bool | None = None,
        n_threads: int | None = None,
        checkpoint: str | PathLike[str] | None = None,
        checkpoint_every: int | None = None,
        max_seconds: float | None = None,
        on_divergence: str = "raise",
    ) -> History:
        """Train on X (n, n_in) and T for a number of epochs; returns the losses and times of each.

        batch_size: rows of a step, 32 unless given; the last one of an epoch may have fewer. optimizer: SGD() unless given;
        the state that an earlier optimizer's `state` made, to go on with it; LevenbergMarquardt() or LBFGS(), whose
        iterations over all rows the epochs then are. alpha: alpha / 2 times the sum of squared weights, divided by the
        batch's sum of sample weights, is what is minimised besides the loss; l1: the same with l1 times the sum of their
        magnitudes. weight_decay: weights shrink by learning_rate times this before each step (AdamW). clip_norm: gradients
        longer than this are shortened to it. frozen_layers: numbers of layers, from 0, that stay as they are. dropout: the
        rate at which hidden units are left out of a step, at random, one for all hidden layers or one for each; the losses
        of the epochs are taken with it, those of validation without. label_smoothing: this part of each target of log_loss is
        spread over all classes. schedule: by what the learning rate
        is multiplied in each epoch, see `schedules.py`. shuffle: a new order of the rows for each epoch, drawn from the
        network's own seeded generator, or by a function of the number of rows. validation_data: (X, T) or
        (X, T, sample_weight), whose loss is taken after each epoch. callbacks: called after each epoch with a
        `callbacks.RunningFit`; one that returns True ends the fit. progress: True or False to show it or not; by default it is
        shown on a terminal, for work that takes a while. n_threads: the most threads that train; unless given,
        `TILEPROP_NUM_THREADS`, or all processors at hand. So many train as are measured to be the fastest, which changes no bit
        of the result. checkpoint: a file to write the fit to after every `checkpoint_every` epochs, or once a minute, and at
        its end, for `resume` to go on from (needs the extra `files`); the one before the last stays beside it, as
        NAME.previous. max_seconds: the fit ends after the step in which this time is up; see `History.unfinished_rows`.
        on_divergence: what is done where the loss or the parameters become infinite. "raise": DivergenceError, and the network
        holds its last finite parameters. "stop": the fit ends with these. "restore": it ends with those of the best epoch, by
        the validation loss, or without it by the training loss. "retry": it goes back to these, and to the optimizer's state
        then, and on with half the learning rate; three times, then DivergenceError. All but "raise" warn, and say where.

        Raises InputError for arguments that do not fit, before anything is changed, and DivergenceError as above. Ctrl-C ends
        after a whole step. `History.stopped` says why a fit ended. Warns with a TrainingWarning where the output activation
        cannot reach the targets, and where the training loss is no better than that of the best constant prediction after 20
        epochs or more.
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
        )
        return fit(self, X, T, sample_weight, validation_data, options, hints=True)

    @classmethod
    def resume(
        cls,
        path: str | PathLike[str],
        X: ArrayLike,
        T: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        validation_data: tuple[Any, ...] | None = None,
        callbacks: Sequence[Callback] = (),
        **options: Any,
    ) -> tuple[Network, History]:
        """Go on with a fit from its checkpoint at `path`, to the same bits as if it had never stopped.

        Returns the network, and the history of all its epochs.

        X, T, sample_weight and validation_data must be those of the fit, and callbacks the same ones, new: EarlyStopping(...)
        is given back what it had seen. Of the options of `fit` those that decide about the result are in the checkpoint, and
        need not be given; a schedule or a shuffle function of your own must be. n_threads, progress, checkpoint (`path`, unless
        given), checkpoint_every, max_seconds and on_divergence may be other ones, and are `fit`'s defaults where not given.

        Raises InputError where there is no checkpoint, and for other data or options, naming what differs; ModelFormatError
        where neither the last checkpoint nor the one before it can be read.
        """
        network, resumed = read_checkpoint(cls, path)
        given = {"checkpoint": path, "callbacks": callbacks, **options}
        return network, fit(network, X, T, sample_weight, validation_data, resumed.options(given), resumed)

    # Files -----------------------------------------------------------------------------------------------------------------

    def save(self, path: str | PathLike[str]) -> None:
        """Write the network to a safetensors file (needs the extra `files`)."""
        files.save_network(path, self)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Network:
        """Read a network that `save` wrote. Raises ModelFormatError where the file is no such thing."""
        return files.load_network(cls, path)[0]
