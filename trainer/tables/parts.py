"""Rows for training, validation and the final test, drawn block by block, so that no list of all rows is needed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TRAINING, VALIDATION, TEST = PARTS = ("training", "validation", "test")


@dataclass(frozen=True)
class Parts:
    """For each row a part is drawn, by the seed and the number of the row's block.

    test_size: share of all rows that is held out. validation_size: share of the others that is not trained on.
    """

    test_size: float = 0.0
    validation_size: float = 0.0
    seed: int = 0

    @property
    def shares(self) -> tuple[float, ...]:
        """The share of the rows in each of PARTS."""
        rest = 1.0 - self.test_size
        return rest * (1.0 - self.validation_size), rest * self.validation_size, self.test_size

    def of_block(self, block: int, n_rows: int) -> np.ndarray:
        """Positions in PARTS of the rows (n_rows) of a block, int8."""
        if self.test_size == 0 and self.validation_size == 0:
            return np.zeros(n_rows, np.int8)
        draws = np.random.default_rng([self.seed, block]).random(n_rows)
        trained, validated, _ = self.shares
        return ((draws >= trained).astype(np.int8) + (draws >= trained + validated)).astype(np.int8)
