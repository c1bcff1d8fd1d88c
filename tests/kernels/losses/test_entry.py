"""Losses made of one row's formulas; and the row kernels of all of them, which networks call, beside the kernels for arrays."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from cases import DTYPES, PARAMETERS
from choosing import by_default
from numba import njit
from tileprop.kernels.llvm import call_loss
from tileprop.kernels.llvm.row_kernels import address_of
from tileprop.kernels.losses import loss_registry
from tileprop.kernels.losses.codes import LABEL_LOG_LOSS
from tileprop.kernels.losses.entry import Loss, Parameter, RowFormulas, row_loss
from tileprop.kernels.numerics.double_double import two_difference

pytestmark = pytest.mark.plain

# Row kernels ---------------------------------------------------------------------------------------------------------------

CASES = [
    pytest.param(loss, values, id=f"{loss.name}-{loss.code}-{len(values)}")
    for loss in loss_registry.entries()
    for values in ([PARAMETERS.get(loss.name, ())] + [(0.1, 0.5, 0.9)] * (loss.outputs_per_target is None))
]
BEFORE, ROWS, COLUMNS, PAD = 2, 5, 3, 4


def rows_for(loss: Loss, n_out: int, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Outputs of the loss's activation, and all targets, of which the rows from BEFORE on are meant."""
    rng = np.random.default_rng(loss.code)
    Y = rng.uniform(0.1, 0.9, (ROWS, n_out))
    if loss.needs == "softmax":
        Y /= Y.sum(axis=1, keepdims=True)
    T = rng.uniform(0.1, 0.9, (BEFORE + ROWS, COLUMNS))
    if loss.code == LABEL_LOG_LOSS:
        T = rng.integers(0, n_out, (BEFORE + ROWS, 1))
    elif loss.needs == "softmax":
        T /= T.sum(axis=1, keepdims=True)
    return Y.astype(dtype), T.astype(dtype)


def at_the_activations_input(loss: Loss, Y: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """dL/dz of one row, where the row kernel gives that at once."""
    if not loss.gives_delta:
        return slopes
    jacobians = {"softmax": np.diag(Y) - np.outer(Y, Y), "sigmoid": np.diag(Y * (1 - Y)), "exp": np.diag(Y)}
    return slopes @ jacobians[loss.needs]


@njit
def called(address, code, S, y, d, rows, stride, n_out, T, weight, first, scale, parameters):
    columns, weights = T.shape[1], weight.size
    return call_loss(address, code, S, y, d, rows, stride, n_out, T, columns, weight, weights, first, scale, parameters)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("loss", "parameter"), CASES)
def test_row_kernels_are_the_kernels_row_by_row(loss, parameter, dtype, weighted):
    """The sum of the rows' losses, each by its weight; their derivatives times `scale`; and nothing beside them is touched."""
    n_out = COLUMNS * (loss.outputs_per_target or len(parameter))
    Y, T = rows_for(loss, n_out, dtype)
    weight = np.linspace(0.5, 2.0, len(T)).astype(dtype) if weighted else np.zeros(0, dtype)
    stride, scale = n_out + PAD, 0.125
    y, d, at = 7, 7 + ROWS * stride, 2 * ROWS * stride + 9
    S = np.full(at + 3, 77, dtype)
    S[y:d].reshape(ROWS, stride)[:, :n_out] = Y
    S[at : at + len(parameter)] = parameter
    before = S.copy()
    address = address_of(loss.row_kernel, np.dtype(dtype), "loss")
    total = called(address, loss.code, S, y, d, ROWS, stride, n_out, T, weight, BEFORE, scale, at)

    targets = T[BEFORE:]
    if loss.code == LABEL_LOG_LOSS:
        targets = np.eye(n_out, dtype=dtype)[targets[:, 0].astype(int)]
    given = [np.array(parameter, dtype)] if parameter else []
    wanted, tolerance = 0.0, 1e-5 if dtype == "float32" else 1e-13
    deltas = S[d : d + ROWS * stride].reshape(ROWS, stride)
    for r in range(ROWS):
        row_weight = float(weight[BEFORE + r]) if weighted else 1.0
        wanted += row_weight * loss.value(Y[r : r + 1], targets[r : r + 1], *given)
        slopes = loss.backward(Y[r : r + 1].astype(float), targets[r : r + 1].astype(float), *given)[0]
        slopes = row_weight * scale * at_the_activations_input(loss, Y[r].astype(float), slopes)
        np.testing.assert_allclose(deltas[r, :n_out], slopes, rtol=tolerance, atol=tolerance * np.abs(slopes).max())
    assert total == pytest.approx(wanted, rel=tolerance)
    deltas[:, :n_out] = 77
    assert np.array_equal(S, before)


