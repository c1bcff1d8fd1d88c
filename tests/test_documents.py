"""Every figure of the two documents, and the right figure wherever a document strays from the chain rule.

Each document trains one tiny network on one sample by hand. Its steps are taken here with the public kernels in float64, and
the results are compared at the printed precision: the same digits, no tolerance.
"""

from __future__ import annotations

import platform
from typing import Any

import numpy as np
import oracle
import pytest
from numba.core import config
from tileprop.kernels import (
    apply_gradient,
    dense_backward,
    dense_backward_input,
    dense_forward,
    forward,
    loss_and_grad,
    make_plan,
    make_state,
    make_workspace,
    mse,
    mse_backward,
    sigmoid,
    sigmoid_backward,
    squared_error,
    squared_error_backward,
)

pytestmark = pytest.mark.plain

NO_WEIGHTS = np.zeros(0)
LEARNING_RATE = 0.1


def printed(array: Any) -> list[str]:
    """The numbers as `print` shows them: up to eight decimals, without trailing zeros."""
    with np.printoptions(precision=8, floatmode="maxprec", suppress=False, threshold=1000):
        return str(np.asarray(array)).replace("[", " ").replace("]", " ").split()


def dense(A: np.ndarray, W: np.ndarray, b: np.ndarray = NO_WEIGHTS) -> np.ndarray:
    Z = np.empty((A.shape[0], W.shape[1]))
    dense_forward(Z, A, W, b)
    return Z


def weight_gradient(A: np.ndarray, delta: np.ndarray) -> np.ndarray:
    dW = np.zeros((A.shape[1], delta.shape[1]))
    dense_backward(dW, NO_WEIGHTS, delta, A)
    return dW


def input_gradient(delta: np.ndarray, W: np.ndarray) -> np.ndarray:
    dA = np.empty((delta.shape[0], W.shape[0]))
    dense_backward_input(dA, delta, W)
    return dA


def has_fused_multiply_add() -> bool:
    from llvmlite.binding import get_host_cpu_features

    return platform.machine() in ("x86_64", "AMD64") and bool(get_host_cpu_features().get("fma"))


def same_double(a: float, b: float) -> bool:
    """Equal where the arithmetic is known (x86-64 with fused multiply-add, or plain Python); elsewhere within 4 ulp."""
    if config.DISABLE_JIT or has_fused_multiply_add():
        return a == b
    return abs(a - b) <= 4 * np.spacing(abs(b))


# Document 1: 2-2-1 with biases, sigmoid twice, loss (y - t)^2 ----------------------------------------------------------------

X1, T1 = np.array([[0.5, 0.3]]), np.array([[0.7]])
W1, B1 = np.array([[0.2, 0.4], [0.1, 0.3]]), np.array([0.1, 0.2])
W2, B2 = np.array([[0.5], [0.6]]), np.array([0.1])
THETA1 = np.concatenate([W1.ravel(), B1, W2.ravel(), B2])

# The weights from which the printed gradients and updates follow: the given ones after one earlier, uphill step.
CARRIED_W1 = np.array([[0.2000005741578473, 0.4000006578572239], [0.10000034449470839, 0.3000003947143343]])
CARRIED_B1 = np.array([0.10000246403014237, 0.20000246403014238])
CARRIED_W2 = np.array([[0.5000051871716784], [0.6000057722941361]])
CARRIED_B2 = np.array([0.10000930855387893])


@pytest.fixture
def activations() -> tuple[np.ndarray, np.ndarray]:
    """Hidden activations and output of the weights as given."""
    hidden = sigmoid(dense(X1, W1, B1))
    return hidden, sigmoid(dense(hidden, W2, B2))


def test_document_1_forward(activations):
    hidden, y = activations
    assert printed(hidden) == ["0.55724785", "0.62010643"]
    assert printed(y) == ["0.67932855"]
    assert printed(np.array([mse(y, T1)])) == ["0.00042731"]


def test_document_1_forward_of_the_whole_network():
    plan = make_plan([2, 2, 1], activation="sigmoid", output_activation="sigmoid", loss="mse")
    work = make_workspace(plan, 1)
    assert printed(forward(plan, THETA1, X1, work)) == ["0.67932855"]
    loss = loss_and_grad(plan, THETA1, X1, T1, NO_WEIGHTS, np.empty(9), work)
    assert printed(np.array([loss])) == ["0.00042731"]


