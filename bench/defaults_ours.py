"""Our side of the race of defaults: what `tileprop train FILE --target NAME` does, on the table as a CSV file."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

import numpy as np

from ..trainer.runs.experiment import answers
from ..trainer.runs.preparation import prepare
from ..trainer.runs.settings import Settings
from .defaults_rows import Rows


def tileprop(rows: Rows, seed: int) -> np.ndarray:
    """Read, divide, prepare, train and predict, with no option but the target, and columns that give it away left out.

    Raises ValueError where other rows would be held out than the other sides hold out.
    """
    table = rows.table
    name = "".join(letter if letter.isalnum() else "-" for letter in f"{table.name}-{table.task}")
    path = Path(_folder().name, name + ".csv")
    if not path.exists():
        rows.raw.to_csv(path, index=False)
    experiment = prepare(Settings(str(path), target=table.target, task=table.task, seed=seed))
    outcome = experiment.train(progress=False, n_threads=1)
    if not np.array_equal(np.sort(outcome.split.test), np.sort(rows.test)):
        raise ValueError(f"{table.name}: the sides do not hold out the same rows")
    model = outcome.model
    predicted = answers(model, model.checked_outputs(model.network.predict(model.prepare(outcome.dataset.rows, rows.test))))
    if not rows.is_classification:
        return predicted
    return predicted[:, [model.class_names.index(_as_read(name, model.class_names)) for name in rows.class_names]]


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="tileprop-defaults-")


def _as_read(name: str, names: tuple[str, ...]) -> str:
    """The name that a class has when it is read from the file: booleans have small letters there."""
    return name if name in names else name.lower()
