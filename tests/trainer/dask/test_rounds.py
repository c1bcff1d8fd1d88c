"""Rounds on a cluster: the bits of rounds on one machine, for every form of the data and any number of workers."""

from __future__ import annotations

import hashlib
import time

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from distributed import Client, LocalCluster
from tileprop.trainer import Adam, ClusterError, DivergenceError, InputError, Network
from tileprop.trainer import fit_rounds as fit_here
from tileprop.trainer.dask import fit_rounds

ROWS, SHARD = 190, 50
X = np.random.default_rng(5).normal(size=(ROWS, 3))
T = np.tanh(X.sum(axis=1))
SHARDS = [(X[i : i + SHARD], T[i : i + SHARD]) for i in range(0, ROWS, SHARD)]
OPTIONS = dict(rounds=3, steps=3, batch_size=20, optimizer=Adam(0.02), dropout=0.2, validation_data=(X, T))


def bits(history, network):
    """The SHA-256 of parameters and history."""
    numbers = np.array([history.loss, history.val_loss, history.penalty])
    return hashlib.sha256(network.theta.tobytes() + numbers.tobytes()).hexdigest()


def trained(fit, shards, dtype="float32", **options):
    network = Network([3, 6, 1], "tanh", "identity", dtype=dtype)
    return bits(fit(network, shards, **{**OPTIONS, **options}), network)


def frames(columns):
    """A data frame of Dask with one partition for each shard."""
    parts = [pd.DataFrame({**dict(zip("abc", part.T, strict=True)), "t": target}) for part, target in SHARDS]
    return dd.concat([dd.from_pandas(part, npartitions=1) for part in parts])[columns]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bits_do_not_depend_on_the_number_of_workers(dtype):
    expected = trained(fit_here, SHARDS, dtype)
    with (
        LocalCluster(n_workers=4, threads_per_worker=1, processes=False, dashboard_address=":0") as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        for count in (4, 2, 1):
            cluster.scale(count)
            assert trained(fit_rounds, SHARDS, dtype, client=client) == expected


def forms():
    array = da.from_array(X, chunks=(SHARD, 2)), da.from_array(T, chunks=ROWS)
    return {
        "arrays, in other chunks": array,
        "data frame": (frames(["a", "b", "c"]), frames("t")),
        "data frame's values": (frames(["a", "b", "c"]).values, frames("t").values),
        "delayed": [dask.delayed(lambda i: SHARDS[i])(i) for i in range(len(SHARDS))],
        "weights": (*array, da.ones(ROWS, chunks=SHARD)),
    }


@pytest.mark.parametrize("form", forms())
def test_forms_of_the_data(client, form):
    shards = [(*shard, np.ones(len(shard[0]))) for shard in SHARDS] if form == "weights" else SHARDS
    assert trained(fit_rounds, forms()[form], client=client) == trained(fit_here, shards)


def test_files_and_validation_over_shards(client, tmp_path):
    for number, (inputs, targets) in enumerate(SHARDS):
        np.savez(tmp_path / f"{number}.npz", X=inputs, T=targets)
    names = [str(tmp_path / f"{number}.npz") for number in range(len(SHARDS))]

    def read(name):
        with np.load(name) as file:
            return file["X"], file["T"]

    there = trained(fit_rounds, names, client=client, read=read, validation_data=names)
    assert there == trained(fit_here, SHARDS, validation_data=SHARDS)


def test_kept_collections_are_used_as_they_are(client):
    kept = client.persist([da.from_array(X, chunks=(SHARD, 3)), da.from_array(T, chunks=SHARD)])
    assert trained(fit_rounds, tuple(kept), client=client) == trained(fit_here, SHARDS)


def test_text_labels_of_all_shards(client):
    labels = np.where(T > 0, "yes", "no")
    order = np.argsort(labels, kind="stable")
    network = Network([3, 6, 2], "tanh", "softmax", "log_loss")
    arrays = da.from_array(X[order], chunks=(SHARD, 3)), da.from_array(labels[order], chunks=SHARD)
    fit_rounds(network, arrays, rounds=2, client=client)
    assert network.classes == ("no", "yes")


def test_nothing_stays_on_the_cluster(client):
    def ours(dask_scheduler):
        return {str(key) for key in dask_scheduler.tasks if "tileprop" in str(key)}

    before = client.run_on_scheduler(ours)  # errors of tests before this one may hold what their calls had on the cluster
    trained(fit_rounds, SHARDS, client=client)
    ends = time.monotonic() + 5.0  # it is told, and not asked
    while client.run_on_scheduler(ours) - before and time.monotonic() < ends:
        time.sleep(0.01)
    assert client.run_on_scheduler(ours) - before == set()


def test_goes_on_from_a_checkpoint_of_one_machine(client, tmp_path):
    def fails(running):
        return running.history.epochs == 2 and 1 / 0

    options = dict(checkpoint=tmp_path / "c", callbacks=[fails])
    with pytest.raises(ZeroDivisionError):
        trained(fit_here, SHARDS, **options)
    options |= dict(resume=True, callbacks=[lambda running: None], client=client)
    with pytest.raises(InputError, match="rounds is 5"):
        trained(fit_rounds, SHARDS, **{**options, "rounds": 5})
    assert trained(fit_rounds, SHARDS, **options) == trained(fit_here, SHARDS)


def test_a_piece_that_diverges(client):
    network = Network([3, 1], output_activation="identity")
    with pytest.raises(DivergenceError, match="of shard"):
        fit_rounds(network, SHARDS, rounds=99, optimizer=Adam(1e38), client=client)
    assert np.isfinite(network.theta).all()


def test_an_error_of_reading_is_told(client):
    def read(number):
        raise FileNotFoundError(f"there is no file {number}")

    with pytest.raises(FileNotFoundError, match="no file"):
        fit_rounds(Network([3, 1]), [0, 1], rounds=1, read=read, client=client)


@pytest.mark.parametrize(
    ("shards", "message"),
    [
        ((da.ones((10, 3)), np.ones(10)), "T is of type ndarray"),
        ((da.ones((10, 3), chunks=(5, 3)), da.ones(9, chunks=3)), "different numbers of partitions"),
        ((da.ones((10, 4)), da.ones(10)), "shard 0's X"),
    ],
)
def test_what_cannot_be_is_refused(client, shards, message):
    with pytest.raises(InputError, match=message):
        fit_rounds(Network([3, 1]), shards, rounds=1, client=client)


def test_a_scheduler_that_has_ended():
    """The last round's parameters are kept."""
    network, kept = Network([3, 6, 1], "tanh", "identity"), []

    def end(running):
        kept.append(running.network.theta.copy())
        if running.history.epochs == 2:
            cluster.close()

    with (
        LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0") as cluster,
        Client(cluster, set_as_default=False) as client,
        pytest.raises(ClusterError, match="scheduler"),
    ):
        fit_rounds(network, SHARDS, client=client, callbacks=[end], **OPTIONS)
    assert (network.theta == kept[-1]).all()
    assert len(kept) == 2
