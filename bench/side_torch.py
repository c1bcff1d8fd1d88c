"""PyTorch, eager: Sequential, MSELoss and SGD, as its tutorials write it. It never reads a loss back.

SGD's fused form, measured in turns with this one from tiny to mnist in float32, is no faster.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from .task import Task, flatten


class TorchTrainer:
    def __init__(self, task: Task, transform: Callable[[Any], Any] = lambda loss: loss) -> None:
        torch.set_num_threads(task.threads)
        self.batch_size = task.batch_size
        self.X, self.T = torch.from_numpy(task.X), torch.from_numpy(task.T)
        modules: list[torch.nn.Module] = []
        for W, b in task.layers():
            linear = torch.nn.Linear(W.shape[0], W.shape[1], dtype=self.X.dtype)
            with torch.no_grad():
                linear.weight.copy_(torch.from_numpy(W.T))
                linear.bias.copy_(torch.from_numpy(b))
            modules += [linear, torch.nn.Sigmoid()]
        if task.output_activation == "identity":
            modules.pop()
        self.model = torch.nn.Sequential(*modules)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=task.learning_rate)
        criterion = torch.nn.MSELoss()
        self.loss = transform(lambda X, T: criterion(self.model(X), T))

    def train(self, epochs: int) -> None:
        for _ in range(epochs):
            for start in range(0, len(self.X), self.batch_size):
                stop = start + self.batch_size
                self.optimizer.zero_grad()
                self.loss(self.X[start:stop], self.T[start:stop]).backward()
                self.optimizer.step()

    def theta(self) -> np.ndarray:
        linears = [module for module in self.model if isinstance(module, torch.nn.Linear)]
        return flatten((linear.weight.detach().numpy().T, linear.bias.detach().numpy()) for linear in linears)


def build(task: Task) -> TorchTrainer:
    return TorchTrainer(task)
