"""`tileprop bench`: its options, and the benchmark that they name. First every digit that the documents print is checked."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from .benchmarks import BENCHMARKS

REFUSED = 2


def add_bench_command(subparsers: Any) -> None:
    """Declare the command and its options."""
    examples = [(f"tileprop bench {words}", what) for kind in BENCHMARKS.values() for words, what in kind.examples.items()]
    parser = subparsers.add_parser(
        "bench",
        help="measure: a race against other libraries, and micro benchmarks",
        description="Measure training. First every digit that the documents print is checked.",
        epilog="\n".join(["examples:", *(f"  {words:<53}{what}" for words, what in examples)]) + "\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    kinds = parser.add_subparsers(dest="benchmark", required=True, metavar="BENCHMARK")
    for name, kind in BENCHMARKS.items():
        options = kinds.add_parser(name, help=kind.help, description=kind.description, allow_abbrev=False)
        for option in kind.options:
            option.add_to(options)


def run_bench(args: argparse.Namespace) -> int:
    """Exit status: 2 where the documents are not reproduced and nothing is timed, otherwise the benchmark's own."""
    # Imported late, to be replaced in tests.
    from ..trainer.explanation.documents import check_documents

    try:
        check_documents()
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        print(f"tileprop bench: the documents are not reproduced, so nothing is timed: {reason}", file=sys.stderr)
        return REFUSED
    return BENCHMARKS[args.benchmark].run(args)
