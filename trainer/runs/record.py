"""What a run folder holds: the model, its history, pictures, and run.json with settings, versions and results."""

from __future__ import annotations

import dataclasses
import json
import math
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from ..data.suggestions import existing_file
from ..data.targets import CLASSIFICATION
from ..errors import InputError
from ..extras import available
from ..versions import versions
from .experiment import Outcome
from .folder import RECORD

MODEL = "model.safetensors"
FORMAT = "tileprop-run-1"


def write_run(outcome: Outcome, folder: Path) -> None:
    """Write everything that a run leaves into an existing folder; pictures only where matplotlib is installed."""
    outcome.model.save(folder / MODEL)
    outcome.history.save_csv(folder / "history.csv")
    if available("matplotlib"):
        from .pictures import draw_boundary, draw_curves

        draw_curves(outcome.history, folder / "curves.png", outcome.dataset.name, outcome.model.network.plan.loss)
        if outcome.dataset.X.shape[1] == 2:
            draw_boundary(outcome.model, outcome.dataset, outcome.split.test, folder / "boundary.png")
    text = json.dumps(_without_nan(record(outcome)), indent=2, ensure_ascii=False, allow_nan=False)
    (folder / RECORD).write_text(text + "\n", encoding="utf-8")


def record(outcome: Outcome) -> dict[str, Any]:
    """The content of run.json."""
    dataset, history, network = outcome.dataset, outcome.history, outcome.model.network
    data: dict[str, Any] = {"name": dataset.name, "task": dataset.task, "rows": len(dataset.X), "features": dataset.X.shape[1]}
    if dataset.task == CLASSIFICATION:
        counts = np.bincount(dataset.y, minlength=len(dataset.class_names))
        data["classes"] = {name: int(count) for name, count in zip(dataset.class_names, counts, strict=True)}
    return {
        "format": FORMAT,
        "finished": datetime.now().astimezone().isoformat(timespec="seconds"),
        "settings": dataclasses.asdict(outcome.settings),
        "data": data | {"split": {name: len(rows) for name, rows in vars(outcome.split).items()}},
        "network": {"sizes": network.plan.sizes, "activations": network.plan.activations, "loss": network.plan.loss},
        "results": {
            "losses": outcome.losses,
            outcome.score_name: outcome.scores,
            "epochs": history.epochs,
            "interrupted": outcome.interrupted,
            "seconds": sum(history.seconds),
            "samples_per_second": outcome.samples_per_second,
            "parameters": network.plan.n_parameters,
        },
        "versions": versions(),
    }


def read_record(folder: Path) -> dict[str, Any]:
    """run.json of a run folder, or an empty dictionary where there is none. Raises InputError where it cannot be read."""
    path = folder / RECORD
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path} is no readable JSON: {error}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} holds no record of a run")
    return content


def model_file(run: Path) -> Path:
    """The model's file, from a run folder or from itself. Raises InputError where there is none."""
    if not run.is_dir():
        return existing_file(run)
    if not (run / MODEL).is_file():
        raise InputError(f"{run} holds no {MODEL}; give a run folder or a model's file")
    return run / MODEL


def _without_nan(value: Any) -> Any:
    """The same with None for numbers that JSON does not know."""
    if isinstance(value, dict):
        return {key: _without_nan(v) for key, v in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
