"""Ways to the same end that take turns in one run, so that whatever else the machine does meets all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np

# A way to train: for so many epochs, from the same begin; the parameters that it ends with.
Way = Callable[[int], np.ndarray]


def epochs_for(way: Way, seconds: float) -> int:
    """So many that a turn takes about so long. The first epoch may compile, and is not counted."""
    way(1)
    epochs = 1
    while True:
        started = time.perf_counter()
        way(epochs)
        took = time.perf_counter() - started
        if took >= 0.1 * seconds:
            return max(1, round(epochs * seconds / took))
        epochs = max(2 * epochs, int(0.2 * seconds / max(took, 1e-6) * epochs))


def check_ends(ways: Mapping[str, Way], epochs: int) -> None:
    """Raises ArithmeticError where any bit differs between the parameters that two ways end with."""
    ends = {name: way(epochs).tobytes() for name, way in ways.items()}
    if len(set(ends.values())) > 1:
        raise ArithmeticError(f"{', '.join(ends)} do not all end at the same bits")


def in_turn(names: Iterable[str], rounds: int) -> Iterator[str]:
    """All names in each round; in every round another one begins."""
    names = list(names)
    for number in range(rounds):
        first = number % len(names)
        yield from names[first:] + names[:first]


def take_turns(ways: Mapping[str, Way], epochs: int, rounds: int) -> dict[str, list[float]]:
    """Seconds of each way in each round. Raises ArithmeticError where they do not end at the same bits."""
    check_ends(ways, epochs)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for name in in_turn(ways, rounds):
        started = time.perf_counter()
        ways[name](epochs)
        seconds[name].append(time.perf_counter() - started)
    return seconds


def slower(seconds: Mapping[str, list[float]], name: str, than: list[str]) -> tuple[float, float]:
    """By what part a way takes longer than the best of others: of the fastest turns, and the median over the rounds."""
    fastest = min(seconds[name]) / min(min(seconds[other]) for other in than) - 1.0
    best = [min(turns) for turns in zip(*(seconds[other] for other in than), strict=True)]
    return fastest, statistics.median(own / other for own, other in zip(seconds[name], best, strict=True)) - 1.0
