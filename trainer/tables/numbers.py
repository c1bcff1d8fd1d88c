"""Numbers and dates that a text column holds: in which style they are written, and what they are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ..extras import require

PLAIN = r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|[-+]?(inf|Inf|INF|infinity|Infinity)"
DECIMAL_COMMA = r"[-+]?\d*,\d+([eE][-+]?\d+)?"
SYMBOLS = "$€£¥%"
SYMBOL = rf"[{SYMBOLS}]"
# A column is one of numbers where at least this share of its entries are; the others then count as missing.
LEAST_SHARE = 0.95
SAMPLE, LEAST_OF_SAMPLE = 1000, 0.5
DATES = (
    "%Y-%m-%d",
    "%d.%m.%Y",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%Y/%m/%d",
    "%d-%m-%Y",
    "%d %b %Y",
    "%b %d, %Y",
    "%d %B %Y",
    "%B %d, %Y",
)
TIMES = ("", " %H:%M", " %H:%M:%S", "T%H:%M:%S")


@dataclass(frozen=True)
class NumberStyle:
    """How numbers are written. thousands: between groups of three digits, or empty. symbol: whether a sign as $ is by them."""

    decimal: str = "."
    thousands: str = ""
    symbol: bool = False

    @property
    def pattern(self) -> str:
        """A regular expression for the whole of an entry."""
        point = re.escape(self.decimal)
        digits = r"\d+" if not self.thousands else rf"(\d{{1,3}}({_class(self.thousands)}\d{{3}})+|\d+)"
        number = rf"[-+]?({digits}({point}\d*)?|{point}\d+)([eE][-+]?\d+)?"
        if self.decimal == "." and not self.thousands:
            number = PLAIN
        return rf"^({SYMBOL}\s?)?({number})(\s?{SYMBOL})?$" if self.symbol else rf"^({number})$"

    def describe(self) -> str:
        """In words, what is not plain."""
        words = ["decimal comma"] if self.decimal == "," else []
        words += [f"thousands {self.thousands!r}"] if self.thousands else []
        return ", ".join([*words, *(["without its sign"] if self.symbol else [])])


def _class(character: str) -> str:
    """Spaces are written with several characters."""
    return "[ \u00a0\u202f]" if character == " " else re.escape(character)


def candidates(decimal: str | None, thousands: str | None) -> list[NumberStyle]:
    """Styles to try, in this order; decimal, thousands: where they are known."""
    pairs = [(".", ""), (".", ","), (",", ""), (",", "."), (".", " "), (",", " "), (".", "'"), (",", "'")]
    if decimal == ",":
        pairs = [(",", ""), (",", "."), (",", " "), (",", "'"), (".", ""), (".", ",")]
    if thousands is not None:
        pairs = [(d, thousands) for d in ([decimal] if decimal else [".", ","]) if d != thousands]
    return [NumberStyle(d, t, symbol) for symbol in (False, True) for d, t in pairs]


def guess_style(
    texts: Any, decimal: str | None = None, thousands: str | None = None, least: float = LEAST_SHARE
) -> tuple[NumberStyle | None, float]:
    """The style of the first that fits most of `texts` (pyarrow strings without missing ones), and the share that it fits.

    None where no style fits at least this share of them.
    """
    best: tuple[NumberStyle | None, float] = (None, 0.0)
    if len(texts) == 0:
        return best
    first = texts.slice(0, SAMPLE)
    for style in candidates(decimal, thousands):
        # Most styles fit none of a few entries.
        if _share(first, style) < LEAST_OF_SAMPLE:
            continue
        share = _share(texts, style)
        if share > best[1]:
            best = style, share
        if share == 1.0:
            break
    return best if best[1] >= least else (None, best[1])


def _share(texts: Any, style: NumberStyle) -> float:
    """The share of texts that are numbers in a style."""
    compute = require("pyarrow.compute", "reading tables")
    return float(compute.mean(compute.match_substring_regex(texts, style.pattern)).as_py())


def to_numbers(texts: Any, style: NumberStyle) -> tuple[Any, int]:
    """float64 of pyarrow strings in a style, null where an entry is null or no number, and how many are no numbers."""
    arrow = require("pyarrow", "reading tables")
    compute = require("pyarrow.compute", "reading tables")
    readable = compute.match_substring_regex(texts, style.pattern)
    unreadable = compute.sum(compute.invert(readable)).as_py() or 0
    texts = compute.if_else(readable, texts, arrow.scalar(None, texts.type))
    if style.symbol:
        texts = compute.utf8_trim_whitespace(compute.replace_substring_regex(texts, SYMBOL, ""))
    if style.thousands:
        texts = compute.replace_substring_regex(texts, _class(style.thousands), "")
    if style.decimal != ".":
        texts = compute.replace_substring(texts, style.decimal, ".")
    return compute.replace_substring_regex(texts, r"^\+", "").cast("float64"), unreadable


def guess_date_format(texts: Any) -> str | None:
    """The first strptime format that fits all `texts` (pyarrow strings without missing ones); None where none does."""
    compute = require("pyarrow.compute", "reading tables")
    if len(texts) == 0:
        return None
    first, looks = texts.slice(0, 50), re.compile(r"\d{1,4}[-./ ]|[A-Za-z]{3,9} \d")
    if not all(looks.match(text) for text in first.to_pylist()):
        return None
    for date in DATES:
        for time in TIMES:
            for some in (first, texts):
                parsed = compute.strptime(some, format=date + time, unit="s", error_is_null=True)
                if parsed.null_count:
                    break
            else:
                return date + time
    return None


def to_dates(texts: Any, date_format: str) -> tuple[Any, int]:
    """Timestamps of pyarrow strings, null where an entry is null or no date, and how many are no dates."""
    compute = require("pyarrow.compute", "reading tables")
    dates = compute.strptime(texts, format=date_format, unit="s", error_is_null=True)
    return dates, dates.null_count - texts.null_count
