"""A network inside a JAX program: outputs forward, vector-Jacobian products backward, by calls out of compiled code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from .. import derivatives
from ..model import Model


def jax_function(network: Model) -> Callable[[Any, Any], Any]:
    """f(theta, X): outputs (n, n_out) for X (n, n_in), in theta's dtype, float32 or float64.

    For `jit`, `grad` and what is made of it; under `vmap` it is called for one entry after another. Forward mode and
    derivatives of derivatives are refused by JAX; `Network.hessian_vector` has them.
    """
    n_in, n_out, size = network.plan.sizes[0], network.plan.sizes[-1], network.plan.n_parameters

    def outputs(theta: Any, X: Any) -> np.ndarray:
        return derivatives.outputs_at(network, _array(theta), _array(X))

    def pull_back(theta: Any, X: Any, dY: Any) -> tuple[np.ndarray, np.ndarray]:
        theta, X = _array(theta), _array(X)
        grad, dX = np.empty_like(theta), np.empty_like(X)
        derivatives.pull_back_at(network, theta, X, _array(dY), grad, dX)
        return grad, dX

    @jax.custom_vjp
    def apply(theta: Any, X: Any) -> Any:
        shape = jax.ShapeDtypeStruct((X.shape[0], n_out), theta.dtype)
        return jax.pure_callback(outputs, shape, theta, X, vmap_method="sequential")

    def forward(theta: Any, X: Any) -> tuple[Any, Any]:
        return apply(theta, X), (theta, X)

    def backward(kept: Any, dY: Any) -> Any:
        shapes = tuple(jax.ShapeDtypeStruct(array.shape, array.dtype) for array in kept)
        return jax.pure_callback(pull_back, shapes, *kept, dY, vmap_method="sequential")

    apply.defvjp(forward, backward)

    def function(theta: Any, X: Any) -> Any:
        theta, X = jax.numpy.asarray(theta), jax.numpy.asarray(X)
        if theta.shape != (size,) or theta.dtype not in (np.float32, np.float64):
            raise ValueError(f"theta is {theta.dtype}{list(theta.shape)}; it must be float32 or float64, and ({size},)")
        if X.ndim != 2 or X.shape[1] != n_in:
            raise ValueError(f"X has shape {X.shape}; the network takes (n, {n_in})")
        return apply(theta, X.astype(theta.dtype))

    return function


def _array(given: Any) -> np.ndarray:
    return np.ascontiguousarray(given)
