"""How a text file holds a table: encoding, separator, header, decimal mark; guessed from its first lines."""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from dataclasses import dataclass, fields
from typing import Any

from ..errors import InputError
from .numbers import DECIMAL_COMMA, PLAIN

# In this order: a comma may be a decimal mark, the others are nothing else.
SEPARATORS = ("\t", ";", "|", ",")
SEPARATOR_NAMES = {"\t": "tabs", ";": "semicolons", "|": "vertical bars", ",": "commas", " ": "spaces"}
# Entries that stand for a missing value, unless `na` is given.
MISSING = (
    "", "?", "-", "--", ".", "NA", "N/A", "n/a", "na", "#N/A", "#NA", "<NA>", "NaN", "nan", "NAN", "-NaN", "-nan", "NULL",
    "Null", "null", "None", "none", "(null)", "#NULL!", "#DIV/0!", "#VALUE!", "missing", "Missing",
)  # fmt: skip
SAMPLE_ROWS = 200
SEPARATOR_LINE = re.compile(r"sep=(.)", re.IGNORECASE)


@dataclass(frozen=True)
class ReadingOptions:
    """How to read a text file. None: guessed.

    sep: one character, or "tab". decimal: "." or ",". thousands: one character between groups of three digits. encoding:
    a name that Python knows. na: entries that stand for a missing value, besides the empty one. skip_rows: lines before the
    header. header: whether the first line holds the names of the columns.

    Raises InputError for a value that cannot be.
    """

    sep: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    encoding: str | None = None
    na: tuple[str, ...] | None = None
    skip_rows: int | None = None
    header: bool | None = None

    def __post_init__(self) -> None:
        if self.sep is not None and self.sep != "tab" and (len(self.sep) != 1 or self.sep in '"\r\n'):
            raise InputError(f"sep is {self.sep!r}; it must be one character, such as ';', or the word tab")
        if self.decimal not in (None, ".", ","):
            raise InputError(f"decimal is {self.decimal!r}; it must be '.' or ','")
        if self.thousands is not None and (len(self.thousands) != 1 or self.thousands.isalnum()):
            raise InputError(f"thousands is {self.thousands!r}; it must be one character, not a letter or a digit")
        if self.thousands is not None and self.thousands == (self.decimal or "."):
            raise InputError(f"thousands and decimal are both {self.thousands!r}; give different characters")
        if self.skip_rows is not None and self.skip_rows < 0:
            raise InputError(f"skip_rows is {self.skip_rows}; it must be at least 0")
        if self.encoding is not None:
            try:
                codecs.lookup(self.encoding)
            except LookupError:
                raise InputError(f"encoding is {self.encoding!r}, which Python does not know; try utf-8 or cp1252") from None

    @classmethod
    def of(cls, given: Any) -> ReadingOptions:
        """What settings or parsed arguments ask for, by attributes of the same names."""
        return cls(**{field.name: getattr(given, field.name) for field in fields(cls)})

    @property
    def separator(self) -> str | None:
        """The character that `sep` stands for."""
        return "\t" if self.sep == "tab" else self.sep

    @property
    def missing(self) -> tuple[str, ...]:
        """The entries that stand for a missing value."""
        return MISSING if self.na is None else ("", *self.na)

    def given(self) -> list[str]:
        """The names of the options that are given."""
        return [name for name, value in vars(self).items() if value is not None]


@dataclass(frozen=True)
class Dialect:
    """How a text file is read. names: of the columns, where the file has no header. notes: what was guessed, in words."""

    separator: str
    decimal: str
    encoding: str
    skip_rows: int
    names: tuple[str, ...] | None
    notes: tuple[str, ...]


def guess_encoding(sample: bytes) -> tuple[str, str | None]:
    """The encoding of a file that begins with `sample`, and a note where it is not UTF-8."""
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF32_LE, "utf-32"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if sample.startswith(mark):
            return name, None if name == "utf-8" else f"the text is {name.upper()}"
    if sample[:200].count(0) > len(sample[:200]) // 4:  # the other half of each letter of plain text
        name = "utf-16-le" if sample[1:2] == b"\0" else "utf-16-be"
        return name, f"the text is {name.upper()}"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        return "cp1252", "the text is not UTF-8, and is read as cp1252 (Western Europe); another one: --encoding NAME"
    return "utf-8", None


