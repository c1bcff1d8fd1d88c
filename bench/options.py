"""Options of the benchmarks: what argparse makes of their words, and how a benchmark declares them."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any


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


class Option:
    """An option of a benchmark, with the arguments of argparse's `add_argument`."""

    def __init__(self, name: str, **arguments: Any) -> None:
        self.name, self.arguments = name, arguments

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        """Declare the option."""
        parser.add_argument(self.name, **self.arguments)


def names_option(name: str, known: Collection[str], default: Iterable[str] | None, help: str) -> Option:
    """Some of the known names, separated by commas."""
    return Option(name, type=Names(known), default=default and list(default), metavar="NAMES", help=help)


def count_option(name: str, default: int, help: str) -> Option:
    """A whole number from 1 on."""
    return Option(name, type=count, default=default, metavar="N", help=f"{help} (default: {default})")


def sizes_option(name: str, default: tuple[int, ...], help: str) -> Option:
    """Whole numbers from 1 on, separated by commas."""
    return Option(name, type=sizes, default=default, metavar="N,N", help=help)


def seconds_option(default: float, help: str) -> Option:
    """How long something is timed."""
    return Option("--seconds", type=float, default=default, metavar="S", help=f"{help} (default: {default:g})")


def out_option(help: str) -> Option:
    """A folder that files are written to."""
    return Option("--out", type=Path, metavar="DIR", help=help)
