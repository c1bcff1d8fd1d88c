"""A pass over a source: its pieces are checked, converted, and laid into the memory of windows."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from typing import NamedTuple

import numpy as np

from ..arrays import smoothed
from ..errors import InputError
from ..labels import Label
from ..model import Model, checked_rows
from .source import Piece, Source
from .windows import Windows

# Numbers of X in a piece: so few stay in a processor's cache between being checked and being copied. With a quarter of them, a
# pass over a wide table takes a quarter longer, since each piece costs some 0.1 ms.
PIECE = 1 << 19
# Columns of a piece are best an odd number of cache lines apart. Lines whose distance is a power of two drive each other out of
# the cache, and copying columns to rows took three times as long.
LINE = 16  # numbers, float32

# The seed of a pass, None where nothing is shuffled, and the number of a window.
Key = tuple[int | None, int]


class Memory(NamedTuple):
    """Room for the rows of a window: X (rows, n_in), T (rows, n_targets), weight (rows) or (0)."""

    X: np.ndarray
    T: np.ndarray
    weight: np.ndarray


class Window(NamedTuple):
    """The rows of a window, parts of `memory`, and the order in which they are trained; see `Windows.order`."""

    X: np.ndarray
    T: np.ndarray
    weight: np.ndarray
    order: np.ndarray


class Stopped(Exception):
    """Raised by `Filler.fill` after `stop`."""


class Form(NamedTuple):
    """How pieces become rows of a network. smoothing: label smoothing. prefix: of arguments' names in errors."""

    model: Model
    classes: tuple[Label, ...] | None
    smoothing: float = 0.0
    prefix: str = ""

    def rows(self, piece: Piece, first_row: int, place: str = "") -> Memory:
        """X, T and weights of a piece, checked. first_row, place: of its first row, for errors."""
        given, plan = Piece(*piece), self.model.plan
        try:
            X, T, weight = checked_rows(
                plan,
                self.model.dtype,
                *given,
                self.prefix,
                self.classes or self.model.classes,
                first_row,
                part=True,
                fortran=True,
            )
        except InputError as error:
            raise (InputError(f"{place}: {error}") if place else error) from None
        return Memory(X, smoothed(T, plan, self.smoothing) if self.smoothing else T, weight)


def piece_rows(n_in: int) -> int:
    """Most rows of a piece with so many columns."""
    rows = max(1, PIECE // n_in)
    return rows if rows < LINE else (rows // LINE | 1) * LINE


class Filler:
    """Fills the memory of windows, from the rows of a source.

    Windows of a pass are filled one after the other from one pass over the source; any other window begins a new one.
    """

    def __init__(self, source: Source, windows: Windows, form: Form, columns: int, weighted: bool) -> None:
        self.windows, self._source, self._form = windows, source, form
        self._columns, self.weighted = columns, weighted
        self._starts = np.concatenate([[0], np.cumsum(windows.block_rows)])
        self._next: Key | None = None  # the window that can be filled without beginning a new pass
        self._pieces: Generator[Memory, None, None] | None = None
        self._rest: Memory | None = None  # of the last piece, the rows that belong to the next window
        self.stopping = False

    def memory(self) -> Memory:
        """Room for one window."""
        rows, dtype = self.windows.rows, self._form.model.dtype
        shapes = (rows, self._form.model.plan.sizes[0]), (rows, self._columns), (rows if self.weighted else 0,)
        return Memory(*(np.empty(shape, dtype) for shape in shapes))

    def fill(self, key: Key, memory: Memory) -> Window:
        """Read a window into memory. Raises InputError for rows that cannot be trained on, and whatever the source raises."""
        seed, number = key
        try:
            if self._next != key or self._pieces is None:
                self.close()
                self._pieces = self._read(*self.windows.blocks_from(seed, number))
            rows = self.windows.length(number)
            self._copy(rows, memory, self._pieces)
            order = self.windows.order(seed, number)
            if number + 1 == self.windows.count and (self._rest is not None or next(self._pieces, None) is not None):
                raise InputError(self._changed("more"))
            self._next = seed, number + 1
        except BaseException:
            self.close()
            raise
        X, T, weight = (part[:rows] for part in memory)
        return Window(X, T, weight, order)

    def close(self) -> None:
        """End the pass that is under way, and close its files."""
        self._next = self._rest = None
        if self._pieces is not None:
            self._pieces.close()
            self._pieces = None

    def _copy(self, rows: int, memory: Memory, pieces: Generator[Memory, None, None]) -> None:
        """The next rows of the pass."""
        done = 0
        while done < rows:
            piece = self._rest if self._rest is not None else next(pieces, None)
            if piece is None:
                raise InputError(self._changed("fewer"))
            count = min(rows - done, len(piece.X))
            for part, there in zip(piece, memory, strict=True):
                if there.size:
                    there[done : done + count] = part[:count]
            done += count
            self._rest = Memory(*(part[count:] for part in piece)) if count < len(piece.X) else None

    def _read(self, blocks: np.ndarray, start: int) -> Generator[Memory, None, None]:
        """The pieces of blocks, as rows of the network. start: first row of the first block."""
        block, row, end = int(blocks[0]), start, int(self.windows.block_rows[blocks[0]])
        most = piece_rows(self._form.model.plan.sizes[0])
        # Closed at once, since an error's traceback would keep the source's generator, and its files, for longer.
        with closing(self._source.stream(blocks.tolist(), start, most)) as pieces:
            for here, piece in pieces:
                if self.stopping:
                    raise Stopped
                if here != block:
                    if row != end:
                        raise InputError(self._changed("fewer", block))
                    block, row, end = here, 0, int(self.windows.block_rows[here])
                rows = self._checked(piece, block, row)
                row += len(rows.X)
                if row > end:
                    raise InputError(self._changed("more", block))
                yield rows
            if row != end:
                raise InputError(self._changed("fewer", block))

    def _checked(self, piece: Piece, block: int, row: int) -> Memory:
        place = self._source.place(block)
        rows = self._form.rows(piece, row if place else int(self._starts[block]) + row, place)
        if rows.T.shape[1] != self._columns or bool(rows.weight.size) != self.weighted:
            what = "targets" if rows.T.shape[1] != self._columns else "sample weights"
            raise InputError(f"the source gives {what} of one kind at first, and of another in block {block}; give one kind")
        return rows

    def _changed(self, how: str, block: int | None = None) -> str:
        had, where = self.windows.n, ""
        if block is not None:
            had, where = int(self.windows.block_rows[block]), f" in block {block}"
        return f"the source gives {how} rows{where} than the {had} that were counted; it must stay the same during a fit"
