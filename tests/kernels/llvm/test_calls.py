"""Calls by address: every argument arrives in its place, results come back, and what raised has given none."""

from __future__ import annotations

import numpy as np
import pytest
from numba import from_dtype, njit, types
from numba.core import config
from numba.core.errors import TypingError
from tileprop.kernels.llvm import call_activation, call_curvature, call_loss
from tileprop.kernels.llvm.calls import (
    activation_types,
    curvature_types,
    loss_types,
    plain_routines,
)
from tileprop.kernels.llvm.routines import activation_routine, address_of, curvature_routine, loss_routine

pytestmark = pytest.mark.plain

PLAIN = bool(config.DISABLE_JIT)


# What each routine was given, in S.


def write_activation(S, x, y, d, rows, stride, width, backward):
    S[0], S[1], S[2], S[3], S[4], S[5], S[6] = x, y, d, rows, stride, width, backward


def write_curvature(S, x, y, d, tangents, rows, stride, width, backward):
    S[0], S[1], S[2], S[3], S[4], S[5], S[6], S[7] = x, y, d, tangents, rows, stride, width, backward


def write_loss(code, S, y, d, rows, stride, n_out, T, first, weight, scale, parameters):
    S[0], S[1], S[2], S[3], S[4], S[5] = code, y, d, rows, stride, n_out
    S[6], S[7], S[8], S[9] = T.shape[0], T.shape[1], first, weight.size
    S[10], S[11] = scale, parameters
    return T[first, 0] + (weight[first] if weight.size else 0.5)


def raise_activation(S, x, y, d, rows, stride, width, backward):
    S[0] = 1.0
    if rows > 0:
        raise ValueError("not so")
    S[1] = 1.0


def raise_loss(code, S, y, d, rows, stride, n_out, T, first, weight, scale, parameters):
    if rows > 0:
        raise ValueError("not so")
    return 2.5


ACTIVATION = activation_routine(write_activation, cached=False)
CURVATURE = curvature_routine(write_curvature, cached=False)
LOSS = loss_routine(write_loss, cached=False)
RAISING = activation_routine(raise_activation, cached=False)
RAISING_LOSS = loss_routine(raise_loss, cached=False)


@njit
def run_activation(address, S, x, y, d, rows, stride, width, backward):
    call_activation(address, S, x, y, d, rows, stride, width, backward)


@njit
def run_curvature(address, S, x, y, d, tangents, rows, stride, width, backward):
    call_curvature(address, S, x, y, d, tangents, rows, stride, width, backward)


@njit
def run_loss(address, code, S, y, d, rows, stride, n_out, T, columns, weight, weights, first, scale, parameters):
    return call_loss(address, code, S, y, d, rows, stride, n_out, T, columns, weight, weights, first, scale, parameters)


@njit
def run_two(first, second, S):
    """Which routine is called is known only when it runs."""
    for k in range(4):
        call_activation(first if k % 2 else second, S, k, 0, 0, 0, 0, 0, k > 1)
    return S[0]


@pytest.fixture(params=["float32", "float64"])
def real(request) -> np.dtype:
    return np.dtype(request.param)


@pytest.mark.parametrize("backward", [False, True])
def test_arguments_of_an_activation(real, backward):
    S = np.full(9, -1, real)
    run_activation(address_of(ACTIVATION, real, "activation"), S, 11, 12, 13, 14, 15, 16, backward)
    assert S.tolist() == [11, 12, 13, 14, 15, 16, backward, -1, -1]


@pytest.mark.parametrize("backward", [False, True])
def test_arguments_of_a_curvature(real, backward):
    S = np.full(9, -1, real)
    run_curvature(address_of(CURVATURE, real, "curvature"), S, 11, 12, 13, 14, 15, 16, 17, backward)
    assert S.tolist() == [11, 12, 13, 14, 15, 16, 17, backward, -1]


