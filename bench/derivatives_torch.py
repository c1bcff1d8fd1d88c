"""PyTorch: `torch.func`, eager, as its tutorials on Jacobians, per-sample gradients and Hessian-vector products write them.

Reverse mode for Jacobians, since there are fewer outputs than inputs; forward over reverse mode for the Hessian.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.func import grad, jacrev, jvp, vmap

from .derivatives import compared, direction, joined, outputs_of
from .task import Task, split

ACTIVATIONS: dict[str, Callable[[Any], Any]] = {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu}


class Computation:
    def __init__(self, task: Task) -> None:
        torch.set_num_threads(task.threads)
        outputs = outputs_of(task, ACTIVATIONS)

        def loss(layers: Any, x: Any, t: Any) -> Any:
            return torch.mean((outputs(layers, x) - t) ** 2)

        layers, v = (_tensors(vector, task) for vector in (task.theta, direction(task.theta)))
        X, T = torch.from_numpy(task.X), torch.from_numpy(task.T)
        quantities: dict[str, Callable[[], Any]] = {
            "input_gradient": lambda: grad(loss, 1)(layers, X, T),
            "input_jacobian": lambda: vmap(jacrev(outputs, 1), (None, 0))(layers, X),
            "parameter_jacobian": lambda: vmap(jacrev(outputs, 0), (None, 0))(layers, X),
            "sample_gradients": lambda: vmap(grad(loss, 0), (None, 0, 0))(layers, X, T),
            "hessian_vector": lambda: jvp(lambda layers: grad(loss)(layers, X, T), (layers,), (v,))[1],
        }
        self.task, self.compute = task, quantities[task.quantity]
        self.result: Any = None

    def train(self, epochs: int) -> None:
        for _ in range(epochs):
            self.result = None
            self.result = self.compute()

    def theta(self) -> np.ndarray:
        if isinstance(self.result, torch.Tensor):
            return compared(self.result.detach().numpy())
        return joined([array.detach().numpy() for layer in self.result for array in layer], self.task)


def _tensors(vector: np.ndarray, task: Task) -> Any:
    return tuple((torch.from_numpy(W.copy()), torch.from_numpy(b.copy())) for W, b in split(vector, task.sizes))


def build(task: Task) -> Computation:
    return Computation(task)
