"""Parquet and Arrow files that are one table: where they are, which blocks of rows they have, and how a block is read."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

from ..errors import InputError
from ..extras import require
from ..suggestions import did_you_mean, listed
from .arrow import index_columns
from .byte_clock import ByteClock
from .finding import PARQUET_SUFFIXES, PURPOSE, find_files

# Of a column's bytes in a row group, so many are read at once: a large row group is never held whole.
BUFFER_BYTES = 1 << 20
# Bytes of columns that are decoded at once, and so many rows at most: a quarter of each takes half as long again.
DECODED_BYTES, DECODED_ROWS = 1 << 24, 1 << 16
# About what an entry of text takes.
TEXT_BYTES = 16


class Block(NamedTuple):
    """Rows that lie together: a row group of a Parquet file, or a record batch of an Arrow file.

    file: number of the file. number: of the block in its file. start: number of its first row in the file, from 0.
    """

    file: int
    number: int
    start: int
    rows: int


@dataclass
class Seconds:
    """Seconds that were spent on a table's files: on getting bytes, and on making columns of them."""

    reading: float = 0.0
    decoding: float = 0.0


class TableFiles:
    """The files of a table, in the order of their names, with their columns and blocks.

    filesystem: of pyarrow. names: of the files on it; see `find_files`. schema: one that all files can be read as; the types of
    numbers may differ between files.

    Raises InputError where a file cannot be read, and where columns of one name have types that do not go together.
    """

    def __init__(self, filesystem: Any, names: Sequence[str]) -> None:
        arrow = require("pyarrow", PURPOSE)
        self.filesystem, self.names = filesystem, tuple(names)
        self.seconds = Seconds()
        self._footers: dict[int, Any] = {}
        schemas, blocks = [], list[Block]()
        for file, name in enumerate(self.names):
            with _in_our_words(name):
                schema, sizes = self._described(file)
            schemas.append(schema)
            starts = accumulate([0, *sizes])
            blocks += [Block(file, i, start, rows) for i, (start, rows) in enumerate(zip(starts, sizes, strict=False)) if rows]
        if not blocks:
            raise InputError(f"{self.shown} holds no rows of data")
        self.blocks = tuple(blocks)
        self._schemas = schemas
        try:
            self.schema = arrow.unify_schemas(schemas, promote_options="permissive")
        except arrow.ArrowException:
            raise self._misfit() from None

    @property
    def n_rows(self) -> int:
        """Rows of all files."""
        return sum(block.rows for block in self.blocks)

    @property
    def shown(self) -> str:
        """The files, for a message."""
        return self.names[0] if len(self.names) == 1 else f"{self.names[0]} and {len(self.names) - 1} more files"

    @property
    def row_bytes(self) -> int:
        """Bytes that a row takes in memory, about: text counts as some letters."""
        return sum(_width(field.type) for field in self.schema)

    def check_columns(self, columns: Sequence[str]) -> None:
        """Raise InputError where a file lacks one of these columns."""
        for name, schema in zip(self.names, self._schemas, strict=True):
            there = set(schema.names)
            for column in columns:
                if column not in there:
                    meant = did_you_mean(column, schema.names) or f"; it has {listed(schema.names)}"
                    raise InputError(f"{name} has no column {column!r}{meant}")

    @property
    def rows_at_once(self) -> int:
        """Rows that are decoded at once."""
        return min(max(DECODED_BYTES // max(self.row_bytes, 1), 1024), DECODED_ROWS)

    def fingerprint(self) -> list[Any]:
        """Names, sizes and times of the files, and their numbers of rows."""
        infos = self.filesystem.get_file_info(list(self.names))
        rows = [0] * len(self.names)
        for block in self.blocks:
            rows[block.file] += block.rows
        return [[Path(name).name, info.size, info.mtime_ns, n] for name, info, n in zip(self.names, infos, rows, strict=True)]

    def shown_block(self, number: int) -> str:
        """A block, for a message."""
        block = self.blocks[number]
        what = "row group" if self._is_parquet(block.file) else "record batch"
        return f"{self.names[block.file]}, {what} {block.number}"

    def place(self, block: Block, row: int) -> str:
        """Where a row of a block is, for a message."""
        return f"row {block.start + row + 1} of {self.names[block.file]}"

    def batches(self, block: Block, columns: Sequence[str], rows: int) -> Iterator[Any]:
        """The rows of a block as record batches of at most so many rows, with these columns in the types of `schema`."""
        name, began = self.names[block.file], self.seconds.reading
        with _in_our_words(name), ByteClock(self.filesystem, name) as clock:
            decoding = 0.0
            read = (self._from_parquet if self._is_parquet(block.file) else self._from_arrow)(block, clock, list(columns), rows)
            try:
                while True:
                    start, bytes_before = perf_counter(), clock.seconds
                    batch = next(read, None)
                    if batch is not None and batch.num_rows:
                        batch = self._cast(batch, columns, block.file)
                    decoding += perf_counter() - start - (clock.seconds - bytes_before)
                    if batch is None:
                        break
                    if batch.num_rows:
                        yield batch
            finally:
                read.close()
                self.seconds.reading = began + clock.seconds
                self.seconds.decoding += decoding

    # One kind of file each ---------------------------------------------------------------------------------------------------

    def _is_parquet(self, file: int) -> bool:
        return self.names[file].lower().endswith(PARQUET_SUFFIXES)

    def _described(self, file: int) -> tuple[Any, list[int]]:
        """The columns, and the rows of each block."""
        with self.filesystem.open_input_file(self.names[file]) as opened:
            if self._is_parquet(file):
                parquet = require("pyarrow.parquet", PURPOSE)
                with parquet.ParquetFile(opened) as read:
                    footer = self._footers[file] = read.metadata
                    sizes = [footer.row_group(i).num_rows for i in range(footer.num_row_groups)]
                    return _plain(read.schema_arrow, self.names[file]), sizes
            ipc = require("pyarrow", PURPOSE).ipc
            one = ipc.IpcReadOptions(included_fields=[0])
            with ipc.open_file(opened, options=one) as read:
                sizes = [read.get_batch(i).num_rows for i in range(read.num_record_batches)]
            with ipc.open_file(opened) as read:
                return _plain(read.schema, self.names[file]), sizes

    def _from_parquet(self, block: Block, opened: ByteClock, columns: list[str], rows: int) -> Generator[Any, None, None]:
        parquet = require("pyarrow.parquet", PURPOSE)
        # Arrow's own threads take time from those that train: with all cores in use nothing is gained.
        with parquet.ParquetFile(
            opened.file, metadata=self._footers[block.file], pre_buffer=False, buffer_size=BUFFER_BYTES
        ) as read:
            yield from read.iter_batches(rows, row_groups=[block.number], columns=columns, use_threads=False)

    def _from_arrow(self, block: Block, opened: ByteClock, columns: list[str], rows: int) -> Generator[Any, None, None]:
        ipc = require("pyarrow", PURPOSE).ipc
        names = self._all_names(opened.file)
        wanted = ipc.IpcReadOptions(included_fields=sorted(names.index(column) for column in columns), use_threads=False)
        with ipc.open_file(opened.file, options=wanted) as read:
            batch = read.get_batch(block.number)
            for start in range(0, batch.num_rows, rows):
                yield batch.slice(start, rows)

    def _all_names(self, opened: Any) -> list[str]:
        names: list[str] = require("pyarrow", PURPOSE).ipc.open_file(opened).schema.names
        opened.seek(0)
        return names

    def _cast(self, batch: Any, columns: Sequence[str], file: int) -> Any:
        """The columns in this order, in the types of the whole table."""
        arrow = require("pyarrow", PURPOSE)
        fields = [self.schema.field(column) for column in columns]
        arrays = []
        for field in fields:
            array = batch.column(field.name)
            arrays.append(array if array.type == field.type else array.cast(field.type))
        return arrow.RecordBatch.from_arrays(arrays, names=list(columns))

    def _misfit(self) -> InputError:
        """The error for columns of other types in other files."""
        arrow = require("pyarrow", PURPOSE)
        first: dict[str, tuple[Any, str]] = {}
        for name, schema in zip(self.names, self._schemas, strict=True):
            for field in schema:
                kind, where = first.setdefault(field.name, (field.type, name))
                both = [arrow.schema([(field.name, kind)]), arrow.schema([(field.name, field.type)])]
                try:
                    arrow.unify_schemas(both, promote_options="permissive")
                except arrow.ArrowException:
                    return InputError(
                        f"column {field.name!r} has type {field.type} in {name}, but {kind} in {where}; write one type"
                    )
        return InputError(
            f"the columns of {self.shown} have types that do not go together; write all files with the same types"
        )


def table_of(source: str) -> Any:
    """The whole table of the files in a folder, or of a pattern, as a pyarrow.Table."""
    files = TableFiles(*find_files(source))
    names = files.schema.names
    files.check_columns(names)
    batches = [batch for block in files.blocks for batch in files.batches(block, names, block.rows)]
    return require("pyarrow", PURPOSE).Table.from_batches(batches)


def _plain(schema: Any, name: str) -> Any:
    """The columns without those that pandas keeps an index in; categories have the type of their values."""
    arrow, types = require("pyarrow", PURPOSE), require("pyarrow.types", PURPOSE)
    left_out = index_columns(schema)
    fields = [field for field in schema if field.name not in left_out]
    names = [field.name for field in fields]
    repeated = [name for name in dict.fromkeys(names) if names.count(name) > 1] if len(set(names)) < len(names) else []
    if repeated:
        raise InputError(f"{name} has several columns of the same name: {listed(repeated)}; rename them")
    return arrow.schema(
        [(field.name, field.type.value_type if types.is_dictionary(field.type) else field.type) for field in fields]
    )


def _width(kind: Any) -> int:
    try:
        return max(int(kind.bit_width) // 8, 1)
    except ValueError:
        return TEXT_BYTES


@contextmanager
def _in_our_words(name: str) -> Iterator[None]:
    """The errors of pyarrow with the name of the file."""
    arrow = require("pyarrow", PURPOSE)
    try:
        yield
    except InputError:
        raise
    except (arrow.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise InputError(f"{name} cannot be read: {str(error).strip().splitlines()[0][:200]}") from error
