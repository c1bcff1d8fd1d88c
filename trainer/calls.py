"""Calls of `train_epoch`, of one epoch each or of several, and the way back where training diverges."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from ..kernels import Plan, State, Workspace, train_epoch
from ..kernels.optimizers import DIVERGED, POSITION, STATUS
from ..kernels.workspace import BATCH
from .errors import DivergenceError
from .threads import Team

if TYPE_CHECKING:
    from .network import Network


class Calls:
    """Training of one network on one set of rows: X (n, n_in), T (n, n_targets), weight (n) or empty."""

    def __init__(
        self,
        network: Network,
        plan: Plan,
        state: State,
        X: np.ndarray,
        T: np.ndarray,
        weight: np.ndarray,
        shuffle: bool,
        work: Workspace,
        team: Team,
    ) -> None:
        self.network, self.plan, self.state, self.work, self.team = network, plan, state, work, team
        self.X, self.T, self.weight, self.shuffle = X, T, weight, shuffle
        self.last_finite = network.theta.copy()

    def train(self, epochs: int, first: int, seconds: float) -> np.ndarray:
        """Train for some epochs, `first` being the number of the first one; their losses. seconds: that one may take.

        Raises DivergenceError, and then leaves finite parameters.
        """
        n = len(self.X)
        drawn = [self.network.generator.permutation(n) for _ in range(epochs)] if self.shuffle else []
        return self._train(np.concatenate(drawn) if drawn else np.empty(0, np.int64), epochs, first, seconds)

    def _train(self, order: np.ndarray, epochs: int, first: int, seconds: float) -> np.ndarray:
        theta = self.network.theta
        self.last_finite[:] = theta
        before = [array.copy() for array in self.state] if epochs > 1 else []
        work = self.work.for_passes(epochs)
        call = functools.partial(train_epoch, self.plan, theta, self.state, self.X, self.T, self.weight, order)
        self.team.run(call, work, seconds * epochs)
        if self.state.codes[STATUS] != DIVERGED and finite(theta):
            return work.passes
        if epochs == 1:
            raise self._divergence(order, first)
        # Again, an epoch at a time, to the same bits: that tells which one it was, and has the parameters from before it.
        theta[:] = self.last_finite
        for array, kept in zip(self.state, before, strict=True):
            array[:] = kept
        m = len(order) // epochs
        return np.concatenate([self._train(order[i * m : (i + 1) * m], 1, first + i, seconds) for i in range(epochs)])

    def _divergence(self, order: np.ndarray, epoch: int) -> DivergenceError:
        """The error that says where; puts the last finite parameters back where the present ones are not finite."""
        network = self.network
        done = int(self.state.codes[POSITION])
        batch = int(self.work.layout[0, BATCH])
        broken = [i for i, (W, b) in enumerate(zip(network.weights, network.biases, strict=True)) if not finite(W, b)]
        if broken:
            network.theta[:] = self.last_finite
            where = f"by step {-(-done // batch)}, in the weights of layer {broken[0] + 1}"
            kept = "from before this epoch"
        else:
            rows = slice(done, done + batch)
            outputs = network.activations(self.X[order[rows] if self.shuffle else rows])
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
