"""What every loss of the table keeps: accuracy, meaning, layouts, what Python may pass; and users' own among them."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
from cases import (
    ALIKE,
    CLASSIFICATION,
    DTYPES,
    LAYOUTS,
    MATRICES,
    MOST_ULPS,
    NAMES,
    PARAMETERS,
    backward,
    backward_ulps,
    outputs_and_targets,
    value,
    value_ulps,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from tileprop import kernels
from tileprop.kernels.losses import LOSSES, loss_names, loss_of

pytestmark = pytest.mark.plain


def some(name: str, rows: int = 3, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Outputs that could be probabilities, of two targets, and these, away from where any loss has a kink."""
    rng = np.random.default_rng(seed)
    T = rng.random((rows, 2))
    Y = rng.uniform(0.2, 0.8, (rows, 4 if name == "gaussian_nll" else 2))
    distance = np.abs(Y[:, :2] - T)
    Y[:, :2] += np.where((distance < 0.05) | (np.abs(distance - 0.75) < 0.05), 0.1, 0.0)
    return Y, T


# Accuracy --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_loss_is_within_two_ulp(name, dtype, data):
    Y, T, parameters = data.draw(outputs_and_targets(name, dtype))
    loss = value(name, Y, T, parameters)
    assert isinstance(loss, float)
    assert value_ulps(name, loss, Y, T, parameters) <= MOST_ULPS


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_backward_is_within_two_ulp(name, dtype, data):
    Y, T, parameters = data.draw(outputs_and_targets(name, dtype))
    with np.errstate(over="ignore"):  # a slope beyond the largest float32 is infinite; plain Python warns of it
        dY = backward(name, Y, T, parameters=parameters)
    assert dY.dtype == Y.dtype
    assert dY.shape == Y.shape
    assert backward_ulps(name, dY, Y, T, parameters) <= MOST_ULPS


# Meaning -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_backward_is_the_derivative(name):
    Y, T = some(name)
    differences = oracle.finite_differences(lambda y: value(name, y.reshape(Y.shape), T), Y.ravel(), step=1e-3)
    np.testing.assert_allclose(backward(name, Y, T).ravel(), differences, rtol=1e-8)


@pytest.mark.parametrize("name", NAMES)
def test_losses_are_means_over_rows(name):
    """Rows given twice change nothing."""
    rng = np.random.default_rng(2)
    Y, T = rng.uniform(0.1, 0.9, (5, 6 if name == "gaussian_nll" else 3)), rng.random((5, 3))
    twice = value(name, np.vstack([Y, Y]), np.vstack([T, T]))
    assert twice == pytest.approx(value(name, Y, T), rel=1e-15)
    slopes = backward(name, np.vstack([Y, Y]), np.vstack([T, T]))[:5]
    np.testing.assert_allclose(slopes, backward(name, Y, T) / 2, rtol=1e-15)


@pytest.mark.parametrize("name", [name for name in ALIKE if name != "log_loss"])
def test_one_dimension_is_one_output_for_each_row(name):
    y, t = np.array([0.2, 0.6, 0.9]), np.array([0.0, 1.0, 1.0])
    assert value(name, y, t) == value(name, y[:, None], t[:, None])
    assert np.array_equal(backward(name, y, t), backward(name, y[:, None], t[:, None]).ravel())


def pytorchs(name, torch, Y, T):
    """The same loss in PyTorch's words. Its parameters are those of the examples."""
    nn, F = torch.nn, torch.nn.functional
    rows, columns = T.shape
    if name == "gaussian_nll":
        each = nn.GaussianNLLLoss(reduction="none", eps=float(np.exp(-30)))(Y[:, :columns], T, Y[:, columns:].exp())
        return each.sum() / rows
    if name == "quantile":
        (q,) = PARAMETERS[name]
        return torch.maximum(q * (T - Y), (q - 1) * (T - Y)).mean()
    if name == "log_loss":
        return -(T * Y.log()).sum() / rows
    return {
        "mse": lambda: nn.MSELoss()(Y, T),
        "squared_error": lambda: nn.MSELoss()(Y, T) / 2,
        "sum_squared_error": lambda: nn.MSELoss(reduction="sum")(Y, T) / 2 / rows,
        "binary_log_loss": lambda: F.binary_cross_entropy(Y, T, reduction="sum") / rows,
        "poisson": lambda: (nn.PoissonNLLLoss(log_input=False, eps=0, reduction="sum")(Y, T) + (T.xlogy(T) - T).sum()) / rows,
        "mae": lambda: nn.L1Loss()(Y, T),
        "huber": lambda: nn.HuberLoss(delta=PARAMETERS[name][0])(Y, T),
    }[name]()


@pytest.mark.parametrize("name", NAMES)
def test_pytorch_agrees(name):
    torch = pytest.importorskip("torch")
    Y, T = some(name, rows=7)
    T[:, 0] += 0.5 if name in ("mae", "huber", "quantile") else 0  # beyond Huber's delta as well
    given_outputs = torch.tensor(Y, requires_grad=True)
    loss = pytorchs(name, torch, given_outputs, torch.tensor(T))
    loss.backward()
    assert value(name, Y, T) == pytest.approx(loss.item(), rel=1e-14)
    np.testing.assert_allclose(backward(name, Y, T), given_outputs.grad.numpy(), rtol=1e-13, atol=1e-16)


