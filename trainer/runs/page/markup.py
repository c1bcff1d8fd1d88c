"""Pieces of HTML. Every text from outside goes through `text`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape

from ...printable import printable

NOTHING = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
LONGEST = 60


def text(words: str) -> str:
    """Text of the user's as HTML: nothing in it is markup, and control characters are escapes."""
    return escape(printable(words))


def cut(words: str, most: int = LONGEST) -> str:
    """Text for a cell, as HTML: what is longer than that is cut."""
    return text(words if len(words) <= most else words[: most - 1] + "…")


def paragraph(words: str) -> str:
    return f"<p>{text(words)}</p>"


def number(value: float | None) -> str:
    """Four significant digits; more before the point where there are more, in groups of three."""
    if value is None or math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    written = f"{value:,.0f}" if 1e4 <= abs(value) < 1e12 else f"{value:.4g}"
    return written.replace("-", MINUS, 1) if written.startswith("-") else written


def share(value: float) -> str:
    """A number between 0 and 1, such as a precision: three decimals."""
    return NOTHING if math.isnan(value) else f"{value:.3f}"


def table(
    caption: str, headers: Sequence[str], rows: Iterable[Sequence[str]], numbers_from: int = 1, tall: bool = False
) -> str:
    """A table in a box of its own, which scrolls where it is too wide, and a tall one where it is too high.

    headers: text. rows: of cells, which are HTML; those from numbers_from on are figures.
    """

    def cell(tag: str, i: int, content: str) -> str:
        scope = {"th": ' scope="col"'}.get(tag, "")
        kind = ' class="figure"' if i >= numbers_from else ""
        return f"<{tag}{scope}{kind}>{content}</{tag}>"

    head = "".join(cell("th", i, cut(header)) for i, header in enumerate(headers))
    body = "".join(
        "<tr>" + "".join(f'<th scope="row">{c}</th>' if i == 0 else cell("td", i, c) for i, c in enumerate(row)) + "</tr>\n"
        for row in rows
    )
    named = f"<caption>{text(caption)}</caption>"
    return boxed(caption, f"<table>{named}<thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table>", tall)


def boxed(label: str, content: str, tall: bool = False) -> str:
    """What may be wider than the page: it scrolls by itself, by touch, mouse or keyboard."""
    kind = "box tall" if tall else "box"
    return f'<div class="{kind}" role="region" tabindex="0" aria-label="{text(label)}">{content}</div>'


def pairs(rows: Iterable[tuple[str, str]]) -> str:
    """Names and values."""
    return "<dl>" + "".join(f"<div><dt>{text(name)}</dt><dd>{text(value)}</dd></div>" for name, value in rows) + "</dl>"


def picture(svg: str, caption: str) -> str:
    return f"<figure>{svg}<figcaption>{text(caption)}</figcaption></figure>"


def gallery(pictures: Iterable[str]) -> str:
    """Pictures side by side where there is room."""
    return f'<div class="gallery">{"".join(pictures)}</div>'


def section(name: str, title: str, parts: Sequence[str]) -> str:
    """A section, or nothing where it has no parts. name: by which links find it."""
    content = "\n".join(part for part in parts if part)
    if not content:
        return ""
    return (
        f'<section id="{name}" aria-labelledby="{name}-title">\n<h2 id="{name}-title">{text(title)}</h2>\n{content}\n</section>'
    )
