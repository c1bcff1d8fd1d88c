"""Our kernels, called from Python, with a workspace and results that are made once."""

from __future__ import annotations

import numpy as np

from .. import kernels
from .derivatives import compared, direction
from .task import Task


class Computation:
    def __init__(self, task: Task) -> None:
        plan = kernels.make_plan(task.sizes, task.activation, task.output_activation, task.loss)
        X, T, theta, real = task.X, task.T, task.theta, task.theta.dtype
        n, n_in, n_out, none = len(X), X.shape[1], task.sizes[-1], np.empty(0, real)
        work = kernels.make_workspace(plan, n, real, curvature=task.quantity == "hessian_vector", derivatives=True)
        shapes = {
            "input_gradient": X.shape,
            "input_jacobian": (n, n_out, n_in),
            "parameter_jacobian": (n, n_out, theta.size),
            "sample_gradients": (n, theta.size),
            "hessian_vector": theta.shape,
        }
        self.result = np.empty(shapes[task.quantity], real)
        given: tuple[np.ndarray, ...] = X, T, none
        if task.quantity == "hessian_vector":
            given = X, T, none, direction(theta)
        if task.quantity.endswith("jacobian"):
            given = X, np.empty((n, n_out), real)
        self.kernel = getattr(kernels, task.quantity)
        self.arguments = plan, theta, *given, self.result, work

    def train(self, epochs: int) -> None:
        for _ in range(epochs):
            self.kernel(*self.arguments)

    def theta(self) -> np.ndarray:
        return compared(self.result)


def build(task: Task) -> Computation:
    return Computation(task)
