"""Kernels in a user's own compiled code: in loops, in threads of Numba's and of Python's, without memory, without Python."""

from __future__ import annotations

import functools
import os
import pickle
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import numpy as np
import pytest
from numba import njit, prange
from numba.core import config
from numba.core.runtime import _nrt_python, rtsys
from tileprop import kernels
from tileprop.kernels import (
    Workspace,
    backward,
    forward,
    forward_loaded,
    load_parameters,
    loss_and_grad,
    make_plan,
    make_state,
    make_workspace,
    predict,
    predict_one,
    train_step,
)
from tileprop.kernels.compiler import jit
from tileprop.kernels.compiler.stamp import source_hash

private_only = pytest.mark.skipif(jit.STOCK, reason="about the private way of compiling")
compiled_only = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="about compiled code")
RNG = np.random.default_rng(12)
PLAN = make_plan([3, 8, 5, 2], "tanh", "identity")
THETA = RNG.normal(size=PLAN.n_parameters) / 2
X, T = RNG.normal(size=(300, 3)), RNG.normal(size=(300, 2))
NONE = np.zeros(0)


def as_numbers(array: np.ndarray) -> np.ndarray:
    """An array of records as plain numbers."""
    return array if array.dtype.names is None else np.array(array.tolist(), np.float64)


def expected_outputs() -> np.ndarray:
    Y = np.empty((len(X), 2))
    predict(PLAN, THETA, X, Y, make_workspace(PLAN, 64))
    return Y


# In loops --------------------------------------------------------------------------------------------------------------------


@njit
def by_rows(plan, theta, X, Y, work):
    for i in range(X.shape[0]):
        predict_one(plan, theta, X[i], Y[i], work)


@njit
def by_blocks(plan, theta, X, Y, work, rows):
    load_parameters(plan, theta, work)
    for start in range(0, X.shape[0], rows):
        outputs = forward_loaded(plan, X[start : start + rows], work)
        for r in range(len(outputs)):
            for j in range(outputs.shape[1]):
                Y[start + r, j] = outputs[r, j]


@pytest.mark.plain
def test_outputs_by_rows_and_by_blocks():
    work, expected = make_workspace(PLAN, 64), expected_outputs()
    Y = np.empty_like(expected)
    by_rows(PLAN, THETA, X, Y, work)
    assert np.array_equal(Y, expected)
    for rows in (1, 7, 64):
        Y[:] = np.nan
        by_blocks(PLAN, THETA, X, Y, work, rows)
        assert np.array_equal(Y, expected)


@njit
def own_loss_descent(plan, theta, X, T, grad, work, steps, rate):
    """The absolute error to the fourth power, which no loss of ours is."""
    total = 0.0
    dX = np.empty((0, X.shape[1]), X.dtype)
    for _ in range(steps):
        Y = forward(plan, theta, X, work)
        total = ((Y - T) ** 4).mean()
        backward(plan, X, 4 * (Y - T) ** 3 / T.size, grad, dX, work)
        theta -= rate * grad
    return total


@pytest.mark.plain
def test_a_loss_of_ones_own():
    theta, grad = THETA.copy(), np.empty_like(THETA)
    rows, targets = X[:50], T[:50] / 4
    work = make_workspace(PLAN, 50)
    own_loss_descent(PLAN, theta, rows, targets, grad, work, 1, 0.0)
    step, i = 1e-5, 11
    moved = [own_loss_descent(PLAN, theta + step * sign * np.eye(theta.size)[i], rows, targets, grad.copy(), work, 1, 0.0)
             for sign in (1, -1)]  # fmt: skip
    assert grad[i] == pytest.approx((moved[0] - moved[1]) / (2 * step), rel=1e-6)
    first = own_loss_descent(PLAN, theta, rows, targets, grad, work, 1, 0.05)
    assert own_loss_descent(PLAN, theta, rows, targets, grad, work, 100, 0.05) < first / 2


@njit
def guarded(plan, theta, X, Y, work):
    try:
        predict(plan, theta, X, Y, work)
    except Exception:
        return False
    return True


@pytest.mark.plain
def test_compiled_code_may_catch_what_a_kernel_raises():
    work, Y = make_workspace(PLAN, 4), np.empty((300, 2))
    assert guarded(PLAN, THETA, X, Y, work)
    assert not guarded(PLAN, THETA[1:], X, Y, work)
    assert not guarded(PLAN, THETA, X, Y, make_workspace(make_plan([3, 2]), 4))
    assert guarded(PLAN, THETA, X, Y, work)


