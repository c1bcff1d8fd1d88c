"""The programs in docs/examples, as a newcomer runs them: what they find out, and that a second run compiles nothing.

By default one program is run twice; of the others it is `full`. test_cache.py has what they rely on, prange among it.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from numba.core import config
from tileprop.kernels.compiler.cache import cache_folder
from tileprop.kernels.compiler.jit import STOCK

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"

# Run by Python itself when it starts; at the end it prints what was compiled.
COUNT = """
import atexit, json
from numba.core import event
compiled = event.RecordingListener()
event.register("numba:compile", compiled)
names = lambda: [record.data["dispatcher"].py_func.__qualname__ for _, record in compiled.buffer if record.is_start]
atexit.register(lambda: print(json.dumps(names())))
"""

pytestmark = [
    pytest.mark.skipif(bool(config.DISABLE_JIT), reason="about compiled code"),
    pytest.mark.skipif(cache_folder() is None, reason="the cache is off"),
]


def run(name, folder, runs=1):
    """The numbers in the last line that the program prints, the same in each run; only the first one compiles anything."""
    shutil.copy(EXAMPLES / f"{name}.py", folder)
    (folder / "sitecustomize.py").write_text(COUNT)
    printed, compiled = [], []
    for _ in range(runs):
        environment = {**os.environ, "PYTHONPATH": str(folder), "NUMBA_NUM_THREADS": "2"}
        command = [sys.executable, f"{name}.py"]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        *lines, names = done.stdout.splitlines()
        printed.append(lines[-1])
        compiled.append(json.loads(names))
    assert compiled[0]
    if not STOCK:  # the stock way compiles activations and losses in each process
        assert not any(compiled[1:])
    assert len(set(printed)) == 1
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", printed[0])]


def test_the_pole_is_balanced_after_one_compiled_call(tmp_path):
    """Of 500 steps at most; 475 is what counts as solved."""
    first, last = run("cart_pole", tmp_path, runs=2)
    assert first < 50
    assert last > 475


@pytest.mark.full
def test_the_pendulums_friction_is_learned(tmp_path):
    without, learned = run("pendulum", tmp_path)
    assert learned < without / 10


@pytest.mark.full
def test_the_mean_of_a_network_is_within_its_standard_errors(tmp_path):
    mean, error, exact = run("monte_carlo", tmp_path)
    assert 0 < error < 0.001
    assert abs(mean - exact) < 4 * error


@pytest.mark.full
@pytest.mark.parametrize("name", ["pendulum", "monte_carlo"])
def test_a_second_run_compiles_nothing(tmp_path, name):
    run(name, tmp_path, runs=2)


def test_every_example_is_run():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {"cart_pole", "pendulum", "monte_carlo"}
