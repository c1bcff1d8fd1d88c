"""What the model of a cluster takes, measured: the steps of a shard, a task's latency and overhead, bandwidth, real rounds."""

from __future__ import annotations

import importlib
import time
from typing import Any, NamedTuple

import numpy as np

from ..kernels import State
from ..trainer import Adam, Network
from ..trainer.rounds.blueprint import Blueprint
from ..trainer.rounds.orders import Orders
from ..trainer.rounds.shards import Shard, prepared
from ..trainer.rounds.sums import FAN_IN, Sums, add
from ..trainer.rounds.training import Point, Training, train_shard
from .scale_model import Cluster, Round

SIZES = [64, 128, 64, 10]
BATCH_SIZE, STEPS = 64, 500
# Numbers of workers of which rounds are really made.
MEASURED = (1, 2)
TRIALS, MANY_TASKS, PAYLOAD = 50, 1000, 1 << 25
# For each worker, tasks of so many seconds, about as long as the steps of a shard.
LONG_TASKS, TASK = 100, 16e-3

Rows = tuple[np.ndarray, np.ndarray]


class Measured(NamedTuple):
    """cluster: of this machine. round: of the shards. rounds: seconds of a real round by numbers of workers."""

    cluster: Cluster
    round: Round
    rounds: dict[int, float]


def measure(shards: int, rows: int, rounds: int) -> Measured:
    """All that the model takes, and real rounds to set beside it."""
    distributed: Any = importlib.import_module("distributed")
    on_cluster: Any = importlib.import_module("tileprop.trainer.dask")
    data, times, clusters = drawn_shards(shards, rows), {}, []
    one = measured_round(data)
    for workers in MEASURED:
        with (
            distributed.LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=":0", memory_limit=0) as local,
            distributed.Client(local) as client,
        ):
            client.wait_for_workers(workers)
            clusters.append(measured_cluster(client))
            history = on_cluster.fit_rounds(
                new_network(), data, rounds=rounds + 1, steps=STEPS, batch_size=BATCH_SIZE, optimizer="adam", client=client,
                progress=False,
            )  # fmt: skip
            times[workers] = min(history.seconds[1:])  # the first one loads kernels
    return Measured(clusters[-1], one, times)


def drawn_shards(shards: int, rows: int) -> list[Rows]:
    """Shards of drawn rows and classes."""
    W = np.random.default_rng(0).standard_normal((SIZES[0], SIZES[-1]), dtype=np.float32)
    made = []
    for number in range(shards):
        X = np.random.default_rng([1, number]).standard_normal((rows, SIZES[0]), dtype=np.float32)
        made.append((X, (X @ W).argmax(axis=1)))
    return made


def new_network() -> Network:
    """The network that is trained."""
    return Network(SIZES, "relu", "softmax", "log_loss")


def measured_round(data: list[Rows]) -> Round:
    """The steps of each shard as a cluster's task makes them, in this process and one after the other."""
    network = new_network()
    blueprint = Blueprint(network.plan.arguments, network.dtype.name)
    shards: list[Shard] = [prepared(number, rows, blueprint) for number, rows in enumerate(data)]
    point = Point(network.theta.copy(), Adam().state(network.plan, network.dtype))
    training = Training(
        blueprint=blueprint, shares=(1.0 / len(data),) * len(data), batch_size=BATCH_SIZE, steps=STEPS, orders=Orders(0, True),
        frozen_layers=(), dropout=(), label_smoothing=0.0,
    )  # fmt: skip
    train_shard(0, shards[0], point, training, 0)  # loads kernels
    seconds, results = [], list[Sums]()
    for number, shard in enumerate(shards):
        started = time.perf_counter()
        results.append(train_shard(number, shard, point, training, 0))
        seconds.append(time.perf_counter() - started)
    group = results[:FAN_IN]
    started = time.perf_counter()
    add(group)
    adding = (time.perf_counter() - started) / len(group)
    return Round(seconds, bytes_of(point.theta, *carried(point.state)), bytes_of(*results[0].values()), adding)


def carried(state: State) -> list[np.ndarray]:
    """The vectors of a state."""
    return [state.velocity, state.mean_square]


def bytes_of(*values: Any) -> int:
    """Bytes of the arrays among some values."""
    return sum(value.nbytes for value in values if isinstance(value, np.ndarray))


def measured_cluster(client: Any) -> Cluster:
    """The medians of some trials on a running cluster."""

    def seconds(call: Any, trials: int) -> float:
        times = []
        for trial in range(trials):
            started = time.perf_counter()
            call(trial)
            times.append(time.perf_counter() - started)
        return float(np.median(times))

    def payload(trial: int) -> None:
        client.submit(np.full, PAYLOAD, trial % 100, np.uint8, pure=False).result()

    def many(trial: int) -> None:
        client.gather(client.map(abs, range(MANY_TASKS), pure=False))

    def long(trial: int) -> None:
        client.gather(client.map(time.sleep, [TASK] * LONG_TASKS * workers, pure=False))

    workers = len(client.nthreads())
    latency = seconds(lambda trial: client.submit(abs, trial, pure=False).result(), TRIALS)
    handling = max(0.0, (seconds(long, 3) - latency) / LONG_TASKS - TASK)
    bandwidth = PAYLOAD / max(seconds(payload, 5) - latency, 1e-9)
    return Cluster(latency, seconds(many, 3) / MANY_TASKS, handling, bandwidth)
