"""What a fit takes in place of arrays where the rows do not fit into memory: a source of row blocks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from numpy.typing import ArrayLike

from ...kernels.validation import positive_integer
from ..bounds import check_whole
from ..labels import Label

MIB = 1 << 20
MEMORY = 256 * MIB
# A window takes this part of the memory; the others hold windows that are read ahead, and what reading takes.
WINDOWS = 8
MOST_AHEAD = WINDOWS - 3


class Piece(NamedTuple):
    """Some rows of a block, in order: what `Network.fit` takes as X, T and sample_weight."""

    X: ArrayLike
    T: ArrayLike
    weight: ArrayLike | None = None


class Source(ABC):
    """Rows that are read block by block.

    A fit reads all blocks in each epoch, in an order that is drawn anew. Rows are shuffled within windows, each of which holds
    the rows of some neighbouring blocks. The next windows are read in a thread of their own while one is trained on.

    Parameters
    ----------
    memory : int, default=268435456
        Bytes that a fit may take for rows: those of the window that it trains on, and those that are read ahead. A window
        takes an eighth. It decides which rows are shuffled together, and so about the result.

    prefetch : int, default=1
        Number of windows that are read ahead, from 0 to 5. It changes no bit of the result.
    """

    def __init__(self, memory: int = MEMORY, prefetch: int = 1) -> None:
        positive_integer("memory", memory)
        check_whole("prefetch", prefetch, 0, MOST_AHEAD)
        self.memory, self.prefetch = int(memory), int(prefetch)

    @property
    @abstractmethod
    def n_inputs(self) -> int:
        """Number of columns of X."""

    @property
    @abstractmethod
    def block_rows(self) -> Sequence[int]:
        """Number of rows of each block. It may take a pass over the data to count them, which is made once."""

    @abstractmethod
    def read(self, block: int, start: int, rows: int) -> Iterator[Piece]:
        """Read the rows of a block from row `start` of the block to its end, at most `rows` at once."""

    @abstractmethod
    def fingerprint(self) -> list[Any]:
        """What JSON can hold, by which a checkpoint knows the data again: shapes, and names, sizes and times of files."""

    @property
    def in_order(self) -> bool:
        """Whether blocks can only be read one after the other, so that their order is never drawn."""
        return False

    @property
    def classes(self) -> tuple[Label, ...] | None:
        """Names of the classes, where targets are such names."""
        return None

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return sum(self.block_rows)
