"""Which Numba is installed, and which way of compiling suits it.

The private way uses names that Numba may change in any version, so it is taken only where it was tested. `TILEPROP_STOCK_JIT`
decides otherwise: 1 takes the stock way, 0 the private one.
"""

from __future__ import annotations

import os
import re
import warnings

import numba

OLDEST = (0, 64)  # as in pyproject.toml
NEWEST_TESTED = (0, 68)


def check_numba() -> None:
    """Raise ImportError for a Numba that lacks what the kernels need."""
    if installed() < OLDEST:
        raise ImportError(
            f"tileprop needs numba {_text(OLDEST)} or newer, and {numba.__version__} is installed; "
            f"pip install --upgrade 'numba>={_text(OLDEST)}'"
        )


def installed() -> tuple[int, int]:
    """Major and minor number. A version without numbers, such as a build from Numba's sources, counts as the newest."""
    numbers = re.match(r"(\d+)\.(\d+)", numba.__version__)
    return (int(numbers[1]), int(numbers[2])) if numbers else (9999, 0)


def wanted_way() -> str:
    """What `TILEPROP_STOCK_JIT` asks for: "stock", "private", or "" where it is not set. Raises ValueError for other values."""
    value = os.environ.get("TILEPROP_STOCK_JIT", "")
    if value not in ("", "0", "1"):
        raise ValueError(f"TILEPROP_STOCK_JIT is {value!r}; it must be 1 (the stock way), 0 (the private way), or not set")
    return {"": "", "0": "private", "1": "stock"}[value]


def newer_than_tested() -> bool:
    return installed() > NEWEST_TESTED


def warn_of_the_stock_way(reason: str) -> None:
    """One line, where the stock way is taken without having been asked for."""
    warnings.warn(
        f"numba {numba.__version__} {reason}: tileprop compiles in its stock way: the same results, but about five times as "
        "long to compile. Update tileprop, or silence this warning with TILEPROP_STOCK_JIT=1",
        stacklevel=2,
    )


def _text(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
