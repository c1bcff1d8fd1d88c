"""`tileprop train`: a dataset or a table in, a run folder out."""

from __future__ import annotations

import argparse
import functools
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..bounds import check_whole, check_within
from ..errors import ClusterError, DivergenceError, InputError
from ..runs.settings import (
    CLASS_WEIGHTS,
    DTYPES,
    EPOCHS,
    HIDDEN_ACTIVATIONS,
    LOSSES,
    NONE,
    OPTIMIZERS,
    PATIENCE,
    SCHEDULES,
    Settings,
)
from .config import with_config
from .ending import say, status_of
from .table_options import add_column_options, add_reading_options

if TYPE_CHECKING:
    from ..runs.experiment import Experiment
    from ..runs.training import Ended

EXAMPLES = """\
data:
  named      digits breast_cancer wine iris diabetes (scikit-learn's)
  generated  xor moons circles spirals (classes), plane hills wave (numbers)
  files      .csv .tsv .txt, also with .gz, .parquet and .arrow, with --target COLUMN; - for CSV from standard input;
             a folder or a pattern of Parquet or Arrow files, which may be larger than the memory;
             .npz with arrays X and y; X.npy with --target y.npy

Tables may hold text, dates and missing entries. What becomes of each column is shown before the training, and kept with the
model. How a text file is to be read is guessed from its first lines; what was guessed is shown.

examples:
  tileprop train digits
  tileprop train spirals --epochs 200 --hidden 32,32 --seed 3
  tileprop train diabetes --hidden none --out runs/linear
  tileprop train houses.csv --target price --ignore id,address
  tileprop train sales.csv --target units --sep ";" --decimal , --categorical store
  tileprop train 'sales/*.parquet' --target units
  tileprop train X.npy --target y.npy --optimizer sgd --learning-rate 0.05 --dtype float64
  tileprop train houses.csv --target price --ensemble 8
  tileprop train houses.csv --target price --dask tcp://host:8786     rounds over 4 shards, on a Dask cluster
  tileprop train --again runs/houses --seed 1      train anew with the settings of a run, but for those given
  tileprop train --config houses.toml              options from a file, such as data = "houses.csv", hidden = [32, 32]
  tileprop train --resume runs/houses              go on after Ctrl-C or a crash
"""
# Of a training with Dask, unless given. A fixed number: the result depends on it, and not on the number of workers.
SHARDS = 4
# Columns of a table shown before the training.
MOST_COLUMNS = 60
# What decides where and how a run is kept, and not about its result.
KEEPING = (
    "command",
    "resume",
    "again",
    "config",
    "out",
    "overwrite",
    "checkpoint",
    "checkpoint_every",
    "max_seconds",
    "report",
    "dask",
)


def add_train_command(subparsers: Any) -> None:
    """Declare the command and its options."""
    parser = subparsers.add_parser(
        "train",
        help="train a network on a dataset or a file, and write a run folder",
        description="Train a network. Some rows are held out, and the results on them are shown at the end. The run folder "
        "holds the model, the history, pictures, a report, and run.json with settings, versions and results. A checkpoint is "
        "written about once a minute, so that --resume can continue a run that was interrupted or killed.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _declare(parser)
    parser.add_argument(
        "--resume", metavar="RUN", help="continue a run that was interrupted or killed, with its own settings and data"
    )
    parser.add_argument(
        "--again", metavar="RUN", help="train again with the settings and data of that run; options given here replace its own"
    )
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="read options from a TOML file with their long names as keys; options given here replace them",
    )


