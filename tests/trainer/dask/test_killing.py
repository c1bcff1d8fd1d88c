"""Workers that are killed while they train: every training ends at the same bits."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.full
def test_50_killed_workers():
    killing = os.path.join(os.path.dirname(__file__), "killing.py")
    run = subprocess.run([sys.executable, killing, "50"], capture_output=True, text=True, timeout=1800)
    assert run.returncode == 0, run.stdout