# In Numba's threads ----------------------------------------------------------------------------------------------------------


@njit(parallel=True)
def rows_in_parallel(plan, theta, X, Y, works):
    for i in prange(X.shape[0]):
        predict_one(plan, theta, X[i], Y[i], works[numba.get_thread_id()])


@njit(parallel=True)
def blocks_in_parallel(plan, theta, X, Y, works, rows):
    for block in prange((X.shape[0] + rows - 1) // rows):
        start = block * rows
        predict(plan, theta, X[start : start + rows], Y[start : start + rows], works[numba.get_thread_id()])


@njit(parallel=True)
def networks_in_parallel(plan, thetas, X, T, weight, works, steps):
    """One network for each row of thetas, trained by itself."""
    losses = np.empty(thetas.shape[0])
    for number in prange(thetas.shape[0]):
        work, theta, grad = works[numba.get_thread_id()], thetas[number], np.empty(thetas.shape[1])
        for _ in range(steps):
            losses[number] = loss_and_grad(plan, theta, X, T, weight, grad, work)
            theta -= 0.1 * grad
    return losses


def workspaces(rows: int) -> Any:
    """One for each of Numba's threads."""
    works = [make_workspace(PLAN, rows) for _ in range(numba.get_num_threads())]
    return works if config.DISABLE_JIT else numba.typed.List(works)


@compiled_only
@pytest.mark.parametrize("rows", [1, pytest.param(32, marks=pytest.mark.full)])
def test_outputs_by_several_threads(rows):
    works, expected = workspaces(32), expected_outputs()
    Y = np.empty_like(expected)
    if rows == 1:
        rows_in_parallel(PLAN, THETA, X, Y, works)
    else:
        blocks_in_parallel(PLAN, THETA, X, Y, works, rows)
    assert np.array_equal(Y, expected)


@pytest.mark.full
@compiled_only
def test_networks_by_several_threads():
    works, thetas = workspaces(64), np.stack([THETA * scale for scale in np.linspace(0.1, 1, 16)])
    alone = thetas.copy()
    losses = networks_in_parallel(PLAN, thetas, X, T, NONE, works, 20)
    grad = np.empty_like(THETA)
    for theta, loss in zip(alone, losses, strict=True):
        for _ in range(20):
            last = loss_and_grad(PLAN, theta, X, T, NONE, grad, works[0])
            theta -= 0.1 * grad
        assert last == pytest.approx(loss, rel=1e-13)
    np.testing.assert_allclose(thetas, alone, rtol=1e-12)


# In Python's threads ---------------------------------------------------------------------------------------------------------


@njit(nogil=True)
def train(plan, theta, state, X, T, weight, work, steps):
    loss = 0.0
    for _ in range(steps):
        for start in range(0, X.shape[0], 50):
            loss = train_step(plan, theta, state, X[start : start + 50], T[start : start + 50], weight, work)
    return loss


@compiled_only
def test_several_threads_each_with_its_own_workspace():
    """At once, on one plan and the same rows; also where they all come to it first, and compile it."""

    def run(number: int, barrier: threading.Barrier | None = None) -> tuple[float, bytes, bytes]:
        theta, state, work = THETA * (number + 1) / 8, make_state(PLAN, "adam"), make_workspace(PLAN, 50)
        Y = np.empty((len(X), 2))
        if barrier:
            barrier.wait(30)
        loss = train(PLAN, theta, state, X, T, NONE, work, 10)
        by_blocks(PLAN, theta, X, Y, work, 50)
        return loss, theta.tobytes(), Y.tobytes()

    barrier = threading.Barrier(8)
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(run, range(8), [barrier] * 8))
    assert together == [run(number) for number in range(8)]


@compiled_only
def test_threads_run_at_once():
    """Both are inside compiled code at the same time: each waits there for the other's flag."""

    @njit(nogil=True)
    def meet(plan, theta, X, Y, work, mine, other):
        mine[0] = 1.0
        turns = 0
        while other[0] == 0.0 and turns < 10**7:
            predict(plan, theta, X, Y, work)
            turns += 1
        return other[0]

    flags, Y = [np.zeros(1), np.zeros(1)], np.empty((1, 2))
    meet(PLAN, THETA, X[:1], Y, make_workspace(PLAN), np.zeros(1), np.ones(1))
    with ThreadPoolExecutor(2) as pool:
        calls = [
            pool.submit(meet, PLAN, THETA, X[:1], Y.copy(), make_workspace(PLAN), flags[i], flags[1 - i]) for i in range(2)
        ]
        assert [call.result(60) for call in calls] == [1.0, 1.0]


