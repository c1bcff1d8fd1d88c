"""Which Numba is installed decides about the way of compiling; one that is too old is refused when the kernels are imported.

Each test is a process of its own, that pretends to have another Numba.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from numba.core import config
from tileprop.kernels.compiler import versions

PROJECT = Path(__file__).parents[3] / "pyproject.toml"

compiled_only = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="about compiled code")

# What a process of its own does after it has changed its Numba: a small kernel, called by the user's own compiled code too.
# Matrix products in the stock way: test_stock_cache.py.
COMPUTE = """
import numpy as np
from numba import njit
from tileprop.kernels import identity
from tileprop.kernels.compiler.jit import STOCK

@njit
def twice(x):
    return 2 * identity(x)[1]

x = np.array([-1.0, 0.75, 2.25])
print(STOCK, identity(x).tolist(), twice(x))
"""
COMPUTED = "[-1.0, 0.75, 2.25] 1.5\n"
COMPUTE_LOSS = "from tileprop.kernels import mse; print(mse(np.ones((2, 2)), np.zeros((2, 2))))\n"
NEWER = "import numba; numba.__version__ = '0.99.1'\n"
LACKING = "import numba.core.registry as registry; del registry.CPUDispatcher\n"


def run(code: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "TILEPROP_STOCK_JIT"} | more
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)


def warnings_in(text: str) -> list[str]:
    return re.findall(r"UserWarning: (.*)", text)


@compiled_only
def test_a_newer_numba_is_compiled_with_in_the_stock_way():
    done = run(NEWER + COMPUTE + COMPUTE_LOSS)
    assert done.stdout.split(maxsplit=1) == ["True", COMPUTED + "1.0\n"], done.stderr
    (warning,) = warnings_in(done.stderr)
    assert "numba 0.99.1 is newer" in warning
    assert "silence this warning with TILEPROP_STOCK_JIT=1" in warning


@compiled_only
def test_a_numba_that_lacks_a_private_name_is_compiled_with_in_the_stock_way():
    done = run(LACKING + COMPUTE)
    assert done.stdout.split(maxsplit=1) == ["True", COMPUTED], done.stderr
    (warning,) = warnings_in(done.stderr)
    assert "CPUDispatcher" in warning


SHOW_WAY = "import tileprop.kernels.compiler.jit as jit; print(jit.STOCK)"

# One process for several numbers of versions and values of the variable.
SHOW_WAYS = """
import json, os, warnings, numba
from tileprop.kernels.compiler import jit
shown = []
for version, asked in json.loads(CASES):
    numba.__version__, os.environ["TILEPROP_STOCK_JIT"] = version or numba.__version__, asked
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        shown.append([jit._chosen_way() is jit.stock, len(caught)])
print(json.dumps(shown))
"""


@compiled_only
def test_the_way_and_the_warning():
    """The way that is chosen by Numba's version and by what is asked for; a warning where it was not asked for."""
    cases = {
        (None, ""): [False, 0],
        (None, "1"): [True, 0],
        ("0.99.1", "1"): [True, 0],
        ("0.99.1", "0"): [False, 0],
        ("0+unknown", ""): [True, 1],
    }
    done = run(SHOW_WAYS.replace("CASES", repr(json.dumps(list(cases)))))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == list(cases.values())


@compiled_only
@pytest.mark.parametrize(
    "change",
    [
        "import numba; del numba.core.compiler.DefaultPassBuilder\n",
        "from numba.core.compiler import CompileResult as R; del R._find_referenced_environments\n",
    ],
)
def test_the_way_and_the_warning_where_a_private_name_is_lacking(change):
    done = run(change + SHOW_WAY, TILEPROP_STOCK_JIT="")
    assert done.stdout == "True\n", done.stderr
    assert len(warnings_in(done.stderr)) == 1


def test_another_value_is_refused():
    done = run(SHOW_WAY, TILEPROP_STOCK_JIT="yes", NUMBA_DISABLE_JIT="0")
    assert "TILEPROP_STOCK_JIT is 'yes'; it must be 1" in done.stderr


@pytest.mark.plain
@pytest.mark.parametrize("package", ["tileprop.kernels", "tileprop.trainer"])
def test_a_numba_that_is_too_old_is_refused(package):
    done = run(f"import numba; numba.__version__ = '0.61.2'\nimport {package}")
    assert done.returncode == 1
    assert "ImportError: tileprop needs numba 0.64 or newer, and 0.61.2 is installed; pip install" in done.stderr


@pytest.mark.plain
def test_the_oldest_numba_is_the_one_that_is_declared():
    assert f'"numba>={versions.OLDEST[0]}.{versions.OLDEST[1]}"' in PROJECT.read_text()
    assert versions.installed() >= versions.OLDEST


@pytest.mark.plain
@pytest.mark.parametrize(
    ("text", "numbers"), [("0.68.1", (0, 68)), ("0.69.0rc1", (0, 69)), ("1.0.0.dev0+1", (1, 0)), ("0+untagged", (9999, 0))]
)
def test_versions_are_read(monkeypatch, text, numbers):
    monkeypatch.setattr(versions.numba, "__version__", text)
    assert versions.installed() == numbers
