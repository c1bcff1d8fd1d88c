"""`tileprop sweep`: many settings compared on validation rows, and a run folder with the best one."""

from __future__ import annotations

import argparse
import contextlib
import functools
import math
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from ..bounds import check_whole
from ..errors import InputError
from .ending import say
from .table_options import add_column_options, add_reading_options
from .train import widths

if TYPE_CHECKING:
    from ..runs.sweeping import Tried

EXAMPLES = """\
examples:
  tileprop sweep digits --hidden 32 64 128,64 --learning-rate 0.01 0.001
  tileprop sweep houses.csv --target price --hidden none 32 64,64 --dropout 0 0.2 --seeds 5
  tileprop sweep digits --hidden 32 64 128,64 --dask tcp://host:8786
"""
# Options with several values, and what argparse makes of each.
CHOICES: dict[str, tuple[Callable[[str], Any], str, str]] = {
    "hidden": (widths, "N,N,...", "widths of the hidden layers, or the word none"),
    "activation": (str, "NAME", "activations of the hidden layers"),
    "dropout": (float, "X", "shares of the hidden units that each step leaves out"),
    "batch_size": (int, "N", "rows per step"),
    "optimizer": (str, "NAME", "optimizers"),
    "learning_rate": (float, "X", "learning rates"),
    "schedule": (str, "NAME", "schedules of the learning rate"),
    "weight_decay": (float, "X", "decoupled weight decays"),
}
KEEPING = ("command", "seeds", "dask", "out", "overwrite", "report", *CHOICES)


def add_sweep_command(subparsers: Any) -> None:
    """Declare the command and its options."""
    parser = subparsers.add_parser(
        "sweep",
        help="train many settings at once, and write a run folder with the best one",
        description="Train networks with every combination of the given values, each with several seeds, and compare them on "
        "validation rows. The best setting, by the median over the seeds, is then trained as `tileprop train` does it. The run "
        "folder also has sweep.csv and, with matplotlib, sweep.png.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("source", metavar="DATA", help="name of a dataset, or a file, as for tileprop train")
    data = parser.add_argument_group("data")
    data.add_argument("--target", metavar="NAME", help="target column of a table (several: a,b), or target array")
    data.add_argument("--task", help="classification, regression, or multilabel (default: decided by the targets)")
    add_column_options(data)
    data.add_argument("--test-size", type=float, metavar="SHARE", help="share of the rows that are held out (default: 0.2)")
    data.add_argument(
        "--validation-size", type=float, metavar="SHARE", help="share of the other rows for validation (default: 0.15)"
    )
    add_reading_options(parser)
    tried = parser.add_argument_group("settings to try (one value or more; defaults as for tileprop train)")
    for name, (kind, metavar, words) in CHOICES.items():
        tried.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar=metavar, nargs="+", help=words)
    training = parser.add_argument_group("training")
    training.add_argument("--seeds", type=int, default=3, metavar="N", help="networks of each setting (default: 3)")
    training.add_argument("--seed", type=int, metavar="N", help="the first seed; it also divides the rows (default: 0)")
    training.add_argument("--epochs", type=int, metavar="N", help="largest number of epochs (default: 200)")
    training.add_argument("--patience", type=int, metavar="N", help="epochs without improvement before stopping (default: 20)")
    training.add_argument("--loss", help="loss of all networks, as for tileprop train")
    training.add_argument(
        "--dask", nargs="?", const="", metavar="ADDRESS",
        help="train on a Dask cluster: that of the scheduler at ADDRESS, or one in this process",
    )  # fmt: skip
    output = parser.add_argument_group("output")
    output.add_argument("--out", metavar="DIR", help="run folder (default: runs/NAME, or runs/NAME-2 if that exists)")
    output.add_argument("--overwrite", action="store_true", help="replace an existing run folder")
    output.add_argument("--no-report", dest="report", action="store_false", help="write no pictures and no report.html")


