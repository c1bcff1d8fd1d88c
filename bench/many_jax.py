"""JAX in the race of many networks: a whole fit is one jitted call, epochs and steps scanned, the initial weights donated.

vmap: all networks in one call. loop: a call for each network. -2: on two devices of one core each, which compute at the same
time; otherwise on one device whose thread pool has both cores.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .many_problems import ManyTask
from .many_problems import read_many as read_task
from .side_jax import Layers, batch_loss, fresh_state, optimizer
from .task import flatten, split

__all__ = ["build", "read_task"]


class ManyTrainer:
    """task.way: "jax-vmap" or "jax-loop", each with "-2" for two devices. All networks are of one shape."""

    def __init__(self, task: ManyTask) -> None:
        self.task, common, n = task, task.common, len(task.thetas)
        self.vmapped, n_devices = task.way.startswith("jax-vmap"), common.threads if task.way.endswith("-2") else 1
        jax.config.update("jax_num_cpu_devices", n_devices)
        devices = jax.devices()
        steps = len(common.X) // common.batch_size
        T, T_held = (
            np.eye(common.sizes[-1], dtype=common.X.dtype)[of] if common.loss == "log_loss" else of
            for of in (common.T, task.T_held)
        )
        batches = (common.X.reshape(steps, common.batch_size, -1), T.reshape(steps, common.batch_size, -1))
        held = (task.X_held, T_held) if len(task.X_held) else None
        self.data = {device: jax.device_put((batches, held), device) for device in devices}
        self.layers = [split(theta, common.sizes) for theta in task.thetas]
        # Which networks a call trains, and where. With vmap one call for each device.
        parts: Any = np.array_split(np.arange(n), len(devices)) if self.vmapped else [[i] for i in range(n)]
        self.calls = [(list(part), devices[k % len(devices)]) for k, part in enumerate(parts)]
        fit = functools.partial(_fit, common)
        if self.vmapped:
            fit = jax.vmap(fit, in_axes=(None, 0, 0, None))
        self.fit = jax.jit(fit, static_argnums=0, donate_argnums=1)
        self.ends: list[Any] = []

    def train(self, epochs: int) -> None:
        """Make all fits anew, of so many epochs."""
        ends = []
        for numbers, device in self.calls:
            if self.vmapped:
                layers: Any = jax.tree.map(lambda *same: np.stack(same), *(self.layers[i] for i in numbers))
                rates = self.task.rates[numbers]
            else:
                layers, rates = self.layers[numbers[0]], self.task.rates[numbers[0]]
            layers, rates = jax.device_put((layers, rates.astype(self.task.common.X.dtype)), device)
            ends.append(self.fit(epochs, layers, rates, self.data[device]))
        self.ends = jax.block_until_ready(ends)

    def theta(self) -> np.ndarray:
        thetas: list[np.ndarray] = []
        losses: list[np.ndarray] = []
        held_losses: list[np.ndarray] = []
        for layers, of_epochs, of_held in jax.tree.map(np.asarray, self.ends):
            if not self.vmapped:
                layers, of_epochs, of_held = jax.tree.map(lambda array: array[None], (layers, of_epochs, of_held))
            thetas += [flatten((W[k], b[k]) for W, b in layers) for k in range(len(of_epochs))]
            losses += list(of_epochs)
            held_losses += [] if of_held is None else list(of_held)
        return self.task.results(thetas, losses, held_losses)


def _fit(common: Any, epochs: int, layers: Layers, rate: Any, data: Any) -> tuple[Layers, Any, Any]:
    """One network's whole fit: layers, loss of each epoch, loss of each epoch on the rows that are held out."""
    task = replace(common, learning_rate=rate)
    (batches, held), loss, update = data, batch_loss(task), optimizer(task)

    def step(carry: Any, batch: Any) -> Any:
        layers, state = carry
        value, gradient = jax.value_and_grad(loss)(layers, *batch)
        return update(layers, state, gradient), value

    def epoch(carry: Any, _: None) -> Any:
        carry, losses = jax.lax.scan(step, carry, batches)
        return carry, (jnp.mean(losses), None if held is None else loss(carry[0], *held))

    (layers, _), (losses, held_losses) = jax.lax.scan(epoch, (layers, fresh_state(task, layers)), None, length=epochs)
    return layers, losses, held_losses


def build(task: ManyTask) -> ManyTrainer:
    return ManyTrainer(task)
