"""Without the extra, the package says what to install."""

from __future__ import annotations

import subprocess
import sys

import pytest

# As where neither is installed: the finder stands before all others.
WITHOUT = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("dask", "distributed"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
import tileprop.trainer
"""
SAYS = "tileprop.trainer.dask needs dask and distributed: pip install 'tileprop[dask]'"


def without_dask(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", WITHOUT + code], capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("code", ["import tileprop.trainer.dask", "from tileprop.trainer.dask import fit_rounds"])
def test_an_import_without_the_extra(code):
    done = without_dask(code)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, f"tileprop.trainer.errors.MissingExtraError: {SAYS}")


def test_a_command_without_the_extra(tmp_path):
    arguments = ["train", "xor", "--dask", "--shards", "2", "--epochs", "1", "--no-report", "--out", str(tmp_path / "run")]
    done = without_dask(f"from tileprop.trainer.cli import main; sys.exit(main({arguments}))")
    assert done.returncode == 2
    assert SAYS in done.stderr
    assert "Traceback" not in done.stderr
