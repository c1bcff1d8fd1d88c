"""One compilation for each dtype, and steps that allocate nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import inside
import numpy as np
import pytest
from numba.core import config
from tileprop.kernels import train_epoch
from trainings import HIDDEN, LOSSES, RULES, make_training

DTYPES = ["float32", "float64"]
without_jit = bool(config.DISABLE_JIT)


@pytest.mark.skipif(without_jit, reason="about compilations")
def test_one_compilation_for_each_dtype():
    for dtype in DTYPES:
        make_training(dtype=dtype).run()
    before = set(train_epoch.overloads)
    for dtype in DTYPES:
        for rule in RULES:
            for alpha in (0.0, 0.1):
                make_training(dtype=dtype, rule=rule, weighted=True, order="permutation", alpha=alpha).run()
        for activation in (*HIDDEN, "softmax", "exp"):
            make_training([4, 3, 3, 6], dtype=dtype, activation=activation, output_activation=activation).run()
        more = [("log_loss", {"n_targets": 1}, "softmax"), ("log_loss", {"bias": False}, "sigmoid")]
        for loss, options, output in (*LOSSES, *more):
            sizes = [2] * 8 + [6 if loss == "quantile" else 2]
            training = make_training(sizes, dtype=dtype, output_activation=output or "tanh", loss=loss, **options)
            training.T[:] = np.round(training.T)
            training.run()
    assert set(train_epoch.overloads) == before


ALLOCATIONS = """
import json
import inside
import numpy as np
from numba import njit
from numba.core.runtime import rtsys
from inside import progress
from tileprop.kernels import make_plan, make_state, make_workspace, train_epoch

one_array = njit(lambda n: np.zeros(n))
one_array(3)
before = rtsys.get_allocation_stats().alloc
one_array(3)
counts = {"one array": rtsys.get_allocation_stats().alloc - before}
networks = {
    "direct": ([3, 5, 2], 2, np.ones(400)),
    "in registers": ([2, 2, 1], 1, np.zeros(0)),
    "in groups": ([600, 3, 2], 460, np.ones(92_000)),
}
for name, (sizes, batch, weight) in networks.items():
    for rule in ("sgd", "adam"):
        plan = make_plan(sizes, "tanh", "sigmoid")
        state, work = make_state(plan, rule), make_workspace(plan, batch)
        theta, n = np.full(plan.n_parameters, 0.01), 200 * batch
        X, T, order = np.ones((n, sizes[0])), np.full((n, sizes[-1]), 0.5), np.arange(n)
        for steps in (1, 1, 200):
            for chosen in (order[: steps * batch], order[:0]):
                rows = n if chosen.size else steps * batch
                before = rtsys.get_allocation_stats().alloc
                train_epoch(plan, theta, state, X[:rows], T[:rows], weight[:rows], chosen, work)
                key = f"{name}, {rule}, {'by order' if chosen.size else 'as they stand'}, {steps}"
                counts[key] = rtsys.get_allocation_stats().alloc - before
                assert progress(state)[1:] == (steps * batch, "running")
print(json.dumps(counts))
"""


@pytest.mark.skipif(without_jit, reason="about the compiled step")
def test_a_training_step_allocates_nothing(tmp_path):
    """Two hundred steps count as many allocations by Numba's runtime as one does."""
    make_training().run()  # so that the process below finds the kernel in the cache
    environment = dict(os.environ, NUMBA_NRT_STATS="1", PYTHONPATH=str(Path(inside.__file__).parent))
    output = subprocess.run(
        [sys.executable, "-c", ALLOCATIONS], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    counts = json.loads(output)
    assert counts.pop("one array") >= 1  # the statistics do count
    assert len(counts) == 24
    for name, count in counts.items():
        if name.endswith(" 200"):
            assert count == counts[name.replace(" 200", " 1")], name
