"""Training on sparse rows beside scikit-learn's: seconds and peak memory of whole fits, each in a process of its own, in turns.

Nothing is reported as faster before both have come to the same weights.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

SIDES = ("tileprop", "scikit-learn")
TOLERANCE = 1e-8  # between weights, by the largest


def drawn_rows(rows: int, columns: int, entries: int) -> tuple[Any, np.ndarray]:
    """X (rows, columns), a CSR matrix with `entries` numbers in each row, and labels."""
    from scipy.sparse import csr_matrix

    generator = np.random.default_rng(0)
    places = np.sort(generator.integers(0, columns, (rows, entries)), axis=1).astype(np.int32)
    values = generator.standard_normal((rows, entries))
    labels = (values * np.where(places % 2, 1.0, -1.0)).sum(axis=1) > 0
    X = csr_matrix((values.ravel(), places.ravel(), np.arange(rows + 1) * entries), shape=(rows, columns))
    X.sum_duplicates()
    return X, labels


def fit(side: str, sizes: tuple[int, int, int], hidden: int, epochs: int, weights: str) -> dict[str, float]:
    """One fit, in this process: its seconds, and the process's peak memory in MiB. weights: a .npy file to write them to."""
    module = importlib.import_module("tileprop.trainer" if side == "tileprop" else "sklearn.neural_network")
    X, labels = drawn_rows(*sizes)
    options: dict[str, Any] = {"hidden_layer_sizes": (hidden,), "random_state": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module.MLPClassifier(**options, max_iter=1).fit(X[:10, :50], labels[:10])  # loads what is compiled
        started = time.perf_counter()
        trained = module.MLPClassifier(**options, max_iter=epochs, tol=0.0).fit(X, labels)
        seconds = time.perf_counter() - started
    # Kilobytes on Linux, bytes on macOS.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    np.save(weights, np.concatenate([array.ravel() for array in (*trained.coefs_, *trained.intercepts_)]))
    return {"seconds": seconds, "peak": peak}


def run_sparse(sizes: tuple[int, int, int], hidden: int, epochs: int, repeats: int, threads: int) -> int:
    """Print a line for each side; status 1 where they do not end at the same weights."""
    rows, columns, entries = sizes
    environment = {**os.environ, "TILEPROP_NUM_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
    results: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
    with tempfile.TemporaryDirectory() as folder:
        files = {side: str(Path(folder) / f"{side}.npy") for side in SIDES}
        for turn in range(repeats + 1):  # the first one compiles
            for side in SIDES if turn % 2 else SIDES[::-1]:
                given = json.dumps([side, sizes, hidden, epochs, files[side]])
                command = [sys.executable, "-m", __spec__.name, given]
                done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
                if turn:
                    results[side].append(json.loads(done.stdout))
        ours, theirs = (np.load(files[side]) for side in SIDES)
    apart = float(np.abs(ours - theirs).max() / np.abs(theirs).max())
    print(
        f"{rows} x {columns} sparse rows, {entries} entries each, hidden {hidden}, {epochs} epochs, {threads} threads: "
        f"weights {apart:.1e} apart"
    )
    if apart > TOLERANCE:
        print("  not the same training, so no times")
        return 1
    for side, fits in results.items():
        seconds = sorted(result["seconds"] for result in fits)
        print(
            f"  {side:13} fit {seconds[0]:7.2f} s (to {seconds[-1]:.2f} s)   "
            f"peak memory {max(result['peak'] for result in fits):6.0f} MiB"
        )
    return 0


if __name__ == "__main__":
    print(json.dumps(fit(*json.loads(sys.argv[1]))))
