"""Memory, files and threads of a process that trains, predicts, saves and loads for long."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import soaking
from numba.core import config

pytestmark = [
    pytest.mark.skipif(bool(config.DISABLE_JIT), reason="about compiled code"),
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]

# Of the long form.
MINUTES = float(os.environ.get("TILEPROP_SOAK_MINUTES", "10"))


@pytest.mark.parametrize(
    ("seconds", "growth", "tasks"),
    [(1.0, 0.5, ["fit", "fail", "checkpoint", "save"]), pytest.param(60.0 * MINUTES, 0.05, [], marks=pytest.mark.full)],
    ids=["short", "long"],
)
def test_nothing_grows(seconds, growth, tasks):
    """The short form's warming up is too short for memory to have become flat."""
    command = [sys.executable, str(Path(soaking.__file__)), str(seconds), "1", *tasks]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 300.0, check=False)
    assert done.returncode == 0, done.stderr
    warm, end, rounds = map(int, done.stdout.split())
    print(f"{rounds} rounds; resident {warm} KiB after warming up, {end} KiB at the end")
    assert end <= (1.0 + growth) * warm
