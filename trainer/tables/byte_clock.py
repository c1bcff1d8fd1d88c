"""A file that is opened for reading, and the seconds that reading its bytes takes."""

from __future__ import annotations

from time import perf_counter
from types import TracebackType
from typing import Any

from ..extras import require


class ByteClock:
    """Use in a `with` statement: `file` is what pyarrow reads from, `seconds` are those spent so far."""

    def __init__(self, filesystem: Any, name: str) -> None:
        self.seconds, self.closed = 0.0, False
        self._opened = filesystem.open_input_file(name)
        self.file = require("pyarrow", "reading tables").PythonFile(self, mode="r")

    def __enter__(self) -> ByteClock:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    # What pyarrow calls ------------------------------------------------------------------------------------------------------

    def read(self, n_bytes: int = -1) -> Any:
        """The next bytes."""
        start = perf_counter()
        # A buffer is not copied once more.
        read = self._opened.read_buffer(None if n_bytes < 0 else n_bytes)
        self.seconds += perf_counter() - start
        return read

    read_buffer = read

    def seek(self, position: int, whence: int = 0) -> int:
        """Go to a position; gives the new one."""
        at: int = self._opened.seek(position, whence)
        return at

    def tell(self) -> int:
        """The position."""
        at: int = self._opened.tell()
        return at

    def size(self) -> int:
        """Bytes of the file."""
        n_bytes: int = self._opened.size()
        return n_bytes

    def close(self) -> None:
        """Close the file."""
        self.closed = True
        self._opened.close()

    def readable(self) -> bool:
        """Whether bytes can be read."""
        return True

    def writable(self) -> bool:
        """Whether bytes can be written."""
        return False

    def seekable(self) -> bool:
        """Whether `seek` works."""
        return True

    def flush(self) -> None:
        """Nothing."""
