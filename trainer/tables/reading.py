"""Files with tables, read by pyarrow: CSV and its kin, also compressed or from standard input, and Parquet."""

from __future__ import annotations

import gzip
import io
import os
import sys
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import InputError
from ..extras import require
from ..suggestions import existing_file, listed
from .arrow import index_columns
from .dialects import Dialect, ReadingOptions, guess_dialect
from .finding import PARQUET_SUFFIXES, is_pattern, is_table_files
from .folders import table_of

STANDARD_INPUT = "-"
TEXT_SUFFIXES = (".csv", ".tsv", ".txt")
SUFFIXES = (*TEXT_SUFFIXES, *PARQUET_SUFFIXES)
SAMPLE_BYTES = 1 << 18
BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class ReadTable:
    """A pyarrow.Table with rows, and notes in words on how it was read. Text columns hold their text as it is in the file."""

    table: Any
    notes: tuple[str, ...] = ()


def is_table(path: Path) -> bool:
    """Whether a file's name is that of a table: one of SUFFIXES, text files also with .gz, or "-" for standard input."""
    return str(path) == STANDARD_INPUT or kind_of(path) is not None


def kind_of(path: Path) -> str | None:
    """The suffix, one of SUFFIXES, without .gz; None for another."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] == [".gz"]:
        return suffixes[-2] if len(suffixes) > 1 and suffixes[-2] in TEXT_SUFFIXES else None
    return suffixes[-1] if suffixes and suffixes[-1] in SUFFIXES else None


def read_table(path: str | Path, options: ReadingOptions | None = None) -> ReadTable:
    """A table of at least one row, whose columns have different names. path: a file, or several by a folder or a pattern.

    Raises InputError for any other file, and for options that do not fit it; MissingExtraError without pyarrow.
    """
    options = options or ReadingOptions()
    arrow = require("pyarrow", "reading tables")
    path, source = Path(path), str(path)
    kind = kind_of(path)
    if is_table_files(source):
        if options.given():
            raise InputError(f"{options.given()[0]} is given, but {source} is not a text file; leave it out")
        several = kind not in PARQUET_SUFFIXES or is_pattern(source) or "://" in source
        read = ReadTable(table_of(source)) if several else _read(path, lambda: ReadTable(_read_parquet(existing_file(path))))
    else:
        if kind == ".tsv" and options.sep is None:
            options = _with_tabs(options)
        read = _read(path, lambda: _read_text(path, options))
    table, notes = _named(read.table, read.notes, path)
    # The reader's blocks would stay with the process: as much again as the table.
    arrow.default_memory_pool().release_unused()
    if table.num_rows == 0:
        raise InputError(f"{path} holds no rows of data")
    return ReadTable(table, notes)


def _with_tabs(options: ReadingOptions) -> ReadingOptions:
    return ReadingOptions(**{**vars(options), "sep": "\t"})


def _read(path: Path, reader: Any) -> ReadTable:
    """What `reader` gives, with the errors of pyarrow in the words of this library."""
    arrow = require("pyarrow", "reading tables")
    try:
        read: ReadTable = reader()
    except InputError:
        raise
    except (arrow.ArrowException, OSError, UnicodeError, EOFError, zlib.error) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        if isinstance(error, UnicodeError):
            raise InputError(f"{path} is not text in the given or guessed encoding; give --encoding NAME") from error
        raise InputError(f"{path} cannot be read: {str(error).strip().splitlines()[0][:200]}") from error
    return read


def _named(table: Any, notes: tuple[str, ...], path: Path) -> tuple[Any, tuple[str, ...]]:
    """Without empty columns that have no name, and with names for others. Raises InputError for repeated names."""
    names, columns = list(table.column_names), table.columns
    if any("\0" in name for name in names):
        raise InputError(f"{path} is not text; if it is text in another encoding, give --encoding NAME")
    empty = [i for i, name in enumerate(names) if not name.strip() and _is_empty(columns[i])]
    unnamed = sorted({i for i, name in enumerate(names) if not name.strip()} - set(empty))
    for i in unnamed:
        names[i] = f"column {i + 1}"
    left_out = set(empty)
    kept = [i for i in range(len(names)) if i not in left_out]
    repeated = [name for name, times in Counter(names[i] for i in kept).items() if times > 1]
    if repeated:
        raise InputError(f"{path} has several columns of the same name: {listed(repeated)}; rename them")
    extra = [f"{len(empty)} empty column(s) without a name are left out"] if empty else []
    extra += [f"column(s) without a name are called {listed(names[i] for i in unnamed)}"] if unnamed else []
    if not empty and not unnamed:
        return table, notes
    arrow = require("pyarrow", "reading tables")
    return arrow.table([columns[i] for i in kept], names=[names[i] for i in kept]), (*notes, *extra)


def _is_empty(column: Any) -> bool:
    if column.null_count == len(column):
        return True
    if str(column.type) not in ("string", "large_string"):
        return False
    compute = require("pyarrow.compute", "reading tables")
    longest = compute.max(compute.utf8_length(compute.utf8_trim_whitespace(column))).as_py()
    return not longest


def _read_parquet(path: Path) -> Any:
    with require("pyarrow.parquet", "reading Parquet files").ParquetFile(path) as file:
        table = file.read()
    return table.drop_columns(list(index_columns(table.schema))).replace_schema_metadata(None)


# Text -------------------------------------------------------------------------------------------------------------------------


def _read_text(path: Path, options: ReadingOptions) -> ReadTable:
    given = sys.stdin.buffer.read() if str(path) == STANDARD_INPUT else None
    with _opened(path, given) as file:
        sample = file.read(SAMPLE_BYTES)
        whole = len(sample) < SAMPLE_BYTES
    if not sample.strip():
        raise InputError(f"{path} cannot be read: it is empty")
    dialect = guess_dialect(sample, whole, options)
    table = _parsed(path, given, dialect, options)
    if options.encoding is None and dialect.encoding == "utf-8" and any(str(kind) == "binary" for kind in table.schema.types):
        # The first lines were UTF-8, and later ones are not.
        return _read_text_as(path, given, options, "cp1252")
    return ReadTable(table, dialect.notes)


def _read_text_as(path: Path, given: bytes | None, options: ReadingOptions, encoding: str) -> ReadTable:
    options = ReadingOptions(**{**vars(options), "encoding": encoding})
    with _opened(path, given) as file:
        sample = file.read(SAMPLE_BYTES)
    dialect = guess_dialect(sample, len(sample) < SAMPLE_BYTES, options)
    note = f"the text is not UTF-8, and is read as {encoding} (Western Europe); another one: --encoding NAME"
    return ReadTable(_parsed(path, given, dialect, options), (*dialect.notes, note))


def _opened(path: Path, given: bytes | None) -> BinaryIO | _Unzipped:
    """A stream of the text's bytes, decompressed."""
    if given is not None:
        return io.BytesIO(gzip.decompress(given) if given[:2] == b"\x1f\x8b" else given)
    file = open(existing_file(path), "rb")  # noqa: SIM115, closed by the caller
    if path.suffix.lower() == ".gz":
        return _Unzipped(file)
    return file


