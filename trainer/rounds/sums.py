"""Sums over shards, in an order that follows from the number of shards alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# The results of so many shards are added at once.
FAN_IN = 8
# Numbers by their names: float64 arrays and floats, which are added, and lists, which are joined.
Sums = dict[str, Any]


def add(parts: Sequence[Sums]) -> Sums:
    """The sum of some parts, added from the first to the last. The parts are not changed."""
    total = {name: _begun(value) for name, value in parts[0].items()}
    for part in parts[1:]:
        for name, value in part.items():
            total[name] += value
    return total


def _begun(value: Any) -> Any:
    """A copy that may be added to in place."""
    return value.copy() if hasattr(value, "copy") else value


def groups(parts: Sequence[Any]) -> list[Sequence[Any]]:
    """Neighbours that are added at once. A sum is a tree: groups of the parts, then groups of their sums, until one is left."""
    return [parts[start : start + FAN_IN] for start in range(0, len(parts), FAN_IN)]