def guess_dialect(sample: bytes, whole: bool, options: ReadingOptions) -> Dialect:
    """How to read a text file that begins with `sample`, or is `whole` in it.

    Raises InputError where it is not text of the encoding that is given.
    """
    notes: list[str] = []
    encoding, note = (options.encoding, None) if options.encoding is not None else guess_encoding(sample)
    if note is not None:
        notes.append(note)
    try:
        text = codecs.getincrementaldecoder(encoding)("replace" if options.encoding is None else "strict").decode(sample, whole)
    except UnicodeDecodeError as error:
        raise InputError(
            f"encoding is {encoding!r}, but byte {error.start + 1} is not valid in it; give another encoding"
        ) from error
    lines = text.removeprefix("\ufeff").splitlines(keepends=True)
    if not whole and len(lines) > 1:
        lines.pop()
    skip = options.skip_rows or 0
    declared = SEPARATOR_LINE.fullmatch(lines[skip].strip("\r\n")) if len(lines) > skip else None
    if declared is not None:
        skip += 1
        notes.append(f"the first line {declared[0]!r} says what separates the columns")
    lines = lines[skip:]
    separator = options.separator or (declared[1] if declared is not None else _guess_separator(lines))
    if separator != "," and options.sep is None and declared is None:
        notes.append(f"columns are separated by {SEPARATOR_NAMES[separator]}")
    rows = _cells(lines, separator)
    title = 0 if options.skip_rows is not None else _title_rows(rows)
    if title:
        skip += sum(1 for _ in lines) - len(_after(lines, separator, title))
        notes.append(f"{'a title row is' if title == 1 else f'{title} title rows are'} skipped: {_shown(rows[0])}")
        rows = rows[title:]
    decimal = options.decimal or _guess_decimal(rows)
    if decimal == "," and options.decimal is None:
        notes.append("numbers have a decimal comma, as 1,5")
    names = None
    header = options.header if options.header is not None else not _is_data(rows, options.missing)
    if not header and rows:
        names = tuple(f"c{i}" for i in range(1, max(map(len, rows[:1])) + 1))
        if options.header is None:
            notes.append(
                f"the first line looks like data, and is used as data: columns are named {_run(names)}; with names: --header"
            )
    return Dialect(separator, decimal, encoding, skip, names, tuple(notes))


def _run(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"


def _shown(row: list[str]) -> str:
    text = " ".join(cell for cell in row if cell.strip())
    return repr(text if len(text) <= 40 else text[:39] + "…")


def _cells(lines: list[str], separator: str) -> list[list[str]]:
    """The cells of the first rows that hold anything."""
    rows: list[list[str]] = []
    csv.field_size_limit(1 << 30)
    try:
        for row in csv.reader(lines, delimiter=separator):
            if row:
                rows.append(row)
            if len(rows) == SAMPLE_ROWS:
                break
    except csv.Error:  # a null byte: the real reader says what is wrong
        pass
    return rows


def _after(lines: list[str], separator: str, rows: int) -> list[str]:
    """The lines after so many rows that hold anything."""
    reader = csv.reader(lines, delimiter=separator)
    while rows:
        rows -= bool(next(reader))
    return lines[reader.line_num :]


def _guess_separator(lines: list[str]) -> str:
    """The one that divides the most rows into the same number of cells, at least two."""
    shares = {}
    for separator in (*SEPARATORS, " "):
        rows = _cells(lines, separator)
        counts = Counter(len(row) for row in rows if len(row) > 1)
        shares[separator] = max(counts.values(), default=0) / max(len(rows), 1) if counts else 0.0
    # The first line, mostly a header, decides between two that divide all rows evenly.
    best = max((shares[separator] for separator in SEPARATORS), default=0.0)
    if best == 0.0:
        return " " if shares[" "] == 1.0 and len(lines) > 1 else ","
    good = [separator for separator in SEPARATORS if shares[separator] >= best - 0.05]
    return good[0]


def _title_rows(rows: list[list[str]]) -> int:
    """Rows with no filled cell but the first, before a table of several columns."""
    width = Counter(len(row) for row in rows[1:]).most_common(1)
    if not width or width[0][0] < 2:
        return 0
    for i, row in enumerate(rows):
        if any(cell.strip() for cell in row[1:]):
            return i
    return 0


def _guess_decimal(rows: list[list[str]]) -> str:
    """The comma, where numbers are written with one and none with a point."""
    cells = [cell.strip() for row in rows[1:] for cell in row]
    point = any(re.fullmatch(r"[-+]?\d*\.\d+", cell) and not re.fullmatch(r"[-+]?\d{1,3}(\.\d{3})+", cell) for cell in cells)
    comma = any(re.fullmatch(DECIMAL_COMMA, cell) and not re.fullmatch(r"[-+]?\d{1,3}(,\d{3})+", cell) for cell in cells)
    return "," if comma and not point else "."


def _is_data(rows: list[list[str]], missing: tuple[str, ...]) -> bool:
    """Whether the first row holds numbers in every column whose other rows are numbers."""
    if len(rows) < 2:
        return False
    first, rest = [cell.strip() for cell in rows[0]], rows[1:]
    numbers = [cell for cell in first if _is_number(cell)]
    if not numbers or _counts_up(numbers):
        return False
    numeric = []
    for i, cell in enumerate(first):
        column = [row[i].strip() for row in rest if i < len(row) and row[i].strip() not in missing]
        if column and all(map(_is_number, column)):
            numeric.append(_is_number(cell) or cell in missing)
    return bool(numeric) and all(numeric)


def _counts_up(numbers: list[str]) -> bool:
    """Whether these are whole numbers one after the other: 0, 1, 2, ... or years, which are the names of columns."""
    if not all(cell.isdecimal() for cell in numbers):
        return False
    values = [int(cell) for cell in numbers]
    return values == list(range(values[0], values[0] + len(values))) and (len(values) > 1 or values[0] == 0)


def _is_number(cell: str) -> bool:
    return re.fullmatch(PLAIN, cell) is not None or re.fullmatch(DECIMAL_COMMA, cell) is not None
