"""`tileprop predict`: a model and rows in, a table of predictions out."""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from .ending import say
from .table_options import READING, AppendNames, add_reading_options, names

if TYPE_CHECKING:
    from ..runs.trained_model import TrainedModel

EXAMPLES = """\
Columns are matched by name, in any order; columns that the model does not know are ignored. Arrays (.npy, or X of an .npz)
are matched by position. One line comes out for each row. The column of predictions has the target's name. An ensemble predicts
the mean of its members, and a further column, spread, is the standard deviation over them (of classes, of the probability of
the class that is predicted).

examples:
  tileprop predict runs/houses new.csv -o predictions.csv
  tileprop predict runs/houses new.csv -o predictions.parquet --keep id --interval
  tileprop predict runs/passengers new.csv --proba
  tileprop predict runs/digits/model.safetensors X.npy | head
"""


def add_predict_command(subparsers: Any) -> None:
    """Declare the command and its options."""
    parser = subparsers.add_parser(
        "predict",
        help="predict for the rows of a file",
        description="Predict for the rows of a table, an .npy or an .npz file, with the same preparation as in training.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("run", metavar="RUN", help="a run folder or a model file")
    parser.add_argument("data", metavar="DATA", help="a .csv, .tsv, .txt, .parquet, .npy or .npz file, or - for standard input")
    parser.add_argument(
        "-o", "--out", metavar="FILE", default="-", help="CSV or Parquet file to write (default: CSV to standard output)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace FILE if it exists")
    parser.add_argument(
        "--keep", metavar="A,B", type=names, action=AppendNames, help="columns of DATA to write before the predictions"
    )
    parser.add_argument("--proba", action="store_true", help="also write the probability of each class")
    parser.add_argument(
        "--interval",
        nargs="?",
        type=float,
        const=0.9,
        metavar="SHARE",
        help="also write an interval that contains this share of the targets (default: 0.9)",
    )
    add_reading_options(parser)


def run_predict(args: argparse.Namespace) -> int:
    """Predict, and write the table."""
    from ..extras import require
    from ..runs.finding import find_model
    from ..runs.trained_model import TrainedModel

    require("pyarrow", "writing predictions")
    out = None if args.out == "-" else Path(args.out)
    if out is not None and out.is_dir():
        raise InputError(f"{out} is a folder; give the file to write")
    if out is not None and os.path.lexists(out) and not args.overwrite:
        raise InputError(f"{out} already exists; choose another file, or replace it with --overwrite")
    model = TrainedModel.load(find_model(Path(args.run)))
    _check_options(model, args)
    rows, kept = _rows(model, args)
    # The true targets may be kept, to be compared.
    predictions = {f"predicted {name}" if name in kept else name: c for name, c in _predictions(model, rows, args).items()}
    _write(kept | predictions, out)
    return 0


def _check_options(model: TrainedModel, args: argparse.Namespace) -> None:
    from ..data.targets import REGRESSION

    if args.proba and model.task == REGRESSION:
        raise InputError("--proba needs classes, but this model was trained for regression; leave it out, or give --interval")
    if args.interval is None:
        return
    if model.task != REGRESSION:
        raise InputError("--interval needs regression, but this model has classes; leave it out, or give --proba")
    if not 0.0 < args.interval < 1.0:
        raise InputError(f"--interval is {args.interval}; it must be between 0 and 1, for example 0.9")
    if model.errors is None:
        raise InputError(
            "--interval needs the errors on validation rows, but this model has none; train it with --validation-size"
        )


def _rows(model: TrainedModel, args: argparse.Namespace) -> tuple[Any, dict[str, Any]]:
    """The rows that the model takes, and the columns to keep."""
    from ..data import array_files
    from ..suggestions import did_you_mean, existing_file, listed
    from ..tables.dialects import ReadingOptions
    from ..tables.finding import PARQUET_SUFFIXES
    from ..tables.reading import SUFFIXES, is_table, kind_of, read_table
    from ..tables.recipe import Recipe, check_columns, numbers_of

    path, keep = Path(args.data), args.keep or ()
    reading = {name: getattr(args, name) for name in READING if getattr(args, name) is not None}
    if path.suffix.lower() in array_files.SUFFIXES:
        for option in [*reading, *(["keep"] if keep else [])]:
            raise InputError(f"--{option.replace('_', '-')} is for tables, and {path} is not a table; leave it out")
        X, known = array_files.read_features(path), model.recipe.column_names
        if X.shape[1] != len(known):
            raise InputError(f"{path}: X has {X.shape[1]} columns; the model takes {len(known)}")
        return X, {}
    if not is_table(path):
        existing_file(path)
        raise InputError(
            f"{path} is a file of unknown type; known types are {', '.join((*SUFFIXES, '.csv.gz', *array_files.SUFFIXES))}"
        )
    if isinstance(model.recipe, Recipe) and kind_of(path) not in PARQUET_SUFFIXES:
        reading.setdefault("na", model.recipe.missing)  # as in training
    read = read_table(path, ReadingOptions(**reading))
    for note in read.notes:
        say(f"note: {note}")
    table, known = read.table, model.recipe.column_names
    there = dict(zip(table.column_names, table.columns, strict=True))
    for name in keep:
        if name not in there:
            raise InputError(
                f"--keep is {name!r}, but there is no such column{did_you_mean(name, there) or f'; there are {listed(there)}'}"
            )
    try:
        check_columns(known, there)
        rows = table.select(list(known))
        rows = rows if model.takes_table else numbers_of(rows)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    used = {*known, *keep, *model.target_names}
    extra = [name for name in there if name not in used]
    if extra:
        say(f"note: ignored columns that the model does not use: {listed(extra)}")
    return rows, {name: there[name] for name in keep}


def _predictions(model: TrainedModel, rows: Any, args: argparse.Namespace) -> dict[str, Any]:
    """The columns of the predictions."""
    from ..data.targets import CLASSIFICATION, REGRESSION

    members = model.members_outputs(model.prepare(rows))
    Y = model.checked_outputs(members.mean(axis=0))
    spread = model.spread(members).astype(Y.dtype)
    values = model.decoded(Y)
    if model.task == REGRESSION:
        values = values.astype(model.network.dtype)
    elif all(re.fullmatch("0|-?[1-9][0-9]{,17}", name) for name in model.class_names):
        values = values.astype(np.int64)  # whole numbers were their classes
    columns: dict[str, Any] = {}
    for i, name in enumerate(model.target_names):
        columns[name] = values if values.ndim == 1 else np.ascontiguousarray(values[:, i])
        if args.interval is not None:
            below, above = model.interval(args.interval, i)
            columns[f"{name} low"], columns[f"{name} high"] = columns[name] + below, columns[name] + above
        if model.others:
            columns[f"{name} spread"] = np.ascontiguousarray(spread[:, i])
    if args.proba:
        P = model.probabilities(Y).astype(model.network.dtype)
        labels = model.class_names if model.task == CLASSIFICATION else model.target_names
        before = f"{model.target_name}=" if model.task == CLASSIFICATION else "probability of "
        columns |= {f"{before}{label}": np.ascontiguousarray(p) for label, p in zip(labels, P.T, strict=True)}
    return columns


def _write(columns: dict[str, Any], out: Path | None) -> None:
    from ..tables.finding import PARQUET_SUFFIXES
    from ..tables.writing import write_csv, write_parquet
    from ..writing import whole_file

    if out is None:
        write_csv(columns, sys.stdout.buffer)
        return
    write = write_parquet if out.suffix.lower() in PARQUET_SUFFIXES else write_csv
    try:
        with whole_file(out) as file:
            write(columns, file)
    except FileNotFoundError as error:
        raise InputError(f"there is no folder {out.parent}; create it, or choose another place") from error
