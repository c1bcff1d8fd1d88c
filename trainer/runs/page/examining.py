"""From held-out rows and a model's predictions to the parts of a page: predictions, importance of the columns, worst rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .content import HeldOut, Importance, WorstRows
from .evaluation import loss_name, row_losses, worst_rows
from .importance import permutation_importance


def examine(
    rows: Any,
    truth: np.ndarray,
    predict: Callable[[Any], np.ndarray],
    task: str,
    column_names: Sequence[str],
    numbers: Sequence[int],
    *,
    seconds: float = 5.0,
    seed: int = 0,
) -> tuple[HeldOut, Importance, WorstRows]:
    """What a page shows of held-out rows.

    rows: an array (n, n_columns) or a pyarrow table of n rows, raw. truth, and what `predict` gives for rows: as in HeldOut.
    numbers (n): of the rows in the data, from 1. seconds, seed: of `permutation_importance`.
    """
    held_out = HeldOut(truth, predict(rows))
    losses = row_losses(held_out, task)
    positions = worst_rows(held_out, task)
    worst = WorstRows(
        positions, tuple(int(numbers[i]) for i in positions), tuple(column_names), cells_of(_taken(rows, positions))
    )
    # Errors of several targets are divided by the spread of all held-out rows.
    scale = _spread(truth)

    def mean_loss(some: Any, positions: np.ndarray) -> float:
        return float(row_losses(HeldOut(truth[positions], predict(some)), task, scale).mean())

    importance = permutation_importance(
        lambda positions: _taken(rows, positions),
        len(losses),
        column_names,
        mean_loss,
        loss_name(task, truth),
        seconds=seconds,
        seed=seed,
    )
    return held_out, importance, worst


def cells_of(rows: Any) -> tuple[tuple[str, ...], ...]:
    """Rows of an array or a pyarrow table as text, row by row; a missing cell is empty."""
    columns = rows.T.tolist() if isinstance(rows, np.ndarray) else [column.to_pylist() for column in rows.columns]
    return tuple(zip(*([_cell(value) for value in column] for column in columns), strict=True))


def _cell(value: Any) -> str:
    if value is None or value != value:  # NaN
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _taken(rows: Any, positions: np.ndarray) -> Any:
    return rows[positions] if isinstance(rows, np.ndarray) else rows.take(positions)


def _spread(truth: np.ndarray) -> np.ndarray | None:
    return truth.std(axis=0) if truth.ndim == 2 else None
