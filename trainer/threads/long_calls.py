"""Calls of kernels over many rows: made in a thread of their own, while the caller's answers Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...kernels import Workspace
from . import team


def answering(seconds: float, work: Workspace, kernel: Callable[..., Any], *arguments: Any) -> float:
    """What kernel(*arguments, work) returns, 0 for nothing. seconds: that it may take, roughly; short calls are made at once.

    Ctrl-C, or what else a signal handler raises, ends it between two blocks of rows. `work` and what the kernel writes to are
    then of no more use.
    """
    if seconds < team.WORTH_A_THREAD:
        return float(kernel(*arguments, work) or 0.0)
    with team.Team(1) as alone:
        return alone.run(lambda member: kernel(*arguments, member) or 0.0, work, seconds)


def left_at_its_work(seconds: float, work: Workspace, call: Callable[[], float]) -> float:
    """What call() returns, which nothing can end. Ctrl-C leaves it at its work, in memory that nobody uses any more.

    work: the caller's, for the flags that it holds.
    """
    if seconds < team.WORTH_A_THREAD:
        return call()
    with team.Team(1) as alone:
        return alone.run(lambda member: call(), work, seconds, leaves=True)
