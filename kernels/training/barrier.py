"""Where threads meet: a barrier on a counter in memory that they share.

Waiting threads spin for a few microseconds, then let others run, and after a while sleep a little between two looks: with more
threads than processors, those that wait would otherwise take the time of those that work.
"""

from __future__ import annotations

from ..compiler.jit import leaf
from ..llvm import atomic_add, atomic_read, nap, pause, yield_thread

# Places in Workspace.control, a cache line apart. STOP: the caller's wish; DECISION: what all threads act on.
STOP, BARRIER, DECISION = 0, 8, 16
CONTROL_SIZE = 24

# A pause takes 10 to 40 ns: about as long as two system calls for a yield.
SPINS = 100
# A yield to nobody takes half a microsecond; a nap may overshoot by a tenth of a millisecond.
YIELDS = 200


@leaf
def meet(control, threads, meetings):
    """Wait until all threads have come to this, their meeting number `meetings` (from 1)."""
    if threads == 1:
        return
    atomic_add(control, BARRIER, 1)
    spins = 0
    while atomic_read(control, BARRIER) < meetings * threads:
        spins += 1
        if spins > SPINS + YIELDS:
            nap()
        elif spins > SPINS:
            yield_thread()
        else:
            pause()
