"""What kernels refuse at their entry, called from Python and from compiled code, with the numbers that did not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numba import njit
from tileprop.kernels import forward, loss_and_grad, make_plan, make_workspace, predict, sigmoid

pytestmark = pytest.mark.plain

PLAN = make_plan([3, 4, 2], loss="mse")
N = PLAN.n_parameters


@njit
def compiled_loss_and_grad(plan, theta, X, T, weight, grad, work):
    return loss_and_grad(plan, theta, X, T, weight, grad, work)


@njit
def compiled_predict(plan, theta, X, Y, work):
    predict(plan, theta, X, Y, work)


@njit
def compiled_forward(plan, theta, X, work):
    return forward(plan, theta, X, work)


def arguments(**changes: np.ndarray) -> dict[str, Any]:
    fitting = {
        "theta": np.zeros(N),
        "X": np.zeros((6, 3)),
        "T": np.zeros((6, 2)),
        "weight": np.ones(6),
        "grad": np.full(N, 7.0),
        "Y": np.full((6, 2), 7.0),
        "work": make_workspace(PLAN, 8),
    }
    return fitting | changes


def call(kernel: Any, names: str, given: dict[str, Any]) -> Any:
    return kernel(PLAN, *(given[name] for name in names.split()))


GRADIENT = "theta X T weight grad work"
OUTPUTS = "theta X Y work"
ENTRY = "theta X work"

REFUSED_GRADIENTS = {
    "theta": ({"theta": np.zeros(N - 1)}, "theta has the wrong length", (N - 1, N)),
    "grad": ({"grad": np.zeros(N + 1)}, "the gradient has the wrong length", (N + 1, N)),
    "columns of X": ({"X": np.zeros((6, 2))}, "X has the wrong number of columns", (2, 3)),
    "no rows": ({"X": np.zeros((0, 3)), "T": np.zeros((0, 2)), "weight": np.zeros(0)}, "X has no rows", (0, 1)),
    "rows of T": ({"T": np.zeros((5, 2))}, "T needs as many rows as X", (5, 6)),
    "columns of T": ({"T": np.zeros((6, 3))}, "T has the wrong number of columns", (3, 2)),
    "too few weights": ({"weight": np.ones(5)}, "weight needs one entry for each row", (5, 6)),
    "too many weights": ({"weight": np.ones(7)}, "weight needs one entry for each row", (7, 6)),
}


@pytest.mark.parametrize("kernel", [loss_and_grad, compiled_loss_and_grad], ids=["python", "njit"])
@pytest.mark.parametrize("what", REFUSED_GRADIENTS)
def test_gradients_are_refused(what, kernel):
    changes, message, numbers = REFUSED_GRADIENTS[what]
    given = arguments(**changes)
    untouched = given["grad"].copy()
    with pytest.raises(ValueError, match=message) as caught:
        call(kernel, GRADIENT, given)
    assert caught.value.args[1:] == numbers
    assert np.array_equal(given["grad"], untouched)


REFUSED_OUTPUTS = {
    "theta": ({"theta": np.zeros(N + 2)}, "theta has the wrong length", (N + 2, N)),
    "columns of X": ({"X": np.zeros((6, 4))}, "X has the wrong number of columns", (4, 3)),
    "rows of Y": ({"Y": np.zeros((7, 2))}, "Y needs as many rows as X", (7, 6)),
    "columns of Y": ({"Y": np.zeros((6, 1))}, "Y has the wrong number of columns", (1, 2)),
}


@pytest.mark.parametrize("kernel", [predict, compiled_predict], ids=["python", "njit"])
@pytest.mark.parametrize("what", REFUSED_OUTPUTS)
def test_outputs_are_refused(what, kernel):
    changes, message, numbers = REFUSED_OUTPUTS[what]
    with pytest.raises(ValueError, match=message) as caught:
        call(kernel, OUTPUTS, arguments(**changes))
    assert caught.value.args[1:] == numbers


@pytest.mark.parametrize("kernel", [forward, compiled_forward], ids=["python", "njit"])
@pytest.mark.parametrize(
    ("changes", "message", "numbers"),
    [
        ({"theta": np.zeros(1)}, "theta has the wrong length", (1, N)),
        ({"X": np.zeros((6, 1))}, "X has the wrong number of columns", (1, 3)),
        ({"X": np.zeros((9, 3))}, "X has more rows than the workspace's batch size", (9, 8)),
    ],
)
def test_forward_is_refused(kernel, changes, message, numbers):
    with pytest.raises(ValueError, match=message) as caught:
        call(kernel, ENTRY, arguments(**changes))
    assert caught.value.args[1:] == numbers


def test_what_fits_is_taken():
    """The refusals above come from what was changed, not from the rest."""
    for kernel in (loss_and_grad, compiled_loss_and_grad):
        assert call(kernel, GRADIENT, arguments()) == 0.25
        assert call(kernel, GRADIENT, arguments(weight=np.zeros(0))) == 0.25
    for kernel in (predict, compiled_predict):
        given = arguments()
        call(kernel, OUTPUTS, given)
        assert (given["Y"] == 0.5).all()
    for kernel in (forward, compiled_forward):
        assert (call(kernel, ENTRY, arguments()) == 0.5).all()


def test_element_wise_kernels_guard_compiled_callers():
    @njit
    def call_sigmoid(x, out):
        return sigmoid(x, out)

    assert call_sigmoid(np.zeros(3), np.zeros(3)).tolist() == [0.5, 0.5, 0.5]
    with pytest.raises(ValueError, match="differ in shape"):
        call_sigmoid(np.zeros(3), np.zeros(4))
