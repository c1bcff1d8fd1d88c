"""The same threads and processors for every side."""

import os
import subprocess
import sys

import pytest
from tileprop.bench.pinning import choose_cpus, pin, pinned_environment


@pytest.mark.parametrize("threads", [1, 2])
def test_environment(threads):
    dropped = {"OMP_PROC_BIND": "close", "NUMBA_DISABLE_JIT": "1", "TILEPROP_NUM_THREADS": "4"}
    pinned = pinned_environment({"PATH": "here", "OMP_NUM_THREADS": "7", **dropped}, threads)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "NPROC"):
        assert pinned[name] == str(threads)
    assert pinned["PATH"] == "here"
    assert not set(dropped) & set(pinned)
    assert ("eigen=true" in pinned["XLA_FLAGS"]) == (threads > 1)


def test_too_few_processors():
    with pytest.raises(ValueError, match="this process may use"):
        choose_cpus(1_000_000)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_pin():
    cpus = choose_cpus(1)
    assert len(cpus) == 1
    code = f"import os; from tileprop.bench.pinning import pin; pin({cpus}); print(os.sched_getaffinity(0))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == str(set(cpus))
    before = os.sched_getaffinity(0)
    pin([])
    assert os.sched_getaffinity(0) == before
