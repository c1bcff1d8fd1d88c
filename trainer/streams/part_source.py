"""PartSource: the rows of one part of a table's files, with targets and weights as a training run has them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any

import numpy as np

from .source import Piece, Source
from .table_rows import TableRows


class PartSource(Source):
    """The rows of the part at a position in PARTS. counts: of its rows in each block. data: a fingerprint of the files.

    learned: makes T of targets y. weights: of the classes, where rows have any.
    """

    def __init__(
        self,
        rows: TableRows,
        part: int,
        counts: Sequence[int],
        data: str,
        learned: Callable[[np.ndarray], np.ndarray],
        weights: np.ndarray | None = None,
    ) -> None:
        super().__init__()
        self._rows, self._part, self._counts, self._data = rows, part, list(counts), data
        self._learned, self._weights = learned, weights

    @property
    def n_inputs(self) -> int:
        """Number of inputs that the columns become."""
        return self._rows.n_inputs

    @property
    def block_rows(self) -> Sequence[int]:
        """Number of rows of each block."""
        return self._counts

    def read(self, block: int, start: int, rows: int) -> Generator[Piece, None, None]:
        """See `Source.read`."""
        for X, y, _ in self._rows.read(block, self._part, start, rows):
            yield Piece(X, self._learned(y), None if self._weights is None else self._weights[y])

    def place(self, block: int) -> str:
        """See `Source.place`."""
        return self._rows.files.shown_block(block)

    def fingerprint(self) -> list[Any]:
        """See `Source.fingerprint`."""
        return [self._data, self._part]
