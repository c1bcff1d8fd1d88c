"""Which cases run by default, where each is a compilation of its own; the marker `full` has all, and so has plain Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest


def by_default(cases: Sequence[Any], chosen: Sequence[Any]) -> list[Any]:
    """The chosen ones; the others with the marker `full`."""
    return [case if case in chosen else pytest.param(case, marks=pytest.mark.full) for case in cases]


def by_turns(names: Sequence[Any], others: Sequence[Any], first: int = 0) -> list[Any]:
    """Pairs: each name with one of the others, by turns, from number `first` on; all other pairs with the marker `full`."""
    return [
        pytest.param(name, other, marks=[] if (first + i) % len(others) == j else [pytest.mark.full])
        for i, name in enumerate(names)
        for j, other in enumerate(others)
    ]