# Extremes --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ALIKE)
def test_nan_passes_through(name, dtype):
    """Also through the logarithms: an epoch recognises a failed step by its loss."""
    clean, spoiled = np.array([[0.25, 0.5]], dtype), np.array([[0.25, np.nan]], dtype)
    for Y, T in ((spoiled, clean), (clean, spoiled)):
        assert np.isnan(value(name, Y, T))
        dY = backward(name, Y, T)
        assert np.isnan(dY).tolist() == [[False, True]]


# Shapes, layouts, and what Python may pass -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=30)
@given(data=st.data())
def test_any_layout(name, data):
    Y, T, parameters = data.draw(outputs_and_targets(name, "float64", MATRICES))
    layout = LAYOUTS[data.draw(st.sampled_from(sorted(LAYOUTS)))]
    loss = value(name, layout(Y), layout(T), parameters)
    assert value_ulps(name, loss, Y, T, parameters) <= MOST_ULPS
    dY = backward(name, layout(Y), layout(T), parameters=parameters)
    assert backward_ulps(name, dY, Y, T, parameters) <= MOST_ULPS


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", NAMES)
def test_out_of_any_layout(name, layout):
    Y, T = some(name)
    out = LAYOUTS[layout](np.full(Y.shape, 7.0))
    assert backward(name, Y, T, out) is out
    assert np.array_equal(out, backward(name, Y, T))


@pytest.mark.parametrize("name", NAMES)
def test_in_place(name):
    Y, T = np.array([[0.2, 0.7], [0.4, 0.1]]), np.array([[0.0, 1.0], [1.0, 0.0]])
    T = T[:, :1].copy() if name == "gaussian_nll" else T
    wanted = backward(name, Y, T)
    assert backward(name, Y, T, Y) is Y
    assert np.array_equal(Y, wanted)


@pytest.mark.parametrize("name", ALIKE)
def test_numbers_and_lists(name):
    array = value(name, np.array([0.25, 0.5]), np.array([0.0, 1.0]))
    assert value(name, [0.25, 0.5], [0, 1]) == array
    assert isinstance(value(name, 0.25, 1), float)
    assert value(name, 0.25, 1) == value(name, np.array([0.25]), np.array([1.0]))
    slopes = backward(name, np.array([0.25, 0.5]), np.array([0.0, 1.0]))
    assert np.array_equal(backward(name, [0.25, 0.5], [0, 1]), slopes)
    if name not in PARAMETERS:
        assert isinstance(backward(name, 0.25, 1), float)


@pytest.mark.parametrize("name", NAMES)
def test_integer_targets(name):
    Y, T = np.array([[0.2, 0.7]]), np.array([[0, 1]])
    T = T[:, 1:] if name == "gaussian_nll" else T
    assert value(name, Y, T) == value(name, Y, T.astype(float))


@pytest.mark.parametrize("name", NAMES)
def test_targets_of_another_dtype_leave_out_its_own(name):
    Y, T = (array.astype(np.float32) for array in some(name))
    out = np.full(Y.shape, 7, np.float32)
    assert backward(name, Y, T.tolist(), out) is out
    np.testing.assert_allclose(out, backward(name, Y, T), rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_shapes_that_differ_are_refused(name):
    message = "differ in (shape|rows)"
    with pytest.raises(ValueError, match=message):
        value(name, np.zeros((2, 3)), np.zeros((3, 2)))
    with pytest.raises(ValueError, match=message):
        backward(name, np.zeros(3), np.zeros(4))
    with pytest.raises(ValueError, match=message):
        backward(name, np.zeros((3, 2)), np.zeros((3, 1 if name == "gaussian_nll" else 2)), np.zeros((4, 2)))


@pytest.mark.parametrize("name", NAMES)
def test_callers_compiled_by_numba(name):
    loss, slope = getattr(kernels, name), getattr(kernels, f"{name}_backward")
    Y, T = some(name)
    if name in PARAMETERS:

        @njit
        def call(Y, T, parameter):
            return loss(Y, T, parameter), slope(Y, T, parameter)

        result, dY = call(Y, T, np.array(PARAMETERS[name]))
    else:

        @njit
        def call(Y, T):
            return loss(Y, T), slope(Y, T)

        result, dY = call(Y, T)
    assert result == pytest.approx(value(name, Y, T), rel=1e-15)
    np.testing.assert_allclose(dY, backward(name, Y, T), rtol=1e-15)


# The table -------------------------------------------------------------------------------------------------------------------


def test_the_table_names_each_loss_once():
    assert all(code == loss.code for code, loss in LOSSES.items())
    assert loss_names() == list(dict.fromkeys(loss.name for loss in LOSSES.values()))
    assert {*loss_names(), "binary_log_loss"} == set(NAMES)


def test_kernels_of_the_table_are_the_public_ones():
    for loss in LOSSES.values():
        name = "binary_log_loss" if loss.needs == "sigmoid" else loss.name
        assert loss.value is getattr(kernels, name)
        assert loss.backward is getattr(kernels, f"{name}_backward")
        assert loss.value.__doc__
        assert loss.backward.__doc__
        assert loss_of(loss.code) is loss
    assert sorted(CLASSIFICATION) == ["binary_log_loss", "log_loss"]
