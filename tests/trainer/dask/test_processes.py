"""Worker processes: the bits are those of the same shards without Dask, whatever their number."""

import numpy as np
import pytest
import tileprop.trainer as here
import tileprop.trainer.dask as there
from distributed import Client, LocalCluster
from tileprop import Adam, Network

WAYS = {
    "rounds": lambda on, network, shards, **given: on.fit_rounds(
        network, shards, rounds=6, steps=20, optimizer=Adam(0.01), dropout=0.1, **given
    ),
    "L-BFGS": lambda on, network, shards, **given: on.fit_exact(network, shards, epochs=12, optimizer="lbfgs", **given),
    "Adam": lambda on, network, shards, **given: on.fit_exact(
        network, shards, epochs=4, batches=5, optimizer=Adam(0.01), **given
    ),
    "Levenberg-Marquardt": lambda on, network, shards, **given: on.fit_exact(
        network, shards, epochs=4, optimizer="levenberg_marquardt", **given
    ),
}


def trained(way, dtype, on, **given):
    X = np.random.default_rng(0).normal(size=(3000, 12)).astype(dtype)
    T = np.sin(X[:, :3].sum(axis=1))
    network = Network([12, 16, 1], "tanh", "identity", dtype=dtype)
    history = WAYS[way](on, network, [(X[i::6], T[i::6]) for i in range(6)], **given)
    return network.theta.tobytes(), history.loss


@pytest.mark.full
@pytest.mark.parametrize("workers", [1, 2, 4])
def test_the_bits_are_those_without_dask(workers):
    with (
        LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=":0", memory_limit=0) as cluster,
        Client(cluster) as client,
    ):
        client.wait_for_workers(workers)
        assert len(client.nthreads()) == workers
        for way in WAYS:
            for dtype in ("float32", "float64"):
                assert trained(way, dtype, there, client=client) == trained(way, dtype, here)
