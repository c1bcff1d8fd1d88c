"""Losses of the scheduler and of memory: an error that says what to do, or the same bits; the last whole round is kept."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import dask
import dask.array as da
import numpy as np
import pytest
import tileprop
from dask_processes import Processes
from distributed import Client, Future, LocalCluster
from distributed.comm.core import CommClosedError
from tileprop.trainer import ClusterError, Network, fit_exact, fit_rounds
from tileprop.trainer import dask as there
from tileprop.trainer.dask import DaskMLPClassifier, answers, groups

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
@pytest.mark.parametrize("way", WAYS)
def test_a_scheduler_that_is_frozen(tmp_path, way):
    """It counts as lost after the time that Dask's own setting gives it."""
    here, fit, length = WAYS[way]
    network, kept = linear(), []

    def freeze(running):
        kept.append(running.network.theta.copy())
        if len(kept) == 2:
            processes.freeze()
            kept.append(time.monotonic())

    options = dict(checkpoint=tmp_path / "c", callbacks=[freeze])
    with (
        dask.config.set({"distributed.comm.timeouts.tcp": "12s"}),
        Processes() as processes,
        Client(processes.address, timeout=30, set_as_default=False) as client,
    ):
        with pytest.raises(ClusterError, match="scheduler was lost: it has not answered for 12 s"):
            fitted(fit, network, length, client=client, **options)
        assert 12.0 < time.monotonic() - kept.pop() < 30.0
    assert (network.theta == kept.pop()).all()
    resumed, whole = linear(), linear()
    options["callbacks"] = [lambda running: None]
    fitted(here, resumed, length, resume=True, **options)
    fitted(here, whole, length)
    assert (resumed.theta == whole.theta).all()


def many(fit_many, networks, **options):
    return fit_many(networks, X, X.sum(axis=1), epochs=5000, **options)


def made():
    return [Network([3, 8, 1], "tanh", "identity", random_state=i) for i in range(64)]


LOSSES = {
    "killed": lambda processes: processes.kill(False),
    "started again": lambda processes: processes.kill(True),
    "started again with a worker": lambda processes: (processes.kill(True), processes.start_worker()),
    "frozen": lambda processes: processes.freeze(),
}


@pytest.mark.full
@pytest.mark.parametrize("after", [0.0, 1.0])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_scheduler_that_is_lost_while_many_networks_train(monkeypatch, loss, after):
    """Every network is as it was, or has been trained to the end, to the same bits as here."""

    def submitted(*given):
        threading.Timer(after, LOSSES[loss], [processes]).start()
        return submit(*given)

    monkeypatch.setattr(answers, "seconds_to_answer", lambda: 3.0)
    networks, before, whole, submit = made(), made(), made(), groups._submitted
    with Processes() as processes, Client(processes.address, timeout=30, set_as_default=False) as client:
        there.fit_many(made(), X, X.sum(axis=1), client=client, epochs=1)
        monkeypatch.setattr(groups, "_submitted", submitted)
        with pytest.raises(ClusterError, match="scheduler was lost"):
            many(there.fit_many, networks, client=client)
    many(tileprop.fit_many, whole)
    bits = [network.theta.tobytes() for network in networks]
    unchanged = [one == network.theta.tobytes() for one, network in zip(bits, before, strict=True)]
    trained = [one == network.theta.tobytes() for one, network in zip(bits, whole, strict=True)]
    assert all(a != b for a, b in zip(unchanged, trained, strict=True))
    assert any(unchanged)


def classified(client):
    model = DaskMLPClassifier((4,), max_iter=5000, n_iter_no_change=5000, random_state=0)
    model.client = client
    rows = da.from_array(X, chunks=(100, 3))
    return model.fit(rows, rows[:, 0] > 0)


CALLS = {
    "sweep": lambda client: there.sweep(
        X, X[:, 0], {"hidden": [(8,), (16,)]}, seeds=8, epochs=5000, validation_split=0.2, client=client
    ),
    "cross_val_fit": lambda client: there.cross_val_fit(Network([3, 8, 1]), X, X[:, :1], cv=20, epochs=5000, client=client),
    "estimator": classified,
}


@pytest.mark.full
@pytest.mark.parametrize("call", CALLS)
def test_a_scheduler_that_is_frozen_ends_other_calls(monkeypatch, call):
    monkeypatch.setattr(answers, "seconds_to_answer", lambda: 3.0)
    with Processes() as processes, Client(processes.address, timeout=30, set_as_default=False) as client:
        there.fit_many(made(), X, X.sum(axis=1), client=client, epochs=1)
        threading.Timer(0.5, processes.freeze).start()
        with pytest.raises(ClusterError, match="scheduler was lost: it has not answered for 3 s"):
            CALLS[call](client)


@pytest.mark.full
@pytest.mark.parametrize("asked", ["labels", "score"])
def test_a_scheduler_that_is_frozen_by_a_task(monkeypatch, asked):
    """Where the classifier collects its labels, and where it is scored."""
    monkeypatch.setattr(answers, "seconds_to_answer", lambda: 3.0)

    def freezing(block, pid):
        os.kill(pid, signal.SIGSTOP)
        return block

    with Processes() as processes, Client(processes.address, timeout=30, set_as_default=False) as client:
        rows = da.from_array(X, chunks=(100, 3))
        y = rows[:, 0] > 0
        frozen = y.map_blocks(freezing, pid=processes.scheduler.pid, dtype=bool, meta=np.empty(0, bool))
        model = DaskMLPClassifier((4,), max_iter=2, random_state=0)
        model.client = client
        with pytest.raises(ClusterError, match="scheduler was lost: it has not answered for 3 s"):
            model.fit(rows, frozen) if asked == "labels" else model.fit(rows, y).score(rows, frozen)


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
