"""The same SHA-256 whatever a fit is run with: again, other numbers of threads, other places and layouts of its data.

A count of threads that changes while it trains: `tests/trainer/fit/`.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from numba.core import config
from tileprop.trainer import SGD, Adam, Network

pytestmark = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="about compiled code")

# Layers, dtype, optimizer, batch size, options: one in registers, one in memory, one whose batches are cut in groups.
FITS = {
    "tiny": ([2, 2, 1], "float64", SGD(0.5), 1, {}),
    "small": ([8, 32, 32, 1], "float32", Adam(), 32, {"dropout": 0.1, "clip_norm": 1.0}),
    "long batches": ([20, 64, 3], "float32", Adam(), 1500, {}),
}
ROWS = 3000


def _mapped(array, folder, name):
    np.save(folder / name, array)
    return np.load(folder / f"{name}.npy", mmap_mode="r")


def _every_other(array):
    wide = np.full((2 * len(array), array.shape[1] + 3), np.nan, array.dtype)
    wide[::2, :-3] = array
    return wide[::2, :-3]


SOURCES = {
    "in memory": lambda array, folder, name: array,
    "memory-mapped": _mapped,
    "Fortran-ordered": lambda array, folder, name: np.asfortranarray(array),
    "float64": lambda array, folder, name: array.astype("float64"),
    "not contiguous": lambda array, folder, name: _every_other(array),
    "backwards": lambda array, folder, name: array[::-1].copy()[::-1],
    "big-endian": lambda array, folder, name: array.astype(array.dtype.newbyteorder(">")),
    "a list": lambda array, folder, name: array.tolist(),
}


def digest(name, X, T, threads):
    sizes, dtype, optimizer, batch_size, options = FITS[name]
    network = Network(sizes, "tanh", "identity", dtype=dtype, random_state=1)
    rows = 60 if name == "tiny" else ROWS
    history = network.fit(
        X[:rows], T[:rows], epochs=3, batch_size=batch_size, optimizer=optimizer, n_threads=threads, progress=False, **options
    )
    results = [network.theta, network.predict(X[:rows]), np.array(history.loss), network.loss_and_grad(X[:rows], T[:rows])[1]]
    return hashlib.sha256(b"".join(np.ascontiguousarray(result).tobytes() for result in results)).hexdigest()


def data(name):
    sizes, dtype, *_ = FITS[name]
    rng = np.random.default_rng(2)
    # float32 numbers, so that a float64 source holds the same ones.
    return [rng.normal(size=(ROWS, columns)).astype("float32").astype(dtype) for columns in (sizes[0], sizes[-1])]


@pytest.fixture
def four_processors(monkeypatch):
    """More threads than processors are never taken otherwise."""
    monkeypatch.setattr("tileprop.trainer.threads.number.available_processors", lambda: 4)


@pytest.mark.usefixtures("four_processors")
@pytest.mark.parametrize(
    ("reruns", "sources"),
    [(1, ["in memory", "memory-mapped", "not contiguous"]), pytest.param(20, list(SOURCES), marks=pytest.mark.full)],
    ids=["some", "all"],
)
@pytest.mark.parametrize("name", FITS)
def test_the_same_bits(tmp_path, name, reruns, sources):
    arrays = data(name)
    expected = digest(name, *arrays, 1)
    for source in sources:
        X, T = (SOURCES[source](array, tmp_path, f"{i}") for i, array in enumerate(arrays))
        for threads in (1, 2, 4):
            for _ in range(reruns):
                assert digest(name, X, T, threads) == expected, (source, threads)
