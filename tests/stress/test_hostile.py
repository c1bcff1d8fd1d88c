"""Hostile input over every public entry: the right result or an error that names the argument; inputs never changed.

The large volume runs in processes of their own, so that one that crashes is found, with the case that it came of.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import hostile
import pytest
import scalars
from hypothesis import given
from hypothesis import strategies as st
from numba.core import config

pytestmark = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="plain Python takes any layout and mixes dtypes")

# Together 2400. Those of the kernels with elements of any shape compile one for each layout.
EXAMPLES = {
    "predictions": 400, "derivatives": 400, "fits": 400, "solvers": 200, "estimators": 200, "kernels": 600, "element-wise": 200,
}  # fmt: skip


@pytest.mark.parametrize(
    ("group", "names"),
    [("predictions", ()), ("fits", ()), ("kernels", ("predict", "loss_and_grad", "train_epoch"))],
    ids=["predictions", "fits", "kernels"],
)
def test_odd_arrays(group, names):
    assert hostile.check(group, 25, 0, names) == 25


@pytest.mark.full
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("group", EXAMPLES)
def test_many_odd_arrays(group, seed):
    command = [sys.executable, str(Path(hostile.__file__)), group, str(EXAMPLES[group]), str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1500, check=False)
    cases = done.stdout.splitlines()
    assert done.returncode == 0, f"{cases[-1]}\n{done.stderr[-6000:]}"
    assert int(cases[-1]) >= EXAMPLES[group]
    assert set(hostile.GROUPS) == set(EXAMPLES)


@given(st.sampled_from(sorted(scalars.ENTRIES)), st.sampled_from(range(len(scalars.ODD))))
def test_odd_numbers(name, number):
    scalars.attempt(name, scalars.ODD[number])


@pytest.mark.full
@pytest.mark.parametrize("name", scalars.ENTRIES)
def test_all_odd_numbers(name):
    for value in scalars.ODD:
        scalars.attempt(name, value)
