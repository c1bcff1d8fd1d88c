"""The command line: `tileprop train | sweep | predict | info | explain | play | warm | bench`. Each has a file of its own."""

from __future__ import annotations

import argparse
import atexit
import contextlib
import gc
import os
import re
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from .commands.completion import PrintCompletion
from .commands.ending import BROKEN_PIPE, ERROR, say, show_cursor, status_of, terminated_as_interrupted
from .commands.explain import add_explain_command, run_explain
from .commands.info import add_info_command, run_info
from .commands.play import add_play_command, run_play
from .commands.predict import add_predict_command, run_predict
from .commands.sweep import add_sweep_command, run_sweep
from .commands.train import add_train_command, run_train
from .commands.warm import add_warm_command, run_warm
from .errors import ClusterError, DivergenceError, InputError, MissingExtraError
from .printable import printable
from .suggestions import did_you_mean
from .versions import tileprop_version


def _run_bench(args: argparse.Namespace) -> int:
    from ..bench.command import run_bench

    return run_bench(args)


RUN: dict[str, Callable[[argparse.Namespace], int]] = {
    "train": run_train,
    "sweep": run_sweep,
    "predict": run_predict,
    "info": run_info,
    "explain": run_explain,
    "play": run_play,
    "warm": run_warm,
    "bench": _run_bench,
}
EXAMPLES = """\
examples:
  tileprop train digits                            train on handwritten digits, and write runs/digits
  tileprop train houses.csv --target price         train on a table of one's own
  tileprop predict runs/houses new.csv -o out.csv  predict for new rows
  tileprop info runs/houses                        what a model is, and how it did
  tileprop play                                    watch a small network learn, on a local page
  tileprop COMMAND --help                          every option of a command, with examples
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status: 0, 2 after an error, told in one line, 130 after Ctrl-C, 143 after SIGTERM."""
    _prepare_streams()
    try:
        with terminated_as_interrupted(), warnings.catch_warnings():
            warnings.showwarning = _show_warning
            args = _parsed(argv)
            status = RUN[args.command](args)
            sys.stdout.flush()
            return status
    except (InputError, MissingExtraError, DivergenceError, ClusterError) as error:
        return _fail(str(error), error)
    except KeyboardInterrupt as error:
        show_cursor()
        say("interrupted")
        for note in getattr(error, "__notes__", ()):
            say(note)
        return status_of(error)
    except BrokenPipeError:
        # Whoever read the output has left. Python would complain once more when it closes the stream.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except MemoryError as error:
        return _fail(f"not enough memory: {error}", error)
    except OSError as error:
        reason = error.strerror or str(error)
        return _fail(f"{error.filename}: {reason}" if error.filename else reason, error)


def _prepare_streams() -> None:
    """Let output go nowhere where a stream is closed, and write names that its encoding lacks with escapes."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115, open until the process ends
        with contextlib.suppress(AttributeError):  # a stream of another kind
            getattr(sys, name).reconfigure(errors="backslashreplace")


def _fail(message: str, error: BaseException) -> int:
    say(f"error: {message}")
    for note in getattr(error, "__notes__", ()):
        say(note)
    return ERROR


def _show_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, file: Any = None, line: str | None = None
) -> None:
    """A warning as one line, without the place in the source that gave it."""
    say(f"warning: {message}")


class _Parser(argparse.ArgumentParser):
    """What is wrong with arguments is told with their control characters escaped."""

    def error(self, message: str) -> NoReturn:
        super().error(printable(message))


def _parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    """The arguments; for a mistyped option the near one is told."""
    parser, commands = _parser()
    args, unknown = parser.parse_known_args(argv)
    if unknown:
        known = set(re.findall(r"--[a-z][a-z-]*", commands[args.command].format_usage()))
        options = [argument.partition("=")[0] for argument in unknown if argument.startswith("--")]
        near = did_you_mean(options[0], known) if options else ""
        commands[args.command].error(f"unrecognized arguments: {' '.join(unknown)}{near}")
    return args


def _parser() -> tuple[argparse.ArgumentParser, Mapping[str, argparse.ArgumentParser]]:
    """The program's parser, and those of its commands by name."""
    from ..bench.command import add_bench_command

    parser = _Parser(
        prog="tileprop",
        description="Train dense neural networks on the CPU, predict with them, and look at them.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"tileprop {tileprop_version()}")
    parser.add_argument("--print-completion", action=PrintCompletion)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for add in (
        add_train_command,
        add_sweep_command,
        add_predict_command,
        add_info_command,
        add_explain_command,
        add_play_command,
        add_warm_command,
        add_bench_command,
    ):
        add(commands)
    return parser, commands.choices


def program() -> int:
    """The program `tileprop`: `main` in a process of its own."""
    # At exit Python would look through the compiler's million objects for cycles, which takes 0.8 s.
    atexit.register(gc.freeze)
    return main()


if __name__ == "__main__":
    sys.exit(program())
