"""Progress on long work: a bar on terminals and in notebooks where rich is installed, plain lines otherwise."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from ...kernels.interrupts import HeldSignals
from ..extras import available
from .history import History

Report = Callable[[History], None]

# Unasked, progress appears only once a fit has lasted this long.
PATIENCE = 1.0  # seconds
# Plain lines, and updates in a notebook, come no faster than this, except for the last.
LINE_INTERVAL = 0.5  # seconds
# Speed and time left come from the median of this many epochs: the latest, as the number of threads may have changed.
RECENT = 50
# A terminal with fewer columns shows no speed beside the bar.
NARROW = 72
# Characters of the bar in a notebook, whose lines are about 100 wide.
NOTEBOOK_WIDTH = 32


class Standing(NamedTuple):
    """How far work is. unit: of what is counted. words, short: the rest to show, and the same for a line with little room."""

    unit: str
    done: int
    total: int
    words: str
    short: str
    seconds_left: float

    @property
    def counted(self) -> str:
        """The unit, and how many are done."""
        return f"{self.unit} {self.done}/{self.total}"


# Called with a function that says how far the work is: it takes longer than to find out that nothing is due to be shown.
Show = Callable[[Callable[[bool], Standing]], None]


@contextmanager
def reporter(progress: bool | None, epochs: int, n_samples: int) -> Iterator[Report]:
    """A function to call after each epoch. progress: as for `shown`."""
    with shown(progress) as show:
        yield lambda history: show(lambda narrow: _standing(history, epochs, narrow))


@contextmanager
def shown(progress: bool | None) -> Iterator[Show]:
    """A function to call now and then. progress: True shows it, False does not, None shows it to a person.

    That is on a terminal and in a notebook.
    """
    terminal, notebook = sys.stderr.isatty(), in_notebook()
    if progress is False or (progress is None and not terminal and not notebook):
        yield lambda standing: None
        return
    patience = 0.0 if progress else PATIENCE
    if notebook and available("rich"):
        yield from _notebook_bar(patience)
    elif terminal and available("rich"):
        yield from _bar(patience)
    else:
        yield _lines(patience)


def _standing(history: History, epochs: int, narrow: bool) -> Standing:
    short = short_summary(history, speed=not narrow)
    return Standing("epoch", history.epochs, epochs, summary(history), short, seconds_left(history, epochs))


def in_notebook() -> bool:
    """Whether code runs in a Jupyter kernel, which shows rich output."""
    if "IPython" not in sys.modules:  # importing it takes long
        return False
    shell = sys.modules["IPython"].get_ipython()
    return shell is not None and getattr(shell, "kernel", None) is not None


def summary(history: History) -> str:
    """The last epoch's losses and the speed, in a few words."""
    parts = [f"loss {history.loss[-1]:.6g}"]
    if history.val_loss:
        parts.append(f"val_loss {history.val_loss[-1]:.6g}")
    return "  ".join([*parts, *_speed(history)])


def short_summary(history: History, speed: bool = True) -> str:
    """The same in fewer characters, which leave room for a bar on a line of 80 columns."""
    parts = [f"loss {history.loss[-1]:.4g}"]
    if history.val_loss:
        parts.append(f"val {history.val_loss[-1]:.4g}")
    return " ".join([*parts, *(_speed(history, short=True) if speed else [])])


def seconds_left(history: History, epochs: int) -> float:
    """Expected from the recent epochs. The first one counts only while it is the only one: it may include compiling."""
    seconds = _seconds_of_an_epoch(history)
    return (history.seconds[0] if seconds is None else seconds) * (epochs - history.epochs)


def seconds_in_words(history: History) -> str:
    """Time of all epochs: "2.31", or "2.31, of which 1.80 for compiling or loading kernels" where the first took much longer.

    That part is what the first epoch took more than the median of the others. It is named from 0.05 s, and where it is at
    least three times that median.
    """
    total, seconds = sum(history.seconds), _seconds_of_an_epoch(history)
    more = 0.0 if seconds is None else history.seconds[0] - seconds
    compiled = seconds is not None and more >= max(0.05, 3 * seconds)
    return f"{total:.2f}, of which {more:.2f} for compiling or loading kernels" if compiled else f"{total:.2f}"


