"""Options about tables, which `tileprop train` and `tileprop predict` share."""

from __future__ import annotations

import argparse
from dataclasses import fields
from typing import Any

from ..tables.dialects import ReadingOptions

READING = tuple(field.name for field in fields(ReadingOptions))


def names(text: str) -> tuple[str, ...]:
    """Names with commas between; one name in double quotes may hold a comma."""
    import csv

    return tuple(name.strip() for name in next(csv.reader([text], skipinitialspace=True), [""]))


class AppendNames(argparse.Action):
    """Adds to the names that were given before."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        """See argparse."""
        setattr(namespace, self.dest, (*(getattr(namespace, self.dest) or ()), *values))


def add_column_options(group: Any) -> None:
    """What becomes of the columns of a table."""
    group.add_argument("--ignore", metavar="A,B", type=names, action=AppendNames, help="leave out columns of a table")
    group.add_argument("--categorical", metavar="A,B", type=names, action=AppendNames, help="treat columns as categories")
    group.add_argument("--numeric", metavar="A,B", type=names, action=AppendNames, help="treat columns as numbers")
    group.add_argument(
        "--no-encode",
        dest="encode",
        action="store_false",
        default=None,
        help="accept numbers only: text, dates and missing entries are errors",
    )


def add_reading_options(parser: argparse.ArgumentParser) -> None:
    """How a text file with a table is read."""
    group = parser.add_argument_group("text files (guessed from the first lines unless given)")
    group.add_argument("--sep", metavar="C", help="column separator, for example ';', or the word tab")
    group.add_argument("--decimal", metavar="C", help="decimal mark of numbers: . or ,")
    group.add_argument("--thousands", metavar="C", help="mark between groups of three digits, as in 1,900,915")
    group.add_argument("--encoding", metavar="NAME", help="text encoding, for example utf-8, utf-16 or cp1252")
    group.add_argument("--na", metavar="A,B", type=names, help="entries that mean a missing value, for example '?,NA,-'")
    group.add_argument("--skip-rows", type=int, metavar="N", help="number of lines to skip before the header")
    group.add_argument("--header", action=argparse.BooleanOptionalAction, help="whether the first line has the column names")