# Without memory, without Python ----------------------------------------------------------------------------------------------

# Names in the body of the loop, and how a kernel is called there.
CALLS = {
    "predict": "predict(plan, theta, X, Y, work)",
    "predict_one": "predict_one(plan, theta, X[3], Y[3], work)",
    "load_parameters": "load_parameters(plan, theta, work)",
    "forward_loaded": "total += forward_loaded(plan, X[:20], work)[0, 0]",
    "forward": "total += forward(plan, theta, X[:20], work)[0, 0]",
    "loss_and_grad": "total += loss_and_grad(plan, theta, X, T, weight, grad, work)",
    "train_step": "total += train_step(plan, theta, state, X[:20], T[:20], weight, work)",
    "train_epoch": "total += train_epoch(plan, theta, state, X, T, weight, order, work)",
    "apply_gradient": "apply_gradient(theta, grad, state)",
    "backward": "backward(plan, X[:20], T[:20], grad, dX[:20], work)",
    "vjp": "vjp(plan, theta, X, T, grad, dX, work)",
    "input_jacobian": "input_jacobian(plan, theta, X, Y, J, work)",
}
ARGUMENTS = "plan, theta, state, X, T, Y, J, dX, weight, order, grad, work"
# One function for all of them, which is compiled once.
CHOICE = "".join(f"        if kernel == {k}:\n            {call}\n" for k, call in enumerate(CALLS.values()))
LOOP = f"""
def loop(kernel, n, {ARGUMENTS}):
    total = 0.0
    for _ in range(n):
{CHOICE}
    return total
"""


@functools.cache
def loop() -> Callable[..., float]:
    made: dict[str, Any] = {}
    exec(LOOP, {name: getattr(kernels, name) for name in CALLS}, made)
    loop: Callable[..., float] = made["loop"]
    return loop


@functools.cache
def compiled_loop() -> Any:
    return njit(nogil=True)(loop())


def loop_of(name: str) -> Callable[..., float]:
    return functools.partial(loop(), list(CALLS).index(name))


def compiled_loop_of(name: str) -> Callable[..., float]:
    return functools.partial(compiled_loop(), list(CALLS).index(name))


def arguments() -> tuple[Any, ...]:
    J, order = np.zeros((len(X), 2, 3)), np.zeros(0, np.int64)
    work = make_workspace(PLAN, 20, derivatives=True)
    load_parameters(PLAN, THETA, work)
    Y, dX, grad = np.zeros_like(T), np.zeros_like(X), np.zeros_like(THETA)
    return PLAN, THETA.copy(), make_state(PLAN, "adam"), X, T, Y, J, dX, NONE, order, grad, work


@pytest.fixture
def allocations():
    """Asked again, how many there were since the last time, by Numba's runtime."""
    on = _nrt_python.memsys_stats_enabled()
    _nrt_python.memsys_enable_stats()
    counts = [rtsys.get_allocation_stats().alloc]

    def since():
        counts.append(rtsys.get_allocation_stats().alloc)
        return counts[-1] - counts[-2]

    yield since
    if not on:
        _nrt_python.memsys_disable_stats()


@compiled_only
def test_allocations_are_counted(allocations):
    three = njit(lambda: (np.zeros(1), np.zeros(2), np.zeros(3)))
    three()
    allocations()
    three()
    assert allocations() >= 3


@compiled_only
@pytest.mark.parametrize("name", CALLS)
def test_no_kernel_allocates_memory(name, allocations):
    """Fifty calls count as many allocations as one does: those for the arguments of the loop."""
    loop, given = compiled_loop_of(name), arguments()
    loop(1, *given)
    allocations()
    loop(1, *given)
    one = allocations()
    loop(50, *given)
    assert allocations() == one


