"""Arrays that a kernel would misread are refused by their types, by name, before anything is compiled or written."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numba import njit, typeof
from numba.core import config
from numba.core.errors import TypingError
from tileprop import kernels
from tileprop.kernels import make_plan, make_state, make_workspace
from tileprop.kernels.compiler.arguments import check_arguments, declared_read_only
from tileprop.kernels.compiler.jit import is_kernel

pytestmark = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="plain Python takes any layout and mixes dtypes")

PLAN = make_plan([3, 4, 2], "tanh", "identity")
N = PLAN.n_parameters
ROWS = 5
FITTING: dict[str, Any] = {
    "plan": PLAN,
    "state": make_state(PLAN, "adam"),
    "work": make_workspace(PLAN, ROWS, derivatives=True, curvature=True),
    "order": np.arange(ROWS),
    "weight": np.ones(ROWS),
    **{name: np.full(N, 0.5) for name in ("theta", "grad", "v", "Hv", "Gv")},
    **{name: np.full((ROWS, 3), 0.5) for name in ("X", "dX")},
    **{name: np.full((ROWS, 2), 0.5) for name in ("T", "Y", "dY", "dT", "D", "Z")},
    **{name: np.full((3, 2), 0.5) for name in ("W", "dW")},
    **{name: np.full(2, 0.5) for name in ("b", "db", "y")},
    "x": np.full(3, 0.5),
    "G": np.zeros((ROWS, N)),
    "J": np.zeros((ROWS, 2, 3)),
}
KERNELS = {name: found for name, found in vars(kernels).items() if is_kernel(found) and (found.read_only or found.written)}
PAIRS = [
    (name, argument)
    for name, found in KERNELS.items()
    for argument in inspect.signature(found.py_func).parameters
    if argument in found.read_only | (found.written or set())
]


def every_other(array: np.ndarray) -> np.ndarray:
    return np.repeat(array, 2, axis=-1)[..., ::2]


def locked(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array.setflags(write=False)
    return array


CHANGES: dict[str, Callable[[np.ndarray], Any]] = {
    "every other column": every_other,
    "Fortran order": lambda array: np.asfortranarray(array) if array.ndim > 1 else every_other(array),
    "other dtype": lambda array: array.astype("float32"),
    "integers": lambda array: array.astype("int32"),
    "one more dimension": lambda array: array[None],
    "one number": lambda array: array.ravel()[0],
    "a list": lambda array: array.tolist(),
    "nothing": lambda array: None,
}


def refused(kernel: Any, given: dict[str, Any], message: str) -> None:
    before = {name: value.copy() for name, value in given.items() if isinstance(value, np.ndarray)}
    compiled = len(kernel.overloads)
    with pytest.raises(TypingError, match=message):
        kernel(**given)
    assert len(kernel.overloads) == compiled
    for name, value in before.items():
        np.testing.assert_array_equal(given[name], value)


def fitting(name: str) -> dict[str, Any]:
    return {argument: FITTING[argument] for argument in inspect.signature(KERNELS[name].py_func).parameters}


@pytest.mark.parametrize(("name", "argument"), PAIRS)
def test_arrays_that_would_be_misread(name: str, argument: str) -> None:
    for change in CHANGES.values():
        given = {**fitting(name), argument: change(FITTING[argument])}
        others = "|".join(k for k, value in given.items() if k != "plan")
        refused(KERNELS[name], given, rf"{name}: argument {argument} |{name}: argument ({others}) is of .*{argument} of")


@pytest.mark.parametrize("name", [name for name, found in KERNELS.items() if found.written])
def test_arrays_that_cannot_be_written_to(name: str) -> None:
    for argument in KERNELS[name].written:
        given = {**fitting(name), argument: locked(FITTING[argument])}
        refused(KERNELS[name], given, rf"{name}: argument {argument} is read-only.*copy")


def test_element_wise_kernels_write_to_no_locked_array() -> None:
    named = [name for name, found in vars(kernels).items() if is_kernel(found) and not (found.read_only or found.written)]
    backward = [name for name in named if name.endswith("_backward")]
    assert len(backward) > 20
    x = np.full((2, 2), 0.5)
    for name in backward:
        out = locked(x)
        with pytest.raises(TypingError, match=rf"{name}: argument out is read-only"):
            getattr(kernels, name)(*[x] * (len(inspect.signature(getattr(kernels, name).py_func).parameters) - 1), out=out)
        assert np.array_equal(out, x)


@pytest.mark.parametrize(("argument", "maker"), [("plan", "make_plan"), ("state", "make_state"), ("work", "make_workspace")])
def test_what_is_no_plan_state_or_workspace(argument: str, maker: str) -> None:
    for name in KERNELS:
        if argument in fitting(name):
            for wrong in (None, FITTING["theta"], FITTING["work" if argument != "work" else "plan"]):
                refused(KERNELS[name], {**fitting(name), argument: wrong}, rf"{name}: argument {argument} is .*{maker}")


def test_a_workspace_of_another_dtype() -> None:
    given = {**fitting("predict"), "work": make_workspace(PLAN, ROWS, "float32")}
    refused(KERNELS["predict"], given, "argument theta is of float64, and work of float32")
    half = {"X": typeof(FITTING["X"].astype("float16")), "Z": typeof(FITTING["Z"].astype("float16"))}
    with pytest.raises(TypingError, match="one real dtype"):
        check_arguments("k", half, {"X"}, {"Z"})


def test_compiled_callers_hear_the_same() -> None:
    @njit
    def caller(plan, theta, X, Y, work):
        kernels.predict(plan, theta, X, Y[:, ::2], work)

    with pytest.raises(TypingError, match=r"predict: argument Y is .*C-contiguous"):
        caller(PLAN, FITTING["theta"], FITTING["X"], np.empty((ROWS, 4)), FITTING["work"])


def test_arrays_that_are_only_read_may_be_locked_or_mapped(tmp_path: Any) -> None:
    np.save(tmp_path / "X.npy", FITTING["X"])
    Y = np.empty((2, ROWS, 2))
    kernels.predict(**{**fitting("predict"), "Y": Y[0]})
    X = np.load(tmp_path / "X.npy", mmap_mode="r")
    kernels.predict(**{**fitting("predict"), "theta": locked(FITTING["theta"]), "X": X, "Y": Y[1]})
    assert np.array_equal(Y[0], Y[1])
    assert declared_read_only("k", "X", typeof(X)) == declared_read_only("k", "X", typeof(Y[0]))
