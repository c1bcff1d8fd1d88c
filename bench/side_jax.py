"""JAX: the whole epoch one jitted `lax.scan`, the buffers of weights and optimizer donated. It takes no losses, and waits once
a round.

Donation, unrolling and stacking the losses were measured: none changes an epoch's time beyond noise, but for unrolling by 4,
which makes the tiny network five times slower.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .task import BETA_1, BETA_2, MOMENTUM, Task, flatten

# Trees of arrays: the layers (W, b), and what an optimizer keeps for them.
Layers = list[tuple[Any, Any]]
State = Any

ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "identity": lambda z: z,
    "softmax": jax.nn.log_softmax,  # its logarithm, of which the loss is made
}


def batch_loss(task: Task) -> Callable[[Layers, Any, Any], Any]:
    """layers, X (rows, n_in), T (rows, n_out) -> the loss."""
    hidden, outputs = ACTIVATIONS[task.activation], ACTIVATIONS[task.output_activation]

    def loss(layers: Layers, X: Any, T: Any) -> Any:
        A = X
        for W, b in layers[:-1]:
            A = hidden(A @ W + b)
        W, b = layers[-1]
        Y = outputs(A @ W + b)
        return -jnp.mean(jnp.sum(T * Y, axis=1)) if task.loss == "log_loss" else jnp.mean((Y - T) ** 2)

    return loss


def fresh_state(task: Task, layers: Layers) -> State:
    def zeros() -> Layers:
        return jax.tree.map(jnp.zeros_like, layers)

    if task.optimizer == "adam":
        return zeros(), zeros(), jnp.zeros((), task.X.dtype)
    return zeros() if task.optimizer == "momentum" else ()


def optimizer(task: Task) -> Callable[[Layers, State, Layers], tuple[Layers, State]]:
    """layers, state, gradient -> layers, state."""
    rate = task.learning_rate

    def sgd(layers: Layers, state: State, gradient: Layers) -> tuple[Layers, State]:
        return jax.tree.map(lambda w, g: w - rate * g, layers, gradient), state

    def momentum(layers: Layers, state: State, gradient: Layers) -> tuple[Layers, State]:
        velocities = jax.tree.map(lambda v, g: MOMENTUM * v - rate * g, state, gradient)
        return jax.tree.map(jnp.add, layers, velocities), velocities

    def adam(layers: Layers, state: State, gradient: Layers) -> tuple[Layers, State]:
        first, second, steps = state
        steps += 1
        first = jax.tree.map(lambda m, g: BETA_1 * m + (1 - BETA_1) * g, first, gradient)
        second = jax.tree.map(lambda v, g: BETA_2 * v + (1 - BETA_2) * g * g, second, gradient)
        # 1 - beta^steps, which float32 would leave with four digits in the first steps.
        bias_1, bias_2 = (-jnp.expm1(steps * np.log(beta)) for beta in (BETA_1, BETA_2))
        correction = jnp.sqrt(bias_2)
        size = rate * correction / bias_1
        epsilon = task.epsilon * correction
        layers = jax.tree.map(lambda w, m, v: w - size * m / (jnp.sqrt(v) + epsilon), layers, first, second)
        return layers, (first, second, steps)

    return {"sgd": sgd, "momentum": momentum, "adam": adam}[task.optimizer]


class JaxTrainer:
    def __init__(self, task: Task) -> None:
        jax.config.update("jax_enable_x64", task.theta.dtype == np.float64)
        self.task = task
        steps = len(task.X) // task.batch_size
        T = np.eye(task.sizes[-1], dtype=task.X.dtype)[task.T] if task.loss == "log_loss" else task.T
        self.X = jnp.asarray(task.X.reshape(steps, task.batch_size, -1))
        self.T = jnp.asarray(T.reshape(steps, task.batch_size, -1))
        self.layers: Layers = [(jnp.asarray(W), jnp.asarray(b)) for W, b in task.layers()]
        gradient, update = jax.grad(batch_loss(task)), optimizer(task)

        def step(carry: tuple[Layers, State], batch: tuple[Any, Any]) -> tuple[tuple[Layers, State], None]:
            layers, state = carry
            return update(layers, state, gradient(layers, *batch)), None

        @functools.partial(jax.jit, donate_argnums=0)
        def epoch(carry: tuple[Layers, State], X: Any, T: Any) -> tuple[Layers, State]:
            return jax.lax.scan(step, carry, (X, T))[0]

        self.epoch = epoch

    def train(self, epochs: int) -> None:
        carry = self.layers, fresh_state(self.task, self.layers)
        for _ in range(epochs):
            carry = self.epoch(carry, self.X, self.T)
        self.layers = carry[0]
        jax.block_until_ready(self.layers)

    def theta(self) -> np.ndarray:
        return flatten((np.asarray(W), np.asarray(b)) for W, b in self.layers)


def build(task: Task) -> JaxTrainer:
    return JaxTrainer(task)