def run_sweep(args: argparse.Namespace) -> int:
    """Train, show the table, write the run folder of the best."""
    from ..extras import available, require
    from ..runs.folder import RunFolder
    from ..runs.preparation import prepare
    from ..runs.sweeping import best_of, draw, grid, train_all
    from ..runs.training import new_run
    from ..tables.writing import write_csv

    check_whole("seeds", args.seeds, 1)
    require("safetensors", "saving the model")
    given = {name: value for name, value in vars(args).items() if value is not None and name not in KEEPING}
    choices = {name: list(dict.fromkeys(getattr(args, name))) for name in CHOICES if getattr(args, name) is not None}
    if args.source == "-":
        raise InputError("tileprop sweep reads the data twice, which standard input cannot be; save them to a file")
    tried = grid(given, choices)
    first, *_ = tried
    RunFolder.for_new(first.settings.run_name, args.out, args.overwrite)  # refuses a folder that is taken
    experiment = prepare(first.settings)
    seeds = list(range(first.settings.seed, first.settings.seed + args.seeds))
    try:
        with _cluster(args.dask) as elsewhere, _live(tried, len(seeds)) as look:
            train_all(experiment, tried, seeds, look, elsewhere)
    except KeyboardInterrupt:
        _print(tried)
        say("Ctrl-C has ended the sweep: the table is that of the networks as they stand, and no run folder is written")
        raise
    _print(tried)
    best = best_of(tried)
    say("the best setting is trained once more, as tileprop train does it")
    ended = new_run(best, args.out, args.overwrite, lambda text: say(f"note: {text}"), True, report=args.report)
    rows = [(one.name, seed, loss) for one in tried for seed, loss in sorted(one.losses.items())]
    with (ended.folder / "sweep.csv").open("wb") as file:
        write_csv(dict(zip(("setting", "seed", "validation_loss"), map(list, zip(*rows, strict=True)), strict=True)), file)
    if args.report and available("matplotlib"):
        draw(tried, ended.folder / "sweep.png")
    for name, value in ended.outcome.scores.items():
        print(f"{name} {ended.outcome.score_name}: {value:.4f}")
    print(f"run folder: {ended.folder}")
    return 0


@contextlib.contextmanager
def _cluster(address: str | None) -> Iterator[Callable[..., Any] | None]:
    """What trains on the cluster at an address, "" for one of this process; None where no Dask is wanted."""
    if address is None:
        yield None
        return
    from ..dask.cluster import client_of
    from ..dask.many import fit_with

    with client_of(address or None) as client:
        yield functools.partial(fit_with, client)


TITLE = "Validation losses, the best setting first"
HEADERS = ("setting", "median", "lowest", "highest", "seeds")
# The live table is drawn no more often: it takes longer the more settings there are.
INTERVAL = 0.25  # seconds


def _cells(tried: list[Tried]) -> list[tuple[str, ...]]:
    from ..runs.sweeping import ranked

    return [
        (one.name, *(f"{value:.4g}" for value in (one.median, min(one.losses.values()), max(one.losses.values()))),
         str(len(one.losses)))
        for one in ranked(tried) if one.losses
    ]  # fmt: skip


def _print(tried: list[Tried]) -> None:
    from ..runs.report import print_table

    print_table(TITLE, _cells(tried), HEADERS)
    sys.stdout.flush()


@contextlib.contextmanager
def _live(tried: list[Tried], n_seeds: int) -> Iterator[Callable[[], None]]:
    """Gives the function that shows how far the sweep is: a table on a terminal where rich is installed, otherwise lines."""
    from ..extras import available

    told: set[str] = set()

    def line() -> None:
        for one in tried:
            if len(one.losses) == n_seeds and one.name not in told:
                told.add(one.name)
                say(f"{len(told)} of {len(tried)} settings done: {one.name}: median validation loss {one.median:.5g}")

    if not (sys.stderr.isatty() and available("rich")):
        yield line
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.live import Live
    from rich.table import Column, Table

    def table() -> Table:
        done = sum(len(one.losses) for one in tried)
        name, *numbers = HEADERS
        drawn = Table(
            name, *(Column(word, justify="right") for word in numbers), title=TITLE, title_justify="left", box=SIMPLE_HEAD
        )
        drawn.caption, drawn.caption_justify = f"{done} of {len(tried) * n_seeds} networks are done", "left"
        for cells in _cells(tried):
            drawn.add_row(*cells)
        return drawn

    with Live(table(), console=Console(stderr=True), transient=True, auto_refresh=False) as live:
        shown = -math.inf

        def look() -> None:
            nonlocal shown
            if time.monotonic() - shown >= INTERVAL:
                shown = time.monotonic()
                live.update(table(), refresh=True)

        yield look
