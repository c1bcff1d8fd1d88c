"""Counters that threads share: no addition is lost, and what was written before one is seen after it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numba import njit
from numba.core import config
from tileprop.kernels.llvm import atomic_add, atomic_read, pause, yield_thread

pytestmark = pytest.mark.plain

TIMES = 300 if config.DISABLE_JIT else 200_000


@njit(nogil=True)
def add_often(counters, index, amount, times):
    for _ in range(times):
        atomic_add(counters, index, amount)


@njit(nogil=True)
def read(counters, index):
    return atomic_read(counters, index)


@njit(nogil=True)
def wait_in_both_ways(times):
    for _ in range(times):
        pause()
        yield_thread()
    return times


@njit(nogil=True)
def hand_over(counters, message, mine, rounds, errors):
    """Two threads in turn: each writes a number that the other must see."""
    for turn in range(rounds):
        while atomic_read(counters, 0) != 2 * turn + mine:
            pause()
            yield_thread()
        if message[0] != 2 * turn + mine:
            errors[mine] += 1
        message[0] = 2 * turn + mine + 1
        atomic_add(counters, 0, 1)


def together(threads: int, call: Any, *arguments: Any) -> None:
    """call(number, *arguments) in so many threads."""
    with ThreadPoolExecutor(threads) as pool:
        for task in [pool.submit(call, number, *arguments) for number in range(threads)]:
            task.result()


@pytest.mark.parametrize("threads", [1, 4])
def test_no_addition_is_lost(threads):
    counters = np.zeros(24, np.int64)
    add_often(counters, 3, 0, 1)
    together(threads, lambda number: add_often(counters, 8, number + 1, TIMES))
    expected = np.zeros(24, np.int64)
    expected[8] = TIMES * sum(range(1, threads + 1))
    assert counters.tolist() == expected.tolist()
    assert read(counters, 8) == expected[8]


def test_amounts_may_be_negative_and_large():
    counters = np.array([5, 0], np.int64)
    add_often(counters, 0, -7, 3)
    add_often(counters, 1, 1 << 61, 3)
    assert counters.tolist() == [-16, 3 << 61]
    assert read(counters, 0) == -16


def test_what_was_written_before_an_addition_is_seen_after_it():
    counters, message, errors = np.zeros(1, np.int64), np.zeros(1, np.int64), np.zeros(2, np.int64)
    rounds = 50 if config.DISABLE_JIT else 5000
    together(2, lambda mine: hand_over(counters, message, mine, rounds, errors))
    assert errors.tolist() == [0, 0]
    assert message[0] == counters[0] == 2 * rounds


def test_waiting_comes_to_an_end():
    assert wait_in_both_ways(10) == 10
