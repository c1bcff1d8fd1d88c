"""`tileprop predict`: a model and rows in, a table of predictions out."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from .ending import say
from .table_options import READING, AppendNames, add_reading_options, names

if TYPE_CHECKING:
    from ..runs.new_rows import NewRows
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
  tileprop predict runs/sales 'new/*.parquet' -o predictions.parquet
  tileprop predict runs/digits/model.safetensors X.npy | head
"""


def add_predict_command(subparsers: Any) -> None:
    """Declare the command and its options."""
    parser = subparsers.add_parser(
        "predict",
        help="predict for the rows of a file",
        description="Predict for the rows of a table, an .npy or an .npz file, with the same preparation as in training. "
        "Parquet and Arrow files are read, and predictions written, piece by piece: they need not fit into memory.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("run", metavar="RUN", help="a run folder or a model file")
    parser.add_argument(
        "data",
        metavar="DATA",
        help="a .csv, .tsv, .txt, .parquet, .arrow, .npy or .npz file, a folder or a pattern of Parquet or Arrow files, or - "
        "for standard input",
    )
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
    from ..runs.new_rows import new_rows
    from ..runs.trained_model import TrainedModel

    require("pyarrow", "writing predictions")
    out = None if args.out == "-" else Path(args.out)
    if out is not None and out.is_dir():
        raise InputError(f"{out} is a folder; give the file to write")
    if out is not None and os.path.lexists(out) and not args.overwrite:
        raise InputError(f"{out} already exists; choose another file, or replace it with --overwrite")
    model = TrainedModel.load(find_model(Path(args.run)))
    _check_options(model, args)
    reading = {name: getattr(args, name) for name in READING if getattr(args, name) is not None}
    rows = new_rows(model, args.data, args.keep or (), reading, lambda text: say(f"note: {text}"))
    _write((_columns(model, some, args) for some in rows), out)
    return 0


def _columns(model: TrainedModel, rows: NewRows, args: argparse.Namespace) -> dict[str, Any]:
    """What is written for some rows. The true targets may be kept, to be compared."""
    predictions = _predictions(model, rows, args)
    return rows.kept | {f"predicted {name}" if name in rows.kept else name: c for name, c in predictions.items()}


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


def _predictions(model: TrainedModel, rows: NewRows, args: argparse.Namespace) -> dict[str, Any]:
    """The columns of the predictions."""
    from ..data.targets import CLASSIFICATION, REGRESSION

    members = model.members_outputs(rows.X)
    Y = model.checked_outputs(members.mean(axis=0), np.arange(rows.first, rows.first + len(rows.X)))
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


def _write(pieces: Iterator[dict[str, Any]], out: Path | None) -> None:
    from ..tables.finding import PARQUET_SUFFIXES
    from ..tables.writing import write_pieces
    from ..writing import whole_file

    if out is None:
        write_pieces(pieces, sys.stdout.buffer)
        return
    try:
        with whole_file(out) as file:
            write_pieces(pieces, file, parquet=out.suffix.lower() in PARQUET_SUFFIXES)
    except FileNotFoundError as error:
        raise InputError(f"there is no folder {out.parent}; create it, or choose another place") from error
