"""Every benchmark of `tileprop bench`: what its help says, its options, and the call that runs it.

A new benchmark is one more function here with `@benchmark`. What only a run needs is imported in the function, so that
`tileprop --help` stays quick.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from . import crossover, defaults, derivatives, estimators, many, race_run, rounds, solvers
from .draw import COUNT
from .many_problems import MANY_PROBLEMS
from .options import Option, count_option, names_option, out_option, seconds_option, sizes_option
from .problems import PROBLEMS, QUICK_PROBLEMS
from .sides import DEFAULT_PEERS, PEERS

WATCHED = ("small", "mid", "mnist", "big")
DTYPES = ("float32", "float64")


class Benchmark(NamedTuple):
    """help: its line in the list of benchmarks. examples: words after `tileprop bench`, and what they do.

    run: takes the parsed arguments, and returns the exit status.
    """

    help: str
    description: str
    examples: dict[str, str]
    options: tuple[Option, ...]
    run: Callable[[argparse.Namespace], int]


# By name, in the order of --help.
BENCHMARKS: dict[str, Benchmark] = {}

Run = Callable[[argparse.Namespace], int]


def benchmark(name: str, *options: Option, help: str, description: str, examples: dict[str, str]) -> Callable[[Run], Run]:
    """Declare a benchmark that the decorated function runs."""

    def declare(run: Run) -> Run:
        BENCHMARKS[name] = Benchmark(help, description, examples, options, run)
        return run

    return declare


@benchmark(
    "race",
    names_option("--problems", PROBLEMS, None, f"problems: some of {','.join(PROBLEMS)} (default: all)"),
    Option("--dtype", choices=(*DTYPES, "both"), help="default: both; float32 with --quick"),
    Option(
        "--threads",
        type=int,
        nargs="+",
        choices=(1, 2),
        default=[1],
        metavar="N",
        help="number of threads of every library: 1, 2 or both (default: 1)",
    ),
    Option(
        "--draw",
        type=int,
        nargs="?",
        const=COUNT,
        default=0,
        metavar="N",
        help=f"also time N problems drawn with a fixed seed (default: {COUNT}), each with its own dtype and threads",
    ),
    names_option(
        "--peers", PEERS, DEFAULT_PEERS, f"other libraries: some of {','.join(PEERS)} (default: {','.join(DEFAULT_PEERS)})"
    ),
    Option("--quick", action="store_true", help=f"few rounds and the problems {','.join(QUICK_PROBLEMS)}: less than a minute"),
    out_option("write race.json, race.md and, with matplotlib, race.png here"),
    help="time of an epoch beside NumPy, scikit-learn, PyTorch and JAX",
    description="Time an epoch in this and other libraries, once all have reached the same weights.",
    examples={
        "race --quick": "the smaller problems, in under a minute",
        "race --out runs/race": "everything, written to files",
        "race --problems mnist --peers jax": "one problem, one peer",
        "race --threads 1 2 --draw": "all with one thread and with two, and the drawn problems",
    },
)
def _race(args: argparse.Namespace) -> int:
    return race_run.run_race(args.problems, args.dtype, args.threads, args.draw, args.peers, args.quick, args.out)


@benchmark(
    "many",
    names_option("--problems", MANY_PROBLEMS, MANY_PROBLEMS, f"problems: some of {','.join(MANY_PROBLEMS)} (default: all)"),
    names_option(
        "--peers", many.MANY_SIDES, many.MANY_SIDES, f"other sides: some of {','.join(many.MANY_SIDES)} (default: all)"
    ),
    Option("--threads", type=int, choices=(1, 2), default=2, metavar="N", help="number of threads: 1 or 2 (default: 2)"),
    count_option("--rounds", 5, "turns of each side"),
    out_option("write many.json here"),
    help="many networks in one call beside JAX's vmap, loops, and joblib with scikit-learn",
    description="Time one call of fit_many beside JAX (vmap over the networks, and a loop), our own single fits in a loop, and "
    "joblib with scikit-learn, once all have reached the same weights and losses. Status 1 if one does not.",
    examples={"many --problems small,tiny": "many networks in one call beside JAX's vmap and loops"},
)
def _many(args: argparse.Namespace) -> int:
    return many.run_many(args.problems, args.peers, args.threads, args.rounds, args.out)


@benchmark(
    "exact",
    Option("--sample", type=int, metavar="N", help="check about N random inputs instead of all"),
    help="error of float32 sigmoid, tanh and exp for every finite input",
    description="Compare float32 sigmoid, tanh and exp with float64 for every finite input, in a few minutes. Status 1 "
    "if an error is above 2 units in the last place, a value is NaN, or sigmoid or tanh leave their range.",
    examples={"exact": "sigmoid, tanh and exp for every finite float32"},
)
def _exact(args: argparse.Namespace) -> int:
    from .exact import run_exact

    return run_exact(args.sample)


@benchmark(
    "crossover",
    sizes_option("--widths", crossover.WIDTHS, "default: powers of 2 up to 512"),
    sizes_option("--batches", crossover.BATCHES, "default: powers of 2 up to 1024"),
    names_option("--peers", PEERS, ["jax"], "default: jax"),
    out_option("write crossover.json, .md and, with matplotlib, .png here"),
    help="where another library is faster: time by width and batch size",
    description="Time an n-n-n network for many widths and batch sizes, beside other libraries: float32, one thread.",
    examples={"crossover --peers jax,numpy": "where a peer overtakes ours"},
)
def _crossover(args: argparse.Namespace) -> int:
    return crossover.run_crossover(args.widths, args.batches, [PEERS[name] for name in args.peers], args.out)


@benchmark(
    "estimators",
    names_option("--tables", estimators.TABLES, estimators.TABLES, f"tables: some of {','.join(estimators.TABLES)}"),
    help="MLPClassifier and MLPRegressor beside scikit-learn's",
    description="Time fit and predict for one row beside scikit-learn's estimators, with the default settings. Status 1 "
    "if the two do not reach the same loss.",
    examples={"estimators --tables digits": "our MLPClassifier beside scikit-learn's"},
)
def _estimators(args: argparse.Namespace) -> int:
    return estimators.run_estimators(args.tables)


@benchmark(
    "search",
    count_option("--epochs", 20, "epochs of each fit, at most"),
    count_option("--threads", 2, "threads or processes of each side"),
    Option("--dtype", choices=DTYPES, default="float64", help="of the rows, and so of both sides (default: float64)"),
    help="a search over 40 settings beside scikit-learn's GridSearchCV: time and scores",
    description="Search 40 settings of MLPClassifier by 5-fold validation on digits, by our MLPSearchCV and by scikit-learn's "
    "GridSearchCV. Takes a minute or two. Status 1 if the two do not find the same best setting.",
    examples={"search": "40 settings x 5 folds on digits beside scikit-learn's GridSearchCV"},
)
def _search(args: argparse.Namespace) -> int:
    from .search import run_search

    return run_search(args.epochs, args.threads, args.dtype)


@benchmark(
    "sparse",
    count_option("--rows", 20_000, "rows"),
    count_option("--columns", 100_000, "columns"),
    count_option("--entries", 100, "numbers in each row"),
    count_option("--hidden", 16, "hidden units"),
    count_option("--epochs", 2, "epochs"),
    count_option("--repeats", 3, "fits of each side"),
    count_option("--threads", 1, "of each side"),
    help="training on sparse rows beside scikit-learn's: time and peak memory",
    description="Fit our MLPClassifier and scikit-learn's to the same sparse rows, in turns, each in a process of its own. "
    "Status 1 where both do not end at the same weights.",
    examples={"sparse": "training on sparse rows beside scikit-learn's: time and memory"},
)
def _sparse(args: argparse.Namespace) -> int:
    from .sparse import run_sparse

    return run_sparse((args.rows, args.columns, args.entries), args.hidden, args.epochs, args.repeats, args.threads)


@benchmark(
    "derivatives",
    names_option(
        "--quantities",
        derivatives.QUANTITIES,
        derivatives.QUANTITIES,
        f"quantities: some of {','.join(derivatives.QUANTITIES)}",
    ),
    names_option("--problems", derivatives.NAMES, derivatives.NAMES, f"problems: some of {','.join(derivatives.NAMES)}"),
    sizes_option("--batches", derivatives.BATCHES, "default: 1,10,100,1000"),
    Option("--dtype", choices=(*DTYPES, "both"), default="both"),
    names_option("--peers", derivatives.PEERS, derivatives.PEERS, f"other libraries: some of {','.join(derivatives.PEERS)}"),
    Option("--quick", action="store_true", help="few short rounds"),
    out_option("write derivatives.json and derivatives.md here"),
    help="Jacobians, per-sample gradients, Hessian-vector products beside PyTorch and JAX",
    description="Time derivatives beside PyTorch and JAX, on one thread, after comparing the results.",
    examples={"derivatives --quick": "Jacobians, Hessian products and more beside PyTorch and JAX"},
)
def _derivatives(args: argparse.Namespace) -> int:
    dtypes = ("float64", "float32") if args.dtype == "both" else (args.dtype,)
    peers = [derivatives.PEERS[name] for name in args.peers]
    return derivatives.run_derivatives(args.problems, args.quantities, args.batches, dtypes, peers, args.quick, args.out)


@benchmark(
    "rounds",
    names_option("--tables", rounds.TABLES, rounds.TABLES, f"tables: some of {','.join(rounds.TABLES)}"),
    count_option("--rows", rounds.ROWS, "training rows of a table"),
    out_option("write rounds.png here, with matplotlib"),
    help="rounds over shards beside minibatch training on one machine",
    description="Train on generated tables, on one machine and in rounds over four shards with averages between them, with "
    "twice as many passes through the rows, and compare the losses on held-out rows. Status 1 if rounds do not come within "
    "2% of one machine.",
    examples={"rounds --out DIR": "minutes; the figure of docs/distributed.md"},
)
def _rounds(args: argparse.Namespace) -> int:
    return rounds.run_rounds(args.tables, args.rows, args.out)


@benchmark(
    "solvers",
    names_option("--fits", solvers.FITS, solvers.FITS, f"fits: some of {','.join(solvers.FITS)}"),
    count_option("--seeds", 3, "number of initial weights for each fit"),
    help="Levenberg-Marquardt beside Adam, L-BFGS and SciPy's least_squares",
    description="Time fits of small networks until they reach a target, on one thread: for smooth functions a mean squared "
    "error of 1e-8, for measured data the best validation loss of Adam with five learning rates. Other methods are "
    "stopped after 20 times the time of Levenberg-Marquardt. Status 1 if that does not reach the target.",
    examples={"solvers --fits sine,diabetes": "Levenberg-Marquardt beside Adam, L-BFGS and SciPy"},
)
def _solvers(args: argparse.Namespace) -> int:
    return solvers.run_solvers(args.fits, args.seeds)


@benchmark(
    "latency",
    Option("--dtype", choices=DTYPES, default="float32", help="default: float32"),
    help="time to predict one row, beside NumPy, PyTorch and scikit-learn; and blocks of rows in a compiled loop",
    description="Time the prediction of one row of an 8-32-32-1 network in every possible way, and blocks of rows in a "
    "compiled loop beside `predict`, on one thread. Status 1 if the outputs differ.",
    examples={"latency": "a single row beside NumPy, PyTorch and scikit-learn"},
)
def _latency(args: argparse.Namespace) -> int:
    from .latency import run_latency

    return run_latency(args.dtype)


@benchmark(
    "threads",
    count_option("--draw", 30, "number of drawn problems"),
    Option("--busy", action="store_true", help="time while another process uses one of the two processors"),
    count_option("--rounds", 3, "number of rounds"),
    seconds_option(1.0, "seconds of each fit in a round"),
    help="automatic number of threads beside one thread and two threads",
    description="Time fits that choose between one and two threads, beside fits with one and with two, on small problems "
    "and on drawn ones. Status 1 if a fit is more than 3% slower than one thread, or than the better number.",
    examples={"threads --draw 5": "what the choice of the number of threads costs"},
)
def _threads(args: argparse.Namespace) -> int:
    from .threads import run_threads

    return run_threads(args.draw, args.rounds, args.seconds, args.busy)


@benchmark(
    "watching",
    names_option("--problems", PROBLEMS, WATCHED, f"problems (default: {','.join(WATCHED)})"),
    count_option("--rounds", 5, "number of rounds"),
    seconds_option(2.0, "seconds of each fit in a round"),
    help="cost of progress, checkpoints, Ctrl-C and divergence checks",
    description="Time fits beside the kernels' epochs alone, on one thread. Status 1 if a fit takes more than 2% longer.",
    examples={"watching --problems small": "what it costs that a fit is watched"},
)
def _watching(args: argparse.Namespace) -> int:
    from .watching import run_watching

    return run_watching(args.problems, args.rounds, args.seconds)


@benchmark(
    "play",
    seconds_option(5.0, "of each way"),
    help="pictures a second of the page of `tileprop play`, and its training beside plain fit",
    description="Open the page in headless Chromium, train 2-8-8-1 on 500 points, count the pictures that it draws, and "
    "compare the training rows a second with plain fit. Status 1 under 20 pictures a second, or half of the speed of fit.",
    examples={"play": "the page of `tileprop play`: pictures and rows a second"},
)
def _play(args: argparse.Namespace) -> int:
    from .play import run_play

    return run_play(args.seconds)


@benchmark(
    "defaults",
    Option("--tables", choices=tuple(defaults.GROUPS), default="made", help="default: made"),
    Option("--seeds", type=int, choices=range(1, 65), default=defaults.SEEDS, metavar="N", help=f"default: {defaults.SEEDS}"),
    Option(
        "--also",
        type=defaults.variant,
        action="append",
        default=[],
        metavar="SETTINGS",
        help='ours with other settings, besides: --also "dropout=0.3 hidden=(128,128)"; may be given several times',
    ),
    out_option("write defaults.json here"),
    help="held-out losses of `tileprop train` beside scikit-learn, LightGBM and a linear model",
    description="Train each library with its defaults on generated and real tables, and compare held-out losses and times: "
    "medians over the seeds, each of which holds out other rows. Needs the extra `bench`.",
    examples={"defaults --tables made": "the defaults of `train` beside other libraries' on held-out rows"},
)
def _defaults(args: argparse.Namespace) -> int:
    return defaults.run_defaults(args.tables, args.seeds, args.out, args.also)


@benchmark(
    "stream",
    Option("--gib", type=float, default=8.0, metavar="X", help="GiB that the rows take in memory (default: 8)"),
    Option("--folder", type=Path, metavar="DIR", help="where the files are, or are written and kept (default: not kept)"),
    count_option("--memory", 256, "MiB of rows that a streamed fit may hold"),
    Option("--prefetch", type=int, nargs="+", default=[0, 1, 4], metavar="N", help="windows read ahead (default: 0 1 4)"),
    count_option("--rounds", 2, "turns of each way"),
    Option("--threads", type=int, metavar="N", help="threads that train, at most (default: all processors)"),
    help="an epoch over Parquet files that are streamed, beside the same rows in memory",
    description="Write Parquet files, train one epoch on them by streaming, and on the same rows in memory, each in a process "
    "of its own; one run is killed and resumed. Status 1 if the parameters differ, if resident memory is above 1 GiB, or if "
    "streaming ahead takes more than 15% longer. Needs the extra `tables`, and twice the memory of the rows.",
    examples={"stream --gib 1": "Parquet files that are streamed, beside the same rows in memory"},
)
def _stream(args: argparse.Namespace) -> int:
    from .stream import run_stream

    return run_stream(args.gib, args.folder, args.memory, args.prefetch, args.rounds, args.threads)


@benchmark(
    "scale",
    count_option("--shards", 256, "shards"),
    count_option("--rows", 10_000, "rows of a shard"),
    count_option("--rounds", 3, "real rounds to set the model beside"),
    help="rounds on 1 to 256 Dask workers, simulated from measured times, and where more workers stop paying",
    description="Measure the steps of a shard, the latency, overhead and bandwidth of a Dask cluster on this machine, and put "
    "them into a model of rounds on 1 to 256 workers. For 1 and 2 workers the model is set beside real rounds. Needs the extra "
    "`dask`.",
    examples={"scale": "where more workers stop paying, by a model of measured times"},
)
def _scale(args: argparse.Namespace) -> int:
    from .scale import run_scale

    return run_scale(args.shards, args.rows, args.rounds)


@benchmark(
    "micro",
    Option("--only", metavar="EXPRESSION", help="run the benchmarks whose names match, as pytest's -k"),
    out_option("write micro.json here"),
    help="time of every public kernel",
    description="Time every public kernel, after checking it against NumPy. Needs pytest-benchmark.",
    examples={'micro --only "sigmoid and float32"': "some kernels"},
)
def _micro(args: argparse.Namespace) -> int:
    from .micro_run import run_micro

    return run_micro(args.only, args.out)
