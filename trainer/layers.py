"""A forward pass layer by layer, for those who want to see what lies between: the kernels' own keeps it in scratch memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..kernels import Plan, dense_forward
from ..kernels.activations import activation_registry


def layer_by_layer(plan: Plan, theta: np.ndarray, X: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Each layer's pre-activations and activations (n, n_out) for X (n, n_in), which has theta's dtype; new arrays."""
    inputs = X
    for W, b, name in zip(*plan.unflatten(theta), plan.activations, strict=True):
        Z = np.empty((len(X), W.shape[1]), theta.dtype)
        dense_forward(Z, inputs, W, b)
        inputs = activation_registry[name].forward(Z)
        yield Z, inputs
