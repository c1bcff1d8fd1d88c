"""How much memory this process may use."""

from __future__ import annotations

import os
from pathlib import Path

# What a container's or a job's limit is written in, of version 2 and version 1 of Linux's control groups.
LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
GROUPS = Path("/proc/self/cgroup")


def available_memory() -> int | None:
    """Bytes of the machine's memory, or of the limit of a container or a job; None where the system does not say."""
    known = [limit for place in _places() if (limit := _number(place)) is not None]
    try:
        known.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        known += [total] if (total := _of_windows()) else []
    return min(known, default=None)


def _places() -> list[Path]:
    """Files with limits: of this process's group and the groups around it, and of the outermost."""
    places = [Path(place) for place in LIMITS]
    try:
        lines = GROUPS.read_text().splitlines()
    except OSError:
        return places
    for line in lines:
        if line.startswith("0::"):
            group = Path("/sys/fs/cgroup", line[3:].strip("/"))
            places += [folder / "memory.max" for folder in (group, *group.parents) if "cgroup" in folder.parts]
    return places


def _number(place: Path) -> int | None:
    """The limit in a file; None where there is no file or no limit."""
    try:
        return int(place.read_text())
    except (OSError, ValueError):
        return None


def _of_windows() -> int:
    """Bytes of memory, or 0 where Windows does not say."""
    import ctypes

    class Status(ctypes.Structure):
        _fields_ = (
            ("length", ctypes.c_ulong), ("load", ctypes.c_ulong), ("total", ctypes.c_ulonglong),
            *((name, ctypes.c_ulonglong) for name in ("free", "a", "b", "c", "d", "e")),
        )  # fmt: skip

    status = Status(length=ctypes.sizeof(Status))
    windll = getattr(ctypes, "windll", None)
    if windll is None or not windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):
        return 0
    return int(status.total)