def _declare(parser: argparse.ArgumentParser) -> None:
    """Declare the options that a file may hold, too."""
    parser.add_argument("source", metavar="DATA", nargs="?", help="name of a dataset, or a file")
    data = parser.add_argument_group("data")
    data.add_argument(
        "--target",
        metavar="NAME",
        help="target column of a table (several: a,b), target array of an .npz file, or a second .npy file",
    )
    data.add_argument("--task", help="classification, regression, or multilabel (default: decided by the targets)")
    add_column_options(data)
    data.add_argument(
        "--stream", action=argparse.BooleanOptionalAction, default=None,
        help="read the rows of Parquet or Arrow files again in each epoch, and never all at once (default: where they take "
        "more than a quarter of the memory)",
    )  # fmt: skip
    data.add_argument("--n-samples", type=int, metavar="N", help="number of rows of generated data (default: 500)")
    data.add_argument("--noise", type=float, metavar="X", help="standard deviation of the noise on generated data")
    data.add_argument("--test-size", type=float, metavar="SHARE", help="share of the rows that are held out (default: 0.2)")
    data.add_argument(
        "--validation-size", type=float, metavar="SHARE", help="share of the other rows for validation (default: 0.15)"
    )
    data.add_argument(
        "--seed",
        type=int,
        metavar="N",
        help="seed of generated data, split, initial weights and order of the rows (default: 0)",
    )
    add_reading_options(parser)
    network = parser.add_argument_group("network")
    network.add_argument(
        "--hidden", type=widths, metavar="N,N,...", help="widths of the hidden layers, or the word none (default: 64,64)"
    )
    network.add_argument("--activation", help=f"activation of the hidden layers: {_names(HIDDEN_ACTIVATIONS, 'silu')}")
    network.add_argument(
        "--loss", help=f"loss: {', '.join(LOSSES)} (default: log_loss for classification, squared_error for regression)"
    )
    network.add_argument(
        "--dropout", type=float, metavar="X", help="share of the hidden units that each step leaves out (default: 0.2)"
    )
    network.add_argument(
        "--ensemble",
        type=int,
        metavar="K",
        help="train K networks with the seeds N, N + 1, ... of --seed; the model predicts their mean (default: 1)",
    )
    network.add_argument("--dtype", help=f"floating-point type used in training: {_names(DTYPES, 'float32')}")
    training = parser.add_argument_group("training")
    training.add_argument(
        "--early-stopping", action=argparse.BooleanOptionalAction, default=None,
        help="keep the epoch with the lowest validation loss, and stop when it no longer falls (default: on)",
    )  # fmt: skip
    training.add_argument(
        "--patience", type=int, metavar="N", help=f"epochs without improvement before stopping (default: {PATIENCE})"
    )
    training.add_argument("--epochs", type=int, metavar="N", help=f"largest number of epochs (default: {EPOCHS})")
    training.add_argument(
        "--batch-size",
        type=int,
        metavar="N",
        help="rows per step (default: about a fiftieth of the training rows, from 16 to 256)",
    )
    training.add_argument("--optimizer", help=f"optimizer: {_names(OPTIMIZERS, 'adam')}")
    rates = ", ".join(f"{rate:g} for {name}" for name, (_, rate) in OPTIMIZERS.items())
    training.add_argument("--learning-rate", type=float, metavar="X", help=f"learning rate (default: {rates})")
    training.add_argument("--momentum", type=float, metavar="X", help="momentum of sgd (default: 0.9)")
    training.add_argument("--schedule", help=f"schedule of the learning rate: {_names(SCHEDULES, 'constant')}")
    training.add_argument("--weight-decay", type=float, metavar="X", help="decoupled weight decay, as in AdamW (default: 0)")
    training.add_argument(
        "--class-weight",
        help=f"{_names(CLASS_WEIGHTS, NONE)}; balanced gives rare classes the same total weight as frequent ones",
    )
    training.add_argument(
        "--label-smoothing", type=float, metavar="X", help="part of each target that is spread over all classes (default: 0)"
    )
    training.add_argument(
        "--max-seconds", type=float, metavar="X", help="stop the training after this many seconds; --resume continues it"
    )
    training.add_argument(
        "--shards", type=int, metavar="N",
        help="divide the training rows into N shards and train in rounds: each shard makes an epoch by itself, then the "
        f"parameters are averaged (default with --dask: {SHARDS})",
    )  # fmt: skip
    training.add_argument(
        "--dask", nargs="?", const="", metavar="ADDRESS",
        help="train the shards on a Dask cluster: that of the scheduler at ADDRESS, or one in this process",
    )  # fmt: skip
    output = parser.add_argument_group("output")
    output.add_argument(
        "--out", metavar="DIR", help="run folder (default: runs/NAME, or runs/NAME-2 if that exists, and so on)"
    )
    output.add_argument(
        "--overwrite", action="store_true", help="replace an existing run folder, once the training has finished"
    )
    output.add_argument(
        "--checkpoint-every", type=int, metavar="N", help="write a checkpoint after every N epochs (default: once a minute)"
    )
    output.add_argument("--no-checkpoint", dest="checkpoint", action="store_false", help="write no checkpoints")
    output.add_argument(
        "--no-report",
        dest="report",
        action="store_false",
        help="write no pictures and no report.html, which saves some seconds",
    )


