"""Our side of the race of defaults."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..trainer import Adam, EarlyStopping, Network
from ..trainer.data.piecewise import bins, find_knots, smooth_clip
from ..trainer.extras import require
from .defaults_rows import Rows

HIDDEN, ACTIVATION = (64, 64), "silu"
RATE, WEIGHT_DECAY, DROPOUT = 2e-3, 0.1, 0.2
EPOCHS, PATIENCE, VALIDATION_SIZE = 200, 20, 0.15
MOST_LEVELS = 30


def batch_size(rows: int) -> int:
    """A power of two, from 16 to 256, for about 50 steps an epoch."""
    return int(min(256, max(16, 2 ** round(math.log2(max(rows, 1) / 50)))))


def tileprop(rows: Rows, seed: int) -> np.ndarray:
    """Columns prepared, a network trained, the best epoch kept."""
    selection = require("sklearn.model_selection", "the race of defaults")
    known, n_classes = rows.y[rows.training], len(rows.class_names)
    count = max(math.ceil(VALIDATION_SIZE * len(known)), n_classes)
    training, validation = selection.train_test_split(
        rows.training, test_size=count, stratify=known if n_classes else None, random_state=seed
    )
    X = features(rows.columns, training)
    arguments: dict[str, Any] = {"output_activation": "identity", "loss": "squared_error"}
    if n_classes:
        mean, scale, T = 0.0, 1.0, rows.y
        arguments = {"output_activation": "softmax", "loss": "log_loss"}
    else:
        mean, scale = float(rows.y[training].mean()), float(rows.y[training].std())
        T = ((rows.y - mean) / scale)[:, None]
    network = Network(
        [X.shape[1], *HIDDEN, n_classes or 1], activation=ACTIVATION, dtype="float32", random_state=seed, **arguments
    )
    network.fit(
        X[training],
        T[training],
        epochs=EPOCHS,
        batch_size=batch_size(len(training)),
        optimizer=Adam(learning_rate=RATE),
        weight_decay=WEIGHT_DECAY,
        dropout=DROPOUT,
        validation_data=(X[validation], T[validation]),
        callbacks=[EarlyStopping(PATIENCE, tol=0.0)],
        progress=False,
        n_threads=1,
    )
    predicted = network.predict(X[rows.test]).astype(np.float64)
    return predicted if n_classes else predicted[:, 0] * scale + mean


def features(columns: Any, training: np.ndarray) -> np.ndarray:
    """Features (n, n_features), float32, of a frame whose columns are numbers or categories, fitted to the training rows."""
    parts: list[np.ndarray] = []
    for name in columns:
        column = columns[name]
        if column.dtype == "category":
            values = column.astype(object).where(column.notna(), "").to_numpy(str)
            levels, counts = np.unique(values[training], return_counts=True)
            kept = levels[np.argsort(-counts, kind="stable")[:MOST_LEVELS]]
            parts.append(values[:, None] == (kept[:1] if len(levels) == 2 else kept))
            if len(levels) > len(kept):
                parts.append(~np.isin(values, kept)[:, None])
            continue
        numbers = column.to_numpy(np.float64)
        missing = np.isnan(numbers)
        if missing[training].all():
            continue
        filled = np.where(missing, np.median(numbers[training][~missing[training]]), numbers)
        seen = filled[training]
        parts.append(smooth_clip((filled - seen.mean()) / (seen.std() or 1.0))[:, None])
        parts.append(bins(filled, find_knots(seen)))
        if missing[training].any():
            parts.append(missing[:, None])
    return np.column_stack(parts).astype(np.float32)
