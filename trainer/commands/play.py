"""`tileprop play`: a page on which a small network is trained, in the browser of this machine."""

from __future__ import annotations

import argparse
import webbrowser
from typing import Any

from ..bounds import check_whole
from ..errors import InputError
from ..extras import require
from .ending import Terminated, say
from .table_options import add_column_options, add_reading_options

EXAMPLES = """\
examples:
  tileprop play                                open the page
  tileprop play houses.csv --target price      with a table of your own among the data
  tileprop play --port 0 --no-browser          on any free port; open the address yourself

The page is served to this machine alone (127.0.0.1), and loads nothing from the network. Ctrl-C ends it.
"""


def add_play_command(subparsers: Any) -> None:
    """Declare the command and its options."""
    parser = subparsers.add_parser(
        "play",
        help="watch a small network learn, on a local page",
        description="Open a page on which you choose data, layers and a learning rate, and watch the network learn: its "
        "decision boundary or fit, its losses, and the weights and activations of each unit.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("source", metavar="FILE", nargs="?", help="a table or an array file, as for tileprop train")
    parser.add_argument("--target", metavar="NAME", help="the column of the table to predict")
    parser.add_argument("--task", help="classification or regression (default: by the target)")
    parser.add_argument("--port", type=int, metavar="N", help="to listen on (default: 8765; 0: any free one)")
    parser.add_argument("--no-browser", action="store_true", help="open no browser, and print the address alone")
    add_column_options(parser.add_argument_group("columns of a table"))
    add_reading_options(parser)


def run_play(args: argparse.Namespace) -> int:
    """Serve the page until Ctrl-C."""
    for module in ("starlette", "uvicorn", "websockets"):
        require(module, "tileprop play")
    require("sklearn", "tileprop play")
    from ..play.samples import Library
    from ..play.server import LOOPBACK, PORT, listen, serve

    port = PORT if args.port is None else args.port
    check_whole("--port", port, 0, 65535)
    library = Library(_table(args))
    with listen(port) as sock:
        address = f"http://{LOOPBACK}:{sock.getsockname()[1]}/"

        def ready() -> None:
            say(f"the page is at {address} (Ctrl-C ends it)")
            if not args.no_browser:
                webbrowser.open(address)

        try:
            serve(library, sock, ready)
        except Terminated:
            raise
        except KeyboardInterrupt:  # the usual end
            pass
    return 0


def _table(args: argparse.Namespace) -> Any:
    """What the command line names, as a Dataset, or None."""
    from ..data.datasets import load_dataset
    from ..tables.dialects import ReadingOptions
    from ..tables.kinds import ColumnChoices

    if args.source is None:
        if args.target is not None:
            raise InputError(f"--target is {args.target!r}, but FILE is missing; give both: tileprop play t.csv --target y")
        return None
    choices, reading = ColumnChoices.of(args), ReadingOptions.of(args)
    dataset = load_dataset(args.source, args.target, task=args.task, choices=choices, reading=reading)
    for note in dataset.notes:
        say(f"note: {note}")
    return dataset
