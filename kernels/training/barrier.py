"""Where threads meet: a barrier on a counter in memory that they share.

Waiting threads spin for a few microseconds, then let others run, and after a while sleep a little between two looks: with more
threads than processors, those that wait would otherwise take the time of those that work.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..compiler.jit import leaf
from ..llvm import atomic_add, atomic_read, minimum, nap, pause, record_view, yield_thread
from ..records import Record, with_attributes

_LINE = 64  # bytes: each field has a cache line of its own
# stop: the caller's wish, to end after a step. abandon: not even to make whole what is cut into blocks of rows.
# arrivals: how often threads have come to the barrier. decision: what all threads act on after a step; given_up: before it.
CONTROL: Record = with_attributes(
    np.dtype(
        {
            "names": ["stop", "abandon", "arrivals", "decision", "given_up"],
            "formats": [np.int64] * 5,
            "offsets": [0, 8, _LINE, 2 * _LINE, 2 * _LINE + 8],
            "itemsize": 3 * _LINE,
        }
    )
)
control_at = record_view(CONTROL)
ABANDON_AT, ARRIVALS_AT = 1, _LINE // 8  # in int64 numbers, for the atomic operations

# A pause takes 10 to 40 ns: about as long as two system calls for a yield.
SPINS = 100
# A yield to nobody takes half a microsecond; a nap may overshoot by a tenth of a millisecond.
YIELDS = 200


class Team(NamedTuple):
    """Threads that make one call together: what they share, this one's number, and how many they are."""

    control: np.ndarray
    thread: int
    threads: int


@leaf
def team_of(net):
    """The threads that work on a call together."""
    header = net.header
    return Team(control_at(net.memory, header.control), header.thread, header.threads)


@leaf
def single_thread(net):
    """This thread alone, for what one thread does by itself."""
    return Team(control_at(net.memory, net.header.control), 0, 1)


@leaf
def abandoned(net):
    """Whether the caller wants the call to end; to be asked between two blocks of rows."""
    return atomic_read(control_at(net.memory, net.header.control), ABANDON_AT) != 0


@leaf
def wait_for_all(team, barriers):
    """Wait until all threads have come to this, their barrier number `barriers` (from 1)."""
    control, threads = team.control, team.threads
    if threads == 1:
        return
    atomic_add(control, ARRIVALS_AT, 1)
    spins = 0
    while atomic_read(control, ARRIVALS_AT) < barriers * threads:
        spins += 1
        if spins > SPINS + YIELDS:
            nap()
        elif spins > SPINS:
            yield_thread()
        else:
            pause()


@leaf
def share(team, count, unit):
    """Of `count` things in units of `unit`, those (first, last + 1) that belong to this thread."""
    units = (count + unit - 1) // unit
    return units * team.thread // team.threads * unit, minimum(count, units * (team.thread + 1) // team.threads * unit)


@leaf
def is_ours(team, layer):
    """Whether this thread does what is done for a layer as a whole."""
    # Layers counted from 1 are dealt out to the threads by turns.
    return (layer + 1) % team.threads == team.thread
