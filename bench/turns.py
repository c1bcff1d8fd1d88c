"""Ways to the same end, timed in lockstep: all are under way at once, and at each moment one of them computes.

A shared machine's speed changes by a half from second to second. So the ways hand over to each other every few milliseconds:
each meets what the others meet, and none computes while another one does.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..trainer.fit.callbacks import RunningFit

# A way computes for so long before it hands over, at its next occasion: much longer than that takes.
SLICE = 0.01  # seconds

# Called by a way wherever it may hand over.
HandOver = Callable[[], None]
# A way to train: for so many epochs, from the same begin; the parameters that it ends with.
Way = Callable[[int, HandOver], np.ndarray]


class Handing:
    """A callback of `fit` that hands over, and leaves how many epochs make a call as it is."""

    losses_only = True

    def __init__(self, hand_over: HandOver) -> None:
        self._hand_over = hand_over

    def __call__(self, running: RunningFit) -> None:
        self._hand_over()


def alone() -> None:
    """Hand over to nobody."""


def epochs_for(way: Way, seconds: float) -> int:
    """So many that they take about so long. The first epoch may compile, and is not counted."""
    way(1, alone)
    epochs = 1
    while True:
        started = time.perf_counter()
        way(epochs, alone)
        took = time.perf_counter() - started
        if took >= 0.1 * seconds:
            return max(1, round(epochs * seconds / took))
        epochs = max(2 * epochs, int(0.2 * seconds / max(took, 1e-6) * epochs))


def in_lockstep(ways: Mapping[str, Way], epochs: int) -> dict[str, float]:
    """Seconds that each way computes. The first one runs in the caller's thread, where signals arrive.

    Raises ArithmeticError where they do not end at the same bits.
    """
    lockstep, ends, errors = _Lockstep(list(ways)), dict[str, bytes](), list[BaseException]()

    def run(name: str) -> None:
        try:
            with lockstep.member(name):
                ends[name] = ways[name](epochs, lockstep.hand_over).tobytes()
        except BaseException as error:
            errors.append(error)

    first, *others = ways
    threads = [threading.Thread(target=run, args=(name,), daemon=True) for name in others]
    for thread in threads:
        thread.start()
    run(first)
    for thread in threads:
        if not errors:
            thread.join()
    if errors:  # the others wait for their turn until the process ends
        raise errors[0]
    if len(set(ends.values())) > 1:
        raise ArithmeticError(f"{', '.join(ends)} do not all end at the same bits")
    return lockstep.seconds


class _Lockstep:
    """Who computes, and the seconds that each has computed."""

    def __init__(self, names: list[str]) -> None:
        self.seconds = dict.fromkeys(names, 0.0)
        self._at_work = list(names)  # in turn; the first one computes
        self._changed, self._own = threading.Condition(), threading.local()
        self._since = time.perf_counter()

    def member(self, name: str) -> Any:
        """Within `with`, this thread is the way of this name."""
        self._own.name = name
        return self

    def __enter__(self) -> None:
        with self._changed:
            self._wait()

    def __exit__(self, *raised: object) -> None:
        with self._changed:
            self._leave()

    def hand_over(self) -> None:
        """Let the others compute, where this way has for long enough."""
        if time.perf_counter() - self._since >= SLICE and len(self._at_work) > 1:
            with self._changed:
                name = self._leave()
                self._at_work.append(name)
                self._wait()

    def _leave(self) -> str:
        name = self._at_work.pop(0)
        self.seconds[name] += time.perf_counter() - self._since
        self._changed.notify_all()
        return name

    def _wait(self) -> None:
        self._changed.wait_for(lambda: self._at_work[0] == self._own.name)
        self._since = time.perf_counter()


def signed(part: float) -> str:
    return f"{100.0 * part:+.1f}%"
