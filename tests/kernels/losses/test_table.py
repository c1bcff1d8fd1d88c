"""What every loss of the table keeps: accuracy, meaning, layouts, what Python may pass; and users' own among them."""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import oracle
import pytest
from cases import (
    ALIKE,
    CLASSIFICATION,
    DTYPES,
    LAYOUTS,
    MADE_ALIKE,
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
from choosing import by_default, by_turns
from hypothesis import given, settings
from hypothesis import strategies as st
from inside import loss_code, progress, set_loss_code
from numba import njit
from numba.core import config
from tileprop import kernels
from tileprop.kernels import loss_and_grad, make_plan, make_state, make_workspace, register_loss, train_epoch
from tileprop.kernels.losses import loss_registry
from tileprop.kernels.registry import FIRST_USER_CODE

pytestmark = pytest.mark.plain

without_jit = bool(config.DISABLE_JIT)


# A loop over arrays of any layout; and one row after another, which stands for all of MADE_ALIKE.
LAYOUT_NAMES = by_default(NAMES, ["mse", "quantile"])
WRITTEN_APART = [name for name in NAMES if name not in MADE_ALIKE]


def some(name: str, rows: int = 3, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Outputs that could be probabilities, of two targets, and these, away from where any loss has a kink."""
    rng = np.random.default_rng(seed)
    T = rng.random((rows, 2))
    Y = rng.uniform(0.2, 0.8, (rows, 4 if name == "gaussian_nll" else 2))
    distance = np.abs(Y[:, :2] - T)
    Y[:, :2] += np.where((distance < 0.05) | (np.abs(distance - 0.75) < 0.05), 0.1, 0.0)
    return Y, T


# Accuracy --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "dtype"), by_turns(NAMES, DTYPES))
@given(data=st.data())
def test_loss_is_within_two_ulp(name, dtype, data):
    Y, T, parameters = data.draw(outputs_and_targets(name, dtype))
    loss = value(name, Y, T, parameters)
    assert isinstance(loss, float)
    assert value_ulps(name, loss, Y, T, parameters) <= MOST_ULPS


@pytest.mark.parametrize(("name", "dtype"), by_turns(NAMES, DTYPES, first=1))
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


@pytest.mark.parametrize("name", by_default([name for name in ALIKE if name != "log_loss"], WRITTEN_APART))
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


@pytest.mark.parametrize("name", by_default(NAMES, ["mse"]))
@settings(max_examples=30)
@given(data=st.data())
def test_any_layout(name, data):
    Y, T, parameters = data.draw(outputs_and_targets(name, "float64", MATRICES))
    layout = LAYOUTS[data.draw(st.sampled_from(sorted(LAYOUTS)))]
    loss = value(name, layout(Y), layout(T), parameters)
    assert value_ulps(name, loss, Y, T, parameters) <= MOST_ULPS
    dY = backward(name, layout(Y), layout(T), parameters=parameters)
    assert backward_ulps(name, dY, Y, T, parameters) <= MOST_ULPS


@pytest.mark.parametrize("layout", by_default(list(LAYOUTS), ["strided"]))
@pytest.mark.parametrize("name", LAYOUT_NAMES)
def test_out_of_any_layout(name, layout):
    Y, T = some(name)
    out = LAYOUTS[layout](np.full(Y.shape, 7.0))
    assert backward(name, Y, T, out) is out
    assert np.array_equal(out, backward(name, Y, T))


@pytest.mark.parametrize("name", by_default(NAMES, WRITTEN_APART))
def test_in_place(name):
    Y, T = np.array([[0.2, 0.7], [0.4, 0.1]]), np.array([[0.0, 1.0], [1.0, 0.0]])
    T = T[:, :1].copy() if name == "gaussian_nll" else T
    wanted = backward(name, Y, T)
    assert backward(name, Y, T, Y) is Y
    assert np.array_equal(Y, wanted)


@pytest.mark.parametrize("name", by_default(ALIKE, WRITTEN_APART))
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


@pytest.mark.parametrize("name", by_default(NAMES, WRITTEN_APART))
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
        backward(name, np.zeros((3, 2)), np.zeros((4, 2)))


@pytest.mark.parametrize("name", by_default(NAMES, WRITTEN_APART))
def test_an_out_of_another_shape_is_refused(name):
    with pytest.raises(ValueError, match="differ in shape"):
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
    assert all(loss_registry.with_code(loss.code) is loss for loss in loss_registry.entries())
    assert list(loss_registry) == list(dict.fromkeys(loss.name for loss in loss_registry.entries()))
    assert {name for name in loss_registry if loss_registry.is_builtin(name)} == set(NAMES) - {"binary_log_loss"}
    assert [loss.needs for loss in loss_registry.named("log_loss")] == ["softmax", "softmax", "sigmoid"]


def test_kernels_of_the_table_are_the_public_ones():
    for loss in [loss for loss in loss_registry.entries() if loss_registry.is_builtin(loss.name)]:
        name = "binary_log_loss" if loss.needs == "sigmoid" else loss.name
        assert loss.value is getattr(kernels, name)
        assert loss.backward is getattr(kernels, f"{name}_backward")
        assert loss.value.__doc__
        assert loss.backward.__doc__
    assert sorted(CLASSIFICATION) == ["binary_log_loss", "log_loss"]


# Users' own ------------------------------------------------------------------------------------------------------------------


@njit
def own_mae(y, t):
    total = 0.0
    for j in range(y.size):
        total += abs(y[j] - t[j])
    return total / y.size


@njit
def own_mae_slope(y, t, dy):
    for j in range(y.size):
        dy[j] = np.sign(y[j] - t[j]) / y.size


@njit
def own_squares(y, t):
    total = 0.0
    for j in range(y.size):
        total += 0.5 * (y[j] - t[j]) ** 2
    return total


@njit
def own_squares_slope(y, t, dy):
    for j in range(y.size):
        dy[j] = y[j] - t[j]


OWN = {"mae": (own_mae, own_mae_slope), "sum_squared_error": (own_squares, own_squares_slope)}


@pytest.fixture(scope="module")
def own() -> Iterator[dict[str, str]]:
    """OWN under names of their own; their row kernels are compiled once."""
    names = {name: register_loss(f"own_{name}", *functions) for name, functions in OWN.items()}
    yield names
    for name in names.values():
        loss_registry.forget(name)


def trained(loss: str, dtype: str) -> tuple[Any, ...]:
    """The loss and gradient of a network, and its parameters after two epochs, weighted and in another order."""
    plan = make_plan([3, 5, 2], "tanh", "identity", loss)
    rng = np.random.default_rng(3)
    theta = rng.uniform(-1, 1, plan.n_parameters).astype(dtype)
    X, T = rng.normal(size=(40, 3)).astype(dtype), rng.normal(size=(40, 2)).astype(dtype)
    weight, order = rng.uniform(0.5, 2, 40).astype(dtype), rng.permutation(40)
    state, work = make_state(plan, "adam", dtype, learning_rate=0.01), make_workspace(plan, 7, dtype)
    grad = np.empty_like(theta)
    first = loss_and_grad(plan, theta, X, T, weight, grad, work)
    losses = [train_epoch(plan, theta, state, X, T, weight, order, work) for _ in range(2)]
    return first, losses, grad, theta


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", OWN)
def test_a_users_loss_trains_as_the_built_in_one_does(own, name, dtype):
    tolerance = 1e-4 if dtype == "float32" else 1e-12
    for mine, builtin in zip(trained(own[name], dtype), trained(name, dtype), strict=True):
        np.testing.assert_allclose(mine, builtin, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", by_default(list(OWN), ["mae"]))
def test_a_users_loss_has_kernels_for_arrays_as_well(own, name):
    loss = loss_registry[own[name]]
    Y, T = some(name)
    assert loss.value(Y, T) == pytest.approx(value(name, Y, T), rel=1e-15)
    np.testing.assert_allclose(loss.backward(Y, T), backward(name, Y, T), rtol=1e-15)


def test_plans_know_it_by_name(own):
    plan = make_plan([2, 3], loss="own_mae")
    assert plan.loss == "own_mae"
    assert plan.arguments["loss"] == "own_mae"
    assert type(plan.loss) is str
    assert plan.n_targets == 3
    assert loss_code(plan) == FIRST_USER_CODE + zlib.crc32(b"own_mae")
    assert "own_mae" in loss_registry
    with pytest.raises(ValueError, match=r"delta is 1\.0; loss 'own_mae' has no such parameter"):
        make_plan([2, 3], loss="own_mae", delta=1.0)


def test_another_one_under_the_same_name(registries):
    """Workspaces made from then on have the new one."""
    register_loss("own", *OWN["mae"])
    plan = make_plan([1, 1], output_activation="identity", loss="own")
    theta, X, T, none = np.array([1.0, 0.0]), np.array([[3.0]]), np.array([[1.0]]), np.zeros(0)
    before = make_workspace(plan, 1)
    assert loss_and_grad(plan, theta, X, T, none, none, before) == 2
    code = loss_code(make_plan([1, 1], loss="own"))
    entry = loss_registry.with_code(code)
    register_loss("own", *OWN["mae"])
    assert loss_registry.with_code(int(code)) is entry  # the same formulas are not compiled again
    register_loss("own", *OWN["sum_squared_error"])
    assert loss_code(make_plan([1, 1], loss="own")) == code
    assert loss_and_grad(plan, theta, X, T, none, none, before) == 2
    assert loss_and_grad(plan, theta, X, T, none, none, make_workspace(plan, 1)) == 2.0**2 / 2
    register_loss("own", own_mae, own_squares_slope)
    assert loss_registry.with_code(int(code)) is not entry


def test_a_code_that_nobody_registered():
    with pytest.raises(
        ValueError, match="there is no loss with the code 77; call register_loss with its name and formulas first"
    ):
        loss_registry.with_code(77)
    plan = make_plan([2, 1])
    set_loss_code(plan, FIRST_USER_CODE + 5)
    for use in (lambda: plan.loss, lambda: plan.arguments, lambda: make_workspace(plan), lambda: repr(plan.loss_parameter)):
        with pytest.raises(ValueError, match="there is no loss with the code"):
            use()


def test_names_that_are_taken(registries):
    builtin = [name for name in loss_registry if loss_registry.is_builtin(name)]
    for name in ("", "two words", "3d", None, *builtin):
        with pytest.raises(ValueError, match="it must be an identifier that no built-in loss has"):
            register_loss(name, *OWN["mae"])


def test_names_with_one_code(registries, monkeypatch):
    monkeypatch.setattr(zlib, "crc32", lambda data: 7)
    register_loss("first", *OWN["mae"])
    with pytest.raises(ValueError, match="name is 'second', which has the same code as 'first'; choose another name"):
        register_loss("second", *OWN["mae"])


@pytest.mark.parametrize("place", ["value", "gradient", "bend"])
@pytest.mark.parametrize("bad", [3, "own_mae", *([] if without_jit else [np.abs, own_mae_slope.py_func])])
def test_what_is_not_compiled(registries, place, bad):
    functions = {"value": own_mae, "gradient": own_mae_slope, place: bad}
    with pytest.raises(TypeError, match=rf"{place} is .*; it must be a function compiled with numba's @njit"):
        register_loss("own", **functions)
    assert "own" not in loss_registry


def test_what_takes_other_arguments(registries):
    with pytest.raises(TypeError, match=r"value takes the arguments \(y, t, dy\); it must take \(y, t\)"):
        register_loss("own", own_mae_slope, own_mae_slope)
    with pytest.raises(TypeError, match=r"gradient takes the arguments \(y, t\); it must take \(y, t, dy\)"):
        register_loss("own", own_mae, own_mae)
    with pytest.raises(TypeError, match=r"bend takes the arguments \(y, t\); it must take \(y, t, u\)"):
        register_loss("own", own_mae, own_mae_slope, own_mae)
    assert "own" not in loss_registry


@pytest.mark.skipif(without_jit, reason="as plain Python, it raises")
def test_a_value_that_raises_is_not_a_number(registries):
    """It stops a training where it is, as any loss does that is not finite."""

    @njit
    def fails(y, t):
        if t[0] > 2:
            raise ValueError("of no use")
        return own_squares(y, t)

    plan = make_plan([1, 1], output_activation="identity", loss=register_loss("own", fails, own_squares_slope))
    theta, state, X = np.array([1.0, 0.0]), make_state(plan, learning_rate=0.1), np.ones((4, 1))
    T = np.array([[1.0], [2.0], [3.0], [1.0]])
    loss = train_epoch(plan, theta, state, X, T, np.zeros(0), np.zeros(0, np.int64), make_workspace(plan, 1))
    assert np.isnan(loss)
    assert progress(state) == (2, 2, "diverged")
    assert np.isfinite(theta).all()


def test_its_name_registers_it_where_it_is_unpickled(registries):
    data = pickle.dumps({"loss": register_loss("own", *OWN["mae"])})
    code = FIRST_USER_CODE + zlib.crc32(b"own")
    entry = loss_registry.with_code(code)
    assert pickle.loads(data) == {"loss": "own"}
    assert without_jit or loss_registry.with_code(code) is entry
    loss_registry.forget("own")
    assert pickle.loads(data) == {"loss": "own"}
    Y, T = some("mae")
    assert loss_registry.with_code(code).value(Y, T) == pytest.approx(kernels.mae(Y, T), rel=1e-15)
