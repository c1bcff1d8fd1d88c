"""Losses of workers, of memory and of the scheduler: trainings end at the same bits, or with an error that says what to do."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
from distributed import Client, LocalCluster
from tileprop.trainer import ClusterError, Network
from tileprop.trainer.dask import fit_rounds

pytestmark = pytest.mark.full
X = np.random.default_rng(0).normal(size=(400, 3))
SHARDS = [(X[i::4], X[i::4].sum(axis=1)) for i in range(4)]


def test_50_killed_workers():
    killing = os.path.join(os.path.dirname(__file__), "killing.py")
    run = subprocess.run([sys.executable, killing, "50"], capture_output=True, text=True, timeout=1800)
    assert run.returncode == 0, run.stdout


def test_a_shard_that_does_not_fit_into_a_worker(tmp_path):
    """The nanny ends the worker again and again. Rounds before that are kept."""
    network, kept = Network([3, 1], output_activation="identity"), []

    def read(number):
        if (tmp_path / "full").exists():
            held = [np.ones(1 << 22) for _ in range(40)]  # 1.25 GiB
            time.sleep(20)
            del held
        return SHARDS[number]

    def fill(running):
        kept.append(running.network.theta.copy())
        (tmp_path / "full").touch()
        client.restart()  # shards are read again

    with (
        LocalCluster(n_workers=1, threads_per_worker=1, memory_limit="600 MB", dashboard_address=":0") as cluster,
        Client(cluster, set_as_default=False) as client,
        pytest.raises(ClusterError, match="more memory"),
    ):
        fit_rounds(network, [0, 1], rounds=3, read=read, client=client, callbacks=[fill])
    assert len(kept) == 1
    assert (network.theta == kept[0]).all()


def test_a_scheduler_that_is_killed_and_started_again(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address, processes = f"tcp://127.0.0.1:{port}", []

    def start(*arguments):
        command = [sys.executable, "-m", "distributed.cli.dask_" + arguments[0], *arguments[1:]]
        processes.append(subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL))
        return processes[-1]

    def kill(running):
        if running.history.epochs == 2:
            scheduler.send_signal(signal.SIGKILL)
            scheduler.wait()
            start("scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")

    try:
        scheduler = start("scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
        start("worker", address, "--nworkers", "1", "--nthreads", "1", "--no-dashboard")
        network, place = Network([3, 1], output_activation="identity"), tmp_path / "c"
        with (
            Client(address, timeout=30, set_as_default=False) as client,
            pytest.raises(ClusterError, match="scheduler was lost"),
        ):
            fit_rounds(network, SHARDS, rounds=4, client=client, callbacks=[kill], checkpoint=place)
        again = Network([3, 1], output_activation="identity")
        history = fit_rounds(again, SHARDS, rounds=4, callbacks=[lambda running: None], checkpoint=place, resume=True)
    finally:
        for process in processes:
            process.kill()
            process.wait()
    whole = Network([3, 1], output_activation="identity")
    fit_rounds(whole, SHARDS, rounds=4)
    assert history.epochs == 4
    assert (again.theta == whole.theta).all()
