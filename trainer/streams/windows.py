"""Which rows a window holds, and in which order: follows from the blocks' rows, a seed and sizes, and needs no data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# An order of rows names this one for the rows of a batch that is already done, which is never read.
NEVER_READ = 0


class Windows:
    """The windows of one pass over the blocks of a source.

    Blocks are laid one after the other, and cut into windows of equally many rows, whole batches; the last one may be shorter.

    Parameters
    ----------
    block_rows : sequence of int
        Rows of each block.

    most : int
        Most rows of a window, at least `batch`.

    batch : int
        Rows of a batch.

    in_order : bool
        Whether the blocks are never shuffled.
    """

    def __init__(self, block_rows: Sequence[int], most: int, batch: int, in_order: bool) -> None:
        self.block_rows, self.batch, self._in_order = np.asarray(block_rows, np.int64), batch, in_order
        self.n = int(self.block_rows.sum())
        self.rows = min(most // batch * batch, self.n)
        self.count = -(-self.n // self.rows)

    def length(self, window: int) -> int:
        """Rows of a window."""
        return min(self.rows, self.n - window * self.rows)

    def blocks(self, seed: int | None) -> np.ndarray:
        """Numbers of the blocks in the order of a pass; `seed` is None for a pass without shuffling."""
        count = len(self.block_rows)
        if seed is None or self._in_order:
            return np.arange(count)
        return np.random.default_rng([seed, 0]).permutation(count)

    def blocks_from(self, seed: int | None, window: int) -> tuple[np.ndarray, int]:
        """The blocks of a pass from the begin of a window on, and the row of the first of them that the window begins with."""
        blocks, first = self.blocks(seed), window * self.rows
        ends = np.cumsum(self.block_rows[blocks])
        place = int(np.searchsorted(ends, first, side="right"))
        return blocks[place:], first - int(ends[place] - self.block_rows[blocks[place]])

    def order(self, seed: int | None, window: int) -> np.ndarray:
        """Row numbers of a window, after those of a batch that is done, with which `train_epoch` goes on with an epoch."""
        rows = self.length(window)
        order = np.empty(self.batch + rows, np.int64)
        order[: self.batch] = NEVER_READ
        shuffled = np.arange(rows) if seed is None else np.random.default_rng([seed, 1 + window]).permutation(rows)
        order[self.batch :] = shuffled
        return order
