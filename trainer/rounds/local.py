"""Shards in this process: threads work through them, one shard each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ..many.workers import Workers
from ..threads.number import most_threads
from ..threads.team import Team
from .blueprint import Blueprint
from .shards import Facts, Read, Shard, Shards, facts_of, prepared, rows_of
from .sums import Sums, add, groups


class LocalShards(Shards):
    """Shards whose rows are all in memory. n_threads: as for `Network.fit`."""

    def __init__(self, items: Sequence[Any], read: Read | None, n_threads: int | None) -> None:
        self._n_threads, self._shards = most_threads(n_threads), list[Shard]()
        self._rows = self._done([partial(rows_of, number, item, read) for number, item in enumerate(items)])

    def each(self, function: Callable[..., Any], *arguments: Any) -> list[Any]:
        """See `Shards`."""
        calls = [partial(function, number, rows, *arguments) for number, rows in enumerate(self._rows)]
        return self._done(calls)

    def prepare(self, blueprint: Blueprint) -> None:
        """See `Shards`."""
        self._shards, self._rows = self.each(prepared, blueprint), []

    def facts(self, prints: bool) -> list[Facts]:
        """See `Shards`."""
        calls = [partial(facts_of, number, shard, prints) for number, shard in enumerate(self._shards)]
        return self._done(calls)

    def total(self, numbers: Sequence[int], function: Callable[..., Sums], point: Any, *arguments: Any) -> Sums:
        """See `Shards`."""
        calls = [partial(function, number, self._shards[number], point, *arguments) for number in numbers]
        parts = self._done(calls)
        while len(parts) > 1:
            parts = [add(group) for group in groups(parts)]
        return parts[0]

    def _done(self, calls: Sequence[Callable[[], Any]]) -> list[Any]:
        """The results of all calls. Ctrl-C is answered when the calls under way have ended."""
        results: list[Any] = [None] * len(calls)

        def task(number: int, team: Team) -> None:
            results[number] = calls[number]()

        workers = Workers([partial(task, number) for number in range(len(calls))], self._n_threads)
        workers.run(lambda: None)
        if workers.interrupted:
            raise KeyboardInterrupt
        for number in sorted(workers.errors):
            raise workers.errors[number]
        return results
