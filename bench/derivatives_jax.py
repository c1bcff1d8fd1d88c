"""JAX: each quantity one jitted function, waited for.

Reverse mode for Jacobians, since there are fewer outputs than inputs; forward over reverse mode for the Hessian.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .derivatives import compared, direction, joined, outputs_of
from .task import Task, split

ACTIVATIONS: dict[str, Callable[[Any], Any]] = {"sigmoid": jax.nn.sigmoid, "tanh": jnp.tanh, "relu": jax.nn.relu}


class Computation:
    def __init__(self, task: Task) -> None:
        jax.config.update("jax_enable_x64", task.theta.dtype == np.float64)
        outputs = outputs_of(task, ACTIVATIONS)

        def loss(layers: Any, x: Any, t: Any) -> Any:
            return jnp.mean((outputs(layers, x) - t) ** 2)

        def hessian_vector(layers: Any, X: Any, T: Any, v: Any) -> Any:
            return jax.jvp(lambda layers: jax.grad(loss)(layers, X, T), (layers,), (v,))[1]

        layers, v = (jax.tree.map(jnp.asarray, split(vector, task.sizes)) for vector in (task.theta, direction(task.theta)))
        X, T = jnp.asarray(task.X), jnp.asarray(task.T)
        quantities: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
            "input_gradient": (jax.grad(loss, 1), (layers, X, T)),
            "input_jacobian": (jax.vmap(jax.jacrev(outputs, 1), (None, 0)), (layers, X)),
            "parameter_jacobian": (jax.vmap(jax.jacrev(outputs, 0), (None, 0)), (layers, X)),
            "sample_gradients": (jax.vmap(jax.grad(loss, 0), (None, 0, 0)), (layers, X, T)),
            "hessian_vector": (hessian_vector, (layers, X, T, v)),
        }
        function, self.arguments = quantities[task.quantity]
        self.task, self.compute = task, jax.jit(function)
        self.result: Any = None

    def train(self, epochs: int) -> None:
        for _ in range(epochs):
            self.result = None
            self.result = jax.block_until_ready(self.compute(*self.arguments))

    def theta(self) -> np.ndarray:
        if isinstance(self.result, jax.Array):
            return compared(np.asarray(self.result))
        return joined([np.asarray(array) for layer in self.result for array in layer], self.task)


def build(task: Task) -> Computation:
    return Computation(task)
