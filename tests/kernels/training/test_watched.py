"""Several epochs in one call in the stock way, in which a driver stays a Python function.

What it trains: tests/trainer/fit/test_epochs.py.
"""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from numba.core import config
from tileprop.kernels.llvm import copy
from tileprop.kernels.training.watched import WATCHING
from tileprop.trainer import SGD, EarlyStopping, Network

compiled_only = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="about compiled code")


@compiled_only
@pytest.mark.parametrize("driver", WATCHING.values(), ids=lambda driver: driver.__name__)
def test_it_calls_only_what_python_can_call(driver):
    function = getattr(driver, "py_func", driver)
    called = [function.__globals__[name] for name in function.__code__.co_names if name in function.__globals__]
    assert called
    assert type(copy) not in map(type, called)  # an intrinsic


def trained():
    """What a fit with early stopping ends at."""
    rows = np.random.default_rng(1).uniform(size=(30, 2))
    targets = rows.prod(axis=1, keepdims=True)
    network = Network([2, 2, 1], dtype="float64", random_state=0)
    stopping = EarlyStopping(n_iter_no_change=3)
    given = dict(validation_data=(rows[:9], targets[:9]), callbacks=[stopping], progress=False)
    history = network.fit(rows[9:], targets[9:], epochs=300, batch_size=1, optimizer=SGD(0.9), **given)
    assert history.stopped == "callback"
    return hashlib.sha256(network.theta.tobytes() + np.array(history.val_loss).tobytes()).hexdigest()


@compiled_only
@pytest.mark.full
def test_early_stopping_ends_at_the_same_bits():
    code = "from test_watched import trained; print(trained())"
    environment = {**os.environ, "TILEPROP_STOCK_JIT": "1", "PYTHONPATH": os.path.dirname(__file__)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == trained(), done.stderr
