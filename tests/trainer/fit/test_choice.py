"""Which number of threads is chosen, on machines that are made up: here clocks are numbers, and nothing is timed."""

import numpy as np
import pytest
from tileprop.kernels import make_plan
from tileprop.trainer.fit.choice import LONGEST_CALL, START, ThreadChoice, seconds_of_a_cut

pytestmark = pytest.mark.plain

STEP, CUT = 50e-6, 1e-4  # seconds


def trained(choice, speed, rows, call):
    """Seconds that so many rows take. speed: rows a second by the number of threads and the clock; call: the most of a call."""
    clock = done = 0.0
    sizes = []
    while done < rows:
        size, limit = choice.size, choice.limit
        step = 32 / speed(size, clock)
        steps = max(1, min(int(min(call, rows - done) / 32), int((limit or 1e9) / step)))
        seconds = steps * step + (START if size > 1 else 0.0)
        choice.record(32 * steps, seconds)
        clock, done = clock + seconds + CUT, done + 32 * steps
        sizes.append(size)
    return clock, sizes


CALLS = pytest.mark.parametrize("call", [3_000, 20_000, 10_000_000], ids="call of {} rows".format)


@CALLS
@pytest.mark.parametrize("first", [1, 2])
@pytest.mark.parametrize("gain", [0.05, 0.6, 0.8, 0.97, 1.0, 1.04, 1.5, 1.9])
def test_the_faster_of_two_numbers_is_found_at_little_cost(first, gain, call):
    seconds, sizes = trained(
        ThreadChoice(2, first, STEP, CUT), lambda size, clock: 1e6 * (gain if size == 2 else 1.0), 1e7, call
    )
    cuts, starts = CUT * 1e7 / call, START * 1e7 / call
    two = 10.0 / gain + starts
    best = min(10.0, two)
    bad_begin = 0.2 if first == 2 and gain < 0.1 else 0.0  # a first step alone takes that long
    assert seconds < 1.03 * best + cuts + bad_begin
    if abs(two / 10.0 - 1.0) > 0.03:
        assert (2 if two < 10.0 else 1) in sizes[-2:]


@CALLS
def test_one_trial_that_was_disturbed_is_soon_made_up_for(call):
    def speed(size, clock):
        return 1e6 * (1.0 if size == 1 else 0.3 if clock < 0.05 else 1.6)

    seconds, _ = trained(ThreadChoice(2, 1, STEP, CUT), speed, 1e6, call)
    assert seconds < 0.85 + (CUT + START) * 1e6 / call


@pytest.mark.parametrize("gain", [1.25, 1.34])
def test_one_thread_that_is_clearly_slower_is_not_tried_for_long(gain):
    """It was awake all the time, so that a short trial says enough of it."""
    _, sizes = trained(ThreadChoice(2, 1, STEP, CUT), lambda size, clock: 1e6 * (gain if size == 2 else 1.0), 4e6, 40_000)
    begun = sizes.index(2)
    runs = "".join(str(size) for size in sizes[sizes.index(2, begun + 20) :]).split("2")
    assert 2 <= sum(map(bool, runs)) <= 8
    assert max(map(len, runs)) <= 2


@pytest.mark.parametrize("first", [1, 2])
def test_a_small_gain_is_not_lost_in_the_start_of_a_short_trial(first):
    _, sizes = trained(ThreadChoice(2, first, STEP, CUT), lambda size, clock: 1e6 * (1.1 if size == 2 else 1.0), 2e6, 40_000)
    assert np.mean(np.array(sizes[len(sizes) // 2 :]) == 2) > 0.8


@CALLS
@pytest.mark.parametrize("gain", [0.8, 1.15, 1.4, 1.9])
def test_what_waking_a_thread_costs_is_no_part_of_a_trial(gain, call):
    """For some ms after two threads begin, after one was alone, they share a processor."""
    woken, last = 0.0, 1

    def speed(size, clock):
        nonlocal woken, last
        woken, last = clock if size > last else woken, size
        return 1e6 * (1.0 if size == 1 else 0.5 if clock - woken < 4.5e-3 else gain)

    seconds, sizes = trained(ThreadChoice(2, 1, STEP, CUT), speed, 2e6, call)
    two = 2.0 / gain + START * 2e6 / call
    assert seconds < 1.03 * min(2.0, two) + CUT * 2e6 / call + 0.02
    if abs(two / 2.0 - 1.0) > 0.03:
        assert (2 if two < 2.0 else 1) in sizes[-2:]


@CALLS
def test_a_machine_that_becomes_busy_and_free_again(call):
    """Another process takes a processor from second 2 to 8: two threads are then twenty times slower than one."""

    def speed(size, clock):
        if size == 1:
            return 1e6
        return 5e4 if 2.0 < clock < 8.0 else 1.8e6

    choice = ThreadChoice(2, 2, STEP, CUT)
    seconds, _ = trained(choice, speed, 3e7, call)
    best = 8.0 + (3e7 - 2 * 1.8e6 - 6e6) / 1.8e6
    assert (
        seconds < 1.05 * best + max(LONGEST_CALL, 20 * call / 1.8e6 if call < 1e6 else 0.0) + (CUT + START) * 3e7 / call + 4.0
    )


@pytest.mark.parametrize("fastest", [1, 3, 8, 13, 16])
def test_the_fastest_of_many_numbers_is_approached(fastest):
    choice = ThreadChoice(16, 8, STEP, CUT)
    trained(choice, lambda size, clock: 1e6 * min(size, fastest) / (1.0 + 0.2 * max(0, size - fastest)), 3e8, 1e6)
    sizes = trained(choice, lambda size, clock: 1e6, 1e6, 1e6)[1]
    assert abs(sizes[0] - fastest) <= 1


def test_times_that_vary_cost_little():
    rng = np.random.default_rng(1)

    def speed(size, clock):
        return 1e6 * (0.8 if size == 2 else 1.0) / rng.choice([1.0, 1.05, 1.5], p=[0.6, 0.3, 0.1])

    alone, _ = trained(ThreadChoice(1, 1, STEP, CUT), speed, 2e7, 20_000)
    chosen, sizes = trained(ThreadChoice(2, 1, STEP, CUT), speed, 2e7, 20_000)
    assert chosen < 1.03 * alone
    assert np.mean(np.array(sizes) == 1) > 0.9


def test_one_thread_is_never_cut_short():
    choice = ThreadChoice(1, 4, STEP, CUT)
    for _ in range(100):
        assert (choice.size, choice.limit) == (1, None)
        choice.record(1000, 1.0)


def test_a_short_fit_keeps_to_the_estimate():
    choice, sizes = ThreadChoice(2, 1, STEP, CUT), []
    for _ in range(10):
        sizes.append(choice.size)
        choice.record(100, 1e-3)
    assert set(sizes) == {1}


def test_to_cut_large_networks_costs_more():
    small, large = make_plan([3, 4, 1]), make_plan([784, 1024, 10])
    costs = [seconds_of_a_cut(small, 4, 1, 10), seconds_of_a_cut(large, 4, 1, 10), seconds_of_a_cut(large, 8, 3, 10)]
    assert costs == sorted(costs)
    assert seconds_of_a_cut(small, 4, 1, 10**8) > 0.1
