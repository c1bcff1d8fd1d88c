"""BLAS and LAPACK on one thread."""

from __future__ import annotations

from typing import Any

from ..extras import require


def one_thread() -> Any:
    """While this context lasts. Two threads made fits of 200 parameters 5 times as long on a busy machine; and their number
    would tell how sums are rounded."""
    return require("threadpoolctl", "a solver").threadpool_limits(1, user_api="blas")
