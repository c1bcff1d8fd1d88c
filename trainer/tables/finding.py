"""Which Parquet and Arrow files are meant: by a folder, a pattern, a name, or a list of these, on any filesystem."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..extras import require
from ..suggestions import did_you_mean, neighbours

PARQUET_SUFFIXES = (".parquet", ".pq")
ARROW_SUFFIXES = (".arrow", ".feather", ".ipc")
SUFFIXES = (*PARQUET_SUFFIXES, *ARROW_SUFFIXES)
PURPOSE = "reading Parquet and Arrow files"


def find_files(paths: Any, filesystem: Any = None) -> tuple[Any, list[str]]:
    """A filesystem of pyarrow, and the names of the files on it, sorted for each of `paths`.

    paths: a folder, which is searched with its own folders; a pattern with * or ?; a file; or a list of these. Without a
    filesystem, addresses such as s3://bucket/folder go to pyarrow's or fsspec's. Files and folders in it whose names begin with
    _ or . belong to other programs, and are left out.

    Raises InputError where there is no such file.
    """
    given = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    if not given or not all(isinstance(path, str | os.PathLike) for path in given):
        raise InputError(f"paths is {paths!r}; give a folder, a pattern such as 'data/*.parquet', or a list of files")
    names = [os.fspath(path) for path in given]
    system, places = _on_filesystem(names, filesystem)
    found = [name for place in places for name in _files_at(place, system, filesystem is None and "://" not in names[0])]
    for name in found:
        if not name.lower().endswith(SUFFIXES):
            raise InputError(f"{name} is a file of unknown type; known types are {', '.join(SUFFIXES)}")
    repeated = next((name for i, name in enumerate(found) if name in found[:i]), None) if len(found) < 1000 else None
    if repeated is not None or len(set(found)) < len(found):
        raise InputError(f"paths names the file {repeated or 'of some name'} twice; name each file once")
    return system, found


def is_table_files(source: str) -> bool:
    """Whether a name is that of a Parquet or Arrow file, of a folder, or of several by a pattern or an address."""
    return source.lower().endswith(SUFFIXES) or is_pattern(source) or "://" in source or _holds_tables(source)


def is_pattern(path: str) -> bool:
    """Whether a path has a wildcard."""
    return "*" in path or "?" in path


def _holds_tables(source: str) -> bool:
    """Whether this is a folder with such files, or with folders that are named after the value of a column, as year=2024."""
    if not source or not os.path.isdir(source):
        return False
    with os.scandir(source) as entries:
        return any(entry.name.lower().endswith(SUFFIXES) or ("=" in entry.name and entry.is_dir()) for entry in entries)


def _on_filesystem(names: Sequence[str], filesystem: Any) -> tuple[Any, list[str]]:
    """pyarrow's own, or a wrapped one, and the names as it takes them."""
    fs = require("pyarrow.fs", PURPOSE)
    if filesystem is None and "://" not in names[0]:
        return fs.LocalFileSystem(), [str(Path(name)) for name in names]
    if filesystem is None:
        try:
            system, _ = fs.FileSystem.from_uri(names[0].partition("*")[0])
            return system, [system.normalize_path(name.partition("://")[2]) for name in names]
        except require("pyarrow", PURPOSE).ArrowException:
            scheme = names[0].partition("://")[0]
            filesystem = require("fsspec", f"reading from {scheme}://").filesystem(scheme)
    if isinstance(filesystem, fs.FileSystem):
        return filesystem, [name.partition("://")[2] or name for name in names]
    if not (hasattr(filesystem, "open") and hasattr(filesystem, "info")):
        raise InputError(f"filesystem is {type(filesystem).__name__}; it must be a filesystem of pyarrow.fs or of fsspec")
    strip = getattr(filesystem, "_strip_protocol", str)
    return fs.PyFileSystem(fs.FSSpecHandler(filesystem)), [str(strip(name)) for name in names]


def _files_at(place: str, system: Any, local: bool) -> list[str]:
    """The files that one path stands for."""
    fs = require("pyarrow.fs", PURPOSE)
    info = system.get_file_info(place)
    if info.type == fs.FileType.File:
        return [place]
    if info.type == fs.FileType.Directory:
        found = _below(place, system, recursive=True)
        found = [name for name in found if name.lower().endswith(SUFFIXES)]
        if not found:
            raise InputError(f"the folder {place} has no files in {', '.join(SUFFIXES)}")
        return sorted(found)
    if not is_pattern(place):
        meant = did_you_mean(Path(place).name, neighbours(Path(place))) if local else ""
        raise InputError(f"there is no file or folder {place}{meant}")
    folder = place.split("*")[0].split("?")[0].rpartition("/")[0]
    deeper = "/" in place[len(folder) :].lstrip("/")
    found = _below(folder or ("/" if place.startswith("/") else "."), system, recursive=deeper)
    matching = sorted(name for name in found if _matches(name.removeprefix("./"), place))
    if not matching:
        raise InputError(f"no file matches {place}")
    return matching


def _below(folder: str, system: Any, recursive: bool) -> list[str]:
    """The files in a folder and its folders, but for hidden ones."""
    fs = require("pyarrow.fs", PURPOSE)
    infos = system.get_file_info(fs.FileSelector(folder, allow_not_found=True, recursive=recursive))
    start = 0 if folder in (".", "/") else len(folder)
    return [
        info.path
        for info in infos
        if info.type == fs.FileType.File
        and not any(part[:1] in "_." for part in info.path[start:].split("/") if part not in ("", "."))
    ]


def _matches(name: str, pattern: str) -> bool:
    """Whether each part of a path fits: * stands for no /, and ** for any folders."""
    parts, wanted = name.strip("/").split("/"), pattern.removeprefix("./").strip("/").split("/")

    def fits(i: int, j: int) -> bool:
        if j == len(wanted):
            return i == len(parts)
        if wanted[j] == "**":
            return fits(i, j + 1) or (i < len(parts) and fits(i + 1, j))
        return i < len(parts) and fnmatch.fnmatchcase(parts[i], wanted[j]) and fits(i + 1, j + 1)

    return fits(0, 0)
