"""Exact steps on a cluster: the bits of the same steps on one machine."""

from __future__ import annotations

import hashlib

import dask.array as da
import numpy as np
import pytest
from distributed import Client, LocalCluster
from tileprop.trainer import Network
from tileprop.trainer import fit_exact as fit_here
from tileprop.trainer.dask import fit_exact

ROWS, SHARD = 90, 10  # more shards than are added at once
X = np.random.default_rng(5).normal(size=(ROWS, 3))
T = np.tanh(X.sum(axis=1))
SHARDS = [(X[i : i + SHARD], T[i : i + SHARD]) for i in range(0, ROWS, SHARD)]
OPTIMIZERS = {"lbfgs": 1, "levenberg_marquardt": 1, "adam": 2}


def trained(fit, shards, dtype, optimizer, **options):
    """The SHA-256 of parameters and history."""
    network = Network([3, 4, 1], "tanh", "identity", dtype=dtype)
    history = fit(network, shards, epochs=2, optimizer=optimizer, batches=OPTIMIZERS[optimizer], **options)
    return hashlib.sha256(network.theta.tobytes() + np.array(history.loss).tobytes()).hexdigest()


@pytest.fixture(scope="module")
def four():
    """A cluster of four workers, and its client."""
    with (
        LocalCluster(n_workers=4, threads_per_worker=1, processes=False, dashboard_address=":0") as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield cluster, client


@pytest.mark.parametrize("workers", [4, 2, 1])
def test_bits_do_not_depend_on_the_number_of_workers(four, workers):
    cluster, client = four
    cluster.scale(workers)
    for optimizer, dtype in (("lbfgs", "float32"), ("levenberg_marquardt", "float64"), ("adam", "float32")):
        expected = trained(fit_here, SHARDS, dtype, optimizer)
        assert trained(fit_exact, SHARDS, dtype, optimizer, client=client) == expected


def test_collections_are_shards(client):
    arrays = da.from_array(X, chunks=(SHARD, 3)), da.from_array(T, chunks=SHARD)
    assert trained(fit_exact, arrays, "float32", "lbfgs", client=client) == trained(fit_here, SHARDS, "float32", "lbfgs")
