"""Signals at random moments: of all that takes long, of the first fit of a process, and of the command line."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import interrupting
import pytest
from numba.core import config

pytestmark = [
    pytest.mark.skipif(bool(config.DISABLE_JIT), reason="about compiled code, in processes of their own"),
    pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="the system sends no signals to itself"),
]

# Seconds in which so great a share of all signals is to be answered.
LIMIT, SHARE = 0.25, 0.99


def waits_of(seed: int, each: int, *names: str) -> dict[str, list[float]]:
    """Of so many signals for each case, see `interrupting.py`; all left usable models."""
    command = [sys.executable, str(Path(interrupting.__file__)), str(seed), str(each), *names]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3000, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return dict(json.loads(line) for line in done.stdout.splitlines())


@pytest.mark.full
def test_signals_are_answered_soon():
    """10 of each case, 290 in all."""
    waits = waits_of(1, 10)
    assert set(waits) == set(interrupting.CASES)
    late = {name: sorted(f"{wait:.2f}" for wait in found if wait > LIMIT) for name, found in waits.items()}
    late = {name: found for name, found in late.items() if found}
    count = sum(map(len, waits.values()))
    assert count >= 200
    assert sum(map(len, late.values())) <= (1.0 - SHARE) * count, late


# The first fit of a process --------------------------------------------------------------------------------------------------

FIRST_FIT = """
import hashlib, time
import numpy as np
from tileprop.trainer import Adam, Network
X = np.random.default_rng(0).normal(size=(100, 5))
def fit(epochs):
    net = Network([5, 16, 16, 2], "tanh", "identity", dtype="float32", random_state=0)
    net.fit(X, X[:, :2], epochs=epochs, optimizer=Adam(), progress=False, n_threads=2)
    return hashlib.sha256(net.theta.tobytes() + net.predict(X).tobytes()).hexdigest()
count = 0
print("ready", flush=True)
try:
    fit(10**8)
except KeyboardInterrupt:
    count += 1
try:
    time.sleep(0.05)
except KeyboardInterrupt:
    count += 1
print(count, fit(3))
"""


def first_fit(delay: float | None, cache: Path | None = None) -> str:
    """What a process prints at its end whose first fit was interrupted so long after its begin."""
    environment = {**os.environ, **({"TILEPROP_CACHE": str(cache)} if cache else {})}
    code = FIRST_FIT if delay is not None else FIRST_FIT.replace("fit(10**8)", "raise KeyboardInterrupt")
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    if delay is not None:
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, (delay, process.returncode, errors)
    return output


@pytest.mark.full
def test_interrupts_while_kernels_are_read_from_the_cache():
    expected, draw = first_fit(None), random.Random(2)
    for _ in range(60):
        assert first_fit(draw.uniform(0.0, 0.6)) == expected


@pytest.mark.full
def test_interrupts_while_kernels_are_compiled(tmp_path):
    expected, draw = first_fit(None), random.Random(3)
    for k in range(6):
        assert first_fit(draw.uniform(0.0, 8.0), tmp_path / str(k)) == expected


# The command line -------------------------------------------------------------------------------------------------------------

# So many epochs take more than the 0.4 of the whole run within which signals come; what follows them is pictures.
TRAIN = ["train", "spirals", "--epochs", "40000", "--patience", "40000", "--hidden", "48", "--seed", "3"]


def tileprop(*arguments: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tileprop.trainer.cli", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        cwd=folder,
    )  # fmt: skip


def weights_of(run: Path) -> str:
    from tileprop.trainer.runs.trained_model import TrainedModel

    return hashlib.sha256(TrainedModel.load(run / "model.safetensors").network.theta.tobytes()).hexdigest()


@pytest.mark.full
def test_the_command_line_is_interrupted_and_goes_on(tmp_path):
    """The model as it was then stays; `--resume` ends at the bits of a training that was not interrupted."""
    started = time.monotonic()
    assert tileprop(*TRAIN, "--out", "whole", folder=tmp_path).wait(300) == 0
    whole = time.monotonic() - started
    draw, waits = random.Random(4), []
    for k in range(10):
        process = tileprop(*TRAIN, "--out", f"run-{k}", folder=tmp_path)
        while not list(tmp_path.glob(f".run-{k}*")) + list(tmp_path.glob(f"run-{k}*")):
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(draw.uniform(0.1, 0.4) * whole)
        assert process.poll() is None, "the training ended before the signal"
        process.send_signal((signal.SIGINT, signal.SIGTERM)[k % 2])
        sent = time.monotonic()
        _, errors = process.communicate(timeout=120)
        waits.append(time.monotonic() - sent)
        assert process.returncode == (130, 143)[k % 2], errors
        resumed = tileprop("train", "--resume", f"run-{k}", folder=tmp_path)
        _, errors = resumed.communicate(timeout=300)
        assert resumed.returncode == 0, errors
        assert weights_of(tmp_path / f"run-{k}") == weights_of(tmp_path / "whole")
    assert sum(wait > LIMIT for wait in waits) <= 1, waits
