"""Files that are written whole or not at all, and are on the disk when a save returns."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from os import PathLike
from pathlib import Path
from typing import BinaryIO

# What a killed process left unfinished is removed by a later save to the same place, once it is this old.
LEFT_BEHIND = 3600.0  # seconds


@contextmanager
def whole_file(path: str | PathLike[str], keep_as: Path | None = None) -> Iterator[BinaryIO]:
    """A file to write to beside its place, moved there at the end. What interrupts it leaves the old file as it was.

    Written through to the disk, folder entry included. The place keeps its permissions, and a symbolic link there stays one:
    what it points to is replaced. Any number of threads and processes may save to one place: the last one stays. keep_as: a
    name in the same folder that the old file is given once the new one is whole.
    """
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, f"there is no folder {Path(path).parent}; make it first")
    # Not the place's own name with more to it, which might be too long.
    prefix = f".{blake2b(target.name.encode('utf-8', 'surrogateescape'), digest_size=6).hexdigest()}."
    _remove_left_behind(target.parent, prefix)
    unfinished = target.with_name(f"{prefix}{secrets.token_hex(6)}.unfinished")
    try:
        with open(unfinished, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileNotFoundError):
            os.chmod(unfinished, stat.S_IMODE(target.stat().st_mode))
            if keep_as is not None:
                os.replace(target, keep_as)
        os.replace(unfinished, target)
    finally:
        unfinished.unlink(missing_ok=True)
    sync_folder(target.parent)


def write_whole(path: str | PathLike[str], data: bytes) -> None:
    """`whole_file` for what is in memory already."""
    with whole_file(path) as file:
        file.write(data)


def sync_folder(folder: Path) -> None:
    """Write a folder's entries through to the disk, where the system can: Windows opens no folders."""
    if os.name == "nt":
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _remove_left_behind(folder: Path, prefix: str) -> None:
    with contextlib.suppress(OSError):
        for entry in folder.glob(f"{prefix}*.unfinished"):
            if time.time() - entry.stat().st_mtime > LEFT_BEHIND:
                entry.unlink()
