"""A model of rounds on a cluster: what one round takes on any number of workers, from times that were measured.

The scheduler hands out one task after the other, and each worker has one task at a time. The parameters are copied from worker
to worker. The results of the shards are added in groups, by tasks that fetch them. Left out: workers of different speed, other
users, a network that all share, workers that are lost, and processors that workers share with client and scheduler.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from ..trainer.rounds.sums import groups

# To double the workers pays while a round becomes at least this much shorter.
GAIN = 1.1


class Cluster(NamedTuple):
    """latency: seconds of a task that does nothing, from its submission to its result. overhead: seconds that each of many
    tasks costs client and scheduler. handling: seconds that a worker needs for a task besides the task's own. bandwidth: bytes
    a second, from one worker to another one or to the client."""

    latency: float
    overhead: float
    handling: float
    bandwidth: float


class Round(NamedTuple):
    """pieces: seconds that each shard's steps take. down, up: bytes that a worker gets for a round, and that a piece gives.

    add: seconds to add the results of one shard to those of others.
    """

    pieces: Sequence[float]
    down: int
    up: int
    add: float


def round_seconds(one: Round, cluster: Cluster, workers: int) -> float:
    """What a round takes on so many workers."""
    hands = _Hands(cluster, min(workers, len(one.pieces)), one.down)
    ends = [hands.made(0.0, seconds) for seconds in one.pieces]
    while len(ends) > 1:
        together = sorted((max(group), len(group)) for group in groups(ends))
        ends = [hands.made(ready, (n - 1) * one.up / cluster.bandwidth + n * one.add) for ready, n in together]
    return ends[0] + cluster.latency / 2 + one.up / cluster.bandwidth


class _Hands:
    """The workers, and the scheduler that hands tasks to them. down: bytes that a worker gets before its first task."""

    def __init__(self, cluster: Cluster, workers: int, down: int) -> None:
        self._cluster, self._handed_out = cluster, 0.0
        copy = down / cluster.bandwidth
        # The first copy comes from the client. Then each worker that has one gives one to another: their number doubles.
        self._free = [(1 + math.ceil(math.log2(number + 1))) * copy for number in range(workers)]

    def made(self, ready: float, seconds: float) -> float:
        """When a task is done that may begin when it is ready, and takes so long."""
        self._handed_out = max(self._handed_out, ready) + self._cluster.overhead
        begin = max(heapq.heappop(self._free), self._handed_out + self._cluster.latency / 2)
        end = begin + self._cluster.handling + seconds
        heapq.heappush(self._free, end)
        return end


def worthwhile_workers(seconds: dict[int, float]) -> int:
    """The number of workers from which more do not pay. seconds: of a round, by rising numbers of workers."""
    for fewer, more in pairwise(seconds):
        if seconds[fewer] < GAIN * seconds[more]:
            return fewer
    return max(seconds)
