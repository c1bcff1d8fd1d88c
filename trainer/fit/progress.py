"""Progress on long fits: a bar where rich is installed and the output is a terminal, plain lines otherwise."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ...kernels.interrupts import HeldSignals
from ..extras import available
from .history import History

Report = Callable[[History], None]

# Unasked, progress appears only once a fit has lasted this long.
PATIENCE = 1.0  # seconds
# Plain lines come no faster than this, except for the last.
LINE_INTERVAL = 0.5  # seconds


@contextmanager
def reporter(progress: bool | None, epochs: int, n_samples: int) -> Iterator[Report]:
    """A function to call after each epoch. progress: True shows it, False does not, None decides by the terminal."""
    terminal = sys.stderr.isatty()
    if progress is False or (progress is None and not terminal):
        yield lambda history: None
        return
    patience = 0.0 if progress else PATIENCE
    if terminal and available("rich"):
        yield from _bar(epochs, patience)
    else:
        yield _lines(epochs, patience)


def summary(history: History) -> str:
    """The last epoch's losses and the speed, in a few words."""
    parts = [f"loss {history.loss[-1]:.6g}"]
    if history.val_loss:
        parts.append(f"val_loss {history.val_loss[-1]:.6g}")
    parts.append(f"{history.samples_per_second:,.0f} samples/s")
    return "  ".join(parts)


def seconds_left(history: History, epochs: int) -> float:
    """Expected from the mean time of the epochs so far."""
    return sum(history.seconds) / history.epochs * (epochs - history.epochs)


def _lines(epochs: int, patience: float) -> Report:
    started = time.monotonic()
    shown = float("-inf")

    def report(history: History) -> None:
        nonlocal shown
        now = time.monotonic()
        last = history.epochs == epochs
        if now - started < patience or (now - shown < LINE_INTERVAL and not last):
            return
        shown = now
        left = f"{seconds_left(history, epochs):.0f} s left"
        print(f"epoch {history.epochs}/{epochs}  {summary(history)}  {left}", file=sys.stderr, flush=True)

    return report


def _bar(epochs: int, patience: float) -> Iterator[Report]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("epoch"), MofNCompleteColumn(), BarColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    started = time.monotonic()
    bar = Progress(*columns, console=Console(stderr=True), refresh_per_second=4)
    task = bar.add_task("", total=epochs)

    def report(history: History) -> None:
        if time.monotonic() - started >= patience and not bar.live.is_started:
            with HeldSignals():  # rich cannot stop what it has half started, and would leave the cursor hidden
                bar.start()
        bar.update(task, completed=history.epochs, description=summary(history) if bar.live.is_started else "")

    try:
        yield report
    finally:
        if bar.live.is_started:
            with HeldSignals():
                bar.stop()
