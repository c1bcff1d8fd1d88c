"""`tileprop bench`: races against peers, the chart of crossovers, activations for every input, the micro benchmarks.

First every digit that the documents print is checked.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

from ..trainer.extras import available
from . import defaults, derivatives
from .crossover import BATCHES, WIDTHS, run_crossover
from .draw import COUNT, drawn_events, ranges
from .estimators import TABLES, run_estimators
from .fma_rate import fma_rates
from .picture import draw_race
from .pinning import choose_cpus
from .problems import PROBLEMS, QUICK_PROBLEMS, events
from .process import SideError
from .race import FULL, QUICK, Outcome, race
from .record import machine, race_record, versions
from .report import detail_table, markdown_report, show, summary_table, verdict
from .sides import DEFAULT_PEERS, PEERS, Side
from .solvers import FITS, run_solvers

OK, FAILED, REFUSED = 0, 1, 2
WATCHED = ("small", "mid", "mnist", "big")
EXAMPLES = """\
examples:
  tileprop bench race --quick                          the smaller problems, in under a minute
  tileprop bench race --out runs/race                  everything, written to files
  tileprop bench race --problems mnist --peers jax     one problem, one peer
  tileprop bench race --threads 1 2 --draw             all with one thread and with two, and the drawn problems
  tileprop bench crossover --peers jax,numpy           where a peer overtakes ours
  tileprop bench exact                                 sigmoid, tanh and exp for every finite float32
  tileprop bench estimators --tables digits            our MLPClassifier beside scikit-learn's
  tileprop bench sparse                                training on sparse rows beside scikit-learn's: time and memory
  tileprop bench derivatives --quick                   Jacobians, Hessian products and more beside PyTorch and JAX
  tileprop bench solvers --fits sine,diabetes          Levenberg-Marquardt beside Adam, L-BFGS and SciPy
  tileprop bench latency                               a single row beside NumPy, PyTorch and scikit-learn
  tileprop bench threads --draw 5                      what the choice of the number of threads costs
  tileprop bench watching --problems small             what it costs that a fit is watched
  tileprop bench play                                  the page of `tileprop play`: pictures and rows a second
  tileprop bench defaults --tables made                the defaults of `train` beside other libraries' on held-out rows
  tileprop bench micro --only "sigmoid and float32"    some kernels
