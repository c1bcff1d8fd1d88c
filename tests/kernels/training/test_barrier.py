"""The barrier: nobody leaves a meeting before everybody has come to it, however many more threads than processors there are."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from inside import control_of
from numba import njit
from numba.core import config
from tileprop.kernels import make_plan, make_workspace
from tileprop.kernels.records import make_records
from tileprop.kernels.training.barrier import CONTROL, Team, wait_for_all

pytestmark = pytest.mark.plain

MEETINGS = 30 if config.DISABLE_JIT else 2000


@njit(nogil=True)
def attend(control, arrived, part, parts, meetings):
    """How often somebody was found to be missing after a meeting, or to have gone ahead before one."""
    wrong = 0
    for meeting in range(1, meetings + 1):
        arrived[part * 8] = meeting
        wait_for_all(Team(control, part, parts), 2 * meeting - 1)
        for other in range(parts):
            wrong += arrived[other * 8] != meeting
        wait_for_all(Team(control, part, parts), 2 * meeting)
    return wrong


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_all_come_before_one_leaves(threads):
    meetings = MEETINGS if threads < 8 else MEETINGS // 10  # threads that share a processor wait for their turn
    control, arrived = make_records(1, CONTROL), np.zeros(8 * threads, np.int64)
    with ThreadPoolExecutor(threads) as pool:
        calls = [pool.submit(attend, control, arrived, part, threads, meetings) for part in range(threads)]
        assert [call.result() for call in calls] == [0] * threads
    assert control[0].tolist() == (0, 0, 2 * meetings * threads if threads > 1 else 0, 0, 0)


def test_one_thread_waits_for_nobody_and_counts_nothing():
    control = make_records(1, CONTROL)
    assert attend(control, np.zeros(8, np.int64), 0, 1, 3) == 0
    assert control[0].tolist() == (0, 0, 0, 0, 0)


def test_the_counters_lie_a_cache_line_apart():
    """What one thread spins on shares no line with what another writes."""
    lines = {name: place // 64 for name, (_, place) in CONTROL.fields.items()}
    assert list(lines.values()).count(lines["arrivals"]) == 1
    assert lines["stop"] == lines["abandon"] != lines["decision"] == lines["given_up"]
    assert control_of(make_workspace(make_plan([2, 2, 1]), 4)) == [0, 0, 0, 0, 0]
