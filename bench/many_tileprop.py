"""Our sides of the race of many networks: one call of `fit_many`, and a loop of single fits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..trainer import EarlyStopping, History, Network, fit_many
from .many_problems import TOL, ManyTask
from .many_problems import read_many as read_task
from .side_tileprop import optimizer

__all__ = ["build", "read_task"]


class ManyTrainer:
    """way: "tileprop" for `fit_many`, "single" for single fits."""

    def __init__(self, task: ManyTask) -> None:
        self.task, common = task, task.common
        settings: dict[str, Any] = {"dtype": common.theta.dtype, "loss": common.loss, "activation": common.activation}
        self.networks = [Network(sizes, output_activation=common.output_activation, **settings) for sizes in task.sizes]
        self.optimizers = [optimizer(replace(common, learning_rate=float(rate))) for rate in task.rates]
        self.options: dict[str, Any] = {"batch_size": common.batch_size, "shuffle": False, "progress": False}
        self.held = (task.X_held, task.T_held) if len(task.X_held) else None
        # scikit-learn's score is 1 - 2 loss / variance, so its tolerance of the score is this one of the loss.
        self.stopping = [EarlyStopping(task.patience, TOL * np.var(common.T[held]) / 2) for held in task.held or ()] or None
        self.histories: list[History] = []

    def train(self, epochs: int) -> None:
        """Make all fits anew, of so many epochs."""
        for network, theta in zip(self.networks, self.task.thetas, strict=True):
            network.theta = theta
        self.histories = self._together(epochs) if self.task.way == "tileprop" else self._one_by_one(epochs)

    def _together(self, epochs: int) -> list[History]:
        common, task = self.task.common, self.task
        return fit_many(
            self.networks,
            common.X,
            common.T,
            epochs=epochs,
            optimizers=self.optimizers,
            row_subsets=task.trained_on,
            validation_subsets=task.held,
            validation_data=self.held,
            early_stopping=self.stopping,
            n_threads=common.threads,
            **self.options,
        )

    def _one_by_one(self, epochs: int) -> list[History]:
        common, histories = self.task.common, []
        for i, network in enumerate(self.networks):
            X, T, held = common.X, common.T, self.held
            if self.task.trained_on is not None and self.task.held is not None:
                rows, others = self.task.trained_on[i], self.task.held[i]
                X, T, held = X[rows], T[rows], (X[others], T[others])
            given: dict[str, Any] = {
                "optimizer": self.optimizers[i],
                "validation_data": held,
                "n_threads": common.threads,
                **self.options,
            }
            stopping = [] if self.stopping is None else [self.stopping[i]]
            histories.append(network.fit(X, T, epochs=epochs, callbacks=stopping, **given))
        return histories

    def theta(self) -> np.ndarray:
        losses, held = ([getattr(history, name) for history in self.histories] for name in ("loss", "val_loss"))
        return self.task.results([network.theta for network in self.networks], losses, held)


def build(task: ManyTask) -> ManyTrainer:
    return ManyTrainer(task)
