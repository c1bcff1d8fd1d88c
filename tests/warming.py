"""The kernels that tests all over the suite call, compiled once: each worker takes those that no other has begun with."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tileprop import kernels
from tileprop.kernels.activations import ACTIVATIONS
from tileprop.kernels.losses import LOSSES
from tileprop.trainer import Network

DTYPES = ["float32", "float64"]


class Arguments:
    """What the kernels take, of a small network."""

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype
        self.plan = kernels.make_plan([3, 4, 2], "tanh", "sigmoid")
        self.work = kernels.make_workspace(self.plan, 4, dtype, curvature=True)
        self.state = kernels.make_state(self.plan, dtype=dtype)
        self.theta, self.vector = np.zeros((2, self.plan.n_parameters), dtype)
        self.X, self.dX, self.T, self.Y = (np.zeros((5, columns), dtype) for columns in (3, 3, 2, 2))
        self.none, self.in_order = np.zeros(0, dtype), np.zeros(0, np.int64)

    @property
    def rows(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.X, self.T, self.none

    def empty(self, *shape: int) -> np.ndarray:
        return np.empty(shape, self.dtype)


def fit(dtype: str) -> None:
    """The epochs that networks are fitted by, in memory and in registers, and their outputs and losses."""
    for sizes, batch_size in (([3, 4, 2], 4), ([2, 2, 1], 1)):
        network, X, T = Network(sizes, dtype=dtype), np.zeros((5, sizes[0])), np.zeros((5, sizes[-1]))
        network.fit(X, T, batch_size=batch_size)
        network.predict(X)
        network.loss(X, T)


def activations_and_losses(dtype: str) -> None:
    """What workspaces have compiled for them."""
    for name in ACTIVATIONS:
        kernels.make_workspace(kernels.make_plan([1, 1], name, name), 1, dtype, curvature=True)
    for loss in LOSSES.values():
        outputs = 2 if loss.name == "gaussian_nll" else 1
        plan = kernels.make_plan([1, outputs], output_activation=loss.needs or "identity", loss=loss.name)
        kernels.make_workspace(plan, 1, dtype, curvature=True)


def of(call: Callable[[Arguments], object]) -> Callable[[str], None]:
    def job(dtype: str) -> None:
        call(Arguments(dtype))

    return job


# From the longest to compile to the shortest.
JOBS: list[Callable[[str], None]] = [
    of(lambda a: kernels.train_epoch(a.plan, a.theta, a.state, *a.rows, a.in_order, a.work)),
    fit,
    activations_and_losses,
    of(lambda a: kernels.loss_and_grad(a.plan, a.theta, *a.rows, a.vector, a.work)),
    of(lambda a: kernels.train_step(a.plan, a.theta, a.state, a.X[:4], a.T[:4], a.none, a.work)),
    of(lambda a: kernels.hessian_vector(a.plan, a.theta, *a.rows, a.vector, a.theta.copy(), a.work)),
    of(lambda a: kernels.gauss_newton_vector(a.plan, a.theta, *a.rows, a.vector, a.theta.copy(), a.work)),
    of(lambda a: kernels.parameter_jacobian(a.plan, a.theta, a.X, a.Y, a.empty(5, 2, a.theta.size), a.work)),
    of(lambda a: kernels.sample_gradients(a.plan, a.theta, *a.rows, a.empty(5, a.theta.size), a.work)),
    of(lambda a: kernels.input_jacobian(a.plan, a.theta, a.X, a.Y, a.empty(5, 2, 3), a.work)),
    of(lambda a: kernels.vjp(a.plan, a.theta, a.X, a.Y, a.vector, a.dX, a.work)),
    of(lambda a: kernels.input_gradient(a.plan, a.theta, *a.rows, a.dX, a.work)),
    of(lambda a: kernels.forward(a.plan, a.theta, a.X[:4], a.work)),
    of(lambda a: kernels.predict(a.plan, a.theta, a.X, a.Y, a.work)),
]


def compile_once(claims: Path) -> None:
    """claims: a folder that all workers of this run share."""
    claims.mkdir(exist_ok=True)
    for number, job in enumerate(JOBS):
        for dtype in DTYPES:
            try:
                os.close(os.open(claims / f"{number} {dtype}", os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                continue
            job(dtype)
