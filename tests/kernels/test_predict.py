"""From rows to outputs: the oracle's, the same to the last bit by every way, and what does not fit is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inside import batch_rows, block_rows, chunk_rows, groups_of, spoil
from numba import njit
from numba.core import config
from numba.core.errors import TypingError
from problems import DTYPES, TOLERANCE, Problem, make_problem, problems, some_problem
from tileprop.kernels import Workspace, forward, forward_loaded, load_parameters, make_plan, make_workspace, predict

without_jit = bool(config.DISABLE_JIT)


def outputs(problem: Problem, work: Workspace | None = None) -> np.ndarray:
    work = make_workspace(problem.plan, 32, problem.dtype) if work is None else work
    Y = np.full((len(problem.X), problem.plan.sizes[-1]), np.nan, problem.dtype)
    predict(problem.plan, problem.theta, problem.X, Y, work)
    return Y


def loaded_outputs(problem: Problem, work: Workspace, rows: int) -> np.ndarray:
    """By `forward_loaded`, so many rows at a time."""
    load_parameters(problem.plan, problem.theta, work)
    parts = [
        forward_loaded(problem.plan, problem.X[start : start + rows], work).copy() for start in range(0, len(problem.X), rows)
    ]
    return np.concatenate(parts)


# Which outputs ---------------------------------------------------------------------------------------------------------------


@pytest.mark.plain
@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
def test_outputs_are_the_oracles(dtype, data):
    """And the same to the last bit by every way, in pieces of any length."""
    problem, work = data.draw(problems(dtype))
    Y, tolerance = outputs(problem, work), TOLERANCE[dtype]
    expected = oracle.forward(problem.network, problem.theta, problem.X)
    np.testing.assert_allclose(Y, expected, rtol=tolerance, atol=tolerance * np.abs(Y).max())
    batch = batch_rows(work)
    if len(problem.X) <= batch:
        assert forward(problem.plan, problem.theta, problem.X, work).tobytes() == Y.tobytes()
    assert loaded_outputs(problem, work, data.draw(st.integers(1, batch))).tobytes() == Y.tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("sizes", "batch_size", "kind"),
    [
        ([700, 3, 2], 1000, "groups"),  # more rows than one area keeps
        ([2, 600, 520, 2], 700, "blocks"),
        ([90, 64, 33, 17], 64, "one block"),
        ([784, 256, 10], 3, "dots"),
    ],
)
def test_workspaces_of_every_kind(sizes, batch_size, kind, dtype):
    network = oracle.Network(sizes, ["tanh"] * (len(sizes) - 2) + ["sigmoid"], "mse")
    problem = make_problem(network, 150, dtype, np.random.default_rng(54))
    work = make_workspace(problem.plan, batch_size, dtype, n_threads=3)
    assert (groups_of(work) > 0) == (chunk_rows(work) < batch_size) == (kind == "groups")
    assert (block_rows(work) < min(150, batch_size)) == (kind in ("groups", "blocks"))
    Y = outputs(problem, work)
    expected = oracle.forward(network, problem.theta, problem.X)
    np.testing.assert_allclose(Y, expected, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])
    for rows in (1, min(7, batch_size), min(150, batch_size)):
        assert loaded_outputs(problem, work, rows).tobytes() == Y.tobytes()
    for other in (make_workspace(problem.plan, 1, dtype), make_workspace(problem.plan, 64, dtype, derivatives=True)):
        assert outputs(problem, other).tobytes() == Y.tobytes()


@pytest.mark.plain
def test_a_row_that_is_not_finite_spoils_no_other():
    problem = some_problem(rows=9)
    expected = outputs(problem)
    problem.X[4] = np.nan
    with np.errstate(invalid="ignore"):
        Y = outputs(problem)
    assert np.isnan(Y[4]).all()
    kept = np.arange(9) != 4
    assert np.array_equal(Y[kept], expected[kept])


@pytest.mark.plain
def test_no_rows_at_all():
    problem = some_problem()
    problem.X = problem.X[:0]
    work = make_workspace(problem.plan, 4)
    assert outputs(problem, work).shape == (0, 3)
    assert forward(problem.plan, problem.theta, problem.X, work).shape == (0, 3)
    assert forward_loaded(problem.plan, problem.X, work).shape == (0, 3)


# Memory ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.plain
def test_forward_is_a_view_into_the_workspace():
    problem = some_problem()
    work = make_workspace(problem.plan, 8)
    Y = forward(problem.plan, problem.theta, problem.X, work)
    assert np.shares_memory(Y, work.numbers)
    assert Y.shape == (6, 3)
    kept = Y.copy()
    other = forward_loaded(problem.plan, problem.X * 2, work)
    assert np.shares_memory(other, Y)
    assert not np.array_equal(Y, kept)


@pytest.mark.plain
def test_the_view_outlives_the_workspace():
    problem = some_problem()
    expected = outputs(problem)
    Y = forward(problem.plan, problem.theta, problem.X, make_workspace(problem.plan, 8))
    others = [make_workspace(problem.plan, 8) for _ in range(50)]
    assert np.array_equal(Y, expected)
    del others


@pytest.mark.plain
def test_parameters_stay_loaded_and_are_those_of_then():
    problem = some_problem()
    expected, work = outputs(problem), make_workspace(problem.plan, 4)
    load_parameters(problem.plan, problem.theta, work)
    theta = problem.theta.copy()
    problem.theta[:] = 0
    for start in (0, 3, 1, 0):
        rows = slice(start, start + 3)
        assert np.array_equal(forward_loaded(problem.plan, problem.X[rows], work), expected[rows])
    load_parameters(problem.plan, -theta, work)
    assert not np.array_equal(forward_loaded(problem.plan, problem.X[:3], work), expected[:3])


@pytest.mark.plain
def test_arguments_are_left_alone_and_may_be_read_only():
    problem = some_problem()
    before, expected = (problem.theta.copy(), problem.X.copy()), outputs(problem)
    problem.theta.flags.writeable = problem.X.flags.writeable = False
    work = make_workspace(problem.plan, 8)
    assert np.array_equal(outputs(problem, work), expected)
    assert np.array_equal(forward(problem.plan, problem.theta, problem.X, work), expected)
    assert np.array_equal(loaded_outputs(problem, work, 2), expected)
    assert np.array_equal(problem.theta, before[0])
    assert np.array_equal(problem.X, before[1])


@pytest.mark.plain
@pytest.mark.parametrize("dtype", DTYPES)
def test_what_the_workspace_held_does_not_matter(dtype):
    """Not even in the padding: it reaches no result."""
    problem = some_problem(rows=9, dtype=dtype)
    work = make_workspace(problem.plan, 4, dtype)
    expected = outputs(problem, work)
    spoil(work)
    with np.errstate(invalid="ignore"):
        assert np.array_equal(outputs(problem, work), expected)
        spoil(work)
        assert np.array_equal(loaded_outputs(problem, work, 3), expected)


@pytest.mark.skipif(without_jit, reason="about compilations")
def test_one_compilation_for_each_dtype():
    kernels = (predict, forward, forward_loaded, load_parameters)
    for dtype in DTYPES:
        problem = some_problem(dtype=dtype)
        outputs(problem)
        work = make_workspace(problem.plan, 8, dtype)
        forward(problem.plan, problem.theta, problem.X, work)
        loaded_outputs(problem, work, 2)
    before = [set(kernel.overloads) for kernel in kernels]
    for dtype in DTYPES:
        for sizes, names in (([1, 1], ["softmax"]), ([5, 4, 3, 2, 2], ["gelu", "relu", "tanh", "identity"])):
            problem = make_problem(oracle.Network(sizes, names, "mse", False), 5, dtype, np.random.default_rng(1))
            work = make_workspace(problem.plan, 8, dtype)
            problem.theta.flags.writeable = False
            Y = outputs(problem, work)
            assert np.array_equal(forward(problem.plan, problem.theta, problem.X, work), Y)
            assert np.array_equal(loaded_outputs(problem, work, 2), Y)
    assert [set(kernel.overloads) for kernel in kernels] == before


# Errors ----------------------------------------------------------------------------------------------------------------------


@njit
def predict_njit(plan, theta, X, Y, work):
    predict(plan, theta, X, Y, work)


@njit
def forward_njit(plan, theta, X, Y, work):
    Y[:] = forward(plan, theta, X, work)


@njit
def forward_loaded_njit(plan, theta, X, Y, work):
    load_parameters(plan, theta, work)
    Y[:] = forward_loaded(plan, X, work)


def forward_python(plan, theta, X, Y, work):
    forward(plan, theta, X, work)


def forward_loaded_python(plan, theta, X, Y, work):
    load_parameters(plan, theta, work)
    forward_loaded(plan, X, work)


ALL = [predict, predict_njit, forward_python, forward_njit, forward_loaded_python, forward_loaded_njit]
PREDICT, FORWARD = ALL[:2], ALL[2:]
# A caller becomes one piece of machine code with `forward`, which takes seconds to compile.
FORWARD_COMPILED = (forward_njit, forward_loaded_njit)
OTHER = make_plan([3, 5, 3])
# The arguments that are changed, the message, its numbers, and who says so.
WRONG: dict[str, tuple[dict[str, Any], str, tuple[int, ...], list[Callable[..., None]]]] = {
    "theta too short": ({"theta": np.zeros(30)}, "theta has the wrong length", (30, 31), ALL),
    "theta too long": ({"theta": np.zeros(32)}, "theta has the wrong length", (32, 31), ALL),
    "columns of X": ({"X": np.zeros((6, 4))}, "X has the wrong number of columns", (4, 3), ALL),
    "rows of X": ({"X": np.zeros((9, 3)), "Y": np.zeros((9, 3))}, "X has more rows than the workspace's", (9, 8), FORWARD),
    "rows of Y": ({"Y": np.zeros((5, 3))}, "Y needs as many rows as X", (5, 6), PREDICT),
    "columns of Y": ({"Y": np.zeros((6, 1))}, "Y has the wrong number of columns", (1, 3), PREDICT),
    "another plan": ({"work": make_workspace(OTHER, 8)}, "work was made for another plan", (), ALL),
    "more layers": ({"work": make_workspace(make_plan([3, 4, 3, 3]), 8)}, "work was made for another plan", (), ALL),
    "activations": ({"work": make_workspace(make_plan([3, 4, 3], "relu"), 8)}, "work was made for another plan", (), ALL),
}


@pytest.mark.plain
@pytest.mark.parametrize(
    ("what", "call"),
    [
        pytest.param(what, call, id=f"{what}-{call.__name__}", marks=pytest.mark.full if call in FORWARD_COMPILED else [])
        for what, row in WRONG.items()
        for call in row[3]
    ],
)
def test_what_does_not_fit_is_refused_by_name(what, call):
    """From Python and, as an exception of the same kind, in compiled code."""
    problem = some_problem()
    given = {"theta": problem.theta, "X": problem.X, "Y": np.full((6, 3), -1.0), "work": make_workspace(problem.plan, 8)}
    changes, message, numbers, _ = WRONG[what]
    given |= changes
    Y = given["Y"].copy()
    with pytest.raises(ValueError, match=message) as caught:
        call(problem.plan, given["theta"], given["X"], given["Y"], given["work"])
    assert caught.value.args[1:] == numbers
    assert np.array_equal(given["Y"], Y)


@pytest.mark.skipif(without_jit, reason="plain Python takes any layout and mixes dtypes")
def test_layouts_and_dtypes_that_do_not_fit_are_named():
    problem = some_problem()
    work, Y = make_workspace(problem.plan, 8), np.empty((6, 3))
    for call in (predict, predict_njit):
        with pytest.raises(TypingError, match=r"argument X .*C-contiguous"):
            call(problem.plan, problem.theta, np.asfortranarray(problem.X), Y, work)
        with pytest.raises(TypingError, match=r"argument theta is of float32, .* one real dtype"):
            call(problem.plan, problem.theta.astype("float32"), problem.X, Y, work)
