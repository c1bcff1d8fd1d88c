"""Which process writes to a run folder: at most one. The system lets go of its lock when it ends, also by kill -9."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import TextIO

LOCK = ".lock"

if sys.platform == "win32":
    import msvcrt

    def _lock(file: TextIO) -> None:
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError(error.errno, error.strerror) from error

else:
    import fcntl

    def _lock(file: TextIO) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


class RunLock:
    """The lock of one run folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOCK
        self._file: TextIO | None = None

    def take(self) -> bool:
        """Whether it could be had: no other process has it. Raises OSError where the folder cannot be written."""
        while True:
            file = open(self._path, "a")  # noqa: SIM115, open as long as the lock is held
            try:
                _lock(file)
            except BlockingIOError:
                file.close()
                return False
            except OSError:  # a file system that knows no locks
                pass
            self._file = file
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file.fileno()), os.stat(self._path)):
                    return True
            file.close()  # whoever had the lock has removed the file since it was opened

    def release(self) -> None:
        """The file goes, where the system allows that while it is open, so that a folder that is left holds none."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._path.unlink()
            self._file.close()
            self._file = None


def at_work(folder: Path) -> bool:
    """Whether a process is training in a run folder."""
    if not (folder / LOCK).exists():
        return False
    lock = RunLock(folder)
    try:
        free = lock.take()
    except OSError:  # nobody can write there
        return False
    lock.release()
    return not free
