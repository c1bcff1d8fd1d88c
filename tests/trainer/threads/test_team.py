"""Threads that train together: interrupts at any moment, errors, and what is left of them afterwards."""

import signal
import subprocess
import sys
import threading
import time

import pytest
from numba.core import config
from tileprop.kernels import make_plan, make_workspace
from tileprop.trainer.threads.team import Team

jitted = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="about compiled code, in processes of their own")
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="about POSIX signals")

SMALL = make_plan([8, 32, 1])


def workspace(threads):
    return make_workspace(SMALL, 4, "float64", threads)


def running_threads():
    return [thread for thread in threading.enumerate() if thread.name == "tileprop"]


@pytest.mark.plain
def test_each_member_makes_the_call():
    seen = []
    with Team(3) as team:
        team.run(lambda member: seen.append(int(member.header[0].thread)) or 0.0, workspace(3), 0.0, 3)
        assert len(running_threads()) >= 3
    assert sorted(seen) == [0, 1, 2]


@pytest.mark.plain
def test_short_work_is_done_by_the_callers_thread():
    with Team(1) as team:
        assert team.run(lambda member: float(threading.get_ident()), workspace(1), 0.0) == threading.get_ident()
        assert team.run(lambda member: float(threading.get_ident()), workspace(1), 1.0) != threading.get_ident()


@pytest.mark.plain
@pytest.mark.parametrize("expected", [0.0, 1.0])
def test_a_cut_ends_only_the_call_under_way(expected):
    def call(member):
        ends = time.monotonic() + 60.0
        while not member.control[0].stop and time.monotonic() < ends:
            time.sleep(0.001)
        return float(time.monotonic() < ends)

    with Team(1) as team:
        team.cut()  # of nothing
        threading.Timer(0.05, team.cut).start()
        assert team.run(call, workspace(1), expected) == 1.0
        assert not team.stopped
        assert team.run(lambda member: float(member.control[0].stop), workspace(1), expected) == 0.0


@pytest.mark.plain
@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("allowed", [0, 1])
def test_the_callers_thread_works_alone_where_no_more_can_be_started(monkeypatch, size, allowed):
    started, start = [], threading.Thread.start

    def refuse(thread):
        if len(started) >= allowed:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with Team(size) as team:
        assert team.run(lambda member: float(member.header[0].threads), workspace(size), 1.0, size) == 1.0
        assert team.most == 1


@pytest.mark.plain
def test_an_error_in_every_member_is_raised_once():
    def fail(member):
        raise ValueError("in a member")

    with Team(2) as team, pytest.raises(ValueError, match="in a member"):
        team.run(fail, workspace(2), 0.0, 2)


@pytest.mark.plain
@posix_only
def test_what_a_handler_raises_ends_the_call_when_all_members_have_ended():
    """A second signal right after the first is the same one, passed on."""
    ended = []

    def work(member):
        while not member.control[0].stop:
            time.sleep(0.001)
        time.sleep(0.05)
        ended.append(1)
        return 0.0

    def interrupt():
        for _ in range(2):
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            time.sleep(0.0002)

    threading.Timer(0.05, interrupt).start()
    with Team(2) as team:
        with pytest.raises(KeyboardInterrupt):
            team.run(work, workspace(2), 1.0, 2)
        assert len(ended) == 2
        assert team.run(lambda member: 4.0, workspace(2), 1.0) == 4.0


@pytest.mark.plain
@posix_only
def test_a_second_interrupt_does_not_wait(monkeypatch):
    monkeypatch.setattr("tileprop.kernels.interrupts.TOGETHER", 0.05)
    go_on = threading.Event()

    def interrupt():
        for _ in range(2):
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            time.sleep(0.1)

    threading.Timer(0.05, interrupt).start()
    with Team(1) as team, pytest.raises(KeyboardInterrupt):
        team.run(lambda member: float(go_on.wait(60.0)), workspace(1), 1.0)
    assert not go_on.is_set()
    go_on.set()


@pytest.mark.plain
def test_a_team_that_is_dropped_leaves_no_thread():
    before = set(running_threads())
    team = Team(2).__enter__()
    team.run(lambda member: 0.0, workspace(2), 1.0, 2)
    own = set(running_threads()) - before
    assert len(own) == 2
    del team
    for thread in own:
        thread.join(30.0)
    assert not any(thread.is_alive() for thread in own)


INTERRUPTED_FITS = """
import os, signal, sys, threading, time
import numpy as np
from tileprop.trainer import Network, SGD

rng = np.random.default_rng(0)
X, T = rng.normal(size=(4000, 20)), rng.normal(size=(4000, 1))
network = Network([20, 64, 1], "tanh", "identity")
fit = lambda epochs: network.fit(X, T, epochs=epochs, batch_size=50, optimizer=SGD(1e-4), n_threads=2, progress=False)
fit(3)
waits, count = [], 0
for k in range(60):
    def interrupt():
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        time.sleep(0.0002)
        sent.append(time.monotonic())
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
    sent = []
    timer = threading.Timer(0.0004 * k, interrupt)
    caught = False
    try:
        timer.start()
        fit(1_000_000)
    except KeyboardInterrupt:
        caught = True
        ended = time.monotonic()
    while True:  # the second of the two may come after the fit has ended
        try:
            timer.join()
            break
        except KeyboardInterrupt:
            pass
    assert caught and np.isfinite(network.theta).all()
    waits.append(ended - sent[0])
assert not [thread for thread in threading.enumerate() if thread.name == "tileprop"]
print(max(waits))
"""


@jitted
@posix_only
def test_pairs_of_interrupts_at_many_moments():
    """The last line: the longest wait in seconds, from the second signal of a pair until the fit has ended."""
    done = subprocess.run([sys.executable, "-c", INTERRUPTED_FITS], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 10.0  # none hung; how long it takes depends on the machine's other work
