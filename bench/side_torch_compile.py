"""PyTorch with the forward pass, the loss and their gradients through `torch.compile`. Needs a C++ compiler.

Not in the race unless asked for: it compiles for 10 to 40 s a problem, and in first runs, on a busy machine, was slower than
eager or too close to tell. Where both race, the faster counts.
"""

from __future__ import annotations

import torch

from .side_torch import TorchTrainer
from .task import Task


def build(task: Task) -> TorchTrainer:
    return TorchTrainer(task, transform=torch.compile)
