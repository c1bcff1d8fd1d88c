"""What kernels refuse at their entry, called from Python and from compiled code, with the numbers that did not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numba import njit
from tileprop.kernels import Plan, forward, loss_and_grad, make_plan, make_workspace, predict, sigmoid

pytestmark = pytest.mark.plain

PLAN = make_plan([3, 4, 2], loss="mse")
N = PLAN.n_parameters


@njit
def compiled_loss_and_grad(plan, theta, X, T, weight, grad, work):
    return loss_and_grad(plan, theta, X, T, weight, grad, work)


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
    "workspace": ({"work": make_workspace(make_plan([1, 1]), 8)}, "work was made for another plan", ()),
    "workspace of other layers": ({"work": make_workspace(make_plan([3, 4, 3]), 8)}, "work was made for another plan", ()),
    "workspace of another activation": (
        {"work": make_workspace(make_plan([3, 4, 2], activation="tanh"), 8)},
        "work was made for another plan",
        (),
    ),
    "workspace of another output activation": (
        {"work": make_workspace(make_plan([3, 4, 2], output_activation="tanh"), 8)},
        "work was made for another plan",
        (),
    ),
    "workspace of another loss": (
        {"work": make_workspace(make_plan([3, 4, 2], loss="mae"), 8)},
        "work was made for another plan's loss",
        (),
    ),
}


REFUSED_OUTPUTS = {
    "theta": ({"theta": np.zeros(N + 2)}, "theta has the wrong length", (N + 2, N)),
    "columns of X": ({"X": np.zeros((6, 4))}, "X has the wrong number of columns", (4, 3)),
    "rows of Y": ({"Y": np.zeros((7, 2))}, "Y needs as many rows as X", (7, 6)),
    "columns of Y": ({"Y": np.zeros((6, 1))}, "Y has the wrong number of columns", (1, 2)),
    "workspace": ({"work": make_workspace(make_plan([1, 1]), 8)}, "work was made for another plan", ()),
    "workspace of other layers": ({"work": make_workspace(make_plan([3, 4, 3]), 8)}, "work was made for another plan", ()),
    "workspace of another activation": (
        {"work": make_workspace(make_plan([3, 4, 2], activation="tanh"), 8)},
        "work was made for another plan",
        (),
    ),
    "workspace of another output activation": (
        {"work": make_workspace(make_plan([3, 4, 2], output_activation="tanh"), 8)},
        "work was made for another plan",
        (),
    ),
}

REFUSED_ENTRIES = {
    "theta": ({"theta": np.zeros(1)}, "theta has the wrong length", (1, N)),
    "columns of X": ({"X": np.zeros((6, 1))}, "X has the wrong number of columns", (1, 3)),
    "too many rows": ({"X": np.zeros((9, 3))}, "X has more rows than the workspace's batch size", (9, 8)),
    "workspace": ({"work": make_workspace(make_plan([1, 1]), 8)}, "work was made for another plan", ()),
    "workspace of other layers": ({"work": make_workspace(make_plan([3, 4, 3]), 8)}, "work was made for another plan", ()),
    "workspace of another activation": (
        {"work": make_workspace(make_plan([3, 4, 2], activation="tanh"), 8)},
        "work was made for another plan",
        (),
    ),
    "workspace of another output activation": (
        {"work": make_workspace(make_plan([3, 4, 2], output_activation="tanh"), 8)},
        "work was made for another plan",
        (),
    ),
}


def check_refused(kernel: Any, names: str, refusal: tuple[dict[str, Any], str, tuple[int, ...]]) -> None:
    changes, message, numbers = refusal
    with pytest.raises(ValueError, match=message) as caught:
        call(kernel, names, arguments(**changes))
    assert caught.value.args[1:] == numbers


@pytest.mark.parametrize("what", REFUSED_GRADIENTS)
def test_gradients_are_refused(what):
    check_refused(loss_and_grad, GRADIENT, REFUSED_GRADIENTS[what])


def test_a_refused_gradient_is_left_as_it_was():
    given = arguments(weight=np.ones(5))
    with pytest.raises(ValueError, match="weight"):
        call(loss_and_grad, GRADIENT, given)
    assert (given["grad"] == 7).all()


@pytest.mark.parametrize("what", REFUSED_OUTPUTS)
def test_outputs_are_refused(what):
    check_refused(predict, OUTPUTS, REFUSED_OUTPUTS[what])


@pytest.mark.parametrize("what", REFUSED_ENTRIES)
def test_forward_is_refused(what):
    check_refused(forward, ENTRY, REFUSED_ENTRIES[what])


def loss_of(plan: Plan, made_for: Plan, kernel: Any = loss_and_grad, dtype: str = "float64") -> float:
    theta, grad = np.zeros(plan.n_parameters, dtype), np.zeros(plan.n_parameters, dtype)
    X, T = np.ones((6, plan.sizes[0]), dtype), np.full((6, plan.n_targets), 0.5, dtype)
    return kernel(plan, theta, X, T, np.zeros(0, dtype), grad, make_workspace(made_for, 8, dtype))


LOSSES_APART = {
    "delta": ([3, 2], {"loss": "huber", "delta": 0.25}, {"loss": "huber", "delta": 0.5}),
    "one level": ([3, 2], {"loss": "quantile", "quantile": 0.25}, {"loss": "quantile", "quantile": 0.5}),
    "last level": ([3, 2], {"loss": "quantile", "quantile": [0.25, 0.5]}, {"loss": "quantile", "quantile": [0.25, 0.75]}),
}


@pytest.mark.parametrize("kernel", [loss_and_grad, compiled_loss_and_grad])
@pytest.mark.parametrize("what", LOSSES_APART)
def test_a_workspace_for_other_parameters_of_the_loss_is_refused(what, kernel):
    sizes, own, others = LOSSES_APART[what]
    with pytest.raises(ValueError, match="work was made for another parameter of the loss"):
        loss_of(make_plan(sizes, **own), make_plan(sizes, **others), kernel)
    assert np.isfinite(loss_of(make_plan(sizes, **own), make_plan(sizes, **own), kernel))


@pytest.mark.parametrize("kernel", [loss_and_grad, compiled_loss_and_grad])
def test_a_workspace_for_other_columns_of_targets_is_refused(kernel):
    """Of one loss, and as many outputs."""
    options = {"output_activation": "identity", "loss": "quantile"}
    two, four = make_plan([3, 4], quantile=[0.25, 0.5], **options), make_plan([3, 4], quantile=0.25, **options)
    assert (two.n_targets, four.n_targets) == (2, 4)
    with pytest.raises(ValueError, match=r"work was made for another plan \(columns of T") as caught:
        loss_of(two, four, kernel)
    assert caught.value.args[1:] == (4, 2)


@pytest.mark.parametrize("delta", [0.1, 1 / 3])
def test_parameters_of_the_loss_may_be_rounded_to_float32(delta):
    plan = make_plan([3, 2], loss="huber", delta=delta)
    assert np.isfinite(loss_of(plan, plan, dtype="float32"))


def test_outputs_ask_for_no_loss():
    """A workspace for another loss serves where none is taken."""
    given = arguments(work=make_workspace(make_plan([3, 4, 2], loss="mae"), 8))
    call(predict, OUTPUTS, given)
    assert (given["Y"] == 0.5).all()
    assert (call(forward, ENTRY, given) == 0.5).all()


def test_compiled_callers_are_guarded_as_well():
    for refusal in REFUSED_GRADIENTS.values():
        check_refused(compiled_loss_and_grad, GRADIENT, refusal)
    for refusal in REFUSED_ENTRIES.values():
        check_refused(compiled_forward, ENTRY, refusal)
    assert call(compiled_loss_and_grad, GRADIENT, arguments()) == 0.25
    assert (call(compiled_forward, ENTRY, arguments()) == 0.5).all()


def test_what_fits_is_taken():
    """The refusals above come from what was changed, not from the rest."""
    assert call(loss_and_grad, GRADIENT, arguments()) == 0.25
    assert call(loss_and_grad, GRADIENT, arguments(weight=np.zeros(0))) == 0.25
    given = arguments()
    call(predict, OUTPUTS, given)
    assert (given["Y"] == 0.5).all()
    assert (call(forward, ENTRY, arguments()) == 0.5).all()


def test_element_wise_kernels_guard_compiled_callers():
    @njit
    def call_sigmoid(x, out):
        return sigmoid(x, out)

    assert call_sigmoid(np.zeros(3), np.zeros(3)).tolist() == [0.5, 0.5, 0.5]
    with pytest.raises(ValueError, match="differ in shape"):
        call_sigmoid(np.zeros(3), np.zeros(4))
