"""The order of a shard's rows in an epoch: it follows from the seed, the shard's number and the epoch alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Orders:
    """seed: of all orders. shuffle: whether they are drawn; otherwise rows stay as they stand."""

    seed: int
    shuffle: bool

    def of(self, number: int, epoch: int, n: int) -> np.ndarray:
        """The order of a shard's n rows in an epoch."""
        return np.random.default_rng([self.seed, number, epoch]).permutation(n) if self.shuffle else np.arange(n)
