"""Memory with names: arrays of records, which read the same from Python and in compiled code.

`layer = plan.layers[0]` and then `layer.n_in`. What there is one of is an array of one record, `plan.header[0]`: Numba takes
such an array from Python in a tenth of the time that a single record takes (0.1 us in place of 1 us).
"""

from __future__ import annotations

from typing import Any

import numpy as np

Record = np.dtype[np.void]


def record_type(*fields: tuple[str, Any], extends: Record | None = None) -> Record:
    """A record of these (name, type) fields, after those of the record that it extends."""
    inherited = [] if extends is None else [(name, extends[name]) for name in extends.names or ()]
    return with_attributes(np.dtype([*inherited, *fields], align=True))


def with_attributes(kind: np.dtype[Any]) -> Record:
    """The same record type, whose fields are attributes, too.

    It is the one that `np.recarray` wants. Given any other, each array would make one of its own, and Numba, which knows record
    types by their addresses, would look at each array's type anew: some 50 us at the first call with a workspace.
    """
    return np.dtype((np.record, kind))


def make_records(count: int, kind: Record) -> np.recarray[Any, Any]:
    """`count` records, all zeros."""
    return np.zeros(count, kind).view(np.recarray)


def copy_fields(source: Any, target: Any) -> None:
    """Fill the fields of target, an array of records, that source, another one of as many, has too."""
    for name in source.dtype.names:
        target[name] = source[name]
