"""A sample, or a small batch, through a network: every quantity of a forward pass, a backward pass and one update.

Each is computed by the public kernel of its name. At the end the gradient is compared with `loss_and_grad`'s.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ... import kernels
from ...kernels.activations import activation_registry
from ...kernels.losses import loss_registry
from ...kernels.losses.entry import Loss
from ...kernels.losses.gaussian import LEAST_LOG_VARIANCE
from ..arrays import as_inputs, as_targets
from ..errors import InputError
from ..fit.optimizers import SGD
from ..layers import layer_by_layer
from ..network import Network


class StepsDisagreeError(AssertionError):
    """The stepwise loss or gradient is not that of `loss_and_grad`."""


@dataclass(frozen=True)
class Backward:
    """A backward pass. Lists have one entry for each layer, arrays as many rows as there are samples."""

    dA: list[np.ndarray]  # dL/da (n, n_out); the last entry is dL/dy
    deltas: list[np.ndarray]  # dL/dz (n, n_out)
    grad: np.ndarray  # laid out like theta
    dW: list[np.ndarray]  # views of grad, (n_in, n_out)
    db: list[np.ndarray]  # views of grad, (n_out), or empty without biases


@dataclass(frozen=True)
class Steps:
    """Everything that one step of gradient descent computes on the way."""

    network: Network  # as it was before the step
    X: np.ndarray  # (n, n_in)
    T: np.ndarray  # (n, n_targets)
    Z: list[np.ndarray]  # pre-activations (n, n_out), one array for each layer
    A: list[np.ndarray]  # activations (n, n_out); the last one is y
    loss: float
    backward: Backward
    learning_rate: float
    after: Network  # the network after the step
    loss_after: float
    from_labels: bool = False  # T was made from class labels

    @property
    def inputs(self) -> list[np.ndarray]:
        """What goes into each layer (n, n_in): X, then the activations of the layer below."""
        return [self.X, *self.A[:-1]]


def work_through(network: Network, x: ArrayLike, t: ArrayLike, learning_rate: float = 0.1) -> Steps:
    """See `explain`."""
    X, T, targets = samples(network, x, t)
    state = SGD(learning_rate=learning_rate).state(network.plan, network.dtype)
    before, after = copy_of(network), copy_of(network)
    Z, A = forward(before, X)
    loss = loss_of(before, A[-1], T)
    passed_back = backward(before, X, Z, A, T)
    kernels.apply_gradient(after.theta, passed_back.grad, state)
    loss_after = loss_of(after, forward(after, X)[1][-1], T)
    steps = Steps(before, X, T, Z, A, loss, passed_back, learning_rate, after, loss_after, targets is not T)
    check_gradient(steps, targets)
    return steps


def samples(network: Network, x: ArrayLike, t: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """X (n, n_in) and T (n, n_targets) from one sample or a batch, and the targets as `loss_and_grad` takes them.

    The last two differ for class labels alone, which T holds as rows of zeros with a one.
    """
    plan = network.plan
    X, T = np.atleast_1d(x), np.asarray(t)
    if X.shape == (plan.sizes[0],):
        X, T = X.reshape(1, -1), T.reshape(1, -1) if T.shape == (plan.n_targets,) else np.atleast_1d(T)
    X = as_inputs(X, plan.sizes[0], network.dtype, "x")
    if len(X) == 0:
        raise InputError("x has no rows; give at least one sample")
    targets = as_targets(T, plan, len(X), network.dtype, "t", network.classes)
    if targets.shape[1] != plan.n_targets:
        return X, np.eye(plan.sizes[-1], dtype=network.dtype)[targets[:, 0].astype(int)], T
    return X, targets, targets


def copy_of(network: Network) -> Network:
    """A network of its own with the same parameters."""
    copy = Network(**network.plan.arguments, dtype=network.dtype)
    copy.theta = network.theta
    return copy


def forward(network: Network, X: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Pre-activations and activations of every layer for X (n, n_in)."""
    layers = list(layer_by_layer(network.plan, network.theta, X))
    return [Z for Z, _ in layers], [A for _, A in layers]