@compiled_only
@pytest.mark.parametrize("name", CALLS)
def test_no_python_object_is_touched(name):
    """Of its interface nothing is called in the loop, the kernel and all that has become part of it."""
    compiled_loop_of(name)(2, *arguments())
    loop = compiled_loop()
    (signature,) = loop.signatures
    assert loop.nopython_signatures
    code = [loop.inspect_llvm(signature)]
    if not jit.STOCK:  # there the kernel is not linked in
        from tileprop.kernels.compiler.private.leaves import module_of

        code += [str(module_of(result.library)) for result in getattr(kernels, name).overloads.values()]
    # Beside the compiled functions there are ways into them from Python, and makers of exceptions for there.
    functions = [
        function
        for function in re.findall(r"^define .*?^}", "\n".join(code), re.MULTILINE | re.DOTALL)
        if re.match(r'.*? @"?_ZN\w*(loop|tileprop)', function) and "@_ZN7cpython" not in function.split("(")[0]
    ]
    assert len(functions) >= 2
    for function in functions:
        assert not re.search(r"@(Py|numba_gil|numba_unpickle)", function), function.split("(")[0]


@pytest.mark.plain
def test_a_loop_of_each_kernel_computes_what_calls_from_python_do():
    for name in CALLS:
        together, apart = arguments(), arguments()
        total = (loop_of if config.DISABLE_JIT else compiled_loop_of)(name)(3, *together)
        assert total == pytest.approx(loop_of(name)(3, *apart), rel=1e-12), name
        for one, other in zip(together, apart, strict=True):
            for a, b in zip(*((x,) if isinstance(x, np.ndarray) else x for x in (one, other)), strict=True):
                if not isinstance(one, Workspace):
                    np.testing.assert_allclose(as_numbers(a), as_numbers(b), rtol=1e-12, atol=1e-15, err_msg=name)


# By name --------------------------------------------------------------------------------------------------------------------


@private_only
def test_a_caller_does_not_link_its_kernels_in():
    """Only those that are made of a user's functions, whose names other processes do not know."""
    from tileprop.kernels.compiler.private.callers import SourceGuard, guard_of

    mine = jit.kernel(lambda x: x + 1, cached=False)
    caller = njit(lambda x: (kernels.sigmoid(x), mine(1.0)))
    caller(np.zeros(3))
    (code,) = caller.inspect_llvm().values()
    heads = [line for line in code.splitlines() if line.startswith(("declare", "define")) and "sigmoid" in line]
    assert heads
    assert all(line.startswith("declare") for line in heads)
    assert pickle.loads(pickle.dumps(guard_of(mine, None))).__class__ is SourceGuard


@private_only
def test_each_kernel_has_a_name_of_its_own():
    """By which cached callers find it."""
    from tileprop.kernels.compiler.private import callers

    listed = [value for value in vars(kernels).values() if jit.is_kernel(value)]
    assert len(listed) > 40
    for kernel in listed:
        assert callers._kernels[kernel.py_func.__module__, kernel.py_func.__qualname__] is kernel


@private_only
def test_the_guard_of_callers():
    from tileprop.kernels.compiler.private.callers import SourceGuard, StaleKernels, _restore_guard

    guard = pickle.dumps(SourceGuard())
    assert isinstance(pickle.loads(guard), SourceGuard)
    with pytest.raises(StaleKernels):
        pickle.loads(guard.replace(source_hash().encode(), b"0" * 16))
    with pytest.raises(StaleKernels):  # as in a process that compiles the stock way
        _restore_guard(source_hash(), "tileprop.kernels.predict", "no_such_kernel")
    assert issubclass(StaleKernels, OSError)  # that is what Numba takes for a miss


CALLER = """
import numpy as np
from numba import njit
from tileprop.kernels import make_plan, make_workspace, predict_one

@njit(cache=True)
def again(plan, theta, x, y, work):
    predict_one(plan, theta, x, y, work)

plan = make_plan([3, 5, 1], activation="tanh", output_activation="identity")
y = np.empty(1)
again(plan, np.linspace(-1, 1, plan.n_parameters), np.ones(3), y, make_workspace(plan, 1, np.float64))
print(y[0])
"""


@private_only
@pytest.mark.parametrize("ways", ["10", pytest.param("1010", marks=pytest.mark.full)])
def test_a_caller_cached_in_one_way_is_compiled_anew_in_the_other(tmp_path, ways):
    """The two ways call activations by addresses of different conventions: the other way's machine code gives wrong numbers."""
    (tmp_path / "caller.py").write_text(CALLER)
    printed = set()
    for stock in ways:
        environment = {**os.environ, "TILEPROP_STOCK_JIT": stock}
        child = subprocess.run([sys.executable, "caller.py"], cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert child.returncode == 0, child.stderr
        printed.add(child.stdout)
    assert len(printed) == 1
