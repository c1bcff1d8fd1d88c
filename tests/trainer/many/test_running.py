"""Calls of `fit_many`: what their progress says; and, in processes of their own, Ctrl-C, a kill, and memory."""

import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from numba.core import config
from tileprop import SGD, Network, fit_many

pytestmark = [
    pytest.mark.skipif(bool(config.DISABLE_JIT), reason="about compiled code, in processes of their own"),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="real signals, and Linux's count of resident pages"),
]

ENDLESS = """
import warnings, numpy as np
from tileprop import Network, SGD, fit_many
X = np.random.default_rng(0).normal(size=(50, 3))
networks = [Network([3, 4, 1], "tanh", "identity", random_state=i) for i in range(100)]
fit_many(networks[:2], X, X[:, :1], epochs=1)
print("ready", flush=True)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    histories = fit_many(networks, X, X[:, :1], epochs=10**7, optimizers=SGD(0.01), n_threads=2, progress=False)
assert len(histories) == 100 and all(np.isfinite(network.theta).all() for network in networks)
assert {history.stopped for history in histories} == {"stop"}
assert sum(history.epochs > 0 for history in histories) == 2
print(*[warning.message for warning in caught])
"""


def test_ctrl_c_returns_all_networks_as_they_stand():
    with subprocess.Popen([sys.executable, "-c", ENDLESS], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "ready\n"
        time.sleep(0.3)
        child.send_signal(signal.SIGINT)
        begun = time.monotonic()
        out = child.stdout.read()
        assert child.wait() == 0
    assert "Ctrl-C has ended fit_many: 0 of 100 fits were done" in out
    assert time.monotonic() - begun < 10


KILLED = """
import hashlib, sys, numpy as np
from tileprop import Adam, Network, fit_many
folder, resume, kill = sys.argv[1], sys.argv[2] == "resume", sys.argv[2] == "kill"
X = np.random.default_rng(0).normal(size=(64, 3))
networks = [Network([3, 8, 1], "tanh", "identity", random_state=i) for i in range(6)]
def die(running):
    import os, signal
    if kill and running.history.epochs == 7 and running.network is networks[3]:
        os.kill(os.getpid(), signal.SIGKILL)
settings = [{"callbacks": [die]} if i == 3 else {} for i in range(6)]
fit_many(networks, X, X[:, :1], epochs=12, optimizers=Adam(0.01), dropout=0.2, seeds=range(6), settings=settings,
         progress=False, n_threads=2, checkpoint=folder, checkpoint_every=2, resume=resume)
print(hashlib.sha256(b"".join(network.theta.tobytes() for network in networks)).hexdigest())
"""


def test_fits_go_on_after_a_kill_to_the_same_bits(tmp_path):
    pytest.importorskip("safetensors")

    def run(folder, how):
        command = [sys.executable, "-c", KILLED, str(tmp_path / folder), how]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout

    assert run("killed", "kill") == (-signal.SIGKILL, "")
    assert os.listdir(tmp_path / "killed")
    whole = run("whole", "begin")
    assert whole[0] == 0
    assert run("killed", "resume") == whole


LIMIT = 100  # MiB
MEMORY = """
import sys, numpy as np
from tileprop import Adam, Network, fit_many
def resident(what):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith(what))
random = np.random.default_rng(0)
X = random.random((200_000, 50), dtype=np.float32)
T = X[:, :1] - X[:, 1:2]
subsets = [random.integers(0, 200_000, 2_000) for _ in range(500)] if sys.argv[1] == "bootstraps" else None
networks = [Network([50, 8, 1], "relu", "identity", dtype="float32", random_state=i) for i in range(500)]
warm = [Network([50, 8, 1], "relu", "identity", dtype="float32") for _ in range(4)]
fit_many(warm, X[:4096], T[:4096], batch_size=2048, optimizers=Adam(), validation_split=0.1, progress=False, n_threads=2)
states = sum(3 * network.theta.nbytes for network in networks) / 2**20
before = resident("VmRSS")
fit_many(networks, X, T, batch_size=2048, optimizers=Adam(), row_subsets=subsets, progress=False, n_threads=2)
print(resident("VmHWM") - before - states)
"""


@pytest.mark.full
@pytest.mark.parametrize("rows", ["all", "bootstraps"])
def test_five_hundred_networks_need_little_beyond_the_table(rows):
    done = subprocess.run([sys.executable, "-c", MEMORY, rows], capture_output=True, text=True, check=True)
    assert float(done.stdout) < LIMIT


X = np.random.default_rng(0).normal(size=(30, 2))
LINE = r"network (\d)/3  (best (\w+) (\S+) \(network (\d)\)|no loss yet)  (\S+) s left"


def three():
    return [Network([2, 4, 1], "tanh", "identity", random_state=seed) for seed in range(3)]


@pytest.mark.parametrize("split", [None, 0.2])
def test_the_last_line_names_the_lowest_loss_of_all(capsys, split):
    optimizers = [SGD(0.001), SGD(0.1), SGD(0.01)]
    histories = fit_many(
        three(), X, X[:, :1], epochs=3, optimizers=optimizers, validation_split=split, seeds=range(3), progress=True
    )
    captured = capsys.readouterr()
    found = re.fullmatch(LINE, captured.err.splitlines()[-1])
    lowest = [min(history.val_loss if split else history.loss) for history in histories]
    assert captured.out == ""
    assert found[1] == "3"
    assert found[3] == ("val_loss" if split else "loss")
    assert float(found[4]) == pytest.approx(min(lowest), rel=1e-5)
    assert int(found[5]) == lowest.index(min(lowest))
    assert found[6] == "0"


def test_nothing_is_shown_unasked_without_a_terminal(capsys):
    for progress in (None, False):
        fit_many(three(), X, X[:, :1], progress=progress)
    assert capsys.readouterr().err == ""
