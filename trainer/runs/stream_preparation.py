"""A run on rows that are read from Parquet or Arrow files block by block, of which a sample is in memory."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ..available_memory import available_memory
from ..data.datasets import NAMES, Dataset
from ..errors import InputError
from ..extras import require
from ..fingerprint import fingerprint
from ..streams.first_pass import FirstPass, first_pass
from ..streams.part_source import PartSource
from ..streams.source import MEMORY
from ..streams.table_rows import TableRows
from ..tables.finding import find_files, is_table_files
from ..tables.folders import TableFiles
from ..tables.naming import feature_columns, target_columns
from ..tables.parts import PARTS, Parts
from .experiment import Experiment, Split, learned
from .preparation import model_for
from .settings import BALANCED, Settings
from .streamed_rows import StreamedRows

# Files that take more than this part of the memory are streamed.
PART_OF_MEMORY = 4
GIB = 1 << 30


def decided(settings: Settings) -> tuple[Settings, str | None]:
    """The settings with `stream` as it is to be, and a note where that was not asked for.

    Raises InputError where a stream is asked for, and data or other settings do not go with it.
    """
    if settings.stream is False:
        return settings, None
    if settings.source in NAMES or not is_table_files(settings.source):
        if settings.stream:
            raise InputError(
                f"stream is given, but {settings.source!r} is not a Parquet or Arrow file, nor a folder or a pattern of such "
                "files; write the table to Parquet, or leave stream out"
            )
        return settings, None
    note = None
    if settings.stream is None:
        files, memory = TableFiles(*find_files(settings.source)), available_memory()
        needed = files.n_rows * files.row_bytes
        if memory is None or needed <= memory // PART_OF_MEMORY:
            return settings, None
        note = (
            f"{settings.source} takes about {needed / GIB:.3g} GiB in memory, more than a quarter of {memory / GIB:.3g} GiB, "
            "so its rows are streamed: read again in each epoch; --no-stream reads all at once"
        )
        settings = dataclasses.replace(settings, stream=True)
    if settings.shards is not None:
        raise InputError("shards cannot be combined with a stream; read all rows at once: --no-stream")
    if settings.ensemble > 1:
        raise InputError("ensemble cannot be combined with a stream; train one network, or read all rows at once: --no-stream")
    return settings, note


def prepare_streamed(settings: Settings) -> Experiment:
    """Read the files once, and make the model, as `settings` say. Raises InputError for data that do not fit."""
    if settings.reading_options.given():
        name = settings.reading_options.given()[0]
        raise InputError(f"{name} is given, but {settings.source} is not a text file; leave it out")
    files = TableFiles(*find_files(settings.source))
    columns, choices = files.schema.names, settings.column_choices
    parts = Parts(settings.test_size, settings.validation_size, settings.seed)
    targets = target_columns(columns, settings.target, settings.source)
    features = feature_columns(columns, targets, choices, settings.source)
    rest = choices.without(targets)
    files.check_columns([*features, *targets])
    passed = first_pass(files, targets, features, rest, parts=parts, task=settings.task, memory=MEMORY, numeric=choices.numeric)
    _check_sizes(passed, parts, files.shown)
    recipe = passed.recipe
    assert recipe is not None
    dataset, split = _sample(settings.run_name, passed, features, rest)
    model = model_for(settings, recipe, passed.form.task, targets, passed.form.class_names, passed.form.scaling)
    data = fingerprint([recipe.to_json(), dataclasses.asdict(passed.form), passed.rows.tolist()])
    rows = TableRows(files, passed.form, recipe, recipe.column_names, parts=parts, dtype=settings.dtype)
    weights = None
    if settings.class_weight == BALANCED:
        counts = np.array(passed.class_rows)
        weights = counts.sum() / (len(counts) * counts)
    sources = {
        part: PartSource(rows, i, passed.rows[:, i].tolist(), data, learned(model, len(dataset.class_names)), weights)
        for i, part in enumerate(PARTS)
        if passed.rows[:, i].any()
    }
    return Experiment(settings, dataset, split, model, StreamedRows(sources, data))


def _check_sizes(passed: FirstPass, parts: Parts, shown: str) -> None:
    """Raise InputError where a part that should have rows has none."""
    for part, share, rows in zip(PARTS, parts.shares, passed.rows.sum(axis=0).tolist(), strict=True):
        if share > 0 and not rows:
            remedy = f"give more rows, another {part}_size, or 0 for none"
            raise InputError(f"{shown}: none of {passed.rows.sum()} rows is drawn for {part}; {remedy}")


def _sample(name: str, passed: FirstPass, features: list[str], choices: Any) -> tuple[Dataset, Split]:
    """Rows of all parts that are kept in memory, to evaluate the model on, and which parts they are of."""
    arrow, form = require("pyarrow", "reading tables"), passed.form
    tables = [table for table in passed.samples if table is not None]
    table = arrow.concat_tables(tables)
    lengths = [0 if one is None else one.num_rows for one in passed.samples]
    ends = np.cumsum([0, *lengths])
    parts = {part: np.arange(start, end) for part, start, end in zip(PARTS, ends[:-1], ends[1:], strict=True)}
    y = form.y([table.column(target) for target in form.names], lambda row: f"row {row + 1}")
    dataset = Dataset(
        name, table.select(features), y, tuple(features), form.task, form.class_names, form.names, passed.notes, choices
    )
    return dataset, Split(**parts)
