"""One compilation for each dtype, and steps that allocate nothing."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import inside
import numpy as np
import pytest
from numba import njit
from numba.core import config
from numba.core.runtime import _nrt_python, rtsys
from tileprop.kernels import make_plan, make_state, make_workspace, train_epoch
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


NETWORKS = {
    "direct": ([3, 5, 2], 2, 200, np.ones(400)),
    "in registers": ([2, 2, 1], 1, 200, np.zeros(0)),
    "in groups": ([600, 3, 2], 460, 20, np.ones(9_200)),
}


@pytest.fixture
def counting() -> Iterator[None]:
    """Numba's runtime counts its allocations."""
    on = _nrt_python.memsys_stats_enabled()
    _nrt_python.memsys_enable_stats()
    yield
    if not on:
        _nrt_python.memsys_disable_stats()


def allocations(call: Callable[[], Any]) -> int:
    before: int = rtsys.get_allocation_stats().alloc
    call()
    after: int = rtsys.get_allocation_stats().alloc
    return after - before


@pytest.mark.skipif(without_jit, reason="about the compiled step")
def test_a_training_step_allocates_nothing(counting):
    """Many steps count as many allocations by Numba's runtime as one does."""
    one_array = njit(lambda n: np.zeros(n))
    one_array(3)
    assert allocations(lambda: one_array(3)) >= 1  # the statistics do count
    compared = 0
    for name, (sizes, batch, many, weight) in NETWORKS.items():
        for rule in ("sgd", "adam"):
            plan = make_plan(sizes, "tanh", "sigmoid")
            state, work = make_state(plan, rule), make_workspace(plan, batch)
            theta, n = np.full(plan.n_parameters, 0.01), many * batch
            X, T, order = np.ones((n, sizes[0])), np.full((n, sizes[-1]), 0.5), np.arange(n)
            counts = {}
            for steps in (1, 1, many):
                for chosen in (order[: steps * batch], order[:0]):
                    rows = n if chosen.size else steps * batch
                    given = plan, theta, state, X[:rows], T[:rows], weight[:rows], chosen, work
                    counts[bool(chosen.size), steps] = allocations(functools.partial(train_epoch, *given))
                    assert inside.progress(state)[1:] == (steps * batch, "running")
            for in_order in (True, False):
                assert counts[in_order, many] == counts[in_order, 1], (name, rule, in_order)
                compared += 1
    assert compared == 12
