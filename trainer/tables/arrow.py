"""Small helpers for columns of pyarrow."""

from __future__ import annotations

import json
from typing import Any

from ..extras import require
from .dialects import MISSING


def is_text(kind: Any) -> bool:
    """Whether a type is one of text."""
    types = require("pyarrow.types", "reading tables")
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def decoded(column: Any) -> Any:
    """Categories as the values that they stand for."""
    types = require("pyarrow.types", "reading tables")
    column = column.cast(column.type.value_type) if types.is_dictionary(column.type) else column
    return column.cast("large_string") if types.is_string_view(column.type) else column


def as_texts(column: Any) -> Any:
    """Any column as text, whole numbers alike in every type: 3 and 3.0 are "3"."""
    arrow, compute = require("pyarrow", "reading tables"), require("pyarrow.compute", "reading tables")
    types = require("pyarrow.types", "reading tables")
    if types.is_null(column.type):
        return arrow.chunked_array([arrow.nulls(len(column), arrow.string())])
    if types.is_floating(column.type) and len(column):
        known = column.drop_null()
        whole = compute.equal(known, compute.floor(known))
        if compute.all(whole).as_py() and (not len(known) or compute.max(compute.abs(known)).as_py() < 1 << 53):
            column = column.cast("int64")
    return column if is_text(column.type) else column.cast(arrow.string())


def without_missing(texts: Any, markers: tuple[str, ...] | None) -> Any:
    """Texts without blanks around them, null where an entry stands for a missing value; markers: by default MISSING."""
    arrow, compute = require("pyarrow", "reading tables"), require("pyarrow.compute", "reading tables")
    texts = compute.utf8_trim_whitespace(texts)
    markers = MISSING if markers is None else markers
    gone = compute.is_in(texts, value_set=arrow.array([*markers, ""], texts.type))
    return compute.if_else(gone, arrow.scalar(None, texts.type), texts)


def seconds(column: Any) -> Any:
    """Times, durations and dates as numbers of their unit."""
    types = require("pyarrow.types", "reading tables")
    kind = column.type
    small = types.is_time32(kind) or types.is_date32(kind)
    return column.cast("int32" if small else "int64")


def known_entries(column: Any, markers: tuple[str, ...]) -> Any:
    """The entries of a column of text that are not missing."""
    return without_missing(column, markers).drop_null()


def index_columns(schema: Any) -> list[str]:
    """The columns where pandas keeps the index of a table that it writes to Parquet, which is no column of it."""
    try:
        described = json.loads((schema.metadata or {}).get(b"pandas", b"{}"))
        noted = {name for name in described.get("index_columns", []) if isinstance(name, str)}
    except (ValueError, AttributeError, TypeError):
        noted = set()
    return [name for name in schema.names if name.startswith("__index_level_") or name in noted]
