"""Derivatives of a network, for arrays as users have them: checked, with a workspace that is kept between calls.

Rows are worked through in blocks, so that memory beyond the result is bounded, whatever their number.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import ArrayLike

from .. import kernels
from ..kernels import Plan, Workspace, make_workspace
from .arrays import as_inputs, as_real
from .errors import InputError
from .model import Model
from .threads.long_calls import answering

# Rows of a block.
ROWS = 128
# Workspaces larger than this are not kept.
KEPT_BYTES = 1 << 25

# By how much longer calls take than a loss and its gradient: two passes more; writing as many numbers as there are parameters.
CURVATURE, ROW_OF_PARAMETERS = 4.0, 8.0

_Key = tuple[int, str, bool]
_spare: WeakKeyDictionary[Model, dict[_Key, Workspace]] = WeakKeyDictionary()


class Borrowed:
    """A workspace for a `with` statement: the one that the network has kept, or a new one. No two threads have the same."""

    def __init__(self, network: Model, plan: Plan, real: np.dtype[Any], curvature: bool = False) -> None:
        self.key = plan.n_targets, real.char, curvature
        self.kept = _spare.setdefault(network, {})
        work = self.kept.pop(self.key, None)
        self.work = make_workspace(plan, ROWS, real, derivatives=True, curvature=curvature) if work is None else work

    def __enter__(self) -> Workspace:
        return self.work

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        # After an interrupt it says that what it is for is to be abandoned.
        if kind is None and self.work.numbers.nbytes <= KEPT_BYTES:
            self.kept[self.key] = self.work


def input_jacobian(network: Model, X: ArrayLike) -> np.ndarray:
    plan, sizes = network.plan, network.plan.sizes
    X = as_inputs(X, sizes[0], network.dtype)
    Y = np.empty((len(X), sizes[-1]), network.dtype)
    J = np.empty((*Y.shape, sizes[0]), network.dtype)
    with Borrowed(network, plan, network.dtype) as work:
        seconds = len(X) * network.seconds_a_row * min(J.shape[1:])
        answering(seconds, work, kernels.input_jacobian, plan, network.theta, X, Y, J)
    return J


def parameter_jacobian(network: Model, X: ArrayLike) -> np.ndarray:
    plan, sizes = network.plan, network.plan.sizes
    X = as_inputs(X, sizes[0], network.dtype)
    Y = np.empty((len(X), sizes[-1]), network.dtype)
    J = np.empty((*Y.shape, plan.n_parameters), network.dtype)
    with Borrowed(network, plan, network.dtype) as work:
        seconds = len(X) * network.seconds_a_row * sizes[-1] * ROW_OF_PARAMETERS
        answering(seconds, work, kernels.parameter_jacobian, plan, network.theta, X, Y, J)
    return J


def sample_gradients(network: Model, X: ArrayLike, T: ArrayLike, sample_weight: ArrayLike | None) -> np.ndarray:
    plan, X, T, weight = network.prepared(X, T, sample_weight)
    G = np.empty((len(X), plan.n_parameters), network.dtype)
    with Borrowed(network, plan, network.dtype) as work:
        seconds = len(X) * network.seconds_a_row * ROW_OF_PARAMETERS
        answering(seconds, work, kernels.sample_gradients, plan, network.theta, X, T, weight, G)
    return G


def input_gradient(network: Model, X: ArrayLike, T: ArrayLike, sample_weight: ArrayLike | None) -> np.ndarray:
    plan, X, T, weight = network.prepared(X, T, sample_weight)
    dX = np.empty_like(X)
    with Borrowed(network, plan, network.dtype) as work:
        answering(len(X) * network.seconds_a_row, work, kernels.input_gradient, plan, network.theta, X, T, weight, dX)
    return dX


def target_gradient(network: Model, X: ArrayLike, T: ArrayLike, sample_weight: ArrayLike | None) -> np.ndarray:
    plan, X, T, weight = network.prepared(X, T, sample_weight)
    if T.shape[1] != network.plan.n_targets:
        raise InputError(
            f"T holds class labels, which have no derivative; give ({len(X)}, {plan.sizes[-1]}), a column for each class"
        )
    dT = np.empty_like(T)
    with Borrowed(network, plan, network.dtype) as work:
        answering(len(X) * network.seconds_a_row, work, kernels.target_gradient, plan, network.theta, X, T, weight, dT)
    return dT


def curvature_vector(
    kernel: Any, network: Model, X: ArrayLike, T: ArrayLike, v: ArrayLike, sample_weight: ArrayLike | None
) -> np.ndarray:
    """kernel: `hessian_vector` or `gauss_newton_vector`."""
    plan, X, T, weight = network.prepared(X, T, sample_weight)
    direction = as_real("v", v, network.dtype)
    if direction.shape != network.theta.shape:
        raise InputError(f"v has shape {direction.shape}; it must be {network.theta.shape}, laid out like theta")
    result = np.empty_like(network.theta)
    with Borrowed(network, plan, network.dtype, curvature=True) as work:
        seconds = len(X) * network.seconds_a_row * CURVATURE
        answering(seconds, work, kernel, plan, network.theta, X, T, weight, direction, result)
    return result


def vjp(network: Model, X: ArrayLike, dY: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    plan, X = network.plan, as_inputs(X, network.plan.sizes[0], network.dtype)
    seeds, shape = as_real("dY", dY, network.dtype), (len(X), plan.sizes[-1])
    if seeds.shape == (len(X),) and shape[1] == 1:
        seeds = seeds.reshape(shape)
    if seeds.shape != shape:
        raise InputError(f"dY has shape {seeds.shape}; it must be {shape}, like the network's outputs for X")
    grad, dX = np.empty_like(network.theta), np.empty_like(X)
    pull_back_at(network, network.theta, X, seeds, grad, dX)
    return grad, dX


# For arrays that are as kernels take them, at any parameters ------------------------------------------------------------------


def outputs_at(network: Model, theta: np.ndarray, X: np.ndarray) -> np.ndarray:
    """The network's outputs with parameters theta, in its dtype."""
    Y = np.empty((len(X), network.plan.sizes[-1]), theta.dtype)
    with Borrowed(network, network.plan, theta.dtype) as work:
        answering(len(X) * network.seconds_a_row, work, kernels.predict, network.plan, theta, X, Y)
    return Y


def pull_back_at(network: Model, theta: np.ndarray, X: np.ndarray, dY: np.ndarray, grad: np.ndarray, dX: np.ndarray) -> None:
    """`kernels.vjp` with parameters theta; grad and dX OUT, either may be empty."""
    with Borrowed(network, network.plan, theta.dtype) as work:
        answering(len(X) * network.seconds_a_row, work, kernels.vjp, network.plan, theta, X, dY, grad, dX)
