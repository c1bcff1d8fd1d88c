"""Scores of predictions that are Dask collections: sums over partitions, which are put together here."""

from __future__ import annotations

from typing import Any

import numpy as np
from dask.delayed import delayed
from distributed import Client

from ..errors import InputError
from .recovery import Recovery


def accuracy(client: Client, predicted: Any, y: Any, weight: Any) -> float:
    """Share of the rows, or of their weight, with the right label."""
    right, all_rows = np.sum(_over_parts(client, _hits, predicted, y, weight), axis=0)
    return float(right / all_rows)


def r2(client: Client, predicted: Any, y: Any, weight: Any) -> float:
    """1 - (squares of the errors) / (squares of the distances to the mean), the mean over the targets."""
    total, mean, squares, errors = 0.0, 0.0, 0.0, 0.0
    # Chan, Golub and LeVeque (1983): sums of squares about the means of parts, put together.
    for of_part, mean_of_part, squares_of_part, errors_of_part in _over_parts(client, _squares, predicted, y, weight):
        if not of_part:
            continue
        distance = mean_of_part - mean
        squares = squares + squares_of_part + distance**2 * total * of_part / (total + of_part)
        total += of_part
        mean, errors = mean + distance * of_part / total, errors + errors_of_part
    return float(np.mean(1.0 - np.asarray(errors) / np.asarray(squares)))


def _over_parts(client: Client, function: Any, *collections: Any) -> list[Any]:
    """The results of function(*parts) for each partition; None stands for itself."""
    parts = [None if one is None else list(np.ravel(one.to_delayed())) for one in collections]
    counts = {len(one) for one in parts if one is not None}
    if len(counts) > 1:
        raise InputError(f"X, y and sample_weight have {sorted(counts)} partitions; give them the same chunks or partitions")
    tasks = [delayed(function)(*(one and one[i] for one in parts)) for i in range(counts.pop())]
    return Recovery(client).gathered(tasks)


def _hits(predicted: Any, y: Any, weight: Any) -> tuple[float, float]:
    right = np.asarray(predicted) == np.asarray(y)
    each = np.ones(len(right)) if weight is None else np.asarray(weight, np.float64)
    return float(each[right].sum()), float(each.sum())


def _squares(predicted: Any, y: Any, weight: Any) -> tuple[float, Any, Any, Any]:
    """The sum of the weights, and of each target its mean, its squares about it, and the squares of the errors."""
    true = np.asarray(y, np.float64).reshape(len(y), -1)
    each = np.ones((len(true), 1)) if weight is None else np.asarray(weight, np.float64)[:, None]
    total = float(each.sum())
    mean = (each * true).sum(axis=0) / total if total else np.zeros(true.shape[1])
    errors = np.asarray(predicted, np.float64).reshape(true.shape) - true
    return total, mean, (each * (true - mean) ** 2).sum(axis=0), (each * errors**2).sum(axis=0)