@pytest.mark.parametrize("weighted", [False, True])
def test_arguments_and_result_of_a_loss(real, weighted):
    S, T = np.full(13, -1, real), np.arange(8, dtype=real).reshape(4, 2)
    weight = np.array([3, 4, 5, 6], real) if weighted else np.empty(0, real)
    for array in (T, weight):
        array.flags.writeable = False
    address = address_of(LOSS, real, "loss")
    value = run_loss(address, 21, S, 22, 23, 2, 25, 26, T, 2, weight, weight.size, 1, 0.25, 27)
    assert value == 2 + (4 if weighted else 0.5)
    # Compiled, the routine sees T up to the last of its rows.
    assert S.tolist() == [21, 22, 23, 2, 25, 26, 4 if PLAIN else 3, 2, 1, weight.size, 0.25, 27, -1]


def negated(S, x, y, d, rows, stride, width, backward):
    S[0] = -x


def test_a_routine_chosen_at_run_time(real):
    other = activation_routine(negated, cached=False)
    S = np.zeros(9, real)
    assert run_two(address_of(ACTIVATION, real, "activation"), address_of(other, real, "activation"), S) == 3
    assert run_two(address_of(other, real, "activation"), address_of(ACTIVATION, real, "activation"), S) == -3


@pytest.mark.skipif(PLAIN, reason="as plain Python it raises")
def test_what_raises_has_given_no_result(real):
    """The calling kernel goes on: nothing may raise inside a thread."""
    S = np.zeros(2, real)
    run_activation(address_of(RAISING, real, "activation"), S, 0, 0, 0, 1, 1, 1, False)
    assert S.tolist() == [1, 0]
    run_activation(address_of(RAISING, real, "activation"), S, 0, 0, 0, 0, 1, 1, False)
    assert S.tolist() == [1, 1]
    T, weight = np.zeros((1, 1), real), np.empty(0, real)
    values = [
        run_loss(address_of(RAISING_LOSS, real, "loss"), 0, S, 0, 0, rows, 1, 1, T, 1, weight, 0, 0, 1.0, 0) for rows in (1, 0)
    ]
    assert np.isnan(values[0])
    assert values[1] == 2.5


@pytest.mark.skipif(PLAIN, reason="about types")
def test_arrays_of_a_loss_have_one_dtype():
    with pytest.raises(TypingError, match="must have one dtype; these have float64, float32, float64"):
        run_loss(0, 0, np.zeros(1), 0, 0, 0, 0, 0, np.zeros((1, 1), np.float32), 1, np.zeros(1), 1, 0, 1.0, 0)


@pytest.mark.skipif(PLAIN, reason="about types")
def test_types_are_those_that_the_routines_have(real):
    """One for each argument, and places are whole numbers."""
    kind = from_dtype(real)
    for of, function in ((activation_types, write_activation), (curvature_types, write_curvature)):
        given = of(kind)
        assert len(given) == function.__code__.co_argcount
        assert given[0] == types.CPointer(kind)
        assert set(given[1:-1]) == {types.int64}
        assert given[-1] == types.boolean
    # T and the weights come as a pointer and a length.
    assert len(loss_types(kind)) == write_loss.__code__.co_argcount + 2


@pytest.mark.skipif(not PLAIN, reason="about plain Python")
def test_as_plain_python_an_address_is_a_place_in_a_list(real):
    address = address_of(ACTIVATION, real, "activation")
    assert address > 0
    assert plain_routines[0] is None
    assert plain_routines[address] is ACTIVATION


@pytest.mark.skipif(PLAIN, reason="about types")
def test_targets_and_weights_cannot_be_written(real):
    def write_targets(code, S, y, d, rows, stride, n_out, T, first, weight, scale, parameters):
        T[0, 0] = 1.0
        return 0.0

    def write_weight(code, S, y, d, rows, stride, n_out, T, first, weight, scale, parameters):
        weight[0] = 1.0
        return 0.0

    for function in (write_targets, write_weight):
        with pytest.raises(TypingError, match="readonly"):
            address_of(loss_routine(function, cached=False), real, "loss")