"""


class Names:
    """An argparse type: names separated by commas, each one of those known."""

    def __init__(self, known: Collection[str]) -> None:
        self.known = known

    def __call__(self, text: str) -> list[str]:
        names = [name.strip() for name in text.split(",") if name.strip()]
        for name in names:
            if name not in self.known:
                raise argparse.ArgumentTypeError(f"{name!r} is not one of {', '.join(self.known)}")
        if not names:
            raise argparse.ArgumentTypeError(f"give at least one of {', '.join(self.known)}")
        return list(dict.fromkeys(names))


def sizes(text: str) -> list[int]:
    """An argparse type: whole numbers from 1 on, separated by commas."""
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} must be positive whole numbers, separated by commas")
    return list(dict.fromkeys(numbers))


def count(text: str) -> int:
    """An argparse type: a whole number from 1 on."""
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} must be a positive whole number")
    return int(text)


def add_bench_command(subparsers: Any) -> None:
    """Declare the command and its options."""
    parser = subparsers.add_parser(
        "bench",
        help="measure: a race against other libraries, and micro benchmarks",
        description="Measure training. First every digit that the documents print is checked.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    kinds = parser.add_subparsers(dest="benchmark", required=True, metavar="BENCHMARK")

    runs = kinds.add_parser(
        "race",
        help="time of an epoch beside NumPy, scikit-learn, PyTorch and JAX",
        description="Time an epoch in this and other libraries, once all have reached the same weights.",
        allow_abbrev=False,
    )
    runs.add_argument(
        "--problems", type=Names(PROBLEMS), metavar="NAMES", help=f"problems: some of {','.join(PROBLEMS)} (default: all)"
    )
    runs.add_argument("--dtype", choices=("float32", "float64", "both"), help="default: both; float32 with --quick")
    runs.add_argument(
        "--threads",
        type=int,
        nargs="+",
        choices=(1, 2),
        default=[1],
        metavar="N",
        help="number of threads of every library: 1, 2 or both (default: 1)",
    )
    runs.add_argument(
        "--draw",
        type=int,
        nargs="?",
        const=COUNT,
        default=0,
        metavar="N",
        help=f"also time N problems drawn with a fixed seed (default: {COUNT}), each with its own dtype and threads",
    )
    runs.add_argument(
        "--peers",
        type=Names(PEERS),
        default=list(DEFAULT_PEERS),
        metavar="NAMES",
        help=f"other libraries: some of {','.join(PEERS)} (default: {','.join(DEFAULT_PEERS)})",
    )
    runs.add_argument(
        "--quick", action="store_true", help=f"few rounds and the problems {','.join(QUICK_PROBLEMS)}: less than a minute"
    )
    runs.add_argument("--out", type=Path, metavar="DIR", help="write race.json, race.md and, with matplotlib, race.png here")

    exact = kinds.add_parser(
        "exact",
        help="error of float32 sigmoid, tanh and exp for every finite input",
        description="Compare float32 sigmoid, tanh and exp with float64 for every finite input, in a few minutes. Status 1 "
        "if an error is above 2 units in the last place, a value is NaN, or sigmoid or tanh leave their range.",
        allow_abbrev=False,
    )
    exact.add_argument("--sample", type=int, metavar="N", help="check about N random inputs instead of all")

    crossover = kinds.add_parser(
        "crossover",
        help="where another library is faster: time by width and batch size",
        description="Time an n-n-n network for many widths and batch sizes, beside other libraries: float32, one thread.",
        allow_abbrev=False,
    )
    crossover.add_argument("--widths", type=sizes, default=WIDTHS, metavar="N,N", help="default: powers of 2 up to 512")
    crossover.add_argument("--batches", type=sizes, default=BATCHES, metavar="N,N", help="default: powers of 2 up to 1024")
    crossover.add_argument("--peers", type=Names(PEERS), default=["jax"], metavar="NAMES", help="default: jax")
    crossover.add_argument("--out", type=Path, metavar="DIR", help="write crossover.json, .md and, with matplotlib, .png here")

    estimators = kinds.add_parser(
        "estimators",
        help="MLPClassifier and MLPRegressor beside scikit-learn's",
        description="Time fit and predict for one row beside scikit-learn's estimators, with the default settings. Status 1 "
        "if the two do not reach the same loss.",
        allow_abbrev=False,
    )
    estimators.add_argument(
        "--tables", type=Names(TABLES), default=list(TABLES), metavar="NAMES", help=f"tables: some of {','.join(TABLES)}"
    )

    sparse = kinds.add_parser(
        "sparse",
        help="training on sparse rows beside scikit-learn's: time and peak memory",
        description="Fit our MLPClassifier and scikit-learn's to the same sparse rows, in turns, each in a process of its own. "
        "Status 1 where both do not end at the same weights.",
        allow_abbrev=False,
    )
    for option, default, what in (
        ("rows", 20_000, "rows"),
        ("columns", 100_000, "columns"),
        ("entries", 100, "numbers in each row"),
        ("hidden", 16, "hidden units"),
        ("epochs", 2, "epochs"),
        ("repeats", 3, "fits of each side"),
        ("threads", 1, "of each side"),
    ):
        sparse.add_argument(f"--{option}", type=count, default=default, metavar="N", help=f"{what} (default: {default})")

    others = kinds.add_parser(
        "derivatives",
        help="Jacobians, per-sample gradients, Hessian-vector products beside PyTorch and JAX",
        description="Time derivatives beside PyTorch and JAX, on one thread, after comparing the results.",
        allow_abbrev=False,
    )
    quantities, problems, peers = derivatives.QUANTITIES, derivatives.NAMES, derivatives.PEERS
    others.add_argument(
        "--quantities",
        type=Names(quantities),
        default=list(quantities),
        metavar="NAMES",
        help=f"quantities: some of {','.join(quantities)}",
    )
    others.add_argument(
        "--problems",
        type=Names(problems),
        default=list(problems),
        metavar="NAMES",
        help=f"problems: some of {','.join(problems)}",
    )
    others.add_argument("--batches", type=sizes, default=derivatives.BATCHES, metavar="N,N", help="default: 1,10,100,1000")
    others.add_argument("--dtype", choices=("float32", "float64", "both"), default="both")
    others.add_argument(
        "--peers", type=Names(peers), default=list(peers), metavar="NAMES", help=f"other libraries: some of {','.join(peers)}"
    )
    others.add_argument("--quick", action="store_true", help="few short rounds")
    others.add_argument("--out", type=Path, metavar="DIR", help="write derivatives.json and derivatives.md here")

    solvers = kinds.add_parser(
        "solvers",
        help="Levenberg-Marquardt beside Adam, L-BFGS and SciPy's least_squares",
        description="Time fits of small networks until they reach a target, on one thread: for smooth functions a mean squared "
        "error of 1e-8, for measured data the best validation loss of Adam with five learning rates. Other methods are "
        "stopped after 20 times the time of Levenberg-Marquardt. Status 1 if that does not reach the target.",
        allow_abbrev=False,
    )
    solvers.add_argument(
        "--fits", type=Names(FITS), default=list(FITS), metavar="NAMES", help=f"fits: some of {','.join(FITS)}"
    )
    solvers.add_argument(
        "--seeds", type=count, default=3, metavar="N", help="number of initial weights for each fit (default: 3)"
    )

    latency = kinds.add_parser(
        "latency",
        help="time to predict one row, beside NumPy, PyTorch and scikit-learn; and blocks of rows in a compiled loop",
        description="Time the prediction of one row of an 8-32-32-1 network in every possible way, and blocks of rows in a "
        "compiled loop beside `predict`, on one thread. Status 1 if the outputs differ.",
        allow_abbrev=False,
    )
    latency.add_argument("--dtype", choices=("float32", "float64"), default="float32", help="default: float32")

    threads = kinds.add_parser(
        "threads",
        help="automatic number of threads beside one thread and two threads",
        description="Time fits that choose between one and two threads, beside fits with one and with two, on small problems "
        "and on drawn ones. Status 1 if a fit is more than 3%% slower than one thread, or than the better number.",
        allow_abbrev=False,
    )
    threads.add_argument("--draw", type=count, default=30, metavar="N", help="number of drawn problems (default: 30)")
    threads.add_argument("--busy", action="store_true", help="time while another process uses one of the two processors")
    watching = kinds.add_parser(
        "watching",
        help="cost of progress, checkpoints, Ctrl-C and divergence checks",
        description="Time fits beside the kernels' epochs alone, on one thread. Status 1 if a fit takes more than 2%% longer.",
        allow_abbrev=False,
    )
    watching.add_argument(
        "--problems",
        type=Names(PROBLEMS),
        default=list(WATCHED),
        metavar="NAMES",
        help=f"problems (default: {','.join(WATCHED)})",
    )
    for kind, rounds, seconds in ((threads, 3, 1.0), (watching, 5, 2.0)):
        kind.add_argument("--rounds", type=count, default=rounds, metavar="N", help=f"number of rounds (default: {rounds})")
        kind.add_argument(
            "--seconds", type=float, default=seconds, metavar="S", help=f"seconds of each fit in a round (default: {seconds:g})"
        )

    playing = kinds.add_parser(
        "play",
        help="pictures a second of the page of `tileprop play`, and its training beside plain fit",
        description="Open the page in headless Chromium, train 2-8-8-1 on 500 points, count the pictures that it draws, and "
        "compare the training rows a second with plain fit. Status 1 under 20 pictures a second, or half of the speed of fit.",
        allow_abbrev=False,
    )
    playing.add_argument("--seconds", type=float, default=5.0, metavar="S", help="of each way (default: 5)")

    chosen = kinds.add_parser(
        "defaults",
        help="held-out losses of `tileprop train` beside scikit-learn, LightGBM and a linear model",
        description="Train each library with its defaults on generated and real tables, and compare held-out losses and times: "
        "medians over the seeds, each of which holds out other rows. Needs the extra `bench`.",
        allow_abbrev=False,
    )
    defaults.add_options(chosen)

    micro = kinds.add_parser(
        "micro",
        help="time of every public kernel",
        description="Time every public kernel, after checking it against NumPy. Needs pytest-benchmark.",
        allow_abbrev=False,
    )
    micro.add_argument("--only", metavar="EXPRESSION", help="run the benchmarks whose names match, as pytest's -k")
    micro.add_argument("--out", type=Path, metavar="DIR", help="write micro.json here")


def run_bench(args: argparse.Namespace) -> int:
    """Exit status: 0; 1 where a side failed or computes something else; 2 where nothing was timed."""
    # Imported late, to be replaced in tests.
    from ..trainer.explanation.documents import check_documents

    try:
        check_documents()
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        print(f"tileprop bench: the documents are not reproduced, so nothing is timed: {reason}", file=sys.stderr)
        return REFUSED
    if args.benchmark == "crossover":
        return run_crossover(args.widths, args.batches, [PEERS[name] for name in args.peers], args.out)
    if args.benchmark == "exact":
        from .exact import run_exact

        return run_exact(args.sample)
    if args.benchmark == "estimators":
        return run_estimators(args.tables)
    if args.benchmark == "sparse":
        from .sparse import run_sparse

        return run_sparse((args.rows, args.columns, args.entries), args.hidden, args.epochs, args.repeats, args.threads)
    if args.benchmark == "derivatives":
        dtypes = ("float64", "float32") if args.dtype == "both" else (args.dtype,)
        peers = [derivatives.PEERS[name] for name in args.peers]
        return derivatives.run_derivatives(args.problems, args.quantities, args.batches, dtypes, peers, args.quick, args.out)
    if args.benchmark == "solvers":
        return run_solvers(args.fits, args.seeds)
    if args.benchmark == "latency":
        from .latency import run_latency

        return run_latency(args.dtype)
    if args.benchmark == "threads":
        from .threads import run_threads

        return run_threads(args.draw, args.rounds, args.seconds, args.busy)
    if args.benchmark == "watching":
        from .watching import run_watching

        return run_watching(args.problems, args.rounds, args.seconds)
    if args.benchmark == "play":
        from .play import run_play

        return run_play(args.seconds)
    if args.benchmark == "defaults":
        return defaults.run_defaults(args.tables, args.seeds, args.out, args.also)
    if args.benchmark == "micro":
        from .micro_run import run_micro

        return run_micro(args.only, args.out)
    return _run_race(args)


def _run_race(args: argparse.Namespace) -> int:
    names = args.problems or (QUICK_PROBLEMS if args.quick else PROBLEMS)
    dtype = args.dtype or ("float32" if args.quick else "both")
    dtypes = ("float32", "float64") if dtype == "both" else (dtype,)
    pace = QUICK if args.quick else FULL
    peers = [PEERS[name] for name in args.peers]
    installed = [side for side in peers if side.version is not None]
    missing = [side for side in peers if side.version is None]
    if args.out is not None:
        args.out.mkdir(parents=True, exist_ok=True)
    chosen = events([PROBLEMS[name] for name in names], dtypes, dict.fromkeys(args.threads))
    drawn = drawn_events(args.draw)
    try:
        cpus = {threads: choose_cpus(threads) for threads in dict.fromkeys(event.threads for event in (*chosen, *drawn))}
    except ValueError as error:
        print(f"tileprop bench: {error}", file=sys.stderr)
        return REFUSED
    if drawn:
        _say(ranges())
    _say("measuring the processor's rate of multiply-adds")
    rates = fma_rates(cpus)
    try:
        results = race([*chosen, *drawn], cpus, installed, pace, say=_say)
    except SideError as error:
        print(f"tileprop bench: {error}", file=sys.stderr)
        return FAILED
    taken = {event.problem for event in chosen}
    outcome = Outcome(
        [result for result in results if result.problem in taken],
        [result for result in results if result.problem not in taken],
        missing,
        pace,
        rates,
    )
    show(detail_table(outcome, results))
    print()
    show(summary_table(outcome, outcome.results))
    if drawn:
        print(f"\n{ranges()}\n")
        show(summary_table(outcome, outcome.drawn, kinds=True))
    print("\n".join(["", *verdict(outcome)]))
    if args.out is not None:
        _write(args.out, outcome, installed)
    return FAILED if any(result.error for result in results) else OK


def _write(folder: Path, outcome: Outcome, installed: list[Side]) -> None:
    (folder / "race.json").write_text(json.dumps(race_record(outcome), indent=1) + "\n", encoding="utf-8")
    here = machine()
    place = f"{here['system']} {here['machine']}, processor {here['processor']}, {here['cpus']} of them"
    (folder / "race.md").write_text(markdown_report(outcome, place, versions(installed)), encoding="utf-8")
    if available("matplotlib"):
        draw_race(outcome.results, outcome.drawn, folder / "race.png")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
