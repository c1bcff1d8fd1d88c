"""One row by itself: the same to the last bit as among others, for any network, dtype and width of vectors."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit
from numba.core import config
from problems import ACTIVATIONS, DTYPES, Problem, make_problem, networks, some_problem
from tileprop.kernels import Plan, Workspace, make_plan, make_workspace, predict, predict_one
from tileprop.kernels.compiler.processor import X86

without_jit = bool(config.DISABLE_JIT)


def check_rows(plan: Plan, theta: np.ndarray, X: np.ndarray, work: Workspace) -> None:
    Y = np.full((len(X), plan.sizes[-1]), np.nan, theta.dtype)
    with np.errstate(invalid="ignore", over="ignore"):  # as plain Python, the scalars' own warnings
        predict(plan, theta, X, Y, work)
        for row, expected in zip(X, Y, strict=True):
            y = np.full_like(expected, np.nan)
            predict_one(plan, theta, row, y, work)
            assert y.tobytes() == expected.tobytes()


@pytest.mark.plain
@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
def test_a_row_alone_has_the_bits_of_a_row_among_others(dtype, data):
    problem = make_problem(data.draw(networks()), 4, dtype, np.random.default_rng(data.draw(st.integers(0, 1000))))
    work = make_workspace(problem.plan, data.draw(st.integers(1, 12)), dtype, derivatives=data.draw(st.booleans()))
    check_rows(problem.plan, problem.theta, problem.X, work)


WIDTHS = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 24, 31, 33, 48, 50, 64, 65, 100]


@pytest.mark.parametrize("dtype", DTYPES)
@given(
    st.lists(st.sampled_from(WIDTHS), min_size=2, max_size=5),
    st.sampled_from([name for name in ACTIVATIONS if name != "exp"]),
    st.booleans(),
    st.integers(0, 1000),
)
def test_layers_of_one_vector_and_of_many(dtype, sizes, activation, bias, seed):
    rng = np.random.default_rng(seed)
    plan = make_plan(sizes, activation, "identity", bias=bias)
    theta = rng.normal(size=plan.n_parameters).astype(dtype) / 4
    check_rows(plan, theta, rng.normal(size=(5, sizes[0])).astype(dtype), make_workspace(plan, 64, dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sizes", [[784, 256, 10], [2, 600, 520, 2], [3, 2000, 1]])
def test_wide_layers(sizes, dtype):
    rng = np.random.default_rng(3)
    plan = make_plan(sizes, "tanh", "softmax", "log_loss") if sizes[-1] > 1 else make_plan(sizes)
    theta = (rng.normal(size=plan.n_parameters) / 10).astype(dtype)
    check_rows(plan, theta, rng.normal(size=(4, sizes[0])).astype(dtype), make_workspace(plan, 64, dtype))


@pytest.mark.plain
@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf, -0.0, 1e-310, 1e300])
def test_inputs_that_are_no_everyday_numbers(odd):
    problem = some_problem()
    problem.X[:, 1] = odd
    check_rows(problem.plan, problem.theta, problem.X, make_workspace(problem.plan, 8))


NO_FMA = {"NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": ""}
FULL = pytest.mark.full
CHECK = """
import sys
import numpy as np
from tileprop.kernels import make_plan, make_workspace, predict, predict_one
# By default two: each is compiled for this process alone.
names = ["tanh", "relu", "gelu", "identity"] if len(sys.argv) > 2 else ["tanh", "relu"]
for dtype in sys.argv[1:]:
    for seed in range(60):
        rng = np.random.default_rng(seed)
        sizes = [int(n) for n in rng.choice([1, 2, 3, 5, 8, 9, 16, 17, 33, 64, 100], rng.integers(2, 6))]
        plan = make_plan(sizes, str(rng.choice(names)), "sigmoid", bias=bool(seed % 3))
        theta, X = rng.normal(size=plan.n_parameters).astype(dtype) / 4, rng.normal(size=(4, sizes[0])).astype(dtype)
        Y, y, work = np.empty((4, sizes[-1]), dtype), np.empty(sizes[-1], dtype), make_workspace(plan, 5, dtype)
        predict(plan, theta, X, Y, work)
        for row, expected in zip(X, Y):
            predict_one(plan, theta, row, y, work)
            assert y.tobytes() == expected.tobytes(), (dtype, sizes)
print("checked")
"""


@pytest.mark.skipif(without_jit, reason="about compiled code")
@pytest.mark.parametrize(
    ("name", "variables", "dtypes"),
    [
        pytest.param("sse2", NO_FMA, ["float32"], id="sse2 without fma"),
        pytest.param("sse2", NO_FMA, DTYPES, id="sse2 without fma, both", marks=FULL),
        *(pytest.param(name, {}, DTYPES, id=name, marks=FULL) for name in ("sse2", "avx2", "avx512", "neon")),
    ],
)
def test_the_same_bits_with_other_vectors(tmp_path, name, variables, dtypes):
    if variables and not X86:
        pytest.skip("about x86")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("NUMBA_CPU")}
    environment |= {"TILEPROP_SIMD": name, "TILEPROP_CACHE": "0", **variables}
    done = subprocess.run([sys.executable, "-c", CHECK, *dtypes], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout == "checked\n"


# Memory and errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.plain
def test_a_row_of_a_matrix_and_its_place_among_the_outputs():
    """Views serve in compiled code, too; nothing beside them is written."""

    @njit
    def fill(plan, theta, X, Y, work):
        for i in range(1, X.shape[0]):
            predict_one(plan, theta, X[i], Y[i], work)

    problem = some_problem()
    work, Y, expected = make_workspace(problem.plan, 8), np.full((6, 3), -1.0), np.full((6, 3), -1.0)
    predict(problem.plan, problem.theta, problem.X, expected, work)
    problem.theta.flags.writeable = problem.X.flags.writeable = False
    predict_one(problem.plan, problem.theta, problem.X[3], Y[3], work)
    assert np.array_equal(Y[3], expected[3])
    assert (np.delete(Y, 3, axis=0) == -1).all()
    fill(problem.plan, problem.theta, problem.X, Y, work)
    assert np.array_equal(Y[1:], expected[1:])
    assert (Y[0] == -1).all()


@njit
def predict_one_njit(plan, theta, x, y, work):
    predict_one(plan, theta, x, y, work)


WRONG: dict[str, tuple[dict[str, Any], str, tuple[int, ...]]] = {
    "theta": ({"theta": np.zeros(30)}, "theta has the wrong length", (30, 31)),
    "x": ({"x": np.zeros(4)}, "x has the wrong length", (4, 3)),
    "y": ({"y": np.zeros(2)}, "y has the wrong length", (2, 3)),
    "work": ({"work": make_workspace(make_plan([3, 4, 2]))}, "work was made for another plan", ()),
}


@pytest.mark.plain
@pytest.mark.parametrize("call", [predict_one, predict_one_njit])
@pytest.mark.parametrize("what", WRONG)
def test_what_does_not_fit_is_refused_by_name(what, call):
    problem: Problem = some_problem()
    given = {"theta": problem.theta, "x": problem.X[0], "y": np.zeros(3), "work": make_workspace(problem.plan)}
    changes, message, numbers = WRONG[what]
    given |= changes
    with pytest.raises(ValueError, match=message) as caught:
        call(problem.plan, given["theta"], given["x"], given["y"], given["work"])
    assert caught.value.args[1:] == numbers
    assert not given["y"].any()
