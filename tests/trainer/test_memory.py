"""Training copies no data: what a fit needs beyond its data is bounded."""

import subprocess
import sys

import pytest
from numba.core import config

LIMIT = 64  # MiB

SCRIPT = """
import numpy as np
from tileprop.trainer import Network, SGD

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * {page} / 2**20

X = np.random.default_rng(0).random((60_000, 784), dtype=np.float32)
labels = np.arange(60_000) % 10
network = Network([784, 64, 10], "relu", "softmax", "log_loss")
network.fit(X[:256], labels[:256], n_threads=2)
before = resident()
for shuffle in (False, True):
    network.fit(X, labels, batch_size=128, optimizer=SGD(0.01), shuffle=shuffle, n_threads=2)
print(resident() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads Linux's count of resident pages")
@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="takes too long as plain Python")
def test_a_fit_needs_little_beyond_its_data():
    import resource

    script = SCRIPT.format(page=resource.getpagesize())
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert float(run.stdout) < LIMIT
