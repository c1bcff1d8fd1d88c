"""Permutation importance: how much the loss grows where a column is shuffled (Breiman, Random Forests, 2001, section 10).

Scikit-learn's takes no pyarrow table and measures every column. Here, of very many columns, those that matter are searched for
in groups: a group whose shuffling raises the loss most is halved, until single columns are left.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .content import Importance

MOST_ROWS = 2000
MOST_SHOWN = 20
REPEATS = 5
# Of tables with many columns fewer rows are taken, so that a shuffled copy has at most this many cells.
MOST_CELLS = 4_000_000
LEAST_ROWS = 100


def permutation_importance(
    take: Callable[[np.ndarray], Any],
    n_rows: int,
    column_names: Sequence[str],
    losses: Callable[[Any, np.ndarray], float],
    loss_name: str,
    *,
    repeats: int = REPEATS,
    seconds: float = 5.0,
    seed: int = 0,
) -> Importance:
    """The columns, at most 20, whose shuffling raises the loss most.

    take: from positions (m) among the held-out rows to these rows, raw: an array (m, n_columns) or a pyarrow table.
    n_rows: number of held-out rows, of which at most 2000 are used. losses: mean loss of rows as `take` gives them (with
    shuffled columns), which are those at the positions (m). seconds: where measuring each column would take longer, only the
    columns that a search in groups finds are measured (none, where the time is too short), and their repeats end, after
    the first, when the time is over.
    """
    n_columns, ends = len(column_names), time.monotonic() + seconds
    generator = np.random.default_rng(seed)
    most = max(LEAST_ROWS, min(MOST_ROWS, MOST_CELLS // max(n_columns, 1)))
    positions = np.arange(n_rows) if n_rows <= most else np.sort(generator.choice(n_rows, most, replace=False))
    rows = take(positions)
    before = losses(rows, positions)

    def increase(columns: Sequence[int]) -> float:
        return losses(shuffled(rows, columns, generator), positions) - before

    started = time.monotonic()
    increase([0])
    searched = (time.monotonic() - started) * n_columns * repeats > seconds and n_columns > MOST_SHOWN
    chosen = _search(increase, n_columns, time.monotonic() + seconds / 2) if searched else list(range(n_columns))
    measured: list[list[float]] = []
    while len(measured) < repeats and (not measured or time.monotonic() < ends):
        measured.append([increase([column]) for column in chosen])
    means, deviations = np.mean(measured, axis=0), np.std(measured, axis=0)
    best = np.argsort(-means, kind="stable")[:MOST_SHOWN]
    names = tuple(column_names[chosen[i]] for i in best)
    return Importance(
        names, means[best], deviations[best], before, loss_name, len(positions), len(measured), n_columns, searched
    )


def shuffled(rows: Any, columns: Sequence[int], generator: np.random.Generator) -> Any:
    """A copy of an array or a pyarrow table whose given columns are shuffled, all in one order."""
    order = generator.permutation(len(rows))
    if isinstance(rows, np.ndarray):
        copy = rows.copy()
        chosen = np.asarray(columns)
        copy[:, chosen] = rows[np.ix_(order, chosen)]
        return copy
    arrays = rows.columns
    for column in columns:
        arrays[column] = arrays[column].take(order)
    return type(rows).from_arrays(arrays, schema=rows.schema)


def _search(increase: Callable[[Sequence[int]], float], n_columns: int, ends: float) -> list[int]:
    """At most 20 columns, found by halving the group whose shuffling raises the loss most, again and again."""
    groups: list[tuple[float, int, int]] = [(0.0, 0, n_columns)]
    found: list[int] = []
    while groups and len(found) < MOST_SHOWN:
        _, first, last = heapq.heappop(groups)
        if last - first == 1:
            found.append(first)
            continue
        if time.monotonic() >= ends:
            break
        middle = (first + last) // 2
        for part in ((first, middle), (middle, last)):
            heapq.heappush(groups, (-increase(range(*part)), *part))
    return found
