"""The barrier: nobody leaves a meeting before everybody has come to it, however many more threads than processors there are."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numba import njit
from numba.core import config
from tileprop.kernels import make_plan, make_workspace
from tileprop.kernels.training.barrier import BARRIER, CONTROL_SIZE, DECISION, STOP, meet

pytestmark = pytest.mark.plain

MEETINGS = 30 if config.DISABLE_JIT else 2000


@njit(nogil=True)
def attend(control, arrived, part, parts, meetings):
    """How often somebody was found to be missing after a meeting, or to have gone ahead before one."""
    wrong = 0
    for meeting in range(1, meetings + 1):
        arrived[part * 8] = meeting
        meet(control, parts, 2 * meeting - 1)
        for other in range(parts):
            wrong += arrived[other * 8] != meeting
        meet(control, parts, 2 * meeting)
    return wrong


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_all_come_before_one_leaves(threads):
    control, arrived = np.zeros(CONTROL_SIZE, np.int64), np.zeros(8 * threads, np.int64)
    with ThreadPoolExecutor(threads) as pool:
        calls = [pool.submit(attend, control, arrived, part, threads, MEETINGS) for part in range(threads)]
        assert [call.result() for call in calls] == [0] * threads
    expected = np.zeros(CONTROL_SIZE, np.int64)
    expected[BARRIER] = 2 * MEETINGS * threads if threads > 1 else 0
    assert control.tolist() == expected.tolist()


def test_one_thread_waits_for_nobody_and_counts_nothing():
    control = np.zeros(CONTROL_SIZE, np.int64)
    assert attend(control, np.zeros(8, np.int64), 0, 1, 3) == 0
    assert not control.any()


def test_the_counters_lie_a_cache_line_apart():
    """What one thread spins on shares no line with what another writes."""
    assert min(abs(a - b) for a, b in ((STOP, BARRIER), (BARRIER, DECISION), (STOP, DECISION))) * 8 >= 64
    assert make_workspace(make_plan([2, 2, 1]), 4).control.tolist() == [0] * CONTROL_SIZE
