"""Random fits, predictions, saves, checkpoints, loads and resumes in one process, whose memory, files and threads are counted.

`python soaking.py SECONDS SEED [TASK ...]`, the tasks being methods of `Soak`, all of them unless given. Prints the resident
memory after warming up and at the end, in KiB, and how many rounds were made.
"""

from __future__ import annotations

import contextlib
import gc
import os
import random
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path

import numpy as np
from tileprop.trainer import SGD, Adam, EarlyStopping, LevenbergMarquardt, MLPClassifier, MLPRegressor, Network, RMSprop

# Of the time: what caches and pools come to hold in it is no leak.
WARM_UP = 0.2


TASKS = ["fit", "fail", "checkpoint", "save", "differentiate", "solve", "estimate"]


class StoppedError(Exception):
    """Ends a fit in its midst."""


class Soak:
    """draw: decides about everything. Networks are few, and so are sizes, so that what is kept for each is soon there."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.draw = folder, random.Random(seed)
        rng = np.random.default_rng(seed)
        self.X = rng.normal(size=(3000, 8))
        self.T = np.sin(self.X[:, :2])

    def network(self) -> Network:
        hidden = self.draw.choice([[4], [32], [32, 32], [300]])
        return Network([8, *hidden, 2], "tanh", "identity", dtype=self.draw.choice(["float32", "float64"]), random_state=1)

    def rows(self) -> tuple[np.ndarray, np.ndarray]:
        n = self.draw.choice([1, 60, 500, 3000])
        return self.X[:n], self.T[:n]

    def fit(self) -> None:
        net, (X, T) = self.network(), self.rows()
        callbacks = [EarlyStopping(3)] if self.draw.random() < 0.3 else []
        net.fit(
            X, T, epochs=self.draw.randint(1, 8), batch_size=self.draw.choice([16, 64, 1000]), callbacks=callbacks,
            optimizer=self.draw.choice([SGD(0.01), Adam(), RMSprop()]), n_threads=self.draw.choice([1, 2, None]),
            validation_data=(X, T), progress=False,
        )  # fmt: skip
        net.predict(X)

    def fail(self) -> None:
        def stop(running: object) -> None:
            raise StoppedError

        with contextlib.suppress(StoppedError):
            self.network().fit(*self.rows(), epochs=5, n_threads=2, callbacks=[stop], progress=False)

    def checkpoint(self) -> None:
        def stop(running: object) -> None:
            raise StoppedError

        path, (X, T) = self.folder / "fit", self.rows()
        with contextlib.suppress(StoppedError):
            self.network().fit(X, T, epochs=4, checkpoint=path, checkpoint_every=1, callbacks=[stop], progress=False)
        Network.resume(path, X, T, callbacks=[lambda running: None], progress=False)

    def save(self) -> None:
        net, path = self.network(), self.folder / "net"
        net.save(path)
        assert Network.load(path).theta.tobytes() == net.theta.tobytes()

    def differentiate(self) -> None:
        net, (X, T) = self.network(), self.rows()
        net.loss_and_grad(X, T)
        net.input_gradient(X, T)
        net.hessian_vector(X, T, net.theta)

    def solve(self) -> None:
        net = Network([8, 4, 2], "tanh", "identity", dtype="float64", random_state=1)
        net.fit(*self.rows(), epochs=3, optimizer=LevenbergMarquardt(), progress=False)

    def estimate(self) -> None:
        X, T = self.X[:300], self.T[:300]
        MLPRegressor(hidden_layer_sizes=(8,), max_iter=3, random_state=0).fit(X, T).predict(X)
        MLPClassifier(hidden_layer_sizes=(8,), max_iter=3, random_state=0).fit(X, T[:, 0] > 0).predict(X)

    def round(self, tasks: list[str]) -> None:
        """Each of them once, in a drawn order."""
        for task in self.draw.sample(tasks, len(tasks)):
            getattr(self, task)()


def resident() -> int:
    """KiB of this process's memory that are in use."""
    gc.collect()
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def held() -> tuple[int, int, int]:
    """Open files, Python's threads, the system's threads."""
    return len(os.listdir("/proc/self/fd")), threading.active_count(), len(os.listdir("/proc/self/task"))


def run(seconds: float, seed: int, tasks: list[str]) -> None:
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(Path(folder), seed)
        begun, rounds = time.monotonic(), 0
        while rounds < 2 or time.monotonic() < begun + WARM_UP * seconds:
            soak.round(tasks)
            rounds += 1
        warm, before = resident(), held()
        while time.monotonic() < begun + seconds:
            soak.round(tasks)
            rounds += 1
        assert held() == before, (held(), before)
        assert not [thread for thread in threading.enumerate() if thread.name == "tileprop"]
        assert {path.name for path in Path(folder).iterdir()} <= {"net", "fit", "fit.previous"}
        print(warm, resident(), rounds)


if __name__ == "__main__":
    run(float(sys.argv[1]), int(sys.argv[2]), sys.argv[3:] or TASKS)
