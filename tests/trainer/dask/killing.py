"""Trainings on a cluster whose workers are killed at random moments: `python tests/trainer/dask/killing.py KILLS [SEED]`.

Prints a line for each training: its seconds, the workers killed during it, and whether it ended at the bits of one that was
left alone. Exits with 1 where one did not.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import os
import signal
import sys
import threading
import time

import dask
import numpy as np
from distributed import Client, LocalCluster
from tileprop.trainer import Adam, Network
from tileprop.trainer import fit_exact as fit_exact_here
from tileprop.trainer import fit_rounds as fit_rounds_here
from tileprop.trainer.dask import fit_exact, fit_rounds

# A LocalCluster drops a worker that takes longer than this to start again; the default of 15 s is short on a busy machine.
PATIENT = {"distributed.deploy.lost-worker-timeout": "120s"}
WORKERS, LIMIT = 4, 300.0  # seconds of a training that counts as hanging
BETWEEN = 0.05, 2.0  # seconds between two kills; a new worker starts within one to three
TRAININGS = [(kind, dtype) for kind in ("rounds", "exact") for dtype in ("float32", "float64")]


def shards() -> list[tuple[np.ndarray, np.ndarray]]:
    generator = np.random.default_rng(0)
    inputs = [generator.normal(size=(4000, 8)) for _ in range(8)]
    return [(X, np.tanh(X.sum(axis=1))) for X in inputs]


def trained(kind: str, dtype: str, **cluster) -> str:
    """The SHA-256 of parameters and losses."""
    network = Network([8, 32, 1], "tanh", "identity", dtype=dtype)
    fits = {"rounds": (fit_rounds_here, fit_rounds), "exact": (fit_exact_here, fit_exact)}
    fit = fits[kind]["client" in cluster]
    options = dict(rounds=12, steps=200, optimizer=Adam(0.01), dropout=0.1) if kind == "rounds" else dict(epochs=25)
    history = fit(network, shards(), **options, **cluster)
    return hashlib.sha256(network.theta.tobytes() + np.array(history.loss).tobytes()).hexdigest()


class Killer(threading.Thread):
    """Kills a worker of the cluster, drawn at random, every now and then."""

    def __init__(self, cluster: LocalCluster, most: int, generator: np.random.Generator) -> None:
        super().__init__(daemon=True)
        self.cluster, self.most, self.generator = cluster, most, generator
        self.killed, self.ended = 0, threading.Event()

    def run(self) -> None:
        while self.killed < self.most and not self.ended.wait(self.generator.uniform(*BETWEEN)):
            # A nanny gives up a worker that dies while it starts.
            known = self.cluster.scheduler.workers
            running = [one for one in self.cluster.workers.values() if one.status.name == "running"]
            nannies = [one for one in running if one.worker_address in known]
            if nannies:
                try:
                    os.kill(nannies[self.generator.integers(len(nannies))].pid, signal.SIGKILL)
                    self.killed += 1
                except ProcessLookupError:  # it has ended already
                    pass


def run_beside(killer: Killer, kind: str, dtype: str, client: Client) -> list[str]:
    """What a training ends with while workers are killed; empty where it fails, or does not end."""
    result: list[str] = []
    run = threading.Thread(target=lambda: result.append(trained(kind, dtype, client=client)), daemon=True)
    killer.start()
    run.start()
    run.join(LIMIT)
    killer.ended.set()
    killer.join()
    return result


def kill(kills: int, seed: int = 0) -> list[str]:
    """What went wrong, over as many trainings as it takes to kill so many workers, a quarter of them or fewer in each."""
    generator, wrong, killed = np.random.default_rng(seed), [], 0
    expected = {one: trained(*one) for one in TRAININGS}
    order = itertools.cycle(TRAININGS)
    while killed < kills:
        kind, dtype = next(order)
        with (
            dask.config.set(PATIENT),
            LocalCluster(n_workers=WORKERS, threads_per_worker=1, dashboard_address=":0") as cluster,
            Client(cluster, set_as_default=False) as client,
        ):
            most = min(kills - killed, math.ceil(kills / len(TRAININGS)))
            killer, began = Killer(cluster, most, generator), time.monotonic()
            result = run_beside(killer, kind, dtype, client)
            killed += killer.killed
            verdict = "hangs or fails" if not result else "same bits" if result == [expected[kind, dtype]] else "other bits"
            line = f"{kind}, {dtype}: {time.monotonic() - began:.1f} s, {killer.killed} workers killed, {verdict}"
            print(line, flush=True)
            if verdict != "same bits":
                wrong.append(line)
    return wrong


if __name__ == "__main__":
    failures = kill(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    print("\n".join(failures))
    sys.exit(bool(failures))
