"""Our side of the race of defaults: `tileprop train FILE --target NAME`, as the command line has it, less the run folder."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ..trainer.runs.preparation import prepare
from ..trainer.runs.settings import Settings
from .defaults_rows import Rows


class SidesDiffer(Exception):
    """Two sides did not learn from the same rows, or were not asked for the same ones."""


def tileprop(rows: Rows, seed: int, **settings: Any) -> np.ndarray:
    """The table is written to a CSV file, read, prepared and trained on. settings: of `Settings`, those not left as they are.

    Raises SidesDiffer where the file was read as another task, or divided into other rows than `rows` says.
    """
    table = rows.table
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{table.name}.csv"
        rows.raw.to_csv(path, index=False)
        experiment = prepare(Settings(str(path), table.target, seed=seed, **settings))
    dataset, split = experiment.dataset, experiment.split
    if dataset.task != table.task or (rows.is_classification and set(dataset.class_names) != set(rows.class_names)):
        raise SidesDiffer(f"{table.name} was read for {dataset.task}, with the classes {dataset.class_names}")
    order = [dataset.class_names.index(name) for name in rows.class_names]
    theirs = np.argsort(order)[dataset.y] if order else dataset.y
    trained = np.sort(np.concatenate([split.training, split.validation]))
    if not (
        np.array_equal(split.test, rows.test)
        and np.array_equal(trained, np.sort(rows.training))
        and np.allclose(theirs, rows.y, rtol=1e-12, atol=0)
    ):
        raise SidesDiffer(f"{table.name}, seed {seed}: train held out other rows, or read other targets")
    model = experiment.train(progress=False, n_threads=1).model
    held_out = dataset.take(split.test)
    if rows.is_classification:
        return model.predict_proba(held_out)[:, order]
    return model.predict(held_out)
