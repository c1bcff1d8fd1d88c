"""The recipe of arrays: every column is a number, and is standardised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import as_inputs
from ..errors import InputError
from .scaling import Scaling

# Entries standardised at a time, so that no second copy of all rows is needed.
BLOCK = 1 << 20


@dataclass(frozen=True)
class ArrayRecipe:
    """scaling: of the columns, fitted to the training rows. names: of the columns."""

    scaling: Scaling
    names: tuple[str, ...]

    @classmethod
    def fit(cls, X: np.ndarray, names: tuple[str, ...]) -> ArrayRecipe:
        """From X (n, n_columns). Raises InputError, naming the column, where its spread exceeds float64."""
        return cls(Scaling.fit(X, names), names)

    @property
    def column_names(self) -> tuple[str, ...]:
        """The columns, in order."""
        return self.names

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The inputs of the network, in order."""
        return self.names

    def prepare(self, X: ArrayLike, dtype: Any = np.float32, rows: np.ndarray | None = None) -> np.ndarray:
        """Standardised X (n, n_columns), of `dtype`. rows: numbers of those to take.

        Raises InputError for rows too far from the training rows to be scaled.
        """
        X, dtype = as_inputs(X, len(self.names), np.dtype(np.float64)), np.dtype(dtype)
        numbers = np.arange(len(X)) if rows is None else rows
        prepared = np.empty((len(numbers), X.shape[1]), dtype)
        most, step = np.finfo(dtype).max, max(1, BLOCK // X.shape[1])
        for start in range(0, len(numbers), step):
            block = X[numbers[start : start + step]]
            Z = self.scaling.apply(block)
            far = np.argwhere(np.abs(Z) > most)
            if far.size:
                row, column = far[0]
                number = numbers[start + row] + 1
                raise InputError(
                    f"row {number}: {self.names[column]!r} is {block[row, column]:g}, too far from the training rows "
                    f"(mean {self.scaling.mean[column]:g}, standard deviation {self.scaling.scale[column]:g})"
                )
            prepared[start : start + step] = Z
        return prepared
