"""Threads are kept off each other's processors while they work, and may use all of them afterwards."""

from __future__ import annotations

import os
import threading

import pytest
from tileprop.kernels import make_plan, make_workspace
from tileprop.trainer.threads import placement, team
from tileprop.trainer.threads.placement import keep_off, set_free, with_this_processor

pytestmark = pytest.mark.plain

can_be_moved = pytest.mark.skipif(
    placement._processor is None or len(os.sched_getaffinity(0)) < 2, reason="needs two processors, and Linux"
)


class Sleeper:
    """A thread that sleeps until it is asked to do something."""

    def __init__(self) -> None:
        self._wanted, self._done = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def number(self) -> int:
        assert self._thread.native_id is not None
        return self._thread.native_id

    def _serve(self) -> None:
        while True:
            self._wanted.acquire()
            self._result = self._what()
            self._done.release()

    def does(self, what):
        self._what = what
        self._wanted.release()
        assert self._done.acquire(timeout=10)
        return self._result


@can_be_moved
def test_a_thread_is_kept_off_a_processor_until_it_is_set_free():
    sleeper, all_of_them = Sleeper(), os.sched_getaffinity(0)
    for taken in sorted(all_of_them)[:2]:
        before = keep_off(sleeper.number, {taken})
        assert before == all_of_them
        assert os.sched_getaffinity(sleeper.number) == all_of_them - {taken}
        assert taken not in sleeper.does(lambda: with_this_processor(frozenset()))
        sleeper.does(lambda before=before: set_free(before))
        assert os.sched_getaffinity(sleeper.number) == all_of_them


@can_be_moved
def test_nothing_is_changed_where_no_other_processor_is_left():
    sleeper, all_of_them = Sleeper(), os.sched_getaffinity(0)
    for taken in (frozenset(), all_of_them, {max(all_of_them) + 1}):
        assert not keep_off(sleeper.number, taken)
        assert os.sched_getaffinity(sleeper.number) == all_of_them


@can_be_moved
def test_where_it_is_forbidden_threads_stay_as_they_are(monkeypatch):
    def forbid(*arguments):
        raise PermissionError

    sleeper = Sleeper()
    monkeypatch.setattr(os, "sched_setaffinity", forbid)
    assert not keep_off(sleeper.number, with_this_processor(frozenset()))
    set_free(os.sched_getaffinity(0))


def test_systems_on_which_threads_cannot_be_moved(monkeypatch):
    monkeypatch.delattr(os, "sched_setaffinity", raising=False)
    assert placement._found() is None
    monkeypatch.setattr(placement, "_processor", None)
    assert with_this_processor({3}) == {3}
    assert not keep_off(threading.get_native_id(), {0})
    set_free(frozenset())


@can_be_moved
@pytest.mark.parametrize("fails", [False, True])
def test_a_team_is_spread_while_it_works_and_free_afterwards(fails):
    plan, all_of_them = make_plan([8, 32, 1]), os.sched_getaffinity(0)
    may_use, numbers = {}, {}

    def call(member):
        which = int(member.header[0].thread)
        may_use[which], numbers[which] = os.sched_getaffinity(0), threading.get_native_id()
        if fails:
            raise ZeroDivisionError
        return 0.0

    with team.Team(2) as together:
        for _ in range(3):
            try:
                together.run(call, make_workspace(plan, 4, "float64", 2), 0.0, 2)
            except ZeroDivisionError:
                assert fails
            assert may_use[0] == all_of_them
            assert len(may_use[1]) == len(all_of_them) - 1
            for number in numbers.values():
                assert os.sched_getaffinity(number) == all_of_them
