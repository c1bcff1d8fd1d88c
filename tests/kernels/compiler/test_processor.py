"""The vector instructions: how they are chosen, and that every width computes the same network.

Each width is a process of its own, that compiles everything anew. By default one of them trains, without loss_and_grad and
forward, which take as long again to compile; the others, and all of it, are `full`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import oracle
import pytest
from numba.core import config
from tileprop.kernels.compiler import processor
from tileprop.kernels.compiler.processor import ARM, SIMD, SIMDS, X86, chosen_simd

TESTS = Path(oracle.__file__).parent
HOST = processor._features()

plain = pytest.mark.plain


# The choice ------------------------------------------------------------------------------------------------------------------


@plain
@pytest.mark.parametrize("name", SIMDS)
def test_a_set_can_be_named(monkeypatch, name):
    monkeypatch.setenv("TILEPROP_SIMD", name)
    assert chosen_simd() is SIMDS[name]
    assert chosen_simd().name == name


@plain
def test_an_unknown_name_is_refused(monkeypatch):
    monkeypatch.setenv("TILEPROP_SIMD", "mmx")
    with pytest.raises(ValueError, match="TILEPROP_SIMD is 'mmx'; it must be one of avx512, avx2, sse2, neon, or not set"):
        chosen_simd()


@plain
@pytest.mark.skipif(not X86, reason="about x86")
@pytest.mark.parametrize(
    ("features", "name"),
    [
        ({"avx512f", "avx2", "fma", "sse2"}, "avx512"),
        ({"avx2", "fma"}, "avx2"),
        ({"avx2"}, "sse2"),
        ({"fma", "avx"}, "sse2"),
        ({"sse2"}, "sse2"),
        (set(), "sse2"),
    ],
)
def test_the_widest_set_there_is(features, name):
    assert processor._widest(features) == name


@plain
@pytest.mark.skipif(not X86, reason="about x86")
def test_numbas_own_variables_count(monkeypatch):
    monkeypatch.delenv("TILEPROP_SIMD", raising=False)
    monkeypatch.setattr(config, "CPU_FEATURES", "+sse2,-avx512f,+avx2,+fma")
    assert chosen_simd().name == "avx2"
    monkeypatch.setattr(config, "CPU_FEATURES", "")
    assert chosen_simd().name == "sse2"
    monkeypatch.setattr(config, "CPU_FEATURES", None)
    monkeypatch.setattr(config, "CPU_NAME", "x86-64")
    assert chosen_simd().name == "sse2"
    monkeypatch.setattr(config, "CPU_NAME", "host")
    assert chosen_simd().name == processor._widest(HOST)


@plain
def test_what_was_chosen_is_one_of_them():
    assert SIMD in SIMDS.values()
    assert {simd.vector_bytes for simd in SIMDS.values()} == {16, 32, 64}
    assert ARM != X86 or not ARM


# Every width -----------------------------------------------------------------------------------------------------------------

COMPARE = """
import json, sys
import numpy as np
import oracle
from tileprop.kernels import forward, loss_and_grad, make_plan, make_state, make_workspace, train_epoch
from tileprop.kernels.compiler.processor import SIMD

dtype = sys.argv[1]
worst = {"simd": SIMD.name}
for number, (sizes, names, loss, batch) in enumerate([
    ([3, 5, 2], ["tanh", "sigmoid"], "mse", 7),
    ([70, 49, 17, 4], ["relu", "tanh", "softmax"], "log_loss", 20),
    ([2, 2, 1], ["sigmoid", "sigmoid"], "squared_error", 1),
    ([1, 1, 130, 1], ["tanh", "tanh", "identity"], "mse", 20),
    ([600, 3, 2], ["tanh", "sigmoid"], "mse", 460),
]):
    rng = np.random.default_rng(number)
    n = 2 * batch + 3
    network = oracle.Network(sizes, names, loss)
    plan = make_plan(sizes, names[:-1], names[-1], loss)
    theta = np.concatenate(
        [part for a, b in zip(sizes, sizes[1:]) for part in (rng.normal(size=a * b) / np.sqrt(a), rng.normal(size=b) / 4)]
    ).astype(dtype)
    X, T = rng.normal(size=(n, sizes[0])).astype(dtype), rng.random((n, sizes[-1])).astype(dtype)
    T /= T.sum(axis=1, keepdims=True) if loss == "log_loss" else 1
    work, grad, none = make_workspace(plan, batch, dtype, n_threads=2), np.full_like(theta, np.nan), np.zeros(0, np.int64)
    weight = rng.uniform(0.5, 1.5, n if batch != 1 else 0).astype(dtype)
    weights = weight if weight.size else None
    errors = []
    value = loss_and_grad(plan, theta, X, T, weight, grad, work)
    true_value, true_grad = oracle.loss_and_grad(network, theta, X, T, weights)
    Y = oracle.forward(network, theta, X[:batch])
    errors += [abs(value / true_value - 1), np.abs(forward(plan, theta, X[:batch], work) - Y).max() / np.abs(Y).max()]
    for part in network.layers:
        errors.append(np.abs(grad[part] - true_grad[part]).max() / np.abs(true_grad[part]).max())
    for order in (none, rng.permutation(n)):
        for rule, mine in (("sgd", oracle.SGD(0.1)), ("adam", oracle.Adam(0.01, 0.9, 0.999, 1e-3))):
            options = {"learning_rate": 0.1} if rule == "sgd" else {"learning_rate": 0.01, "epsilon": 1e-3}
            trained, state = theta.copy(), make_state(plan, rule, dtype, **options)
            mean = train_epoch(plan, trained, state, X, T, weight, order, work)
            rows = order if order.size else None
            expected = oracle.epoch(network, theta, mine, X, T, weights, rows, batch)
            errors += [abs(mean / expected.loss - 1), np.abs(trained - expected.theta).max() / np.abs(expected.theta).max()]
    worst[str(sizes)] = float(np.max(errors))
print(json.dumps(worst))
"""

NO_FMA = {"NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": ""}

WIDTHS = [
    pytest.param("sse2", NO_FMA, "float32", id="sse2 without fma-float32"),
    pytest.param("sse2", NO_FMA, "float64", id="sse2 without fma-float64"),
    *(
        pytest.param(name, {}, dtype, id=f"{name}-{dtype}")
        for name in ("sse2", "avx2", "avx512", "neon")
        for dtype in ("float32", "float64")
    ),
]


@pytest.mark.full
@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="about compiled code")
@pytest.mark.parametrize(("name", "variables", "dtype"), WIDTHS)
def test_every_width_computes_the_oracles_network(tmp_path, name, variables, dtype):
    """Also those that the processor lacks, or does not call so: then its instructions for them are narrower, or other ones."""
    if variables and not X86:
        pytest.skip("about x86")
    removed = {"NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES"}
    environment = {key: value for key, value in os.environ.items() if key not in removed}
    environment |= {"TILEPROP_SIMD": name, "TILEPROP_CACHE": "0", "PYTHONPATH": str(TESTS), **variables}
    process = subprocess.run(
        [sys.executable, "-c", COMPARE, dtype], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr[-3000:]
    worst = json.loads(process.stdout)
    assert worst.pop("simd") == name
    assert len(worst) == 5
    tolerance = 1e-4 if dtype == "float32" else 1e-11
    assert all(error < tolerance for error in worst.values()), worst
    assert any(error > np.finfo(dtype).eps / 100 for error in worst.values())
