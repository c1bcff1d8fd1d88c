"""Numbers as a page shows them: eight decimals, as in the documents, or a power of ten where too few digits would be left."""

from __future__ import annotations

from typing import Any

import numpy as np

DECIMALS = 8
# Below this, eight decimals would leave fewer than five digits: six significant ones are shown.
TINY = 1e-4
HUGE = 1e8
# Of a longer row or column, only so many entries from each end are shown.
MOST_SHOWN = 6
SHOWN_AT_ENDS = 2
GAP = "..."


def number(value: Any, decimals: int = DECIMALS) -> str:
    """One number, without trailing zeros."""
    mantissa, e, exponent = _trimmed([_rounded(float(value), decimals)])[0].partition("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{exponent}" if e else mantissa


def operand(value: Any, decimals: int = DECIMALS) -> str:
    """A number inside a sum or a product: in parentheses where it is negative."""
    shown = number(value, decimals)
    return f"({shown})" if shown.startswith("-") else shown


def in_latex(shown: str) -> str:
    """A number that is shown, as LaTeX writes it."""
    mantissa, e, exponent = shown.partition("e")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if e else mantissa


def cells(array: np.ndarray, decimals: int = DECIMALS) -> list[list[str]]:
    """The entries of an array (rows, columns), or of a vector as one row, all with as many decimals; long ones with a gap."""
    table = np.atleast_2d(array)
    kept = table[np.ix_(*(_ends(n) for n in table.shape))]
    entries = _trimmed([_rounded(float(value), decimals) for value in kept.flat])
    grid = [entries[start : start + kept.shape[1]] for start in range(0, len(entries), kept.shape[1])]
    if kept.shape[1] < table.shape[1]:
        for row in grid:
            row.insert(SHOWN_AT_ENDS, GAP)
    if kept.shape[0] < table.shape[0]:
        grid.insert(SHOWN_AT_ENDS, [GAP] * len(grid[0]))
    return grid


def _ends(n: int) -> list[int]:
    return list(range(n)) if n <= MOST_SHOWN else [*range(SHOWN_AT_ENDS), *range(n - SHOWN_AT_ENDS, n)]


def _rounded(value: float, decimals: int) -> str:
    if 0.0 < abs(value) < TINY:
        return f"{value:.{decimals - 3}e}"
    if abs(value) >= HUGE:
        return f"{value:.{decimals}e}"
    return f"{value + 0.0:.{decimals}f}"  # + 0.0 turns -0 into 0


def _trimmed(entries: list[str]) -> list[str]:
    """Without the trailing zeros that all fixed-point entries share; one decimal stays."""
    fixed = {i: entry for i, entry in enumerate(entries) if "." in entry and "e" not in entry}
    decimals = max([1, *(len(entry.rstrip("0").partition(".")[2]) for entry in fixed.values())])
    return [entry[: entry.index(".") + 1 + decimals] if i in fixed else entry for i, entry in enumerate(entries)]
