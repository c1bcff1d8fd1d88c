"""Figures of matplotlib as SVG inside a page: in the page's font and colours, light and dark. Needs matplotlib."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from io import BytesIO
from typing import Any

from ...extras import require
from ..drawing import BLUE, GRID_LINES, INK, ORANGE, PAPER, new_figure, save

# The page has a light and a dark form of these.
_VARIABLES = {
    BLUE: "var(--blue)",
    ORANGE: "var(--orange)",
    INK: "currentColor",
    GRID_LINES: "var(--line)",
    PAPER: "var(--paper)",
}
_WRITTEN_IN_INK = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")


def inline_svg(draw: Callable[[Any], None], size: tuple[float, float], description: str) -> str:
    """An svg element. draw: draws on a figure of that width and height in inches. description: for those who cannot see it."""
    matplotlib = require("matplotlib", "the pictures of a report")
    # Text stays text; ids begin with the salt, so that those of two pictures on a page differ.
    options = {"svg.fonttype": "none", "svg.hashsalt": description, "font.size": 9.0, "axes.titlesize": 9.0}
    with matplotlib.rc_context(options | dict.fromkeys(_WRITTEN_IN_INK, INK)):
        figure, file = new_figure(size), BytesIO()
        draw(figure)
        save(figure, file, "svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _for_a_page(file.getvalue().decode(), description)


def _for_a_page(svg: str, description: str) -> str:
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<g id=\"[^\"]*\"", "<g", svg)  # these name nothing that is referred to, and are the same in every picture
    svg = re.sub(r"font: ([0-9.]+)px [^;\"]*", r"font-size: \1px", svg)
    for color, variable in _VARIABLES.items():
        svg = re.sub(color, variable, svg, flags=re.IGNORECASE)
    view = re.search(r"viewBox=\"[^\"]*\"", svg)
    assert view is not None
    begin = f'<svg class="chart" role="img" aria-label="{escape(description)}" {view[0]} xmlns:xlink="http://www.w3.org/1999/xlink">'
    return begin + svg[svg.index(">") + 1 :].strip()
