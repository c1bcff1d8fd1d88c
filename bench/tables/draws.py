"""What the made tables are drawn with: chances with a given share, names with given shares, effects of names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...trainer.extras import require

if TYPE_CHECKING:
    import pandas as pd


def frame_of(columns: dict[str, object]) -> pd.DataFrame:
    """A pandas frame. Raises MissingExtraError without pandas."""
    frame: pd.DataFrame = require("pandas", "the made tables").DataFrame(columns)
    return frame


def drawn(random: np.random.Generator, log_odds: np.ndarray, share: float) -> np.ndarray:
    """0 or 1 (n) with these log odds (n), all moved by one number so that on the average a share of them is 1."""
    low, high = -30.0, 30.0
    for _ in range(60):
        middle = (low + high) / 2
        if (1 / (1 + np.exp(-(log_odds + middle)))).mean() < share:
            low = middle
        else:
            high = middle
    return (random.random(len(log_odds)) < 1 / (1 + np.exp(-(log_odds + low)))).astype(int)


def picked(random: np.random.Generator, names: tuple[str, ...], shares: tuple[float, ...], rows: int) -> np.ndarray:
    """Names (rows), drawn with these shares, which need not sum to 1."""
    weights = np.array(shares, float)
    return np.array(names, object)[random.choice(len(names), rows, p=weights / weights.sum())]


def effects(values: np.ndarray, **effect: float) -> np.ndarray:
    """The effect of each value (n), 0 for those not named; `_` stands for a space, a hyphen or a slash."""
    found = {name.lower(): size for name, size in effect.items()}
    keys = [str(value).lower().translate(str.maketrans(" -/", "___")) for value in values]
    return np.array([found.get(key, 0.0) for key in keys])


def with_missing(values: Any, missing: np.ndarray) -> np.ndarray:
    """The values (n) of a category, None where `missing` (n) says so."""
    found = np.array(np.broadcast_to(np.asarray(values, object), missing.shape))
    found[missing] = None
    return found
