"""How far the fits of one call are, wherever they are made."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Sequence

from ..fit.history import History
from ..fit.progress import Standing
from .preparation import Fit, expected_seconds

# Of `History.stopped`.
STOP = "stop"
INTERRUPTED = "Ctrl-C has ended fit_many"


class Standings:
    """The latest history of each fit, by its number."""

    def __init__(self, fits: Sequence[Fit]) -> None:
        self._fits = fits
        self._begun = time.monotonic()
        self._latest: dict[int, History] = {}  # of the fits that were begun
        self._lowest: dict[int, float] = {}  # losses of the fits that are done
        self._expected = expected_seconds(fits)

    def report(self, number: int, history: History) -> None:
        """What is known of a fit now."""
        self._latest[number] = history

    def expected(self, numbers: Sequence[int]) -> float:
        """Seconds that these fits take one thread, roughly."""
        return sum(self._expected[number] for number in numbers)

    def histories(self) -> list[History]:
        """One for each fit; one that was not begun has no epochs."""
        missing = (History(fit.prepared.rows.n, stopped=STOP) for fit in self._fits)
        return [self._latest.get(number) or none for number, none in enumerate(missing)]

    def now(self, narrow: bool) -> Standing:
        """How far the call is, for `shown`."""
        latest = dict(self._latest)
        parts = {i: history.epochs / self._fits[i].prepared.options.epochs for i, history in latest.items()}
        done = sum(bool(history.stopped) for history in latest.values())
        made = sum(self._expected[i] * (1.0 if latest[i].stopped else part) for i, part in parts.items())
        left = (time.monotonic() - self._begun) * (sum(self._expected) / made - 1.0) if made else math.inf
        words = self._best(latest, narrow)
        return Standing("network", done, len(self._fits), words, words, 0.0 if done == len(self._fits) else left)

    def _best(self, latest: dict[int, History], narrow: bool) -> str:
        """The lowest loss so far, and whose it is."""
        lowest = {number: self._lowest_of(number, history) for number, history in latest.items()}
        lowest = {number: loss for number, loss in lowest.items() if not math.isnan(loss)}
        if not lowest:
            return "no loss yet"
        best = min(lowest, key=lambda number: lowest[number])
        name = "val_loss" if latest[best].val_loss else "loss"
        return f"best {lowest[best]:.4g}" if narrow else f"best {name} {lowest[best]:.6g} (network {best})"

    def _lowest_of(self, number: int, history: History) -> float:
        """The lowest loss of a fit so far; nan where there is none. Of a fit that is done it is looked for once."""
        if number in self._lowest:
            return self._lowest[number]
        loss = min((loss for loss in history.val_loss or history.loss if not math.isnan(loss)), default=math.nan)
        if history.stopped:
            self._lowest[number] = loss
        return loss


def interrupted(histories: Sequence[History], state: str = "hold their parameters after their last step") -> str:
    """What is said after Ctrl-C. state: of the networks whose fits were cut."""
    cut = [number for number, history in enumerate(histories) if history.stopped == STOP]
    if not cut:
        return f"{INTERRUPTED}, when all fits were done"
    done = f"{len(histories) - len(cut)} of {len(histories)} fits were done"
    return f"{INTERRUPTED}: {done}; the networks {cut} {state}"


def noticing_interrupt(train: Callable[[], list[History]]) -> tuple[list[History], bool]:
    """What a call of `fit_many` returns, and whether Ctrl-C came meanwhile. Its warnings are given on.

    No history says "stop" where Ctrl-C came just as the last fits ended.
    """
    given: list[warnings.WarningMessage] = []
    try:
        with warnings.catch_warnings(record=True) as given:
            warnings.filterwarnings("always", INTERRUPTED)
            histories = train()
    finally:
        for one in given:
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
    return histories, any(str(one.message).startswith(INTERRUPTED) for one in given)