class _Unzipped(gzip.GzipFile):
    """A decompressed stream that closes the file that it reads from."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(fileobj=file)
        self._compressed = file

    def close(self) -> None:
        super().close()
        self._compressed.close()


def _parsed(path: Path, given: bytes | None, dialect: Dialect, options: ReadingOptions) -> Any:
    """The table that pyarrow makes of the text. A row may be as long as the whole file."""
    csv = require("pyarrow.csv", "reading CSV files")
    arrow = require("pyarrow", "reading CSV files")
    parse = csv.ParseOptions(delimiter=dialect.separator, newlines_in_values=True)
    # Text stays as it is: in a column of text "NA" may be a class.
    convert = csv.ConvertOptions(
        null_values=list(options.missing),
        strings_can_be_null=False,
        quoted_strings_can_be_null=True,
        decimal_point=dialect.decimal,
    )
    block = BLOCK_BYTES
    while True:
        read = csv.ReadOptions(
            block_size=block,
            encoding="utf-8" if dialect.encoding.lower() in ("utf-8", "utf8") else dialect.encoding,
            skip_rows=dialect.skip_rows,
            column_names=None if dialect.names is None else list(dialect.names),
        )
        try:
            with _opened(path, given) as file:
                return csv.read_csv(file, read_options=read, parse_options=parse, convert_options=convert)
        except arrow.ArrowInvalid as error:
            # A row, or the header, that is longer than a block.
            too_long = "straddling" in str(error) or "cannot infer number of columns" in str(error)
            if not too_long or block >= 1 << 30:
                raise
            block *= 16


# Frames -----------------------------------------------------------------------------------------------------------------------


def as_table(frame: Any) -> Any:
    """A pyarrow.Table of a pandas or polars frame, of anything else with `__arrow_c_stream__`, or of a mapping of columns.

    Raises InputError for anything else, and for columns that Arrow cannot hold.
    """
    arrow = require("pyarrow", "taking a table")
    if isinstance(frame, arrow.Table):
        return frame
    try:
        if hasattr(frame, "iloc") and hasattr(frame, "columns"):
            return _from_pandas(frame, arrow)
        if hasattr(frame, "__arrow_c_stream__"):
            return arrow.table(frame)
        if isinstance(frame, dict):
            return arrow.table(frame)
    except (arrow.ArrowException, TypeError, ValueError) as error:
        raise InputError(f"X cannot be read as a table: {str(error).splitlines()[0][:200]}") from error
    raise InputError(f"X is {type(frame).__name__}; it must be a table of pandas, polars or pyarrow, with named columns")


def _from_pandas(frame: Any, arrow: Any) -> Any:
    """Column by column, so that one of mixed objects becomes text and does not stop the others."""
    names = [str(name) for name in frame.columns]
    columns = []
    for i in range(len(names)):
        series = frame.iloc[:, i]
        try:
            columns.append(arrow.chunked_array([arrow.array(series, from_pandas=True)]))
        except (arrow.ArrowException, TypeError, ValueError):
            missing = series.isna().to_numpy()
            texts = [None if gone else str(value) for value, gone in zip(series, missing, strict=True)]
            columns.append(arrow.chunked_array([arrow.array(texts, arrow.string())]))
    return arrow.table(columns, names=names)


def check_columns(names: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """Those of `wanted` that are not among `names`, in order."""
    there = set(names)
    return [name for name in wanted if name not in there]


def file_name(path: str | Path) -> str:
    """The name of a table's file without its endings, of the folder of a pattern, or "table" for standard input."""
    path = Path(path)
    if str(path) == STANDARD_INPUT:
        return "table"
    while is_pattern(path.name):
        path = path.parent
    name = path.name or "table"
    if name.lower().endswith(".gz"):
        name = name[:-3]
    return os.path.splitext(name)[0]
