"""Shards: fixed lists of rows, each read and prepared by itself, and the calls that are made for each of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import InputError
from ..fit.fingerprints import fingerprints
from ..frames import as_array
from ..labels import is_text
from ..model import checked_rows
from ..streams.source import Source
from .blueprint import Blueprint
from .sums import Sums

# What makes rows of an item: (X, T) or (X, T, sample_weight).
Read = Callable[[Any], Any]


class Shard(NamedTuple):
    """The rows of one shard, as kernels take them."""

    X: np.ndarray
    T: np.ndarray
    weight: np.ndarray


class Facts(NamedTuple):
    """What the caller has to know of a shard. weight: the sum of its sample weights, or its number of rows.

    print: by which a checkpoint knows the rows again.
    """

    rows: int
    weight: float
    n_targets: int
    print: list[Any]


class Shards(ABC):
    """Shards of rows, and the calls that are made for each of them.

    A function that is given here must be pure and belong to a module, since it may be called in another process, and again.
    """

    @abstractmethod
    def each(self, function: Callable[..., Any], *arguments: Any) -> list[Any]:
        """The results of function(number, rows as they were read, *arguments) for each shard, in the shards' order."""

    @abstractmethod
    def prepare(self, blueprint: Blueprint) -> None:
        """Read and prepare the rows of each shard, for the calls of `facts` and `total`."""

    @abstractmethod
    def facts(self, prints: bool) -> list[Facts]:
        """Those of each prepared shard. prints: whether to take the hash of its rows."""

    @abstractmethod
    def total(self, numbers: Sequence[int], function: Callable[..., Sums], point: Any, *arguments: Any) -> Sums:
        """The sum of function(number, shard, point, *arguments) over the prepared shards of these numbers.

        point: what is large among the arguments, as the parameters are.
        """


def rows_of(number: int, item: Any, read: Read | None) -> Any:
    """The rows of a shard: what the item is, or what `read` makes of it. Raises InputError for what is no rows."""
    rows = item if read is None else read(item)
    if not isinstance(rows, (tuple, list)) or len(rows) not in (2, 3):
        made = "is" if read is None else "was read as"
        raise InputError(f"shard {number} {made} {_shown(rows)}; it must be (X, T) or (X, T, sample_weight)")
    return tuple(rows)


def prepared(number: int, rows: Any, blueprint: Blueprint) -> Shard:
    """The rows as kernels take them; empty where there are none."""
    X, T, *weight = rows
    plan, real = blueprint.plan(), blueprint.real
    if not len(X):
        return Shard(np.empty((0, plan.sizes[0]), real), np.empty((0, 0), real), np.empty(0, real))
    given = weight[0] if weight else None
    return Shard(*checked_rows(plan, real, X, T, given, f"shard {number}'s ", blueprint.classes, part=True))


def facts_of(number: int, shard: Shard, prints: bool) -> Facts:
    """See `Facts`."""
    n = len(shard.X)
    weight = float(shard.weight.sum(dtype=np.float64)) if shard.weight.size else float(n)
    kept = list(fingerprints(shard._asdict()).values()) if prints else []
    return Facts(n, weight, shard.T.shape[1], kept)


def text_labels(number: int, rows: Any) -> list[str] | None:
    """The different labels of a shard where they are text, else None."""
    labels = as_array(f"shard {number}'s T", rows[1]).array
    return sorted({str(label) for label in labels}) if labels.ndim == 1 and len(labels) and is_text(labels) else None


def read_block(place: tuple[Source, int]) -> tuple[Any, ...]:
    """All rows of a source's block."""
    source, block = place
    pieces = list(source.read(block, 0, max(source.block_rows[block], 1)))
    X, T = (np.concatenate([np.asarray(piece[i]) for piece in pieces]) for i in range(2))
    if any(piece.weight is None for piece in pieces):
        return X, T
    return X, T, np.concatenate([np.asarray(piece.weight) for piece in pieces])


def items_of(shards: Any, read: Read | None) -> tuple[list[Any], Read | None]:
    """The items that shards are read from, and what reads them. Raises InputError for what is no list of shards."""
    if isinstance(shards, Source):
        return [(shards, block) for block in range(len(shards.block_rows))], read_block
    if not isinstance(shards, (list, tuple)) or not len(shards):
        raise InputError(f"shards is {_shown(shards)}; it must be a list with (X, T) or (X, T, sample_weight) for each shard")
    if isinstance(shards, tuple) and len(shards) in (2, 3) and read is None and hasattr(shards[0], "shape"):
        raise InputError("shards is one tuple of arrays; give a list of such tuples, one for each shard")
    return list(shards), read


def _shown(value: Any) -> str:
    """A value in a message: short."""
    text = repr(value)
    return text if len(text) <= 60 else f"of type {type(value).__name__}"
