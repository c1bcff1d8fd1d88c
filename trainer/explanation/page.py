"""A worked page: what it is made of, and how it reads as plain text and as Markdown."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass

import numpy as np

from .chain_rule import Steps
from .decimals import DECIMALS, GAP, cells, in_latex, number
from .formulas import IN_SENTENCES, Formula

TEXT_WIDTH = 96
# More columns of figures than this are too wide for one line of Markdown.
MOST_COLUMNS_TOGETHER = 5
_BRACES = re.compile(r"\{(.*?)\}")
_GAPS = {"across": r"\cdots", "down": r"\vdots"}


@dataclass(frozen=True)
class Prose:
    """A paragraph. Code stands between backticks, a formula between braces: one of IN_SENTENCES, or spelled as it reads."""

    words: str

    def text(self) -> str:
        return _BRACES.sub(r"\1", self.words).replace("`", "")

    def markdown(self) -> str:
        return _BRACES.sub(lambda found: f"${IN_SENTENCES.get(found[1], found[1])}$", self.words)


@dataclass(frozen=True)
class Quantity:
    """A formula and its value, and the arithmetic behind the value (behind its first entry, if it is an array)."""

    formula: Formula
    value: np.ndarray | float
    arithmetic: str = ""


@dataclass(frozen=True)
class Together:
    """Figures that belong side by side."""

    quantities: tuple[Quantity, ...]


@dataclass(frozen=True)
class Table:
    """Rows of cells; the first column holds names, the others figures."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Block = Prose | Quantity | Together | Table


@dataclass(frozen=True)
class Section:
    """A heading, its level (1 below the page's title, 2 below another section), and what stands under it."""

    title: str
    blocks: tuple[Block, ...]
    level: int = 1


@dataclass(frozen=True, eq=False, repr=False)
class Explanation:
    """A worked page. Prints as plain text, shows formulas in a notebook; `steps` holds the figures as arrays."""

    title: str
    sections: tuple[Section, ...]
    steps: Steps
    decimals: int = DECIMALS

    def text(self) -> str:
        """The page as plain text."""
        parts = [f"{self.title}\n{'=' * len(self.title)}"]
        for title, level, text in self.parts():
            parts.append(f"{title}\n{'-' * len(title)}" if level == 1 else title)
            parts += [text] if text else []
        return "\n\n".join(parts) + "\n"

    def parts(self) -> list[tuple[str, int, str]]:
        """Each section's title, its level (1 or 2), and what stands under it as plain text."""
        return [
            (section.title, section.level, "\n\n".join(_text(block, self.decimals) for block in section.blocks))
            for section in self.sections
        ]

    def markdown(self) -> str:
        """The page as Markdown, its formulas in LaTeX between dollar signs, as GitHub and Jupyter show them."""
        parts = [f"## {self.title}"]
        for section in self.sections:
            parts.append(f"{'#' * (section.level + 2)} {section.title}")
            parts += [_markdown(block, self.decimals) for block in section.blocks]
        return "\n\n".join(parts) + "\n"

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<Explanation: {self.title}>"

    def _repr_markdown_(self) -> str:
        return self.markdown()


# Plain text ----------------------------------------------------------------------------------------------------------------


def _text(block: Block, decimals: int) -> str:
    if isinstance(block, Prose):
        return textwrap.fill(block.text(), TEXT_WIDTH, break_long_words=False, break_on_hyphens=False)
    if isinstance(block, Table):
        return _text_table(block)
    if isinstance(block, Together):
        return "\n\n".join(_text(quantity, decimals) for quantity in block.quantities)
    if not isinstance(block.value, np.ndarray):
        lines = [f"  {block.formula.text} = {number(block.value, decimals)}"]
        return "\n".join(lines + ([f"      in numbers: {block.arithmetic}"] if block.arithmetic else []))
    rows = cells(block.value, decimals)
    width = max(len(cell) for row in rows for cell in row)
    lines = [f"  {block.formula.text}    {_shape(block.value)}"]
    lines += [f"      [ {'  '.join(cell.rjust(width) for cell in row)} ]" for row in rows]
    return "\n".join(lines + ([f"      {_first(block)}: {block.arithmetic}"] if block.arithmetic else []))


def _text_table(table: Table) -> str:
    """Names to the left, figures with their decimal points one below the other."""
    columns = [[table.header[0], *(row[0] for row in table.rows)]]
    for i, title in enumerate(table.header[1:], start=1):
        figures = [row[i] for row in table.rows]
        decimals = [len(figure.partition(".")[2]) for figure in figures]
        padded = [figure + " " * (max(decimals) - n) for figure, n in zip(figures, decimals, strict=True)]
        width = max(map(len, [title, *padded]))
        columns.append([title.rjust(width), *(figure.rjust(width) for figure in padded)])
    widths = [max(map(len, column)) for column in columns]
    lines = [
        "   ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in zip(*columns, strict=True)
    ]
    return "\n".join(f"  {line}".rstrip() for line in [lines[0], "   ".join("-" * width for width in widths), *lines[1:]])


def _columns(value: np.ndarray | float) -> int:
    return value.shape[-1] if isinstance(value, np.ndarray) else 1


def _shape(value: np.ndarray) -> str:
    return str(tuple(value.shape))


def _first(quantity: Quantity) -> str:
    return "its first entry" if np.size(quantity.value) > 1 else "in numbers"


# Markdown ------------------------------------------------------------------------------------------------------------------


def _markdown(block: Block, decimals: int) -> str:
    if isinstance(block, Prose):
        return block.markdown()
    if isinstance(block, Table):
        rule = " | ".join([":---"] * len(block.header))
        rows = [" | ".join([f"`{name}`", *figures]) for name, *figures in block.rows]
        return "\n".join(f"| {line} |" for line in [" | ".join(block.header), rule, *rows])
    quantities = block.quantities if isinstance(block, Together) else (block,)
    if sum(_columns(quantity.value) for quantity in quantities) > MOST_COLUMNS_TOGETHER:
        return "\n\n".join(_display((quantity,), decimals) for quantity in quantities)
    return _display(quantities, decimals)


def _display(quantities: tuple[Quantity, ...], decimals: int) -> str:
    """Formulas in one line, and below them a sentence about each."""
    formulas = r" \qquad ".join(f"{quantity.formula.latex} = {_latex(quantity.value, decimals)}" for quantity in quantities)
    notes = " ".join(note for quantity in quantities if (note := _note(quantity)))
    return "\n\n".join([f"$$\n{formulas}\n$$", *([notes] if notes else [])])


def _note(quantity: Quantity) -> str:
    """The shape of a figure, and the arithmetic behind it."""
    arithmetic = f"`{quantity.arithmetic}`" if quantity.arithmetic else ""
    if not isinstance(quantity.value, np.ndarray):
        return f"In numbers: {arithmetic}." if arithmetic else ""
    shape = f"`{quantity.formula.text.partition(' = ')[0]}` has shape {_shape(quantity.value)}"
    return f"{shape}; {_first(quantity)}: {arithmetic}." if arithmetic else f"{shape}."


def _latex(value: np.ndarray | float, decimals: int) -> str:
    if not isinstance(value, np.ndarray):
        return in_latex(number(value, decimals))
    rows = cells(value, decimals)
    # A row that holds nothing but gaps runs downwards.
    lines = [
        " & ".join(_GAPS["down" if set(row) == {GAP} else "across"] if cell == GAP else in_latex(cell) for cell in row)
        for row in rows
    ]
    inner = r" \cr ".join(lines)  # not a double backslash: Markdown would halve it
    return rf"\begin{{bmatrix}} {inner} \end{{bmatrix}}"
