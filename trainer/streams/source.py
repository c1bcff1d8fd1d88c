"""What a fit takes in place of arrays where the rows do not fit into memory: a source of row blocks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Sequence
from typing import Any, NamedTuple, NoReturn

from ...kernels.validation import positive_integer
from ..bounds import check_whole
from ..errors import InputError
from ..labels import Label

MIB = 1 << 20
MEMORY = 256 * MIB
# A window takes this part of the memory; the others hold windows that are read ahead, and what reading takes.
WINDOWS = 8
MOST_AHEAD = WINDOWS - 3


class Piece(NamedTuple):
    """Some rows of a block, in order: what `Network.fit` takes as X, T and sample_weight."""

    X: Any
    T: Any
    weight: Any = None


class Source(ABC):
    """Rows that are read block by block.

    The base class of ArraySource, IterableSource and of sources of your own, which define `n_inputs`, `block_rows`, `read` and
    `fingerprint`. A fit reads all blocks in each epoch, in an order that is drawn anew. Rows are shuffled within windows, each
    of which holds the rows of some neighbouring blocks. The next windows are read in a thread of their own while one is trained
    on.

    Parameters
    ----------
    memory : int, default=268435456
        Bytes that a fit may take for rows: those of the window that it trains on, and those that are read ahead. A window
        takes an eighth. It decides which rows are shuffled together, and so about the result.

    prefetch : int, default=1
        Number of windows that are read ahead, from 0 to 5. It changes no bit of the result.

    Examples
    --------
    A table of numbers that need not be stored:

    >>> import numpy as np
    >>> from tileprop import Network, Source
    >>> class Sines(Source):
    ...     n_inputs, block_rows = 1, [1000] * 50
    ...
    ...     def read(self, block, start, rows):
    ...         X = np.random.default_rng(block).uniform(-1, 1, (1000, 1))
    ...         for first in range(start, 1000, rows):
    ...             yield X[first : first + rows], np.sin(3 * X[first : first + rows])
    ...
    ...     def fingerprint(self):
    ...         return ["sines"]
    >>> history = Network([1, 8, 1], "tanh", "identity").fit(Sines(), epochs=2, optimizer="adam")
    >>> history.n_samples
    50000
    """

    def __init__(self, memory: int = MEMORY, prefetch: int = 1) -> None:
        positive_integer("memory", memory)
        check_whole("prefetch", prefetch, 0, MOST_AHEAD)
        self.memory, self.prefetch = int(memory), int(prefetch)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NoReturn:
        """Raise InputError: NumPy calls this wherever arrays are needed."""
        raise InputError(
            f"{type(self).__name__} gives rows block by block; Network.fit takes it as X, and as validation_data. Give arrays "
            "here; estimators take one block after the other by partial_fit"
        )

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
        """Read the rows of a block from row `start` of the block to its end, at most `rows` at once.

        Parameters
        ----------
        block : int
            Number of the block.

        start : int
            First row, counted from the block's first one.

        rows : int
            Most rows of a piece.

        Yields
        ------
        Piece
            The next rows; a tuple (X, T) or (X, T, sample_weight) will do.
        """

    def stream(self, blocks: Sequence[int], start: int, rows: int) -> Generator[tuple[int, Piece], None, None]:
        """Read blocks one after the other, from row `start` of the first one on, at most `rows` rows at once.

        Parameters
        ----------
        blocks : sequence of int
            Numbers of the blocks, in the order of reading.

        start : int
            First row of the first block.

        rows : int
            Most rows of a piece.

        Yields
        ------
        tuple of int and Piece
            The number of a block, and its next rows.
        """
        for block in blocks:
            for piece in self.read(block, start, rows):
                yield block, piece
            start = 0

    def place(self, block: int) -> str:
        """Say where a block is, as its file's name, for errors, which then count rows from the block's first row.

        Parameters
        ----------
        block : int
            Number of the block.

        Returns
        -------
        str
            The place; empty where rows are numbered through the whole source.
        """
        return ""

    @abstractmethod
    def fingerprint(self) -> list[Any]:
        """By what a checkpoint knows the data again: shapes, and names, sizes and times of files.

        Returns
        -------
        list
            What JSON can hold.
        """

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
