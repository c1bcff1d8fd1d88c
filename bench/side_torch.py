"""PyTorch, eager: Sequential, a loss module and an optimizer of torch.optim, as its tutorials write it. It never reads a loss
back.

SGD's fused form, measured in turns with this one from tiny to mnist in float32, is no faster. Adam's, measured so with tanh
layers, is faster where the loop over parameters is what takes time (8-32-32-1, batch 32: 332 us against 540 us a step) and
slower in `chains` (5.2 ms against 4.3 ms); all sides' plain forms race.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from .task import BETA_1, BETA_2, MOMENTUM, Task, flatten

MODULES = {"sigmoid": torch.nn.Sigmoid, "tanh": torch.nn.Tanh, "relu": torch.nn.ReLU}


def optimizer(task: Task, parameters: list[torch.nn.Parameter]) -> Any:
    if task.optimizer == "adam":
        return torch.optim.Adam(parameters, lr=task.learning_rate, betas=(BETA_1, BETA_2), eps=task.epsilon)
    return torch.optim.SGD(parameters, lr=task.learning_rate, momentum=MOMENTUM if task.optimizer == "momentum" else 0.0)


class TorchTrainer:
    def __init__(self, task: Task, transform: Callable[[Any], Any] = lambda loss: loss) -> None:
        torch.set_num_threads(task.threads)
        self.task = task
        self.X, self.T = torch.from_numpy(task.X), torch.from_numpy(task.T)
        layers = task.layers()
        modules: list[torch.nn.Module] = []
        for layer, (W, b) in enumerate(layers):
            linear = torch.nn.Linear(W.shape[0], W.shape[1], dtype=self.X.dtype)
            with torch.no_grad():
                linear.weight.copy_(torch.from_numpy(W.T))
                linear.bias.copy_(torch.from_numpy(b))
            modules.append(linear)
            activation = task.activation if layer < len(layers) - 1 else task.output_activation
            if activation in MODULES:  # the loss module below takes the softmax
                modules.append(MODULES[activation]())
        self.model = torch.nn.Sequential(*modules)
        criterion = torch.nn.CrossEntropyLoss() if task.loss == "log_loss" else torch.nn.MSELoss()
        self.loss = transform(lambda X, T: criterion(self.model(X), T))

    def train(self, epochs: int) -> None:
        rule = optimizer(self.task, list(self.model.parameters()))
        for _ in range(epochs):
            for start in range(0, len(self.X), self.task.batch_size):
                stop = start + self.task.batch_size
                rule.zero_grad()
                self.loss(self.X[start:stop], self.T[start:stop]).backward()
                rule.step()

    def theta(self) -> np.ndarray:
        linears = [module for module in self.model if isinstance(module, torch.nn.Linear)]
        return flatten((linear.weight.detach().numpy().T, linear.bias.detach().numpy()) for linear in linears)


def build(task: Task) -> TorchTrainer:
    return TorchTrainer(task)
