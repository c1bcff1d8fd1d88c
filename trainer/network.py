"""Network: a plan, its parameters, and what one does with them."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .. import kernels
from ..kernels import Plan, State, Workspace, make_plan, make_workspace
from ..kernels.activations import activation_registry
from ..kernels.losses import loss_registry
from ..kernels.validation import real_dtype
from . import derivatives, files, loop
from .arrays import as_inputs, as_real, as_targets, as_weights
from .callbacks import Callback
from .epochs import Shuffle
from .errors import InputError
from .extras import require
from .history import History
from .initial import initial_theta
from .intervals import interval
from .layers import layer_by_layer
from .optimizers import Optimizer
from .solvers import Solver

if TYPE_CHECKING:
    from .schedules import Schedule

# predict works through its rows in blocks; a workspace for this many is enough for any number.
PREDICT_ROWS = 4096
# For so few, a workspace is kept: to make one takes longer than to predict.
FEW_ROWS = 64


class Network:
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

    def __init__(
        self,
        sizes: Sequence[int],
        activation: str | Sequence[str] = "sigmoid",
        output_activation: str = "sigmoid",
        loss: str = "mse",
        bias: bool = True,
        dtype: DTypeLike = "float32",
        random_state: int | np.random.Generator | None = 0,
        initial: str | np.ndarray = "auto",
        quantile: float | Sequence[float] | None = None,
        delta: float | None = None,
    ) -> None:
        self.plan = make_plan(sizes, activation, output_activation, loss, bias, quantile=quantile, delta=delta)
        self.dtype = real_dtype(dtype)
        self.generator = np.random.default_rng(random_state)
        self._theta = initial_theta(self.plan, initial, self.generator, self.dtype)
        self._spare: list[Workspace] = []
        self.weights, self.biases = self.plan.unflatten(self._theta)

    def __repr__(self) -> str:
        return (
            f"Network({self.plan.sizes}, activations={self.plan.activations}, loss={self.plan.loss!r}, "
            f"bias={self.plan.bias}, dtype={self.dtype.name!r}): {self.plan.n_parameters} parameters"
        )

    def __getstate__(self) -> dict[str, Any]:
        kept = {name: value for name, value in vars(self).items() if name not in ("weights", "biases", "_spare")}
        return {**kept, "names": (self.plan.activations, self.plan.loss)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        activations, loss = state["names"]
        for name in activations:
            if name not in activation_registry:
                raise ValueError(f"the network has an activation {name!r}; register_activation it before unpickling")
        if loss not in loss_registry:
            raise ValueError(f"the network has a loss {loss!r}; register_loss it before unpickling")
        vars(self).update({name: value for name, value in state.items() if name != "names"})
        # Copied or unpickled apart from theta, the views would no longer be views of it.
        self.weights, self.biases = self.plan.unflatten(self._theta)
        self._spare = []

    @property
    def theta(self) -> np.ndarray:
        """All parameters, one vector. Assigning copies values into it, so that views stay valid."""
        return self._theta

    @theta.setter
    def theta(self, values: ArrayLike) -> None:
        array = as_real("theta", values, self.dtype)
        if array.shape != self._theta.shape:
            raise InputError(f"theta has shape {array.shape}; this network's is {self._theta.shape}")
        self._theta[:] = array

    def unflatten(self, vector: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Views of a vector laid out like theta, a gradient for instance: each layer's weights, each layer's biases."""
        return self.plan.unflatten(vector)

    # From samples to predictions -------------------------------------------------------------------------------------------

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Outputs (n, n_out) for X (n, n_in). Memory beyond the result is bounded, whatever n."""
        return self.outputs(as_inputs(X, self.weights[0].shape[0], self.dtype))

    def outputs(self, X: np.ndarray) -> np.ndarray:
        """`predict` for X that is known to be finite, C-contiguous and of the network's dtype."""
        Y = np.empty((len(X), self.weights[-1].shape[1]), self.dtype)
        few = len(X) <= FEW_ROWS
        try:  # taken off the list, so that no two threads have the same one
            work = self._spare.pop() if few else self.workspace(min(len(X), PREDICT_ROWS))
        except IndexError:
            work = self.workspace(FEW_ROWS)
        if len(X) == 1:  # on theta as it is: twice as fast for wide layers, and no slower for any
            kernels.predict_one(self.plan, self._theta, X[0], Y[0], work)
        else:
            kernels.predict(self.plan, self._theta, X, Y, work)
        if few:
            self._spare.append(work)
        return Y

    def predict_interval(self, X: ArrayLike, coverage: float | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper bounds (n, n_targets) of intervals that are to hold a share `coverage` of the targets.

        With the loss "gaussian_nll", around the means, 0.9 unless given. With "quantile" and several levels, from the lowest
        to the highest, so that `coverage` is given by them. Raises InputError for any other loss.
        """
        return interval(self.plan, self.predict(X), coverage)

    def activations(self, X: ArrayLike) -> list[np.ndarray]:
        """The output of every layer for X (n, n_in): arrays (n, width), the last of which is the prediction."""
        rows = as_inputs(X, self.plan.sizes[0], self.dtype)
        return [A for _, A in layer_by_layer(self.plan, self._theta, rows)]

    def loss(self, X: ArrayLike, T: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Mean loss over the rows of X (n, n_in) with targets T, weighted by sample_weight where given."""
        plan, X, T, weight = self.prepared(X, T, sample_weight)
        work = make_workspace(plan, min(len(X), PREDICT_ROWS), self.dtype)
        return float(kernels.loss_and_grad(plan, self._theta, X, T, weight, np.empty(0, self.dtype), work))

    def loss_and_grad(self, X: ArrayLike, T: ArrayLike, sample_weight: ArrayLike | None = None) -> tuple[float, np.ndarray]:
        """Mean loss over the rows, and its gradient, a new vector laid out like theta (see `unflatten`)."""
        plan, X, T, weight = self.prepared(X, T, sample_weight)
        grad = np.empty_like(self._theta)
        work = make_workspace(plan, min(len(X), PREDICT_ROWS), self.dtype)
        return float(kernels.loss_and_grad(plan, self._theta, X, T, weight, grad, work)), grad

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
        shown on a terminal, for work that takes a while. n_threads: how many threads train; unless given,
        `TILEPROP_NUM_THREADS`, or as many of the processors at hand as have enough to do. It changes no bit of the result.

        Raises InputError for arguments that do not fit, before anything is changed, and DivergenceError where the loss or the
        parameters become infinite; the network then holds its last finite parameters. Ctrl-C ends after a whole step.
        """
        return loop.fit(
            self,
            X,
            T,
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
            sample_weight=sample_weight,
            validation_data=validation_data,
            callbacks=callbacks,
            progress=progress,
            n_threads=n_threads,
        )

    def prepared(
        self, X: ArrayLike, T: ArrayLike, sample_weight: ArrayLike | None, prefix: str = ""
    ) -> tuple[Plan, np.ndarray, np.ndarray, np.ndarray]:
        """X, T and sample weights as kernels take them, and the plan for such targets. `prefix` names them in errors."""
        X = as_inputs(X, self.plan.sizes[0], self.dtype, f"{prefix}X")
        if len(X) == 0:
            raise InputError(f"{prefix}X has no rows; give at least one")
        T = as_targets(T, self.plan, len(X), self.dtype, f"{prefix}T")
        weight = as_weights(sample_weight, len(X), self.dtype, f"{prefix}sample_weight")
        plan = self.plan
        if T.shape[1] != plan.n_targets:
            plan = make_plan(**plan.arguments, n_targets=T.shape[1])
        return plan, X, T, weight

    def workspace(self, batch_size: int) -> Workspace:
        """New scratch memory for this network."""
        return make_workspace(self.plan, batch_size, self.dtype)

    # Files -----------------------------------------------------------------------------------------------------------------

    def save(self, path: str | PathLike[str]) -> None:
        """Write the network to a safetensors file (needs the extra `files`)."""
        files.save_network(path, self)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Network:
        """Read a network that `save` wrote. Raises ModelFormatError where the file is no such thing."""
        return files.load_network(path)[0]