def _seconds_of_an_epoch(history: History) -> float | None:
    """Median of the recent epochs; None before the second epoch, as the first one may include compiling."""
    recent = history.seconds[max(1, history.epochs - RECENT) :]
    return statistics.median(recent) if recent else None


def _speed(history: History, short: bool = False) -> list[str]:
    """Training samples per second, without compiling, or nothing where that is not known yet."""
    seconds = _seconds_of_an_epoch(history)
    if not seconds:
        return []
    speed = history.n_samples / seconds
    if not short:
        return [f"{speed:,.0f} samples/s"]
    for factor, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if speed >= factor:
            return [f"{speed / factor:.3g}{letter} samples/s"]
    return [f"{speed:.3g} samples/s"]


def _duration(seconds: float) -> str:
    """Such as 0:07, 12:30 or 3:05:00."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _lines(patience: float) -> Show:
    started = time.monotonic()
    shown = float("-inf")

    def show(standing: Callable[[bool], Standing]) -> None:
        nonlocal shown
        now = time.monotonic()
        if now - started < patience:
            return
        here = standing(False)
        if now - shown < LINE_INTERVAL and here.done != here.total:
            return
        shown = now
        print(f"{here.counted}  {here.words}  {here.seconds_left:.0f} s left", file=sys.stderr, flush=True)

    return show


class _Bar:
    """A bar of rich's, with texts on both sides of it."""

    def __init__(self, first: Standing, console: Any, width: int | None) -> None:
        from rich.progress import BarColumn, Progress, TextColumn
        from rich.table import Column

        # The texts keep their width, and the bar takes what is left of the line.
        texts = [TextColumn(part, table_column=Column(no_wrap=True)) for part in ("{task.fields[count]}", "{task.description}")]
        bar = BarColumn(bar_width=width)
        self.progress = Progress(texts[0], bar, texts[1], console=console, refresh_per_second=4, expand=width is None)
        self._task = self.progress.add_task("", total=first.total, count=first.counted)

    def update(self, here: Standing) -> None:
        words = f"{here.short} {_duration(here.seconds_left)} left"
        self.progress.update(self._task, completed=here.done, description=words, count=here.counted)


def _bar(patience: float) -> Iterator[Show]:
    started = time.monotonic()
    bar: _Bar | None = None

    def show(standing: Callable[[bool], Standing]) -> None:
        nonlocal bar
        if bar is None:
            if time.monotonic() - started < patience:
                return
            from rich.console import Console

            bar = _Bar(standing(False), Console(stderr=True), width=None)
            with HeldSignals():  # rich cannot stop what it has half started, and would leave the cursor hidden
                bar.progress.start()
        bar.update(standing(bar.progress.console.width < NARROW))

    try:
        yield show
    finally:
        if bar is not None:
            with HeldSignals():
                bar.progress.stop()


def _notebook_bar(patience: float) -> Iterator[Show]:
    """The same in the output of a notebook's cell. rich's own way needs ipywidgets, and a saved notebook does not keep it."""
    started, shown = time.monotonic(), float("-inf")
    bar: _Bar | None = None
    handle: Any = None
    latest: Callable[[bool], Standing] | None = None

    def draw(standing: Callable[[bool], Standing]) -> None:
        nonlocal bar, handle, shown
        shown = time.monotonic()
        bar = bar or _Bar(standing(False), None, NOTEBOOK_WIDTH)
        bar.update(standing(False))
        if handle is None:
            from IPython.display import display

            handle = display(bar.progress, display_id=True)
        else:
            handle.update(bar.progress)

    def show(standing: Callable[[bool], Standing]) -> None:
        nonlocal latest
        latest = standing
        now = time.monotonic()
        if now - started >= patience and now - shown >= LINE_INTERVAL:
            draw(standing)

    try:
        yield show
    finally:
        if handle is not None and latest is not None:
            draw(latest)
