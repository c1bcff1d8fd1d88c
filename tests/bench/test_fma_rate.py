"""The processor's rate of multiply-adds."""

import json
import subprocess
import sys

import numpy as np
from tileprop.bench import fma_rate
from tileprop.bench.fma_rate import fma_rates
from tileprop.kernels.compiler.processor import SIMD


def test_a_tile_sums_over_its_depth():
    run = fma_rate._repeated(4, 3)
    width = 3 * SIMD.vector_bytes // 8
    A, S = np.full(4 * fma_rate.DEPTH, 2.0), np.zeros((fma_rate.DEPTH + 5) * width)
    S[: fma_rate.DEPTH * width] = 1.0
    run(A, S, width, 1)
    # Scaled by A's first entry, since any number of the dtype will do.
    np.testing.assert_array_equal(S[-4 * width :], 2.0 * 2.0 * fma_rate.DEPTH)


def test_a_child_prints_the_fastest_shape(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["fma_rate", "", "2"])
    monkeypatch.setattr(fma_rate, "ROUND_FLOPS", 1e6)
    monkeypatch.setattr(fma_rate, "SHAPES", ((4, 3),))
    fma_rate.main()
    rates = json.loads(capsys.readouterr().out)
    assert set(rates) == {"float32", "float64"}
    assert all(rate > 0.01 for rate in rates.values())


def test_a_child_for_each_number_of_threads(monkeypatch):
    def run(command, env, **more):
        assert command[-2:] == [{"1": "3", "2": "3,4"}[env["OMP_NUM_THREADS"]], env["OMP_NUM_THREADS"]]
        return subprocess.CompletedProcess(command, 0, json.dumps({"float32": float(command[-1])}))

    monkeypatch.setattr(subprocess, "run", run)
    assert fma_rates({1: [3], 2: [3, 4]}) == {("float32", 1): 1.0, ("float32", 2): 2.0}


def test_alignment():
    array = fma_rate._aligned(7, np.dtype("float32"), 64)
    assert (array.size, array.ctypes.data % 64, array.any()) == (7, 0, False)
