"""`tileprop warm`: afterwards nothing is compiled any more, and it says where it has put everything."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from numba.core import config
from tileprop import kernels
from tileprop.kernels.activations import activation_registry
from tileprop.kernels.compiler.cache import cache_folder
from tileprop.kernels.compiler.jit import STOCK, is_kernel
from tileprop.kernels.losses import loss_registry
from tileprop.trainer.cli import main
from tileprop.trainer.commands import warm
from tileprop.trainer.commands.warm import pieces_of

compiled_only = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="about compiled code")
cached_only = pytest.mark.skipif(cache_folder() is None, reason="the cache is off")

# What is compiled by a process that is not the first one: the names of the functions.
USE = """
import json
from numba.core import event
import numpy as np
compiled = event.RecordingListener()
event.register("numba:compile", compiled)
from tileprop.trainer import Network, SGD, Adam, LBFGS, LevenbergMarquardt
from tileprop import kernels
X, T = np.random.default_rng(0).random((2, 50, 2)).astype("float64")
for activation in ("tanh", "gelu"):
    for optimizer in (SGD(0.1), Adam(), LBFGS(), LevenbergMarquardt()):
        network = Network([2, 30, 2], activation, "identity", dtype="float64")
        network.fit(X, T, epochs=2, optimizer=optimizer, validation_data=(X, T))
network.predict(X), network.loss_and_grad(X, T), kernels.sigmoid(X), kernels.mse(X, T)
print(json.dumps([record.data["dispatcher"].py_func.__qualname__ for _, record in compiled.buffer if record.is_start]))
"""


@compiled_only
@cached_only
@pytest.mark.skipif(STOCK, reason="in the stock way activations and losses are compiled in each process")
@pytest.mark.parametrize("all_formulas", [False, pytest.param(True, marks=pytest.mark.full)])
def test_nothing_is_compiled_afterwards(capsys, monkeypatch, all_formulas):
    """By default without the activations and losses that the second process does not use: each is compiled for arrays, too."""
    if not all_formulas:
        others = {*activation_registry, *loss_registry} - {"tanh", "gelu", "identity", "sigmoid", "squared_error", "mse"}
        monkeypatch.setattr(warm, "pieces_of", lambda dtype: [piece for piece in pieces_of(dtype) if piece[0] not in others])
    assert main(["warm", "--only", "float64"]) == 0
    captured = capsys.readouterr()
    assert re.fullmatch(r"compiled for float64 in \d+ s; kept in (.*) \(\d+ MB\)\n", captured.out)[1] == str(cache_folder())
    assert "compiling 1/" in captured.err
    done = subprocess.run([sys.executable, "-c", USE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout) == []


@compiled_only
def test_each_public_kernel_is_among_the_pieces():
    names = {name for name, _ in pieces_of(np.dtype("float32"))}
    for name in kernels.__all__:
        if is_kernel(getattr(kernels, name)):
            plain = name.removesuffix("_backward").replace("binary_log_loss", "log_loss")
            assert name in names or plain in names, name


@pytest.mark.parametrize(("variable", "value"), [("TILEPROP_CACHE", "0"), ("NUMBA_DISABLE_JIT", "1")])
def test_where_nothing_can_be_kept(variable, value):
    command = [sys.executable, "-m", "tileprop.trainer.cli", "warm"]
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "0", variable: value}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("tileprop: error: ")
    assert variable in done.stderr
    assert not done.stdout
