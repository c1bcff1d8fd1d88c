"""`tileprop bench`: the race against the peers, and the micro benchmarks.

Nothing is timed before every digit that the documents print is reproduced.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

from ..trainer.extras import available
from .picture import draw_race
from .pinning import choose_cpus
from .problems import PROBLEMS, QUICK_PROBLEMS
from .process import SideError
from .race import FULL, QUICK, Pace, Result, race
from .record import machine, race_record, versions
from .report import detail_table, markdown_report, show, verdict
from .sides import DEFAULT_PEERS, PEERS, Side

OK, FAILED, REFUSED = 0, 1, 2
EXAMPLES = """\
examples:
  tileprop bench race --quick                          the smaller problems, in under a minute
  tileprop bench race --out runs/race                  everything, written to files
  tileprop bench race --problems mnist --peers jax     one problem, one peer
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
                raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(self.known)}")
        if not names:
            raise argparse.ArgumentTypeError(f"give at least one of {', '.join(self.known)}")
        return list(dict.fromkeys(names))


def add_bench_command(subparsers: Any) -> None:
    """Declare the command and its options."""
    parser = subparsers.add_parser(
        "bench",
        help="measure: a race against other libraries, and micro benchmarks",
        description="Measure training. Nothing is timed before every digit that the documents print is reproduced.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    kinds = parser.add_subparsers(dest="benchmark", required=True, metavar="BENCHMARK")

    runs = kinds.add_parser(
        "race",
        help="an epoch beside the same epoch in NumPy, scikit-learn, PyTorch and JAX",
        description="Time an epoch beside the same epoch in other libraries, once all have come to the same weights.",
        allow_abbrev=False,
    )
    runs.add_argument("--problems", type=Names(PROBLEMS), metavar="NAMES", help=f"of {','.join(PROBLEMS)} (default: all)")
    runs.add_argument("--dtype", choices=("float32", "float64", "both"), help="default: both; float32 with --quick")
    runs.add_argument("--threads", type=int, choices=(1, 2), default=1, help="of each peer (default: 1); ours runs one")
    runs.add_argument(
        "--peers",
        type=Names(PEERS),
        default=list(DEFAULT_PEERS),
        metavar="NAMES",
        help=f"of {','.join(PEERS)} (default: {','.join(DEFAULT_PEERS)})",
    )
    runs.add_argument("--quick", action="store_true", help=f"few rounds, problems {','.join(QUICK_PROBLEMS)}: under a minute")
    runs.add_argument("--out", type=Path, metavar="DIR", help="write race.json, race.md and, with matplotlib, race.png here")

    micro = kinds.add_parser(
        "micro",
        help="every public kernel by itself",
        description="Time every public kernel by itself, checked against NumPy first. Needs pytest-benchmark.",
        allow_abbrev=False,
    )
    micro.add_argument("--only", metavar="EXPRESSION", help="benchmarks whose names match, as pytest's -k")
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
    try:
        cpus = choose_cpus(args.threads)
    except ValueError as error:
        print(f"tileprop bench: {error}", file=sys.stderr)
        return REFUSED
    try:
        results = race([PROBLEMS[name] for name in names], dtypes, args.threads, cpus, installed, pace, say=_say)
    except SideError as error:
        print(f"tileprop bench: {error}", file=sys.stderr)
        return FAILED
    show(detail_table(results))
    print("\n".join(verdict(results, missing)))
    if args.out is not None:
        _write(args.out, results, missing, installed, args.threads, pace)
    return FAILED if any(result.error for result in results) else OK


def _write(folder: Path, results: list[Result], missing: list[Side], installed: list[Side], threads: int, pace: Pace) -> None:
    record = race_record(results, missing, threads, pace)
    (folder / "race.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    here = machine()
    place = f"{here['system']} {here['machine']}, processor {here['processor']}, {here['cpus']} of them"
    page = markdown_report(results, missing, threads, pace, place, versions(installed))
    (folder / "race.md").write_text(page, encoding="utf-8")
    if available("matplotlib"):
        draw_race(results, folder / "race.png")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
