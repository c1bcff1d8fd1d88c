"""The recipe of arrays: every column is a number, standardised and clipped smoothly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import as_inputs
from ..scaling import Scaling, smoothly_clipped

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
        """Standardised X (n, n_columns), clipped smoothly, of `dtype`. rows: numbers of those to take."""
        X, dtype = as_inputs(X, len(self.names), np.dtype(np.float64)), np.dtype(dtype)
        rows = np.arange(len(X)) if rows is None else rows
        prepared = np.empty((len(rows), X.shape[1]), dtype)
        step = max(1, BLOCK // X.shape[1])
        for start in range(0, len(rows), step):
            prepared[start : start + step] = smoothly_clipped(self.scaling.apply(X[rows[start : start + step]]))
        return prepared
