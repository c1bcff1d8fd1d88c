"""Shards on a Dask cluster: every shard, and every piece of work on one, is a pure task that Dask can run again elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from uuid import uuid4

import dask
from dask.base import is_dask_collection
from dask.delayed import Delayed, delayed
from distributed import Client, Future

from ..errors import InputError
from ..rounds.blueprint import Blueprint
from ..rounds.shards import Facts, Read, Shards, facts_of, items_of, prepared, rows_of
from ..rounds.sums import Sums, add, groups
from .recovery import Recovery

# Rows of this process are put into tasks on purpose: scattered ones would be lost with their worker.
LARGE_GRAPHS = {"distributed.admin.large-graph-warning-threshold": "1 PB"}


class DaskShards(Shards):
    """Shards whose rows lie on the workers.

    Tasks are named anew each time that they are submitted. What a lost worker had is made again by the scheduler, from the
    tasks that made it; `Recovery` submits again what the scheduler has given up.
    """

    def __init__(self, client: Client, shards: Any, read: Read | None) -> None:
        self._client, self._recovery = client, Recovery(client)
        self._items, self._read = items_of_collections(shards, read)
        self._blueprint: Blueprint | None = None
        # Futures, one for each shard; they keep the rows on the workers.
        self._rows: list[Future[Any]] = []
        self._shards: list[Future[Any]] = []

    def each(self, function: Callable[..., Any], *arguments: Any) -> list[Any]:
        """See `Shards`."""
        if not self._rows:
            self._rows = self._computed([self._read_by(number) for number in range(len(self._items))])
        submit = partial(self._collected, function, self._rows, *arguments)
        return list(self._recovery.result(self._rows, submit, self._renew))

    def prepare(self, blueprint: Blueprint) -> None:
        """See `Shards`."""
        self._blueprint = blueprint
        self._shards = self._computed([self._prepared_by(number) for number in range(len(self._items))])

    def facts(self, prints: bool) -> list[Facts]:
        """See `Shards`. The rows as they were read are then no longer kept."""
        submit = partial(self._collected, facts_of, self._shards, prints)
        found = list(self._recovery.result(self._shards, submit, self._renew))
        self._rows = []
        return found

    def total(self, numbers: Sequence[int], function: Callable[..., Sums], point: Any, *arguments: Any) -> Sums:
        """See `Shards`. The point goes to the cluster once, and the sum alone comes back."""

        def submit() -> list[Future[Any]]:
            held = self._submit("point", the_same, point)
            shards = [self._shards[i] for i in numbers]
            futures = self._mapped(function, numbers, shards, [held] * len(shards), arguments=arguments)
            made = [held, *futures]
            while len(futures) > 1:
                futures = self._mapped(add, [list(group) for group in groups(futures)])
                made += futures
            return made

        total: Sums = self._recovery.result(self._shards, submit, self._renew)
        return total

    def _read_by(self, number: int) -> Delayed:
        """The task that reads the rows of a shard."""
        return delayed(rows_of, pure=False)(number, self._items[number], self._read)

    def _prepared_by(self, number: int) -> Delayed:
        """The task that prepares the rows of a shard, which are held or else are read."""
        rows = self._rows[number] if self._rows else self._read_by(number)
        return delayed(prepared, pure=False)(number, rows, self._blueprint)

    def _computed(self, tasks: Sequence[Delayed]) -> list[Future[Any]]:
        """Futures of tasks."""
        with dask.config.set(LARGE_GRAPHS):
            return list(self._client.compute(list(tasks)))

    def _collected(self, function: Callable[..., Any], held: Sequence[Future[Any]], *arguments: Any) -> list[Future[Any]]:
        """The results of function(number, held, *arguments), the last future those of all."""
        made = self._mapped(function, range(len(held)), held, arguments=arguments)
        return [*made, self._submit("all", the_same, made)]

    def _submit(self, name: str, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        with dask.config.set(LARGE_GRAPHS):
            return self._client.submit(function, *arguments, key=f"tileprop-{name}-{uuid4().hex}")

    def _mapped(
        self, function: Callable[..., Any], *columns: Sequence[Any], arguments: Sequence[Any] = ()
    ) -> list[Future[Any]]:
        """Tasks function(*row, *arguments) for the rows that the columns make, in one message to the scheduler."""
        keys = [f"tileprop-{function.__name__}-{uuid4().hex}" for _ in columns[0]]
        return list(self._client.map(called, *columns, key=keys, function=function, arguments=arguments))

    def _renew(self) -> None:
        """Submit the shards again that the scheduler has given up."""
        for held, make in ((self._rows, self._read_by), (self._shards, self._prepared_by)):
            lost = [number for number, future in enumerate(held) if future.status not in ("finished", "pending")]
            for number in lost:
                # Nobody then wants the tasks behind it, and the scheduler forgets how many workers they have lost.
                held[number].release()
            for number, future in zip(lost, self._computed([make(number) for number in lost]), strict=True):
                held[number] = future


def called(*row: Any, function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
    """function(*row, *arguments)."""
    return function(*row, *arguments)


def the_same(value: Any) -> Any:
    """The value, as a task of its own."""
    return value


def is_of_arrays(data: Any) -> bool:
    """Whether data are (X, T) or (X, T, sample_weight) in arrays of this process, and not shards."""
    return isinstance(data, tuple) and not any(is_dask_collection(one) for one in data)


def items_of_collections(shards: Any, read: Read | None) -> tuple[list[Any], Read | None]:
    """`items_of`, also for a tuple of Dask collections: each of their chunks or partitions is a shard."""
    if not isinstance(shards, tuple) or is_of_arrays(shards):
        return items_of(shards, read)
    if len(shards) not in (2, 3):
        raise InputError(f"shards is a tuple of {len(shards)}; it must be (X, T) or (X, T, sample_weight)")
    names = ("X", "T", "sample_weight")
    for name, one in zip(names, shards, strict=False):
        if not is_dask_collection(one):
            raise InputError(f"{name} is of type {type(one).__name__}, but others are Dask collections; give only collections")
    columns = [_parts(name, one, shards[0]) for name, one in zip(names, shards, strict=False)]
    counts = [len(parts) for parts in columns]
    if len(set(counts)) > 1:
        shown = ", ".join(f"{name} {count}" for name, count in zip(names, counts, strict=False))
        raise InputError(f"the collections have different numbers of partitions ({shown}); give them the same partitions")
    return [delayed(tuple)(list(parts)) for parts in zip(*columns, strict=True)], read


def _parts(name: str, collection: Any, first: Any) -> list[Any]:
    """The partitions of a collection, delayed; those of an array in the chunks of X, where both know theirs."""
    if not hasattr(collection, "to_delayed"):
        raise InputError(f"{name} is a {type(collection).__name__}; give an array, a data frame or a series of Dask")
    if hasattr(collection, "chunks"):
        known = all(size == size for size in collection.chunks[0])
        rows = getattr(first, "chunks", (None,))[0]
        if known and rows is not None and all(size == size for size in rows) and sum(rows) == collection.shape[0]:
            collection = collection.rechunk({0: rows})
        if collection.ndim > 1:
            collection = collection.rechunk({1: -1})
    parts = collection.to_delayed()
    return list(parts.ravel()) if hasattr(parts, "ravel") else list(parts)
