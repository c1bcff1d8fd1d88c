"""One run of `bench stream`, in a process of its own: `python -m tileprop.bench.stream_run RUN`, a line of JSON out."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..trainer import Network, TableSource
from ..trainer.fit import checkpoints
from ..trainer.streams.ahead import Ahead
from ..trainer.streams.stream import Stream
from ..trainer.streams.windows import Windows
from .stream_data import CLASSES, COLUMNS

SIZES = [COLUMNS, 128, 64, CLASSES]
BATCH_SIZE = 64
OPTIMIZER = "adam"
BETWEEN_SAMPLES = 0.1  # seconds
# Of a run that will be killed.
BETWEEN_CHECKPOINTS = 1.0  # seconds


def new_network() -> Network:
    """The network that is trained, always with the same weights and orders."""
    return Network(SIZES, "relu", "softmax", "log_loss", random_state=0)


class Resident:
    """Samples the resident memory of this process while it is in use, in MiB."""

    def __init__(self) -> None:
        self.samples, self._ends = [resident()], threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Resident:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._ends.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._ends.wait(BETWEEN_SAMPLES):
            self.samples.append(resident())


class Waiting:
    """Measures the seconds in which a fit waits for rows, while it is in use."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __enter__(self) -> Waiting:
        comes: Any = Ahead.comes
        self._comes = comes

        def timed(ahead: Ahead, *arguments: Any) -> Any:
            started = time.perf_counter()
            try:
                return comes(ahead, *arguments)
            finally:
                self.seconds += time.perf_counter() - started

        Ahead.comes = timed  # type: ignore[method-assign, assignment]
        return self

    def __exit__(self, *raised: object) -> None:
        Ahead.comes = self._comes  # type: ignore[method-assign]


def resident() -> float:
    """Resident memory of this process, in MiB."""
    found = re.search(r"VmRSS:\s*(\d+)", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 2**10


def streamed(paths: Sequence[str], memory: int, prefetch: int, options: dict[str, Any], resume: bool) -> dict[str, Any]:
    """An epoch over the files. resume: whether it goes on from its checkpoint."""
    source = TableSource(list(paths), "y", recipe=False, memory=memory, prefetch=prefetch)
    reading, decoding = source.seconds.reading, source.seconds.decoding
    with Resident() as memory_used, Waiting() as waiting:
        if resume:
            network, history = Network.resume(options["checkpoint"], source)
        else:
            network = new_network()
            history = network.fit(source, **options)
    return {
        **result(network, history),
        "reading": source.seconds.reading - reading,
        "decoding": source.seconds.decoding - decoding,
        "waiting": waiting.seconds,
        "samples": memory_used.samples,
    }


def in_memory(paths: Sequence[str], memory: int, options: dict[str, Any]) -> dict[str, Any]:
    """An epoch over the same rows in memory, in the same order."""
    source = TableSource(list(paths), "y", recipe=False, memory=memory)
    X, y = np.empty((source.n_rows, source.n_inputs), np.float32), np.empty(source.n_rows, np.int64)
    row = 0
    for block in range(len(source.block_rows)):
        for piece in source.read(block, 0, 1 << 14):
            X[row : row + len(piece.X)], y[row : row + len(piece.X)] = piece.X, piece.T
            row += len(piece.X)
    network = new_network()
    windows = Stream(network, source, None).windows(BATCH_SIZE)
    history = network.fit(X, y, shuffle=Order(network, windows), **options)
    return result(network, history)


class Order:
    """The orders of the rows that a fit takes from a source: a function of the number of rows, as `shuffle` is."""

    def __init__(self, network: Network, windows: Windows) -> None:
        self._network, self._windows = network, windows
        self._starts = np.cumsum([0, *windows.block_rows])

    def __call__(self, n: int) -> np.ndarray:
        windows = self._windows
        seed = int(self._network.generator.integers(1 << 32))
        blocks = windows.blocks(seed)
        rows = np.concatenate([np.arange(self._starts[block], self._starts[block + 1]) for block in blocks])
        for window in range(windows.count):
            here = slice(window * windows.rows, window * windows.rows + windows.length(window))
            rows[here] = rows[here][windows.order(seed, window)[BATCH_SIZE:]]
        return rows


def result(network: Network, history: Any) -> dict[str, Any]:
    """What a run has come to."""
    digest = hashlib.sha256(network.theta.tobytes() + np.array(history.loss).tobytes()).hexdigest()
    return {"sha256": digest, "seconds": history.seconds[-1], "loss": history.loss[-1], "rows": history.n_samples}


def run(given: dict[str, Any]) -> dict[str, Any]:
    """See `streamed` and `in_memory`. A small fit first loads what is compiled."""
    way: Any = {"streamed": streamed, "memory": in_memory}[given.pop("way")]
    options = {"epochs": 1, "batch_size": BATCH_SIZE, "optimizer": OPTIMIZER, "progress": False, **given.pop("options")}
    rng = np.random.default_rng(0)
    small = rng.standard_normal((4096, COLUMNS), dtype=np.float32), rng.integers(0, CLASSES, 4096)
    new_network().fit(*small, epochs=1, batch_size=BATCH_SIZE, optimizer=OPTIMIZER, n_threads=options.get("n_threads"))
    checkpoints.SECONDS_BETWEEN = BETWEEN_CHECKPOINTS
    started = time.perf_counter()
    return {**way(options=options, **given), "whole": time.perf_counter() - started}


if __name__ == "__main__":
    print(json.dumps(run(json.loads(sys.argv[1]))), flush=True)
    os._exit(0)  # at once: the rows of the memory way take seconds to give back