def _names(names: Iterable[str], default: str) -> str:
    return ", ".join(f"{name} (default)" if name == default else name for name in names)


def widths(text: str) -> tuple[int, ...]:
    """Widths of the hidden layers, as argparse takes them."""
    if text == "none":
        return ()
    try:
        return tuple(int(width) for width in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of widths such as 64,64, or the word none") from None


def run_train(args: argparse.Namespace) -> int:
    """Train, write the run folder, show the result."""
    from ..extras import require

    for option in ("config", "again"):
        if args.resume is not None and getattr(args, option) is not None:
            raise InputError(f"--{option} cannot be combined with --resume, which uses the settings of its run")
    if args.config is not None:
        with_config(args, _declare)
    if args.checkpoint_every is not None:
        check_whole("checkpoint_every", args.checkpoint_every, 1)
        if not args.checkpoint:
            raise InputError("--checkpoint-every cannot be combined with --no-checkpoint")
    check_within("max_seconds", args.max_seconds, 0.0, above=True, or_none=True)
    given = {name: value for name, value in vars(args).items() if value is not None and name not in KEEPING}
    require("safetensors", "saving the model")
    if args.dask is not None and args.resume is None:
        given.setdefault("shards", SHARDS)
    ended = _new(args, given) if args.resume is None else _resumed(args, given)
    return _show(ended)


def _new(args: argparse.Namespace, given: dict[str, Any]) -> Ended:
    from ..runs.finding import find_run
    from ..runs.stream_preparation import decided
    from ..runs.training import new_run

    if args.again is not None:
        settings = find_run(Path(args.again)).settings.changed(**given)
    elif args.source is not None:
        settings = Settings(**given)
    else:
        raise InputError(
            "nothing to train on: give DATA, --again RUN, --config FILE or --resume RUN; tileprop train --help shows examples"
        )
    settings, note = decided(settings)
    if note is not None:
        _note(note)
    if settings.early_stopping is None and not settings.stops_early:
        _note(f"no early stopping without validation rows: all {settings.epochs} epochs are made")
    _tell_what_is_missing()
    return new_run(settings, args.out, args.overwrite, _note, args.checkpoint, _describe, args.report, **_options(args))


def _resumed(args: argparse.Namespace, given: dict[str, Any]) -> Ended:
    from ..runs.training import resumed_run

    for option, is_given in (
        ("--out", args.out is not None),
        ("--overwrite", args.overwrite),
        ("--no-checkpoint", not args.checkpoint),
    ):
        if is_given:
            raise InputError(f"{option} cannot be combined with --resume, which uses the run's own folder")
    _tell_what_is_missing()
    return resumed_run(Path(args.resume), given, _note, args.report, **_options(args))


def _options(args: argparse.Namespace) -> dict[str, Any]:
    """Of `Network.fit`, those that are given; and what trains rounds."""
    given = {name: getattr(args, name) for name in ("checkpoint_every", "max_seconds") if getattr(args, name) is not None}
    if args.dask is not None:
        from ..dask import fit_rounds

        given["train_rounds"] = functools.partial(fit_rounds, client=args.dask or None)
    return given


def _tell_what_is_missing() -> None:
    from ...kernels.compiler.cache import cache_folder
    from ...kernels.compiler.jit import JIT_DISABLED
    from ..extras import available

    if not available("matplotlib"):
        _note("no pictures without matplotlib: pip install 'tileprop[plot]'")
    cache = cache_folder()
    if not JIT_DISABLED and (cache is None or not any(cache.iterdir())):
        _note("the kernels are compiled first, which may take half a minute; later runs find them in the cache")


def _describe(experiment: Experiment) -> None:
    """Print how the data were read, and what becomes of each column of a table."""
    from ..runs.report import print_table
    from ..tables.recipe import Recipe

    dataset, recipe = experiment.dataset, experiment.model.recipe
    notes = [*dataset.notes, *(recipe.notes if isinstance(recipe, Recipe) else ())]
    for note in notes:
        _note(note)
    if not isinstance(recipe, Recipe):
        return
    rows = [(c.name, c.kind, c.treatment, f"{c.missing:.1%}" if c.missing else "") for c in recipe.report()]
    if len(rows) > MOST_COLUMNS:
        counts = Counter(row[1] for row in rows[MOST_COLUMNS:])
        more = ", ".join(f"{count} {kind}" for kind, count in counts.most_common())
        rows = [*rows[:MOST_COLUMNS], (f"and {len(rows) - MOST_COLUMNS} more", "", more, "")]
    print_table(f"Columns of {dataset.name}", rows, ("column", "kind", "treatment", "missing"), left=True)
    sys.stdout.flush()


def _note(text: str) -> None:
    say(f"note: {text}")


def _show(ended: Ended) -> int:
    """Print what came out; the exit status."""
    from ..data.targets import CLASSIFICATION
    from ..fit.progress import seconds_in_words
    from ..runs.fitting import ensemble_in_words, epochs_in_words
    from ..runs.record import FINISHED
    from ..runs.report import print_table
    from ..runs.results import print_evaluations

    outcome = ended.outcome
    dataset, plan, settings = outcome.dataset, outcome.model.network.plan, outcome.settings
    shape = [f"{sum(outcome.sizes.values())} rows", f"{len(dataset.column_names)} columns", f"{plan.sizes[0]} inputs"]
    shape += [f"{len(dataset.class_names)} classes"] if dataset.task == CLASSIFICATION else [dataset.task]
    network = ["-".join(map(str, plan.sizes)), *dict.fromkeys(plan.activations), plan.loss, settings.dtype]
    rate, batch = settings.make_optimizer().learning_rate, settings.batch_rows(outcome.sizes["training"])
    epochs = f"{outcome.history.epochs} epochs"
    if settings.stops_early:
        epochs = f"kept {epochs_in_words(outcome.kept_epochs)} of {outcome.history.epochs}"
    if settings.shards is not None:
        epochs += f" (rounds over {settings.shards} shards)"
    each = " each" if settings.ensemble > 1 else ""
    rows = [
        ("data", f"{dataset.name}: {', '.join(shape)}"),
        ("network", ", ".join(network)),
        (f"parameters{each}", f"{plan.n_parameters:,}"),
        *([("ensemble", ensemble_in_words(settings, len(outcome.model.members)))] if settings.ensemble > 1 else []),
        ("training", f"{epochs}, batches of {batch}, {settings.optimizer} at rate {rate:g}"),
        (f"seconds{each}", seconds_in_words(outcome.history)),
        (f"samples/s{each}", f"{outcome.samples_per_second:,.0f} (median epoch)"),
        ("run folder", str(ended.folder)),
    ]
    print_table(f"Trained on {dataset.name}", rows)
    names = {"training": "training", "validation": "validation", "test": "test (held out)"}
    results = [
        (names[part], f"{outcome.sizes[part]:,}", f"{loss:.4g}", f"{outcome.scores[part]:.4f}")
        for part, loss in outcome.losses.items()
    ]
    if results:
        print_table("Result", results, ("rows", "number", outcome.loss_name, outcome.score_name))
    warning = print_evaluations(outcome.evaluations)
    sys.stdout.flush()
    if warning:
        say(f"warning: {warning}")
    if ended.state == FINISHED:
        return 0
    which = f"of {epochs_in_words(outcome.kept_epochs)}, the best so far," if settings.stops_early else "as it was then"
    made = f"after {outcome.history.epochs} of {settings.epochs} epochs; the model {which} is in {ended.folder}"
    if isinstance(outcome.error, (DivergenceError, ClusterError)):
        say(f"error: {outcome.error}")
    say(f"{'stopped' if outcome.error is None else 'interrupted'} {made}")
    if ended.go_on is not None:
        say(ended.go_on)
    return 0 if outcome.error is None else status_of(outcome.error)