@pytest.mark.parametrize(("loss", "parameter"), CASES)
def test_tangent_kernels_are_derivatives_of_what_row_kernels_leave(loss, parameter):
    n_out = COLUMNS * (loss.outputs_per_target or len(parameter))
    Y, T = rows_for(loss, n_out, "float64")
    weight = np.linspace(0.5, 2.0, len(T))
    direction = np.random.default_rng(9).normal(size=Y.shape)

    def left(Y, U, row_kernel):
        S = np.concatenate([Y.ravel(), U.ravel(), parameter])
        address = address_of(row_kernel, np.dtype("float64"), "loss")
        places = 0, Y.size, ROWS, n_out, n_out
        called(address, loss.code, S, *places, T, weight, BEFORE, 0.125, 2 * Y.size)
        return S[Y.size : 2 * Y.size]

    step = 1e-5
    ahead, behind = (left(Y + k * step * direction, 0 * Y, loss.row_kernel) for k in (1, -1))
    np.testing.assert_allclose(left(Y, direction, loss.tangent_kernel), (ahead - behind) / (2 * step), rtol=1e-7, atol=1e-9)


# Made of one row's formulas -------------------------------------------------------------------------------------------------


@njit
def value(y, t, p):
    total = 0.0
    for j in range(y.size):
        total += p[0] * y[j] * t[j % t.size]
    return total, 0.0


@njit
def gradient(y, t, p, dy):
    for j in range(y.size):
        dy[j] = p[0] * t[j % t.size]


@njit
def users_value(y, t):
    total = 0.0
    for j in range(y.size):
        total += 2.0 * y[j] * t[j]
    return total


@njit
def users_gradient(y, t, dy):
    for j in range(y.size):
        dy[j] = 2.0 * t[j]


def made(value: Any = value, **options: Any) -> Loss:
    """Not kept in the disk cache, where the next one would be taken for this one."""
    factor = Parameter("factor", 2.0, 0.0, 10.0)
    loss = row_loss(RowFormulas("product", 99, value, gradient, None, parameter=factor, **options))
    for kernel in (loss.value, loss.backward, loss.row_kernel):
        kernel.kept = False
    return loss


Y, T = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[5.0, 6.0], [7.0, 8.0]])


def test_means_are_over_rows_and_where_asked_over_outputs():
    assert made().value(Y, T, 2.0) == (5 + 12 + 21 + 32)
    assert made().backward(Y, T, 2.0).tolist() == [[5, 6], [7, 8]]
    assert made(mean_over_outputs=True).value(Y, T, 2.0) == (5 + 12 + 21 + 32) / 2
    assert made(mean_over_outputs=True).backward(Y, T, 2.0).tolist() == [[2.5, 3], [3.5, 4]]


def test_outputs_for_each_target():
    two = made(outputs_per_target=2)
    assert two.value(Y, T[:, :1].copy(), 2.0) == (5 + 10 + 21 + 28)
    with pytest.raises(ValueError, match="differ in rows, or their columns do not fit"):
        two.value(Y, T, 2.0)


def test_an_entry_says_what_it_was_made_of():
    loss = made(outputs_per_target=2, needs="identity", text="A product.", backward_text="Its slope.")
    assert (loss.name, loss.code, loss.outputs_per_target, loss.needs, loss.gives_delta) == (
        "product",
        99,
        2,
        "identity",
        False,
    )
    assert loss.parameter == Parameter("factor", 2.0, 0.0, 10.0)
    assert (loss.value.__name__, loss.value.__doc__) == ("product", "A product.")
    assert (loss.backward.__name__, loss.backward.__doc__) == ("product_backward", "Its slope.")
    assert loss.row_kernel.__name__ == "product_rows_by_address"
    assert loss.tangent_kernel is None
    with pytest.raises(dataclasses.FrozenInstanceError):
        loss.code = 3


@pytest.mark.parametrize("dtype", by_default(DTYPES, ["float32"]))
def test_a_users_formulas_take_no_parameter_and_give_one_number(dtype):
    loss = row_loss(RowFormulas("product", 99, users_value, users_gradient, None, from_user=True))
    outputs, targets = Y.astype(dtype), T.astype(dtype)
    assert loss.value(outputs, targets) == (5 + 12 + 21 + 32)
    assert loss.backward(outputs, targets).tolist() == [[5, 6], [7, 8]]
    assert loss.backward(outputs, targets).dtype == dtype


def test_low_parts_of_values_are_carried():
    """A running sum of the high parts alone would lose all of what is added to 1."""

    @njit
    def small(y, t, p):
        return two_difference(y[0], t[0])

    loss, rows = made(small), 4096
    outputs, targets = np.full((rows, 1), 2.0**-60), np.zeros((rows, 1))
    outputs[0] = 1.0
    assert loss.value(outputs, targets, 1.0) * rows == 1 + (rows - 1) * 2.0**-60
