"""A model of rounds on a cluster: what one round takes on any number of workers, from times that were measured.

The client hands out one task after the other, each worker makes one piece at a time, and all parameters pass through the
client's link. Left out: workers of different speed, other users, a network that is shared, and workers that are lost.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

# To double the workers pays while a round becomes at least this much shorter.
GAIN = 1.1


class Cluster(NamedTuple):
    """latency: seconds from a task's submission to its result, beside others' work. overhead: seconds that each task costs
    client and scheduler together. bandwidth: bytes a second between client and workers."""

    latency: float
    overhead: float
    bandwidth: float


class Round(NamedTuple):
    """pieces: seconds that each shard's steps take. down, up: bytes that a worker gets for a round, and a piece gives back.

    average: seconds to average the results of all pieces.
    """

    pieces: Sequence[float]
    down: int
    up: int
    average: float


def round_seconds(one: Round, cluster: Cluster, workers: int) -> float:
    """What a round takes on so many workers."""
    sent, ends = 0.0, []
    free = [0.0] * min(workers, len(one.pieces))  # when each worker is: a heap
    for number, seconds in enumerate(one.pieces):
        submitted = (number + 1) * cluster.overhead
        start = max(heapq.heappop(free), submitted + cluster.latency / 2)
        if number < len(free) + 1:  # a worker's first piece: the parameters are sent to it
            sent = max(sent, submitted) + one.down / cluster.bandwidth
            start = max(start, sent + cluster.latency / 2)
        heapq.heappush(free, start + seconds)
        ends.append(start + seconds)
    received = 0.0
    for end in sorted(ends):
        received = max(received, end + cluster.latency / 2) + one.up / cluster.bandwidth
    return received + one.average


def worthwhile_workers(seconds: dict[int, float]) -> int:
    """The number of workers from which more do not pay. seconds: of a round, by rising numbers of workers."""
    numbers = list(seconds)
    for fewer, more in pairwise(numbers):
        if seconds[fewer] < GAIN * seconds[more]:
            return fewer
    return numbers[-1]
