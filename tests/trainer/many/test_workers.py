"""Workers: tasks are done in their order; faults, time limits and interrupts leave no thread at work."""

import threading
import time

import pytest
from tileprop.trainer.many import workers
from tileprop.trainer.many.workers import Workers

pytestmark = pytest.mark.plain


def nothing():
    """What is called now and then."""


def until_stopped(team):
    while not team.stopped:
        time.sleep(0.001)


def of_workers():
    return [thread for thread in threading.enumerate() if thread.name == "tileprop" and thread.is_alive()]


def test_one_thread_does_the_tasks_in_their_order():
    done = []
    team = Workers([lambda team, i=i: done.append((i, threading.current_thread())) for i in range(5)], 1)
    team.run(nothing)
    assert [number for number, _ in done] == list(range(5))
    assert len({thread for _, thread in done}) == 1
    assert (team.errors, team.interrupted, team.out_of_time) == ({}, False, False)


def test_tasks_run_at_the_same_time():
    meet = threading.Barrier(3, timeout=10)
    together = Workers([lambda team: meet.wait()] * 3, 3)
    together.run(nothing)
    assert not together.errors


def test_a_task_that_fails_is_known_by_its_number_and_the_others_are_done():
    done = []

    def task(number):
        if number == 2:
            raise MemoryError("no more")
        done.append(number)

    team = Workers([lambda team, i=i: task(i) for i in range(5)], 2)
    team.run(nothing)
    assert list(team.errors) == [2]
    assert str(team.errors[2]) == "no more"
    assert sorted(done) == [0, 1, 3, 4]


@pytest.mark.parametrize("seconds", [0.0, 0.02])
def test_when_time_is_up_tasks_are_stopped_and_no_other_begins(seconds):
    begun = []

    def task(number, team):
        begun.append(number)
        until_stopped(team)

    team = Workers([lambda team, i=i: task(i, team) for i in range(9)], 2)
    team.run(nothing, time.monotonic() + seconds)
    assert (team.out_of_time, team.interrupted) == (True, False)
    assert set(begun) <= {0, 1}
    assert not of_workers()


def test_ctrl_c_stops_tasks_and_is_not_raised():
    def interrupt():
        import signal

        signal.raise_signal(signal.SIGINT)

    team = Workers([until_stopped] * 3, 2)
    team.run(interrupt)
    assert (team.interrupted, team.out_of_time) == (True, False)
    assert not of_workers()


def test_what_looking_raises_comes_out_with_no_thread_left_at_work():
    """As where progress is printed into a pipe that nobody reads any more."""

    def look():
        raise BrokenPipeError("gone")

    with pytest.raises(BrokenPipeError, match="gone"):
        Workers([until_stopped] * 3, 2).run(look)
    assert not of_workers()


@pytest.mark.parametrize("startable", [0, 1])
def test_where_the_system_starts_fewer_threads_the_tasks_are_done(monkeypatch, startable):
    class Limited(threading.Thread):
        left = startable

        def start(self):
            if not Limited.left:
                raise RuntimeError("can't start new thread")
            Limited.left -= 1
            super().start()

    monkeypatch.setattr(workers.threading, "Thread", Limited)
    done = []
    Workers([lambda team, i=i: done.append(i) for i in range(4)], 3).run(nothing)
    assert done == [0, 1, 2, 3]
