"""Tables on the terminal: by rich where it is installed and the output is a terminal, as aligned text otherwise."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ..extras import available
from ..printable import printable


def print_table(title: str, rows: Sequence[Sequence[str]], headers: Sequence[str] = (), left: bool = False) -> None:
    """Print rows of equally many cells under a title. Below headers, columns after the first are aligned right, unless `left`.

    Names of files, columns and classes are the user's: control characters in them are printed as escapes.
    """
    title, rows = printable(title), [[printable(cell) for cell in row] for row in rows]
    if sys.stdout.isatty() and available("rich"):
        _print_rich(title, rows, headers, left)
        return
    print(title)
    every = [headers, *rows] if headers else list(rows)
    widths = [max(len(row[i]) for row in every) for i in range(len(every[0]))] if every else []
    for row in every:
        cells = [
            f"{cell:>{w}}" if i and headers and not left else f"{cell:<{w}}"
            for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        print("  " + "  ".join(cells).rstrip())


def _print_rich(title: str, rows: Sequence[Sequence[str]], headers: Sequence[str], left: bool) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    # Text objects: names of files, columns and classes are the user's, and no markup.
    table = Table(title=Text(title), title_justify="left", box=box.SIMPLE_HEAD, show_header=bool(headers), pad_edge=False)
    for i, header in enumerate(headers or ([""] * len(rows[0]) if rows else [])):
        table.add_column(Text(header), justify="right" if i and headers and not left else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)