def test_document_1_carried_over_weights(activations):
    """They come from the squared error itself in place of its derivative, steps added, and the step of b1 summed over units."""
    hidden, y = activations
    delta = sigmoid_backward(y, np.array([[mse(y, T1)]]))
    hidden_delta = sigmoid_backward(hidden, input_gradient(delta, W2))
    w1 = W1 + LEARNING_RATE * weight_gradient(X1, hidden_delta)
    b1 = B1 + LEARNING_RATE * hidden_delta.sum()
    w2 = W2 + LEARNING_RATE * weight_gradient(hidden, delta)
    b2 = B2 + LEARNING_RATE * delta.sum()
    for ours, carried in ((w1, CARRIED_W1), (b1, CARRIED_B1), (w2, CARRIED_W2), (b2, CARRIED_B2)):
        np.testing.assert_array_max_ulp(ours, carried, maxulp=1)


def shown_cell(hidden: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """What the code cell does: true deltas, but every step added, and the step of b1 summed over the hidden units."""
    delta = sigmoid_backward(y, mse_backward(y, T1))
    hidden_delta = sigmoid_backward(hidden, input_gradient(delta, W2))
    return (
        W1 + LEARNING_RATE * weight_gradient(X1, hidden_delta),
        B1 + LEARNING_RATE * hidden_delta.sum(),
        W2 + LEARNING_RATE * weight_gradient(hidden, delta),
        B2 + LEARNING_RATE * delta.sum(),
    )


def test_document_1_shown_cell_ascends(activations):
    w1, b1, w2, b2 = shown_cell(*activations)
    uphill = sigmoid(dense(sigmoid(dense(X1, w1, b1)), w2, b2))
    assert mse(uphill, T1) > mse(activations[1], T1)


def test_document_1_shown_cell_gives_both_hidden_biases_one_step(activations):
    _, b1, _, _ = shown_cell(*activations)
    step = b1 - B1
    assert step[0] == pytest.approx(step[1], rel=1e-12)
    # The true step is each unit's own, and downhill.
    assert step[0] == pytest.approx(LEARNING_RATE * (-0.00111101589045183 - 0.00127297716615652), rel=1e-12)


def test_document_1_shown_cell_is_not_where_the_printed_figures_start(activations):
    _, _, w2, _ = shown_cell(*activations)
    assert np.abs(w2 - CARRIED_W2).max() > 1e-4


def test_document_1_printed_gradients(activations):
    """The third cell: derivatives from the carried-over weights, hidden and y still those of the weights as given."""
    hidden, y = activations
    slope = mse_backward(y, T1)
    delta = sigmoid_backward(y, slope)
    hidden_slope = input_gradient(delta, CARRIED_W2)
    hidden_delta = sigmoid_backward(hidden, hidden_slope)
    assert printed(slope) == ["-0.04134291"]
    assert printed(weight_gradient(hidden, delta)) == ["-0.00501868", "-0.0055848"]
    assert printed(hidden_slope) == ["-0.00450314", "-0.00540377"]
    assert printed(weight_gradient(X1, hidden_delta)) == ["-0.00055551", "-0.00063649", "-0.00033331", "-0.0003819"]


def test_document_1_printed_updates(activations):
    """The fourth cell: one step of gradient descent from the carried-over weights."""
    hidden, y = activations
    delta = sigmoid_backward(y, mse_backward(y, T1))
    hidden_delta = sigmoid_backward(hidden, input_gradient(delta, CARRIED_W2))
    grad = np.zeros(9)
    dense_backward(grad[:4].reshape(2, 2), grad[4:6], hidden_delta, X1)
    dense_backward(grad[6:8].reshape(2, 1), grad[8:], delta, hidden)
    theta = np.concatenate([CARRIED_W1.ravel(), CARRIED_B1, CARRIED_W2.ravel(), CARRIED_B2])
    plan = make_plan([2, 2, 1])
    apply_gradient(theta, grad, make_state(plan, learning_rate=LEARNING_RATE))
    assert printed(theta[:4]) == ["0.20005613", "0.40006431", "0.10003368", "0.30003858"]
    assert printed(theta[6:8]) == ["0.50050706", "0.60056425"]
    assert printed(theta[4:6]) == ["0.10011357", "0.20012976"]
    assert printed(theta[8:]) == ["0.10090993"]


def test_document_1_true_gradients():
    """From the weights as given, by the chain rule: what the document should have printed."""
    plan = make_plan([2, 2, 1], activation="sigmoid", output_activation="sigmoid", loss="mse")
    grad = np.empty(9)
    loss = loss_and_grad(plan, THETA1, X1, T1, NO_WEIGHTS, grad, make_workspace(plan, 1))
    assert f"{loss:.17f}" == "0.00042730901119018"
    (w1, w2), (b1, b2) = plan.unflatten(grad)
    assert [f"{g:.17f}" for g in w2.ravel()] == ["-0.00501868100241262", "-0.00558479740351108"]
    assert [f"{g:.17f}" for g in b2] == ["-0.00900619169907456"]
    assert [f"{g:.17f}" for g in w1.ravel()] == [
        "-0.00055550794522591",
        "-0.00063648858307826",
        "-0.00033330476713555",
        "-0.00038189314984696",
    ]
    assert [f"{g:.17f}" for g in b1] == ["-0.00111101589045183", "-0.00127297716615652"]


# Document 2: 1-2-1 without biases, sigmoid twice, loss (y - t)^2 / 2 --------------------------------------------------------

X2, T2 = np.array([[1.0]]), np.array([[0.0]])
V1, V2 = np.array([[0.5, -0.5]]), np.array([[0.3], [-0.3]])
THETA2 = np.concatenate([V1.ravel(), V2.ravel()])
LOSS2 = 0.13434887664395717


def document_2_gradient() -> tuple[float, np.ndarray]:
    plan = make_plan([1, 2, 1], activation="sigmoid", output_activation="sigmoid", loss="squared_error", bias=False)
    grad = np.empty(4)
    loss = loss_and_grad(plan, THETA2, X2, T2, NO_WEIGHTS, grad, make_workspace(plan, 1))
    return loss, grad


def test_document_2_loss():
    loss, _ = document_2_gradient()
    assert same_double(loss, LOSS2)


def test_document_2_loss_step_by_step():
    y = sigmoid(dense(sigmoid(dense(X2, V1)), V2))
    assert same_double(squared_error(y, T2), LOSS2)


def test_document_2_output_gradient():
    _, grad = document_2_gradient()
    assert printed(grad[2:]) == ["0.08055583", "0.04885958"]


def test_document_2_printed_hidden_gradient_lacks_a_factor():
    """The printed figure is the chain without the slope of the output's sigmoid."""
    hidden = sigmoid(dense(X2, V1))
    y = sigmoid(dense(hidden, V2))
    error = squared_error_backward(y, T2)
    hidden_delta = sigmoid_backward(hidden, input_gradient(error, V2))
    gradient = weight_gradient(X2, hidden_delta)
    assert printed(gradient) == ["0.036545", "-0.036545"]
    # It is the true one divided by that slope.
    slope = sigmoid_backward(y, np.ones_like(y))
    _, grad = document_2_gradient()
    np.testing.assert_allclose(gradient.ravel(), grad[:2] / slope.ravel(), rtol=1e-14)


def test_document_2_true_hidden_gradient():
    _, grad = document_2_gradient()
    assert printed(grad[:2]) == ["0.00912393", "-0.00912393"]
    np.testing.assert_array_max_ulp(grad[:2], np.array([0.009123930803275757, -0.009123930803275757]), maxulp=4)


# By finite differences, independent of every chain --------------------------------------------------------------------------


def test_document_1_gradients_by_finite_differences():
    plan = make_plan([2, 2, 1], activation="sigmoid", output_activation="sigmoid", loss="mse")
    work, grad = make_workspace(plan, 1), np.empty(9)

    def loss(theta: np.ndarray) -> float:
        return loss_and_grad(plan, theta, X1, T1, NO_WEIGHTS, np.empty(9), work)

    loss_and_grad(plan, THETA1, X1, T1, NO_WEIGHTS, grad, work)
    np.testing.assert_allclose(grad, oracle.finite_differences(loss, THETA1), rtol=1e-8)


def test_document_2_gradients_by_finite_differences():
    plan = make_plan([1, 2, 1], activation="sigmoid", output_activation="sigmoid", loss="squared_error", bias=False)
    work = make_workspace(plan, 1)

    def loss(theta: np.ndarray) -> float:
        return loss_and_grad(plan, theta, X2, T2, NO_WEIGHTS, np.empty(4), work)

    _, grad = document_2_gradient()
    differences = oracle.finite_differences(loss, THETA2)
    np.testing.assert_allclose(grad, differences, rtol=1e-9)
    # The printed figure of the hidden layer is four times too large.
    assert np.abs(np.array([0.036545, -0.036545]) / differences[:2]).min() > 4


def test_documents_by_the_oracle():
    network = oracle.Network([2, 2, 1], ["sigmoid", "sigmoid"], "mse")
    loss, grad = oracle.loss_and_grad(network, THETA1, X1, T1)
    assert f"{loss:.15f}" == "0.000427309011190"
    np.testing.assert_allclose(grad[6:], [-0.00501868100241262, -0.00558479740351108, -0.00900619169907456], rtol=1e-13)
    network = oracle.Network([1, 2, 1], ["sigmoid", "sigmoid"], "squared_error", bias=False)
    loss, grad = oracle.loss_and_grad(network, THETA2, X2, T2)
    assert loss == pytest.approx(LOSS2, rel=1e-15)
    np.testing.assert_allclose(grad[:2], [0.009123930803275757, -0.009123930803275757], rtol=1e-14)
