"""`tileprop predict`: a model and rows in, a CSV table of predictions out."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError

if TYPE_CHECKING:
    from ..runs.trained_model import TrainedModel

EXAMPLES = """\
Columns are matched by name, in any order; columns that the model does not know are ignored. Arrays (.npy, or X of an .npz)
are matched by position. One line comes out for each row: the prediction and, for classes, the probability of each.

examples:
  tileprop predict runs/houses new.csv -o predictions.csv
  tileprop predict runs/digits/model.safetensors X.npy | head
"""


def add_predict_command(subparsers: Any) -> None:
    """Declare the command and its options."""
    parser = subparsers.add_parser(
        "predict",
        help="predict for the rows of a file",
        description="Predict for the rows of a CSV, Parquet, .npy or .npz file, scaled and named as in training.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("run", metavar="RUN", help="a run folder, or a model's file")
    parser.add_argument("data", metavar="DATA", help="a .csv, .tsv, .parquet, .npy or .npz file")
    parser.add_argument("-o", "--out", metavar="FILE", default="-", help="the CSV file to write (default: standard output)")
    parser.add_argument("--overwrite", action="store_true", help="replace FILE where it exists")


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
        raise InputError(f"{out} exists already; choose another file, or replace it with --overwrite")
    model = TrainedModel.load(find_model(Path(args.run)))
    _write(_predictions(model, _rows(model, Path(args.data))), out)
    return 0


def _rows(model: TrainedModel, path: Path) -> np.ndarray:
    """X (n, n_features), its columns in the model's order."""
    from ..data import array_files, tables
    from ..data.suggestions import did_you_mean, listed

    suffix = path.suffix.lower()
    if suffix in array_files.SUFFIXES:
        X = array_files.read_features(path)
        if X.shape[1] != len(model.feature_names):
            raise InputError(f"{path}: X has {X.shape[1]} columns; the model takes {len(model.feature_names)}")
        return X
    if suffix not in tables.SUFFIXES:
        raise InputError(f"{path} is a file of unknown kind; known are {', '.join((*tables.SUFFIXES, *array_files.SUFFIXES))}")
    table = tables.read_table(path)
    missing = [name for name in model.feature_names if name not in table.column_names]
    extra = [name for name in table.column_names if name not in model.feature_names]
    if missing:
        hint = did_you_mean(missing[0], extra)
        raise InputError(f"{path} lacks columns that the model needs: {listed(missing)}{hint.replace('did you mean', 'is it')}")
    if extra:
        print(f"tileprop: note: ignored columns that the model does not know: {listed(extra)}", file=sys.stderr)
    return tables.feature_matrix(table, model.feature_names, path)


def _predictions(model: TrainedModel, X: np.ndarray) -> dict[str, np.ndarray]:
    """The columns of the table."""
    values = model.predict(X)
    if values.ndim == 2:
        return {f"prediction_{model.target_name}{i}": column for i, column in enumerate(values.T)}
    columns = {"prediction": values}
    if model.class_names:
        columns |= {f"probability_{name}": p for name, p in zip(model.class_names, model.predict_proba(X).T, strict=True)}
    return columns


def _write(columns: dict[str, np.ndarray], out: Path | None) -> None:
    from ..data.tables import write_csv
    from ..writing import whole_file

    if out is None:
        write_csv(columns, sys.stdout.buffer)
        return
    try:
        with whole_file(out) as file:
            write_csv(columns, file)
    except FileNotFoundError as error:
        raise InputError(f"there is no folder {out.parent}; make it, or write elsewhere") from error
