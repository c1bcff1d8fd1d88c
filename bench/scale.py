"""Rounds on 1 to 256 workers, simulated: times and payloads that are measured on this machine, put into a model.

This machine has few processors: what is printed for more workers than these is a calculation. For one and two workers the model
is set beside rounds that are really made.
"""

from __future__ import annotations

import numpy as np

from .scale_measure import BATCH_SIZE, SIZES, STEPS, measure
from .scale_model import round_seconds, worthwhile_workers

WORKERS = tuple(1 << exponent for exponent in range(9))


def run_scale(shards: int, rows: int, rounds: int) -> int:
    """Measure, and print what the model makes of it."""
    print(
        f"{'-'.join(map(str, SIZES))}, adam, batches of {BATCH_SIZE}: {shards} shards of {rows} rows, "
        f"{STEPS} steps of each shard a round"
    )
    measured = measure(shards, rows, rounds)
    cluster, one = measured.cluster, measured.round
    print("measured on this machine")
    print(f"  the steps of a shard, one thread  {1e3 * np.median(one.pieces):8.1f} ms (median of {len(one.pieces)})")
    print(f"  a task that does nothing          {1e3 * cluster.latency:8.2f} ms there and back")
    print(f"  each of many tasks                {1e3 * cluster.overhead:8.2f} ms of client and scheduler")
    print(f"  a task, besides its own time      {1e3 * cluster.handling:8.2f} ms of its worker")
    print(f"  from worker to client             {cluster.bandwidth / 2**20:8.0f} MiB/s")
    print(f"  parameters for a worker           {one.down / 2**20:8.2f} MiB, the results of a shard {one.up / 2**20:.2f} MiB")
    for workers, seconds in measured.rounds.items():
        modelled = round_seconds(one, cluster, workers)
        print(f"  a round on {workers} worker(s)            {seconds:8.3f} s, by the model {modelled:.3f} s")
    by_workers = {workers: round_seconds(one, cluster, workers) for workers in WORKERS if workers <= shards}
    print("by the model")
    print(f"  {'workers':>7}  {'a round':>9}  {'rows/s':>12}  {'speed-up':>8}  {'each worker used':>16}")
    for workers, one_round in by_workers.items():
        speed_up = by_workers[1] / one_round
        trained = shards * STEPS * BATCH_SIZE / one_round
        print(f"  {workers:7}  {one_round:7.3f} s  {trained:12,.0f}  {speed_up:7.1f}x  {100 * speed_up / workers:15.0f}%")
    enough = worthwhile_workers(by_workers)
    if enough < max(by_workers):
        print(f"more than {enough} workers do not pay: twice as many make a round less than 10% shorter")
    else:
        print(f"more workers pay up to {enough}, the most that {shards} shards can use")
    return 0
