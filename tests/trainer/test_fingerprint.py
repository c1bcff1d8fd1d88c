"""The fingerprint: all that bits depend on is in it, and it is the same in each process."""

import json
import subprocess
import sys

import pytest
from tileprop.kernels.compiler.stamp import source_hash
from tileprop.trainer import fingerprint as module
from tileprop.trainer.fingerprint import environment, fingerprint
from tileprop.trainer.versions import versions

pytestmark = pytest.mark.plain


def test_what_is_in_it():
    found = environment()
    assert found["kernels"] == source_hash()
    for name in ("tileprop", "numpy", "numba", "llvmlite"):
        assert found[name] == versions()[name]
    assert set(found) >= {"LLVM", "processor", "features", "vectors", "numba options", "compiled", "dtypes"}
    assert all(isinstance(value, str) and value for value in found.values())


def test_it_changes_with_each_entry(monkeypatch):
    here = environment()
    assert len({fingerprint(here), *(fingerprint({**here, name: "other"}) for name in here)}) == len(here) + 1
    monkeypatch.setattr(module, "STOCK", not module.STOCK)
    monkeypatch.setattr(module, "JIT_DISABLED", False)
    assert environment()["compiled"] != here["compiled"]


def test_the_order_of_entries_does_not_matter():
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})


def test_another_process_has_the_same():
    code = "import json; from tileprop.trainer.fingerprint import environment; print(json.dumps(environment()))"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120).stdout
    assert json.loads(output) == environment()
