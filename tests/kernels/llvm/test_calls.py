"""Calls by address: every argument arrives in its place, results come back, and what raised has given none."""

from __future__ import annotations

import numpy as np
import pytest
from numba import from_dtype, njit, types
from numba.core import config
from numba.core.errors import TypingError
from tileprop.kernels.llvm import call_activation, call_loss
from tileprop.kernels.llvm.calls import activation_types, loss_types, plain_row_kernels
from tileprop.kernels.llvm.row_kernels import activation_row_kernel, address_of, loss_row_kernel

pytestmark = pytest.mark.plain

PLAIN = bool(config.DISABLE_JIT)


# What each row kernel was given, in S; of a loss, in D.


def write_activation(S, at, backward):
    S[0], S[1], S[2], S[3] = at.x, at.y, at.d, at.tangents
    S[4], S[5], S[6], S[7] = at.rows, at.stride, at.width, backward


def write_loss(rows):
    D = rows.D
    D[0, 0], D[0, 1], D[0, 2], D[0, 3] = rows.code, rows.Y.shape[0], rows.Y.shape[1], rows.Y[1, 2]
    D[0, 4], D[0, 5], D[0, 6], D[0, 7] = D.shape[0], D.shape[1], rows.T.shape[0], rows.T.shape[1]
    D[1, 0], D[1, 1], D[1, 2], D[1, 3] = rows.weight.size, rows.scale, rows.n_out, rows.parameters.size
    D[1, 4], D[1, 5], D[1, 6] = rows.parameters[0], rows.parameters[1], rows.T[1, 1]
    return rows.T[0, 0] + (rows.weight[1] if rows.weight.size else 0.5)


def raise_activation(S, at, backward):
    S[0] = 1.0
    if at.rows > 0:
        raise ValueError("not so")
    S[1] = 1.0


def raise_loss(rows):
    if rows.code > 0:
        raise ValueError("not so")
    return 2.5


ACTIVATION = activation_row_kernel(write_activation, cached=False)
LOSS = loss_row_kernel(write_loss, cached=False)
RAISING = activation_row_kernel(raise_activation, cached=False)
RAISING_LOSS = loss_row_kernel(raise_loss, cached=False)


@njit
def run_activation(address, S, x, y, d, tangents, rows, stride, width, backward):
    call_activation(address, S, x, y, d, tangents, rows, stride, width, backward)


@njit
def run_loss(address, code, S, y, d, rows, stride, n_out, T, columns, weight, weights, first, scale, parameters):
    return call_loss(address, code, S, y, d, rows, stride, n_out, T, columns, weight, weights, first, scale, parameters)


@njit
def run_two(first, second, S):
    """Which row kernel is called is known only when it runs."""
    for k in range(4):
        call_activation(first if k % 2 else second, S, k, 0, 0, 0, 0, 0, 0, k > 1)
    return S[0]


@pytest.fixture(params=["float32", "float64"])
def real(request) -> np.dtype:
    return np.dtype(request.param)


@pytest.mark.parametrize("backward", [False, True])
def test_arguments_of_an_activation(real, backward):
    S = np.full(9, -1, real)
    run_activation(address_of(ACTIVATION, real, "activation"), S, 11, 12, 13, 14, 15, 16, 17, backward)
    assert S.tolist() == [11, 12, 13, 14, 15, 16, 17, backward, -1]


@pytest.mark.parametrize("weighted", [False, True])
def test_arguments_and_result_of_a_loss(real, weighted):
    """Two rows of Y and D; of T and the weights those from the second on; as many parameters as outputs for each target."""
    S, T = np.full(45, -1, real), np.arange(8, dtype=real).reshape(4, 2)
    S[1:20], S[40:42] = np.arange(1, 20), (31, 32)
    weight = np.array([3, 4, 5, 6], real) if weighted else np.empty(0, real)
    for array in (T, weight):
        array.flags.writeable = False
    value = run_loss(address_of(LOSS, real, "loss"), 21, S, 2, 20, 2, 9, 4, T, 2, weight, weight.size, 1, 0.25, 40)
    assert value == 2 + (5 if weighted else 0.5)
    D = S[20:38].reshape(2, 9)
    assert D[0].tolist() == [21, 2, 9, 2 + 9 + 2, 2, 9, 2, 2, -1]
    assert D[1].tolist() == [2 if weighted else 0, 0.25, 4, 2, 31, 32, 5, -1, -1]
    assert S[:20].tolist() == [-1, *range(1, 20)]


def negated(S, at, backward):
    S[0] = -at.x


def test_a_row_kernel_chosen_at_run_time(real):
    other = activation_row_kernel(negated, cached=False)
    S = np.zeros(9, real)
    assert run_two(address_of(ACTIVATION, real, "activation"), address_of(other, real, "activation"), S) == 3
    assert run_two(address_of(other, real, "activation"), address_of(ACTIVATION, real, "activation"), S) == -3


@pytest.mark.skipif(PLAIN, reason="as plain Python it raises")
def test_what_raises_has_given_no_result(real):
    """The calling kernel goes on: nothing may raise inside a thread."""
    S = np.zeros(2, real)
    run_activation(address_of(RAISING, real, "activation"), S, 0, 0, 0, 0, 1, 1, 1, False)
    assert S.tolist() == [1, 0]
    run_activation(address_of(RAISING, real, "activation"), S, 0, 0, 0, 0, 0, 1, 1, False)
    assert S.tolist() == [1, 1]
    T, weight = np.zeros((1, 1), real), np.empty(0, real)
    values = [
        run_loss(address_of(RAISING_LOSS, real, "loss"), code, S, 0, 0, 1, 1, 1, T, 1, weight, 0, 0, 1.0, 0) for code in (1, 0)
    ]
    assert np.isnan(values[0])
    assert values[1] == 2.5


@pytest.mark.skipif(PLAIN, reason="about types")
def test_arrays_of_a_loss_have_one_dtype():
    with pytest.raises(TypingError, match="must have one dtype; these have float64, float32, float64"):
        run_loss(0, 0, np.zeros(1), 0, 0, 0, 0, 0, np.zeros((1, 1), np.float32), 1, np.zeros(1), 1, 0, 1.0, 0)


@pytest.mark.skipif(PLAIN, reason="about types")
def test_types_are_those_that_the_row_kernels_have(real):
    """One for each argument, and places are whole numbers."""
    kind = from_dtype(real)
    given = activation_types(kind)
    assert len(given) == ACTIVATION.py_func.__code__.co_argcount
    assert given[0] == types.CPointer(kind)
    assert set(given[1:-1]) == {types.int64}
    assert given[-1] == types.boolean
    assert len(loss_types(kind)) == LOSS.py_func.__code__.co_argcount


@pytest.mark.skipif(not PLAIN, reason="about plain Python")
def test_as_plain_python_an_address_is_a_place_in_a_list(real):
    address = address_of(ACTIVATION, real, "activation")
    assert address > 0
    assert plain_row_kernels[0] is None
    assert plain_row_kernels[address] is ACTIVATION


@pytest.mark.skipif(PLAIN, reason="about types")
def test_targets_and_weights_cannot_be_written(real):
    def write_targets(rows):
        rows.T[0, 0] = 1.0
        return 0.0

    def write_weight(rows):
        rows.weight[0] = 1.0
        return 0.0

    for function in (write_targets, write_weight):
        with pytest.raises(TypingError, match="readonly"):
            address_of(loss_row_kernel(function, cached=False), real, "loss")