def backward(network: Network, X: np.ndarray, Z: list[np.ndarray], A: list[np.ndarray], T: np.ndarray) -> Backward:
    """The chain rule from the loss back to every parameter: X (n, n_in), Z and A of every layer, T (n, n_targets)."""
    grad = np.zeros_like(network.theta)
    dW, db = network.unflatten(grad)
    names = network.plan.activations
    inputs = [X, *A[:-1]]
    dA, deltas = list(A), list(A)
    loss = loss_entry(network)
    dA[-1] = loss.backward(A[-1], T, *loss_parameter(network))
    for layer in reversed(range(len(A))):
        if layer == len(A) - 1 and loss.gives_delta:
            # What dL/dy has below the line cancels against the activation's slope, so that a saturated y does no harm.
            deltas[layer] = (A[layer] - T) / network.dtype.type(len(T))
        else:
            entry = activation_registry[names[layer]]
            deltas[layer] = entry.backward(Z[layer] if entry.from_input else A[layer], dA[layer])
        kernels.dense_backward(dW[layer], db[layer], deltas[layer], inputs[layer])
        if layer > 0:
            dA[layer - 1] = np.empty_like(A[layer - 1])
            kernels.dense_backward_input(dA[layer - 1], deltas[layer], network.weights[layer])
    return Backward(dA, deltas, grad, dW, db)


def loss_entry(network: Network) -> Loss:
    """What the kernels know of the network's loss."""
    return loss_registry.with_code(network.plan.loss_code)


def loss_parameter(network: Network) -> list[np.ndarray]:
    """What the kernels of the network's loss take after T."""
    parameters = network.plan.loss_parameters
    return [parameters.astype(network.dtype)] if parameters.size else []


def loss_of(network: Network, Y: np.ndarray, T: np.ndarray) -> float:
    """The loss of outputs Y (n, n_out)."""
    return float(loss_entry(network).value(Y, T, *loss_parameter(network)))


def check_gradient(steps: Steps, targets: np.ndarray) -> None:
    """Raise StepsDisagreeError unless `loss_and_grad` gives the same loss and the same gradient.

    The two round differently: by half of the digits of the largest entry, and, where an entry is a small difference of large
    terms, by some units in the last place of those.
    """
    loss, grad = steps.network.loss_and_grad(steps.X, targets)
    eps = float(np.finfo(steps.network.dtype).eps)
    rounding = 64.0 * eps * largest_term(steps)
    for name, given, wanted in (("loss", steps.loss, loss), ("gradient", steps.backward.grad, grad)):
        allowed = np.sqrt(eps) * np.abs(wanted).max() + rounding
        if np.isfinite(allowed) and not np.abs(given - wanted).max() <= allowed:
            raise StepsDisagreeError(f"the {name} of the steps differs from that of loss_and_grad: {given} and {wanted}")


def largest_term(steps: Steps) -> float:
    """The largest sum of magnitudes behind an entry of the gradient, were nothing to cancel."""
    weights = [np.abs(W, dtype=np.float64) for W in steps.network.weights]
    sizes = [np.abs(steps.X, dtype=np.float64)]
    for W, b, a in zip(weights, steps.network.biases, steps.A, strict=True):
        sizes.append(sizes[-1] @ W + np.abs(a) + (np.abs(b) if b.size else 0.0))
    terms = slope_terms(steps, sizes[-1])
    largest = float(terms.max())
    for W, inputs in zip(reversed(weights), reversed(sizes[:-1]), strict=True):
        largest = max(largest, float((inputs.T @ terms).max()))
        terms = terms @ W.T
    return largest


def slope_terms(steps: Steps, sizes: np.ndarray) -> np.ndarray:
    """The largest sums of magnitudes behind dL/dz of the outputs, whose own are `sizes` (n, n_out)."""
    plan, Y, n = steps.network.plan, steps.A[-1], len(steps.X)
    T = np.tile(steps.T, plan.sizes[-1] // plan.n_targets)
    terms: np.ndarray = (sizes + np.abs(T)) / n
    if plan.loss == "gaussian_nll":
        means, variances = np.hsplit(Y, 2)
        weights = (1 + np.abs(means - steps.T)) * np.exp(-np.maximum(variances, LEAST_LOG_VARIANCE))
        terms *= np.tile(weights, 2)
    elif plan.loss in ("mae", "quantile"):
        # Where y is t but for rounding, it may be on either side, and its slope then has the other sign.
        eps = np.finfo(steps.network.dtype).eps
        terms[np.abs(Y - T) <= 64 * eps * sizes] += 1 / eps
    return terms
