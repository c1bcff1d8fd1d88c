"""A scheduler that no longer answers counts as lost; one that does may let the work take any time."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from types import SimpleNamespace

import dask
import numpy as np
import pytest
from dask_processes import Processes
from distributed import Client
from tileprop.trainer import ClusterError, Network, fit_rounds
from tileprop.trainer import dask as there
from tileprop.trainer.dask import answers, recovery
from tileprop.trainer.dask.answers import answered, seconds_to_answer, workers_of
from tileprop.trainer.dask.cluster import client_of, threads_of
from tileprop.trainer.dask.recovery import Recovery

X = np.random.default_rng(0).normal(size=(40, 3))


@pytest.fixture
def quick(monkeypatch):
    """A function that sets how long the scheduler may take, which is then asked often."""
    for module in (answers, recovery):
        monkeypatch.setattr(module, "PATIENCE", 0.05)
    return lambda seconds: monkeypatch.setattr(answers, "seconds_to_answer", lambda: seconds)


def test_the_time_is_dasks_own_setting():
    with dask.config.set({answers.SETTING: "90s"}):
        assert seconds_to_answer() == 90.0
    with dask.config.set({answers.SETTING: 45}):
        assert seconds_to_answer() == 45.0


@pytest.mark.skipif(sys.platform == "win32", reason="SIGSTOP")
def test_a_frozen_scheduler(quick):
    def entered():
        with client_of(client):
            pass

    with Processes(workers=0) as processes, Client(processes.address, timeout=30, set_as_default=False) as client:
        future = client.submit(sum, [1, 2])
        quick(60.0)
        processes.freeze()
        threading.Timer(0.3, processes.thaw).start()
        assert threads_of(client) == 1  # it goes on in time
        quick(0.3)
        processes.freeze()
        waits = [
            lambda: Recovery(client).done([future]),
            lambda: Recovery(client).gathered([dask.delayed(sum)([1, 2])]),
            lambda: threads_of(client),
            entered,
        ]
        for wait in waits:
            with pytest.raises(ClusterError, match=r"scheduler was lost: it has not answered for 0\.3 s .*timeouts\.tcp"):
                wait()
        processes.thaw()
        quick(60.0)
        assert threads_of(client) == 1


def test_a_slow_task_is_waited_for_while_the_scheduler_answers(client, quick, monkeypatch):
    """For longer than the scheduler may take for an answer, several times."""
    asked, ask = [], answers.known_workers

    async def counted(client):
        workers = await ask(client)
        asked.append(len(workers))
        return workers

    def slow(number):
        if number == 0:
            time.sleep(0.8)
        return X, X.sum(axis=1)

    monkeypatch.setattr(answers, "known_workers", counted)
    quick(0.2)
    found, expected = (Network([3, 1], output_activation="identity") for _ in range(2))
    there.fit_rounds(found, [0, 1], rounds=2, read=slow, client=client)
    fit_rounds(expected, [0, 1], rounds=2, read=lambda number: (X, X.sum(axis=1)))
    assert found.theta.tobytes() == expected.theta.tobytes()
    assert len(asked) > 3
    assert set(asked) == {2}


def test_a_call_of_the_client_is_waited_for_while_the_scheduler_answers(client, quick):
    quick(0.2)
    assert set(answered(client, lambda: client.run(asyncio.sleep, 0.6)).values()) == {None}
    with pytest.raises(TimeoutError):
        answered(client, lambda: client.run(asyncio.sleep, 0.6), limit=0.1)
    with pytest.raises(ZeroDivisionError):
        answered(client, lambda: client.run(lambda: 1 / 0))


class Deaf:
    """A client whose questions end with errors of their connection, `times` of them."""

    def __init__(self, times: float, status: str = "running") -> None:
        self.status, self.left = status, times
        self.scheduler = SimpleNamespace(identity=self.identity)

    async def identity(self, **_):
        self.left -= 1
        if self.left >= 0:
            raise OSError("the connection has ended")
        return {"workers": {"here": {"status": "running"}}}

    def sync(self, make):
        return asyncio.run(make())


def test_a_connection_that_ends_is_no_answer(quick):
    quick(0.2)
    assert list(workers_of(Deaf(2))) == ["here"]
    with pytest.raises(ClusterError, match="has not answered"):
        workers_of(Deaf(float("inf")))
    with pytest.raises(ClusterError, match="it has ended"):
        workers_of(Deaf(0, "closed"))
