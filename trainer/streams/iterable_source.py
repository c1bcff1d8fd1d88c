"""Blocks of rows that a function of the user gives, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from ..arrays import unmasked
from ..errors import InputError
from ..labels import Label, is_text
from .source import MEMORY, Piece, Source


class IterableSource(Source):
    """Rows of blocks that an iteration gives, which can be started again.

    Blocks are read in the order in which they come, in each epoch; with shuffling, the rows of each window are shuffled. The
    first use of the source counts the rows, in one pass.

    Parameters
    ----------
    make : callable or iterable
        A function without arguments that begins an iteration, or what can be iterated over again and again, such as a list or a
        PyTorch DataLoader without shuffling. Each iteration must give the same blocks: (X, T) or (X, T, sample_weight), as
        `Network.fit` takes them.

    memory : int, default=268435456
        Bytes that a fit may take for rows, those of the block under way excepted. An eighth is a window, within which rows are
        shuffled.

    prefetch : int, default=1
        Number of windows that are read ahead, from 0 to 5. It changes no bit of the result.

    Raises
    ------
    InputError
        For an iterator, which cannot be started again.

    Examples
    --------
    >>> import numpy as np
    >>> from tileprop import IterableSource, Network
    >>> def blocks():
    ...     for seed in range(10):
    ...         X = np.random.default_rng(seed).uniform(-1, 1, (100, 2))
    ...         yield X, X[:, 0] * X[:, 1]
    >>> history = Network([2, 16, 1], "tanh", "identity").fit(IterableSource(blocks), epochs=20, optimizer="adam")
    >>> history.loss[-1] < history.loss[0]
    True
    """

    def __init__(
        self,
        make: Callable[[], Iterable[Any]] | Iterable[Any],
        *,
        memory: int = MEMORY,
        prefetch: int = 1,
    ) -> None:
        super().__init__(memory, prefetch)
        if isinstance(make, Iterator) or not (callable(make) or isinstance(make, Iterable)):
            raise InputError(
                f"make is a {type(make).__name__}, which can be gone through only once; give the function that makes it"
                if isinstance(make, Iterator)
                else f"make is {make!r}; it must be a function that begins an iteration, or an iterable"
            )
        self._make = make
        self._counted: tuple[list[int], int, tuple[Label, ...] | None] | None = None

    @property
    def n_inputs(self) -> int:
        """Number of columns of X."""
        return self._count()[1]

    @property
    def block_rows(self) -> Sequence[int]:
        """Number of rows of each block, counted in one pass."""
        return self._count()[0]

    @property
    def in_order(self) -> bool:
        """True: blocks are read one after the other."""
        return True

    @property
    def classes(self) -> tuple[Label, ...] | None:
        """Names of the classes in alphabetical order, where targets are text."""
        return self._count()[2]

    def read(self, block: int, start: int, rows: int) -> Iterator[Piece]:
        """Read the rows of a block, from row `start` of the block to its end, at most `rows` at once.

        Parameters
        ----------
        block : int
            Number of the block. Those before it are skipped, by going through them.

        start : int
            First row, counted from the block's first one.

        rows : int
            Most rows of a piece.

        Yields
        ------
        Piece
            The next rows.
        """
        for _, piece in self.stream([block], start, rows):
            yield piece

    def stream(self, blocks: Sequence[int], start: int, rows: int) -> Generator[tuple[int, Piece], None, None]:
        """Read blocks one after the other in one iteration; see `Source.stream`.

        Parameters
        ----------
        blocks : sequence of int
            Numbers of the blocks, ascending.

        start : int
            First row of the first block.

        rows : int
            Most rows of a piece.

        Yields
        ------
        tuple of int and Piece
            The number of a block, and its next rows.
        """
        wanted = set(blocks)
        for block, (X, T, weight) in enumerate(self._begun()):
            if block > blocks[-1]:
                return
            if block not in wanted:
                continue
            for first in range(start, len(X), rows):
                here = slice(first, first + rows)
                yield block, Piece(X[here], T[here], None if weight is None else weight[here])
            start = 0

    def fingerprint(self) -> list[Any]:
        """What JSON can hold, by which a checkpoint knows the data again: here only their shape.

        Returns
        -------
        list
            Empty: of rows that a function gives nothing more is known.
        """
        return []

    def _begun(self) -> Iterator[Piece]:
        """A new iteration."""
        begun: Any = self._make
        for given in begun() if callable(begun) else begun:
            if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
                kind = type(given).__name__
                raise InputError(f"the source's iteration gives a {kind}; it must give (X, T) or (X, T, sample_weight)")
            piece = Piece(*given)
            lengths = {len(part) for part in piece if part is not None}
            if len(lengths) > 1:
                raise InputError(f"a block of the source has parts of {sorted(lengths)} rows; X, T and weights need as many")
            yield piece

    def _count(self) -> tuple[list[int], int, tuple[Label, ...] | None]:
        """Rows of each block, columns of X, and classes."""
        if self._counted is None:
            rows: list[int] = []
            classes: set[str] = set()
            columns = 0
            for X, T, _ in self._begun():
                rows.append(len(X))
                if not columns:
                    shape = unmasked("X", X).array.shape
                    columns = int(shape[1]) if len(shape) == 2 else 1
                targets = unmasked("T", T).array
                if targets.ndim == 1 and is_text(targets):
                    classes.update(map(str, np.unique(targets)))
            if not rows:
                raise InputError("the iteration of the source gives no blocks; each iteration must give the same ones")
            self._counted = rows, columns, tuple(sorted(classes)) or None
        return self._counted
