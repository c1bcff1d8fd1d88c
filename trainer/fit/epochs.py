"""Epochs of training, one or several in a call of `train_epoch`, and the way back where training diverges."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ...kernels import Plan, State, Workspace
from ...kernels.training.codes import DIVERGED
from ...kernels.training.epoch import choose_epoch
from ..errors import DivergenceError, InputError
from ..model import Model
from .team import Team

# Whether each epoch takes the rows in a new order, or a function that makes the orders: of n rows, their numbers.
Shuffle = bool | Callable[[int], np.ndarray]


class Epochs:
    """Training of one network on one set of rows: X (n, n_in), T (n, n_targets), weight (n) or empty."""

    def __init__(
        self,
        model: Model,
        plan: Plan,
        state: State,
        X: np.ndarray,
        T: np.ndarray,
        weight: np.ndarray,
        shuffle: Shuffle,
        work: Workspace,
        team: Team,
    ) -> None:
        self.model, self.plan, self.state, self.work, self.team = model, plan, state, work, team
        self.X, self.T, self.weight, self.shuffle = X, T, weight, shuffle
        self.last_finite = model.theta.copy()
        # Of the last call of `train`: the orders, and theta and the state before it where it made several epochs.
        self.orders: list[np.ndarray] = []
        self.before: list[np.ndarray] = []
        self._drawn_from: Any = {}

    def train(self, epochs: int, first: int, seconds: float) -> np.ndarray:
        """Train for some epochs, `first` being the number of the first one; `Workspace.epochs`. seconds: that one may take.

        Raises DivergenceError, and then leaves finite parameters.
        """
        as_they_stand = np.empty(0, np.int64)
        self._drawn_from = self.model.generator.bit_generator.state if epochs > 1 else {}
        self.orders = [self._order() if self.shuffle else as_they_stand for _ in range(epochs)]
        self.before = [array.copy() for array in (self.model.theta, *self.state)] if epochs > 1 else []
        return self._train(self.orders, first, seconds)

    def keep(self, epochs: int) -> None:
        """Undo the last call of `train`, of several epochs, but for its first `epochs`, which are made again, bit for bit."""
        self._go_back()
        for order in self.orders[:epochs]:
            self._train([order], 0, 0.0)
            self._draw_again()

    def _order(self) -> np.ndarray:
        n = len(self.X)
        if not callable(self.shuffle):
            return self.model.generator.permutation(n)
        order = np.asarray(self.shuffle(n))
        if order.ndim != 1 or order.size == 0 or order.dtype.kind not in "iu":
            raise InputError(
                f"shuffle returned an order of shape {order.shape} and dtype {order.dtype}; it must be a vector of row numbers"
            )
        return np.ascontiguousarray(order, np.int64)

    def _train(self, orders: list[np.ndarray], first: int, seconds: float) -> np.ndarray:
        if len({len(order) for order in orders}) > 1:  # epochs of one call are equally long
            return np.concatenate([self._train([order], first + i, seconds) for i, order in enumerate(orders)])
        theta, epochs = self.model.theta, len(orders)
        self.last_finite[:] = theta
        work = self.work.for_epochs(epochs)
        kernel = choose_epoch(self.state, self.weight, work)
        order = orders[0] if epochs == 1 else np.concatenate(orders)
        call = functools.partial(kernel, self.plan, theta, self.state, self.X, self.T, self.weight, order)
        self.team.run(call, work, seconds * epochs)
        if self.state.counters[0].status != DIVERGED and finite(theta):
            return work.epochs
        if epochs == 1:
            raise self._divergence(order, first)
        # Again, an epoch at a time, to the same bits: that tells which one it was, and has the parameters from before it.
        self._go_back()
        losses = []
        for i, order in enumerate(orders):
            self._draw_again()
            losses.append(self._train([order], first + i, seconds))
        return np.concatenate(losses)

    def _draw_again(self) -> None:
        """After `_go_back`: the generator stands where the epochs that are made again have left it."""
        if self.shuffle is True:
            self.model.generator.permutation(len(self.X))

    def _go_back(self) -> None:
        self.model.generator.bit_generator.state = self._drawn_from
        for array, kept in zip((self.model.theta, *self.state), self.before, strict=True):
            array[:] = kept

    def _divergence(self, order: np.ndarray, epoch: int) -> DivergenceError:
        """The error that says where; puts the last finite parameters back where the present ones are not finite."""
        model = self.model
        done = int(self.state.counters[0].position)
        batch = int(self.work.header[0].batch_rows)
        broken = [i for i, (W, b) in enumerate(zip(model.weights, model.biases, strict=True)) if not finite(W, b)]
        if broken:
            model.theta[:] = self.last_finite
            where = f"by step {-(-done // batch)}, in the weights of layer {broken[0] + 1}"
            kept = "from before this epoch"
        else:
            rows = slice(done, done + batch)
            outputs = model.activations(self.X[order[rows] if self.shuffle else rows])
            layer = next((i for i, A in enumerate(outputs) if not finite(A)), len(outputs) - 1)
            where = f"in step {done // batch + 1}, at the output of layer {layer + 1}"
            kept = "of the step before"
        return DivergenceError(
            f"training diverged in epoch {epoch}, {where}: numbers are no longer finite. "
            f"The network holds its parameters {kept}; try a smaller learning rate"
        )


def finite(*arrays: np.ndarray) -> bool:
    """Whether all numbers are."""
    return all(bool(np.isfinite(array).all()) for array in arrays)
