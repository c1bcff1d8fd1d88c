"""Which Numba is installed decides about the way of compiling; one that is too old is refused when the kernels are imported.

Each test is a process of its own, that pretends to have another Numba.
"""

from __future__ import annotations

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

# What a process of its own does after it has changed its Numba: small kernels, one called by the user's own compiled code.
COMPUTE = """
import numpy as np
from numba import njit
from tileprop.kernels import dense_forward, mse
from tileprop.kernels.compiler.jit import STOCK

@njit
def twice(Z, X, W, b):
    dense_forward(Z, X, W, b)
    return 2 * Z.sum()

Z, X, W, b = np.empty((2, 2)), np.ones((2, 3)), np.full((3, 2), 0.25), np.zeros(2)
dense_forward(Z, X, W, b)
print(STOCK, Z.tolist(), twice(Z, X, W, b), mse(np.ones((2, 2)), np.zeros((2, 2))))
"""
COMPUTED = "[[0.75, 0.75], [0.75, 0.75]] 6.0 1.0"
NEWER = "import numba; numba.__version__ = '0.99.1'\n"
LACKING = "import numba.core.registry as registry; del registry.CPUDispatcher\n"


def run(code: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "TILEPROP_STOCK_JIT"} | more
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)


def warnings_in(text: str) -> list[str]:
    return re.findall(r"UserWarning: (.*)", text)


@compiled_only
def test_a_newer_numba_is_compiled_with_in_the_stock_way():
    done = run(NEWER + COMPUTE)
    assert done.stdout.split(maxsplit=1) == ["True", COMPUTED + "\n"], done.stderr
    (warning,) = warnings_in(done.stderr)
    assert "numba 0.99.1 is newer" in warning
    assert "TILEPROP_STOCK_JIT=1 silences" in warning


@compiled_only
def test_a_numba_that_lacks_a_private_name_is_compiled_with_in_the_stock_way():
    done = run(LACKING + COMPUTE)
    assert done.stdout.split(maxsplit=1) == ["True", COMPUTED + "\n"], done.stderr
    (warning,) = warnings_in(done.stderr)
    assert "CPUDispatcher" in warning


SHOW_WAY = "import tileprop.kernels.compiler.jit as jit; print(jit.STOCK)"


@compiled_only
@pytest.mark.parametrize(
    ("change", "asked", "stock", "warned"),
    [
        ("", "", False, 0),
        ("", "1", True, 0),
        (NEWER, "1", True, 0),
        (NEWER, "0", False, 0),
        ("import numba; numba.__version__ = '0+unknown'\n", "", True, 1),
        ("import numba; del numba.core.compiler.DefaultPassBuilder\n", "", True, 1),
        ("from numba.core.compiler import CompileResult as R; del R._find_referenced_environments\n", "", True, 1),
    ],
)
def test_the_way_and_the_warning(change, asked, stock, warned):
    done = run(change + SHOW_WAY, TILEPROP_STOCK_JIT=asked)
    assert done.stdout == f"{stock}\n", done.stderr
    assert len(warnings_in(done.stderr)) == warned


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
