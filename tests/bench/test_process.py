"""The parent's end: what goes wrong is told, and no side outlives its parent."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from tileprop.bench.problems import Problem
from tileprop.bench.process import SideError, SideProcess
from tileprop.bench.sides import Side

SIDE = """
import os, sys, time

class Trainer:
    def train(self, epochs):
        if epochs == 1:
            print("last words", file=sys.stderr, flush=True)
            os._exit(3)
        if epochs == 2:
            raise ArithmeticError("no good")
        while True:  # busy, with a heartbeat
            with open(os.environ["HEARTBEAT"], "a") as file:
                file.write(".")
            time.sleep(0.01)

def build(task):
    return Trainer()
"""
PARENT = """
import sys, time
from pathlib import Path
from tileprop.bench.problems import Problem
from tileprop.bench.process import SideProcess
from tileprop.bench.sides import Side

with SideProcess(Side("odd", "Odd", "Odd", "odd_side", "numpy"), 1, [], Path(sys.argv[1])) as process:
    process.ask("open", module="odd_side")
    process.ask("build", folder=sys.argv[1], threads=1, **Problem("odd", (1, 1), 1, 1).settings)
    process.send("train", epochs=3)
    print("running", flush=True)
    process.receive()
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with an odd side, on the children's import path, and arrays that it does not look at."""
    (tmp_path / "odd_side.py").write_text(SIDE)
    for name in ("X", "T", "theta"):
        np.save(tmp_path / f"{name}.npy", np.zeros(1))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("HEARTBEAT", str(tmp_path / "heartbeat"))
    return tmp_path


@pytest.fixture
def process(folder):
    with SideProcess(Side("odd", "Odd", "Odd", "odd_side", "numpy"), 1, [], folder) as process:
        process.ask("open", module="odd_side")
        process.ask("build", folder=str(folder), threads=1, **Problem("odd", (1, 1), 1, 1).settings)
        yield process


def beats(folder):
    path = folder / "heartbeat"
    return path.stat().st_size if path.exists() else 0


def wait_for(condition, seconds=20.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def silent(folder):
    before = beats(folder)
    time.sleep(0.2)
    return beats(folder) == before


def test_an_exception_leaves_the_process_ready(process):
    with pytest.raises(SideError, match=r"(?s)^Odd: ArithmeticError: no good\n.*line 10, in train"):
        process.ask("train", epochs=2)
    assert process.ask("open", module="odd_side") == {}


def test_a_crash_tells_the_last_lines(process):
    with pytest.raises(SideError, match=r"Odd: its process ended with status 3\n    last words"):
        process.ask("train", epochs=1)
    with pytest.raises(SideError, match="its process"):
        process.ask("train", epochs=1)


def test_patience_has_an_end(process):
    process.patience = 0.2
    with pytest.raises(SideError, match=r"no answer within 0\.2 s"):
        process.ask("train", epochs=3)
    assert process.process.poll() is not None


def test_a_busy_side_ends_with_the_block(process, folder):
    process.send("train", epochs=3)
    wait_for(lambda: beats(folder) > 3)
    process.end()
    assert process.process.poll() is not None
    assert silent(folder)
    process.end()  # again is harmless


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(getattr(signal, name, None), id=name, marks=pytest.mark.skipif(os.name == "nt", reason="POSIX signals"))
        for name in ("SIGKILL", "SIGTERM", "SIGINT")
    ],
)
def test_no_side_outlives_its_parent(folder, number):
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as parent:
        assert parent.stdout.readline() == "running\n"
        wait_for(lambda: beats(folder) > 3)
        parent.send_signal(number)
        assert parent.wait(timeout=20) != 0
        wait_for(lambda: silent(folder))


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="the system cannot stop a process")
def test_a_side_of_several_threads_rests_between_its_turns(folder):
    with SideProcess(Side("odd", "Odd", "Odd", "odd_side", "numpy"), 2, [], folder) as process:
        process.ask("open", module="odd_side")
        process.ask("build", folder=str(folder), threads=2, **Problem("odd", (1, 1), 1, 1).settings)
        process.wake()
        process.send("train", epochs=3)
        wait_for(lambda: beats(folder) > 3)
        process.rest()
        wait_for(lambda: silent(folder))
        process.wake()
        before = beats(folder)
        wait_for(lambda: beats(folder) > before)
