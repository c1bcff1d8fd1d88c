"""`tileprop --print-completion SHELL`: a script with which a shell completes commands, options and file names (Tab)."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import Any

from ..extras import require

SHELLS = ("bash", "zsh", "fish", "tcsh")
# What these stand for in the help is a file or a folder.
FILES = ("CONFIG", "DATA", "DIR", "FILE", "MODEL", "RUN")


class PrintCompletion(argparse.Action):
    """Prints the script for a shell, and ends the program."""

    def __init__(self, option_strings: Sequence[str], dest: str, **options: Any) -> None:
        more = {"choices": SHELLS, "help": "print a script for Tab completion in this shell, and exit (extra `completion`)"}
        super().__init__(option_strings, argparse.SUPPRESS, **{**options, **more, "default": argparse.SUPPRESS})

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: Any = None) -> None:
        shtab: Any = require("shtab", "--print-completion")
        for action in _actions(parser):
            if action.metavar in FILES:
                action.complete = shtab.FILE  # type: ignore[attr-defined]
        print(shtab.complete(parser, shell=values))
        parser.exit()


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Those of the parser and of its commands."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _actions(command)
