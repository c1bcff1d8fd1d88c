"""Losses of the scheduler and of memory: an error that says what to do, or the same bits; the last whole round is kept."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time

import dask
import numpy as np
import pytest
from distributed import Client, Future, LocalCluster
from distributed.comm.core import CommClosedError
from tileprop.trainer import ClusterError, Network, fit_exact, fit_rounds
from tileprop.trainer import dask as there

X = np.random.default_rng(0).normal(size=(400, 3))
SHARDS = [(X[i::4], X[i::4].sum(axis=1)) for i in range(4)]
# Workers that a nanny starts again, however long that takes on a busy machine.
PATIENT = {"distributed.deploy.lost-worker-timeout": "600s"}
WAYS = {"rounds": (fit_rounds, there.fit_rounds, {"rounds": 60}), "exact": (fit_exact, there.fit_exact, {"epochs": 60})}


def linear() -> Network:
    return Network([3, 1], output_activation="identity", dtype="float64")


def fitted(fit, network, length, shards=SHARDS, **options):
    options |= {"optimizer": "adam"}
    return fit(network, shards, **length, **options)


class Processes:
    """A scheduler and a worker in processes of their own."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address, self.started = f"tcp://127.0.0.1:{self.port}", []
        self.scheduler = self.start_scheduler()
        self._start("worker", self.address, "--no-nanny", "--nthreads", "1", "--no-dashboard")

    def start_scheduler(self) -> subprocess.Popen:
        return self._start("scheduler", "--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard")

    def _start(self, what: str, *arguments: str) -> subprocess.Popen:
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", *arguments]
        self.started.append(subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL))
        return self.started[-1]

    def kill(self, again: bool) -> None:
        """End the scheduler without a word, and start another one at its address."""
        self.scheduler.send_signal(signal.SIGKILL)
        self.scheduler.wait()
        if again:
            self.start_scheduler()

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *raised: object) -> None:
        for process in self.started:
            process.kill()
            process.wait()


@pytest.mark.full
@pytest.mark.parametrize("again", [False, True], ids=["killed", "killed and started again"])
@pytest.mark.parametrize("way", WAYS)
def test_a_scheduler_that_is_lost(tmp_path, way, again):
    here, fit, length = WAYS[way]
    network, kept = linear(), []

    def lose(running):
        kept.append(running.network.theta.copy())
        if len(kept) == 2:  # in the middle of a later round
            threading.Timer(0.02, processes.kill, [again]).start()

    options = dict(checkpoint=tmp_path / "c", callbacks=[lose])
    with Processes() as processes:
        with (
            Client(processes.address, timeout=30, set_as_default=False) as client,
            pytest.raises(ClusterError, match="scheduler was lost"),
        ):
            fitted(fit, network, length, client=client, **options)
        assert (network.theta == kept[-1]).all()
    resumed, whole = linear(), linear()
    options["callbacks"] = [lambda running: None]
    fitted(here, resumed, length, resume=True, **options)
    fitted(here, whole, length)
    assert (resumed.theta == whole.theta).all()


@pytest.mark.full
def test_a_scheduler_that_is_lost_while_many_networks_train():
    networks = [Network([3, 8, 1], "tanh", "identity", random_state=i) for i in range(64)]
    with Processes() as processes, Client(processes.address, timeout=30, set_as_default=False) as client:
        there.fit_many(networks, X, X.sum(axis=1), client=client, epochs=1)
        threading.Timer(0.5, processes.kill, [False]).start()
        with pytest.raises(ClusterError, match="scheduler was lost"):
            there.fit_many(networks, X, X.sum(axis=1), client=client, epochs=5000)


@pytest.mark.full
def test_a_new_process_sends_networks_as_they_are():
    program = "import cloudpickle, tileprop; assert b'__getitem__' not in cloudpickle.dumps(tileprop.Network([3, 1]))"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_connection_that_is_lost_while_the_result_arrives(client, monkeypatch):
    network, kept = linear(), []

    def lose(future, timeout=None):
        raise CommClosedError("in <TCP (closed)>")

    def keep(running):
        kept.append(running.network.theta.copy())
        if len(kept) == 2:
            monkeypatch.setattr(Future, "result", lose)

    with pytest.raises(ClusterError, match="scheduler was lost"):
        fitted(there.fit_rounds, network, {"rounds": 3}, client=client, callbacks=[keep])
    assert (network.theta == kept[1]).all()


@pytest.mark.full
@pytest.mark.parametrize("way", WAYS)
def test_workers_that_somebody_restarts(way):
    here, fit, length = WAYS[way]
    network, whole = linear(), linear()

    def restart(running):
        if running.history.epochs == 2:
            with Client(cluster.scheduler_address, set_as_default=False) as other:
                other.restart()

    with (
        dask.config.set(PATIENT),
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        fitted(fit, network, length, client=client, callbacks=[restart])
    fitted(here, whole, length)
    assert (network.theta == whole.theta).all()


@pytest.mark.full
@pytest.mark.parametrize("way", WAYS)
def test_a_shard_that_does_not_fit_into_a_worker(tmp_path, way):
    """The nannies end the workers again and again."""
    network, kept = linear(), []

    def read(number):
        if (tmp_path / "full").exists():
            held = []
            for _ in range(60):  # 32 MiB each
                held.append(np.ones(1 << 22))
                time.sleep(0.02)
            time.sleep(30)
        return SHARDS[number]

    def fill(running):
        kept.append(running.network.theta.copy())
        if len(kept) == 2:
            (tmp_path / "full").touch()
            for nanny in list(cluster.workers.values()):  # shards are read again
                os.kill(nanny.pid, signal.SIGKILL)

    with (
        dask.config.set(PATIENT),
        LocalCluster(n_workers=2, threads_per_worker=1, memory_limit="600 MB", dashboard_address=":0") as cluster,
        Client(cluster, set_as_default=False) as client,
        pytest.raises(ClusterError, match="give the workers more memory"),
    ):
        fitted(WAYS[way][1], network, WAYS[way][2], [0, 1], read=read, client=client, callbacks=[fill])
    assert len(kept) == 2
    assert (network.theta == kept[1]).all()
