"""What all pictures have in common: colours, markers, figures, and names that fit. Needs matplotlib.

Colours are Okabe and Ito's, told apart with any colour vision. In grey, classes differ by their markers, curves by their lines.
"""

from __future__ import annotations

import warnings
from typing import Any, BinaryIO

import numpy as np

from ..extras import require
from ..printable import printable

COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")
BLUE, ORANGE = COLORS[0], COLORS[5]
# One fewer than the colours, so that classes of one colour differ in their markers.
MARKERS = "os^Dv<P"
GRID_LINES, INK, PAPER = "#DDDDDD", "#333333", "#FEFEFE"
LONGEST_NAME = 28


def new_figure(size: tuple[float, float]) -> Any:
    """A figure of width and height in inches. pyplot is not used: it keeps figures alive, and takes half a second to import."""
    return require("matplotlib.figure", "drawing pictures").Figure(figsize=size, dpi=150, layout="constrained")


def new_axes(figure: Any, *place: Any, **options: Any) -> Any:
    """Axes of a figure, without the frame's upper and right side. place, options: of `Figure.add_subplot`."""
    axes = figure.add_subplot(*place, **options)
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def save(figure: Any, file: Any | BinaryIO, kind: str = "png", **options: Any) -> None:
    """Write a picture to a path or file. Letters that the font does not have are boxes, without a warning."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph", category=UserWarning)
        figure.savefig(file, format=kind, **options)


def plain(text: Any, name: str) -> None:
    """Set a text of matplotlib's to a user's name, in which signs such as $ and _ mean nothing."""
    text.set_parse_math(False)
    text.set_text(name)


def legend(axes: Any, handles: list[Any], names: list[str], title: str = "", **options: Any) -> Any:
    """A legend without a frame whose names, and title, are the user's. Lines behind it are paler."""
    # Names are set afterwards: matplotlib leaves out handles whose label begins with _.
    looks = {"facecolor": PAPER, "edgecolor": "none", "framealpha": 0.85, **options}
    made = axes.legend(handles, [f"{i}" for i in range(len(names))], title="title" if title else None, **looks)
    for text, name in zip(made.get_texts(), names, strict=True):
        plain(text, name)
    if title:
        plain(made.get_title(), title)
    return made


def thinned(rows: np.ndarray, most: int) -> np.ndarray:
    """At most that many of the given row numbers, evenly chosen by chance, always the same, in their order."""
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng(0).choice(rows, most, replace=False))


def rgb(color: str) -> list[float]:
    return [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]


def short(name: str, most: int = LONGEST_NAME) -> str:
    """A name in at most that many characters, on one line."""
    name = printable(" ".join(name.split()))
    return name if len(name) <= most else name[: most - 1] + "…"
