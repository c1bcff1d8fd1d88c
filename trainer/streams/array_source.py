"""Arrays as a source: those in memory, memory maps, and .npy files, which are read a block at a time."""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from os import PathLike, fspath, stat
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ...kernels.validation import positive_integer
from ..arrays import unmasked
from ..errors import InputError
from ..fingerprint import digest
from ..labels import Label, is_text
from ..suggestions import existing_file
from .source import MEMORY, MIB, Piece, Source

# A block has so many bytes of X unless `block_rows` is given: enough to read at the disk's speed, few enough to mix well.
BLOCK_BYTES = MIB


class ArraySource(Source):
    """Rows of arrays that need not fit into memory: memory maps, and .npy files.

    Files are read a block at a time and never mapped, so that a fit takes no more memory than is stated. The same holds for
    memory maps that `numpy.load` and `numpy.memmap` made; other views of such maps are read as arrays.

    Parameters
    ----------
    X : array-like of shape (n, n_in), or path
        Inputs, or an .npy file of them.

    T : array-like of shape (n,) or (n, n_targets), or path
        Targets, as `Network.fit` takes them, or an .npy file of them.

    sample_weight : array-like of shape (n,), or path, default=None
        Weights of the rows, or an .npy file of them.

    block_rows : int, default=None
        Rows of a block. Unless given, a block has 1 MiB of X. Blocks are shuffled for each epoch.

    memory : int, default=268435456
        Bytes that a fit may take for rows. An eighth is a window, within which rows are shuffled.

    prefetch : int, default=1
        Number of windows that are read ahead, from 0 to 5. It changes no bit of the result.

    Raises
    ------
    InputError
        For arrays with different numbers of rows, and for files that hold no array.

    Examples
    --------
    >>> import numpy as np
    >>> from tileprop import ArraySource, Network
    >>> X = np.linspace(-1, 1, 1000)[:, None]
    >>> source = ArraySource(X, np.sin(3 * X), block_rows=100)
    >>> history = Network([1, 8, 1], "tanh", "identity").fit(source, epochs=20, optimizer="adam")
    >>> history.loss[-1] < history.loss[0]
    True
    """

    def __init__(
        self,
        X: ArrayLike | PathLike[str],
        T: ArrayLike | PathLike[str],
        sample_weight: ArrayLike | PathLike[str] | None = None,
        *,
        block_rows: int | None = None,
        memory: int = MEMORY,
        prefetch: int = 1,
    ) -> None:
        super().__init__(memory, prefetch)
        if block_rows is not None:
            positive_integer("block_rows", block_rows)
        self._X, self._T = _opened("X", X), _opened("T", T)
        self._weight = None if sample_weight is None else _opened("sample_weight", sample_weight)
        if len(self._X.shape) not in (1, 2):
            raise InputError(f"X has shape {self._X.shape}; it must be (n, n_in)")
        for name, array in (("T", self._T), ("sample_weight", self._weight)):
            if array is not None and array.shape[:1] != self._X.shape[:1]:
                raise InputError(f"{name} has shape {array.shape} and X has {self._X.shape}; give as many rows of both")
        n, bytes_of_a_row = self._X.shape[0], self._X.dtype.itemsize * self.n_inputs
        rows = int(block_rows or max(1, BLOCK_BYTES // max(1, bytes_of_a_row)))
        self._block_rows = [min(rows, n - start) for start in range(0, n, rows)]
        self._rows = rows
        self._classes: tuple[Label, ...] | None = None

    @property
    def n_inputs(self) -> int:
        """Number of columns of X."""
        return int(self._X.shape[1]) if len(self._X.shape) == 2 else 1

    @property
    def block_rows(self) -> Sequence[int]:
        """Number of rows of each block; all have the same but the last."""
        return self._block_rows

    @property
    def classes(self) -> tuple[Label, ...] | None:
        """Names of the classes in alphabetical order, where T is text; looked for once."""
        if self._classes is None and len(self._T.shape) == 1 and self._T.dtype.kind in "UST":
            every = {str(name) for b in range(len(self._block_rows)) for name in np.unique(self._T.rows(*self._span(b)))}
            self._classes = tuple(sorted(every))
        return self._classes

    def read(self, block: int, start: int, rows: int) -> Iterator[Piece]:
        """Read the rows of a block, from row `start` of the block to its end, at most `rows` at once.

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
            The next rows.
        """
        begin, end = self._span(block)
        for first in range(begin + start, end, rows):
            here = first, min(first + rows, end)
            yield Piece(self._X.rows(*here), self._T.rows(*here), None if self._weight is None else self._weight.rows(*here))

    def fingerprint(self) -> list[Any]:
        """Shapes, dtypes, and of files the name, size and time, of arrays a hash, by which a checkpoint knows the data again.

        Returns
        -------
        list
            What JSON can hold.
        """
        return [None if one is None else one.fingerprint() for one in (self._X, self._T, self._weight)]

    def _span(self, block: int) -> tuple[int, int]:
        return block * self._rows, block * self._rows + self._block_rows[block]


class _InMemory:
    """Rows of an array."""

    def __init__(self, array: np.ndarray) -> None:
        self._array, self.shape, self.dtype = array, array.shape, array.dtype

    def rows(self, begin: int, end: int) -> np.ndarray:
        return self._array[begin:end]

    def fingerprint(self) -> list[Any]:
        return [list(self.shape), self.dtype.str, digest(self._array)]


class _InFile:
    """Rows of an array in a file, read anew each time."""

    def __init__(self, mapped: np.memmap[Any, Any]) -> None:
        self._path, self._offset = Path(fspath(mapped.filename)), int(mapped.offset)  # type: ignore[arg-type]
        self.shape, self.dtype = mapped.shape, mapped.dtype
        self._row = int(np.prod(self.shape[1:], dtype=np.int64))  # numbers of a row

    def rows(self, begin: int, end: int) -> np.ndarray:
        offset, count = self._offset + begin * self._row * self.dtype.itemsize, (end - begin) * self._row
        numbers = np.fromfile(self._path, self.dtype, count, offset=offset)
        if numbers.size < count:
            raise InputError(f"{self._path} ends before row {end - 1}; it must stay the same during a fit")
        return numbers.reshape(end - begin, *self.shape[1:])

    def fingerprint(self) -> list[Any]:
        found = stat(self._path)
        return [list(self.shape), self.dtype.str, self._path.name, found.st_size, found.st_mtime_ns]


def _opened(name: str, given: Any) -> _InMemory | _InFile:
    """An array, or a path of one."""
    if isinstance(given, (str, PathLike)):
        given = _mapped(existing_file(Path(given)))
    if isinstance(given, np.memmap) and _is_whole(given):
        return _InFile(given)
    array = np.atleast_1d(unmasked(name, given).array)
    if array.dtype.kind not in "biufUST" and not is_text(array):
        raise InputError(f"{name} has dtype {array.dtype}; it must hold numbers, or text where it is class labels")
    return _InMemory(array)


def _mapped(path: Path) -> np.ndarray:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise InputError(f"{path} is not an .npy file of numbers or text: {error}") from error
    if not isinstance(array, np.ndarray):
        array.close()
        raise InputError(f"{path} holds several arrays; save each with numpy.save, and give the .npy files")
    return array


def _is_whole(mapped: np.memmap[Any, Any]) -> bool:
    """Whether a map is of a file whose rows stand one after the other, and not a view of another map."""
    return (
        isinstance(mapped.base, mmap.mmap)
        and mapped.mode in ("r", "r+", "w+")
        and mapped.filename is not None
        and mapped.flags.c_contiguous
        and mapped.dtype.kind in "biufUS"
    )
