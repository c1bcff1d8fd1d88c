"""`tileprop train`: a dataset or a table in, a run folder out."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..runs.experiment import Outcome

# The exit status after Ctrl-C, as a shell has it.
INTERRUPTED = 130
EXAMPLES = """\
data:
  named      digits breast_cancer wine iris diabetes (scikit-learn's)
  generated  xor moons circles spirals
  files      .csv .tsv .parquet, with --target COLUMN; .npz with arrays X and y; X.npy with --target y.npy

examples:
  tileprop train digits
  tileprop train spirals --epochs 200 --hidden 32,32 --seed 3
  tileprop train diabetes --hidden none --out runs/linear
  tileprop train houses.csv --target price --ignore id --ignore address
  tileprop train X.npy --target y.npy --optimizer sgd --learning-rate 0.05 --dtype float64
"""


def add_train_command(subparsers: Any) -> None:
    """Declare the command and its options."""
    parser = subparsers.add_parser(
        "train",
        help="train a network on a dataset or a file, and write a run folder",
        description="Train a network. A part of the rows is held out, and the result on them is shown at the end. The run "
        "folder holds the model, the history, pictures, and run.json with settings, versions and results; after "
        "Ctrl-C, the model as it is then.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("source", metavar="DATA", help="the name of a dataset, or a file")
    data = parser.add_argument_group("data")
    data.add_argument("--target", help="column of a table, array of an .npz file, or second .npy file, with the targets")
    data.add_argument("--task", help="classification or regression (default: by the targets)")
    data.add_argument("--ignore", metavar="COLUMN", action="append", help="leave out a column of a table; may be repeated")
    data.add_argument("--n-samples", type=int, metavar="N", help="rows of generated data (default: 500)")
    data.add_argument("--noise", type=float, metavar="X", help="standard deviation of the noise on generated data")
    data.add_argument("--test-size", type=float, metavar="SHARE", help="share of the rows to hold out (default: 0.2)")
    data.add_argument(
        "--validation-size", type=float, metavar="SHARE", help="share of the other rows to validate on (default: 0.1)"
    )
    data.add_argument("--seed", type=int, metavar="N", help="of generated data, split, initial weights and order (default: 0)")
    network = parser.add_argument_group("network")
    network.add_argument(
        "--hidden", type=_widths, metavar="N,N,...", help="widths of the hidden layers, or none (default: 64,64)"
    )
    network.add_argument("--activation", help="of the hidden layers: tanh, relu, sigmoid or identity (default: tanh)")
    network.add_argument("--loss", help="log_loss (default for classification), squared_error (default for regression) or mse")
    network.add_argument("--dtype", help="float32 (default) or float64")
    training = parser.add_argument_group("training")
    training.add_argument("--epochs", type=int, metavar="N", help="passes over the training rows (default: 60)")
    training.add_argument("--batch-size", type=int, metavar="N", help="rows of a step (default: 32)")
    training.add_argument("--optimizer", help="adam (default) or sgd")
    training.add_argument("--learning-rate", type=float, metavar="X", help="default: 0.002 for adam, 0.1 for sgd")
    training.add_argument("--momentum", type=float, metavar="X", help="of sgd (default: 0.9)")
    output = parser.add_argument_group("output")
    output.add_argument("--out", metavar="DIR", help="the run folder (default: runs/NAME, or runs/NAME-2 and so on)")
    output.add_argument("--overwrite", action="store_true", help="replace the run folder where it exists")


def _widths(text: str) -> tuple[int, ...]:
    if text == "none":
        return ()
    try:
        return tuple(int(width) for width in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of widths, such as 64,64, and not none") from None


def run_train(args: argparse.Namespace) -> int:
    """Train, write the run folder, show the result."""
    from ...kernels.compiler.cache import cache_folder
    from ..extras import available, require
    from ..runs.experiment import run_experiment
    from ..runs.folder import RunFolder
    from ..runs.record import write_run
    from ..runs.settings import Settings

    given = {k: v for k, v in vars(args).items() if v is not None and k not in ("command", "out", "overwrite")}
    settings = Settings(**(given | {"ignore": tuple(args.ignore or ())}))
    require("safetensors", "saving the model")
    if not available("matplotlib"):
        _note("no pictures without matplotlib: pip install 'tileprop[plot]'")
    cache = cache_folder()
    if cache is None or not any(cache.iterdir()):
        _note("the kernels are compiled first, which may take half a minute; later runs find them in the cache")
    with RunFolder(settings.run_name, args.out, args.overwrite) as folder:
        outcome = run_experiment(settings)
        write_run(outcome, folder.path)
        place = folder.finish()
    _show(outcome, str(place))
    if outcome.interrupted:
        done = f"{outcome.history.epochs} of {settings.epochs} epochs"
        print(f"tileprop: interrupted after {done}; the model as it was then is in {place}", file=sys.stderr)
        return INTERRUPTED
    return 0


def _note(text: str) -> None:
    print(f"tileprop: note: {text}", file=sys.stderr)


def _show(outcome: Outcome, folder: str) -> None:
    from ..runs.report import print_table

    dataset, plan, settings = outcome.dataset, outcome.model.network.plan, outcome.settings
    shape = [f"{len(dataset.X)} rows", f"{dataset.X.shape[1]} features"]
    shape += [f"{len(dataset.class_names)} classes"] if dataset.class_names else [dataset.task]
    network = ["-".join(map(str, plan.sizes)), *dict.fromkeys(plan.activations), plan.loss, settings.dtype]
    rate = settings.make_optimizer().learning_rate
    done = f"{outcome.history.epochs} epochs, batches of {settings.batch_size}"
    rows = [
        ("data", f"{dataset.name}: {', '.join(shape)}"),
        ("network", ", ".join(network)),
        ("parameters", f"{plan.n_parameters:,}"),
        ("training", f"{done}, {settings.optimizer} at rate {rate:g}"),
        ("seconds", f"{sum(outcome.history.seconds):.2f}"),
        ("samples/s", f"{outcome.samples_per_second:,.0f} (median epoch)"),
        ("run folder", folder),
    ]
    print_table(f"Trained on {dataset.name}", rows)
    names = {"training": "training", "validation": "validation", "test": "test (held out)"}
    results = [
        (names[part], f"{len(getattr(outcome.split, part)):,}", f"{loss:.4g}", f"{outcome.scores[part]:.4f}")
        for part, loss in outcome.losses.items()
    ]
    print_table("Result", results, ("rows", "number", "loss", outcome.score_name))
