"""`tileprop warm`: compiles everything ahead, so that no later process waits for it: images, CI, laptops before a flight."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..compilation import DTYPES, pieces_of
from ..errors import InputError
from ..extras import available

EXAMPLES = """\
examples:
  tileprop warm                                       both dtypes; a minute or two
  tileprop warm --only float32
  TILEPROP_CACHE=/opt/kernels tileprop warm           in an image: later runs need the same variable
"""
# Plain lines come no faster than this.
LINE_INTERVAL = 2.0  # seconds


def add_warm_command(subparsers: Any) -> None:
    """Declare the command and its options."""
    parser = subparsers.add_parser(
        "warm",
        help="compile all kernels now",
        description="Compile all kernels, activations and losses now, and keep them in the cache.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--only", choices=DTYPES, help="compile for this dtype alone (default: for both)")


def run_warm(args: argparse.Namespace) -> int:
    """Compile, and say where it is kept and how long it took."""
    from ...kernels.compiler.cache import cache_folder
    from ...kernels.compiler.jit import JIT_DISABLED, STOCK

    if JIT_DISABLED:
        raise InputError("NUMBA_DISABLE_JIT is set, so nothing can be compiled; unset it")
    folder = cache_folder()
    if folder is None:
        raise InputError(
            "there is no folder for compiled kernels: TILEPROP_CACHE is 0, or no folder is writable; "
            "set TILEPROP_CACHE to a writable folder"
        )
    dtypes = DTYPES if args.only is None else (args.only,)
    pieces = [(f"{dtype} {name}", build) for dtype in dtypes for name, build in pieces_of(np.dtype(dtype))]
    started = time.monotonic()
    with _progress(len(pieces)) as begin:
        for name, build in pieces:
            begin(name)
            build()
    seconds = time.monotonic() - started
    print(f"compiled for {' and '.join(dtypes)} in {seconds:.0f} s; kept in {folder} ({_megabytes(folder):.0f} MB)")
    if STOCK:
        print("in the stock way of compiling, activations and losses are not kept: each process compiles those that it uses")
    return 0


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


@contextmanager
def _progress(count: int) -> Iterator[Callable[[str], None]]:
    """A function to call with each piece's name before it is compiled: a bar on a terminal where rich is, lines otherwise."""
    if not (sys.stderr.isatty() and available("rich")):
        yield _lines(count)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("compiling"),
        MofNCompleteColumn(),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=Console(stderr=True), refresh_per_second=4) as bar:
        task = bar.add_task("", total=count)
        begun = 0

        def begin(name: str) -> None:
            nonlocal begun
            bar.update(task, completed=begun, description=name)
            begun += 1

        yield begin
        bar.update(task, completed=count, description="")


def _lines(count: int) -> Callable[[str], None]:
    begun, shown = 0, float("-inf")

    def begin(name: str) -> None:
        nonlocal begun, shown
        begun += 1
        if time.monotonic() - shown >= LINE_INTERVAL:
            shown = time.monotonic()
            print(f"compiling {begun}/{count}: {name}", file=sys.stderr, flush=True)

    return begin
