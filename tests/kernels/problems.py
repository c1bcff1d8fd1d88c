"""Networks of every kind and rows for them, drawn, with the oracle's description beside the plan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import oracle
import pytest
from hypothesis import assume
from hypothesis import strategies as st
from tileprop.kernels import Plan, Workspace, loss_and_grad, make_plan, make_workspace

UNBOUNDED = ["leaky_relu", "elu", "silu", "gelu", "softplus"]
ACTIVATIONS = ["identity", "sigmoid", "tanh", "relu", "softmax", "exp", *UNBOUNDED]
SQUARES = ["mse", "squared_error", "sum_squared_error"]
# "quantiles" is "quantile" with several levels.
KINKED = ["mae", "huber", "quantile", "quantiles"]
LOSSES = [*SQUARES, "log_loss", "label_log_loss", "binary_log_loss", "poisson", *KINKED, "gaussian_nll"]
# What the oracle's network has besides its loss.
PARAMETERS = {"huber": (0.5,), "quantile": (0.3,), "quantiles": (0.125, 0.5, 0.75)}
DTYPES = ["float32", "float64"]
# Largest deviation of a layer's gradient, as a part of that layer's largest entry.
TOLERANCE = {"float32": 1e-4, "float64": 1e-10}
# Rows that come closer than this to a kink of a relu are left out: there rounding decides the derivative.
KINK = {"float32": 1e-4, "float64": 1e-6}
# Rows with an output this close to 0, or to 1 where 1 - y counts, are left out under a log loss: its value is lost in rounding
# there, and at the end clipped.
MARGIN = {"float32": 3e-4, "float64": 1e-5}

# Rows with a pre-activation beyond this are left out where there is an exp, which makes such soon: tanh loses its slope there.
LARGEST = 4.0
# Rows with a mean, or a logarithm of a variance, beyond these are left out: float32 holds too little of such a residual.
MEANS, LOG_VARIANCES = 6.0, (-2.0, 4.0)


@dataclass
class Problem:
    """A network and rows for it; the oracle's description and the plan's side by side."""

    network: oracle.Network
    plan: Plan
    theta: np.ndarray
    X: np.ndarray
    T: np.ndarray
    weight: np.ndarray

    @property
    def dtype(self) -> str:
        return self.theta.dtype.name

    @property
    def weights(self) -> np.ndarray | None:
        return self.weight if self.weight.size else None


def described(sizes: list[int], activations: list[str], loss: str, bias: bool = True, n_targets: int = 0) -> oracle.Network:
    """The oracle's network, with as many outputs as the loss needs for each target; n_targets unless 0."""
    parameters = PARAMETERS.get(loss, ())
    heads = {"quantiles": len(parameters), "gaussian_nll": 2}.get(loss, 1)
    sizes = [*sizes[:-1], heads * (n_targets or sizes[-1])]
    return oracle.Network(sizes, activations, "quantile" if loss == "quantiles" else loss, bias, parameters)


def plan_of(network: oracle.Network) -> Plan:
    return make_plan(
        network.sizes,
        activation=network.activations[:-1],
        output_activation=network.activations[-1],
        loss="log_loss" if "log_loss" in network.loss else network.loss,
        bias=network.bias,
        n_targets=1 if network.loss == "label_log_loss" else None,
        delta=network.parameters[0] if network.loss == "huber" else None,
        quantile=network.parameters if network.loss == "quantile" else None,
    )


def random_theta(network: oracle.Network, rng: np.random.Generator) -> np.ndarray:
    """Weights that keep pre-activations near one whatever the width."""
    parts = []
    for n_in, n_out in zip(network.sizes[:-1], network.sizes[1:], strict=True):
        parts.append(rng.uniform(-1.7, 1.7, n_in * n_out) / np.sqrt(n_in))
        parts.append(rng.uniform(-0.5, 0.5, n_out if network.bias else 0))
    return np.concatenate(parts)


def targets_away_from(Y: np.ndarray, network: oracle.Network, rng: np.random.Generator) -> np.ndarray:
    """Targets that keep a distance from the outputs Y: where they meet, y - t cancels, and no float32 gradient is right.

    From kinks of the loss, too: there rounding decides the derivative.
    """
    loss, (n, n_out) = network.loss, Y.shape
    if loss == "gaussian_nll":
        m, s = np.split(Y, 2, axis=1)
        return m + np.exp(s / 2) * rng.choice([-2, -0.5, 0.5, 2], m.shape) * rng.uniform(0.9, 1.1, m.shape)
    if loss == "quantile":
        levels = len(network.parameters)
        outputs = Y.reshape(n, levels, n_out // levels)
        near = np.take_along_axis(outputs, rng.integers(0, outputs.shape[1], (n, 1, outputs.shape[2])), 1)[:, 0]
        T = near + rng.choice([-1, 1], near.shape) * rng.uniform(0.1, 1, near.shape)
        return np.where(np.abs(outputs - T[:, None]).min(axis=1) < 0.1, outputs.max(axis=1) + 0.5, T)
    if loss == "poisson":
        return np.where(rng.random(Y.shape) < 0.3, 0.0, Y * rng.choice([0.3, 2.5], Y.shape))
    if loss in (*SQUARES, "mae", "huber"):
        distances = rng.uniform(0.1, 1, Y.shape)
        distances += 0.1 * (np.abs(distances - PARAMETERS["huber"][0]) < 0.05)
        return Y + rng.choice([-1, 1], Y.shape) * distances
    if loss == "binary_log_loss":
        T = rng.random(Y.shape) if rng.random() < 0.5 else rng.integers(0, 2, Y.shape).astype(float)
        return np.where(np.abs(T - Y) < 0.1, Y < 0.5, T)
    labels = rng.integers(0, n_out, n)
    labels = np.where(Y[np.arange(n), labels] > 0.9, Y.argmin(axis=1), labels)
    if loss == "label_log_loss":
        return labels[:, None].astype(float)
    one_hot = np.eye(n_out)[labels]
    spread = rng.dirichlet(np.ones(n_out), n)
    return np.where(np.abs(spread - Y).max(axis=1, keepdims=True) < 0.1, one_hot, spread) if rng.random() < 0.5 else one_hot


def make_problem(
    network: oracle.Network,
    n_rows: int,
    dtype: str,
    rng: np.random.Generator,
    weighted: bool = False,
    kink: float | None = None,
) -> Problem:
    theta = random_theta(network, rng).astype(dtype)
    X = rng.normal(size=(n_rows, network.sizes[0])).astype(dtype)
    distance = KINK[dtype] if kink is None else kink
    X = X[[oracle.nearest_kink(network, theta, x) > distance for x in X]]
    if "exp" in network.activations:
        X = X[[np.abs(np.concatenate(oracle.forward_row(network, theta, x)[0])).max() < LARGEST for x in X]]
    Y = oracle.forward(network, theta, X).reshape(len(X), network.sizes[-1])
    if "log_loss" in network.loss:
        clear = Y.min(axis=1) > MARGIN[dtype]
        if network.loss == "binary_log_loss":
            clear &= Y.max(axis=1) < 1 - MARGIN[dtype]
        X, Y = X[clear], Y[clear]
    if network.loss == "gaussian_nll":
        m, s = np.split(Y, 2, axis=1)
        clear = (np.abs(m) < MEANS) & (s > LOG_VARIANCES[0]) & (s < LOG_VARIANCES[1])
        X, Y = X[clear.all(axis=1)], Y[clear.all(axis=1)]
    T = targets_away_from(Y, network, rng).astype(dtype)
    if network.activations[-1] == "softmax" and network.loss in KINKED and Y.shape[1] > 1:
        # Left out: rows whose slopes are all the same. Through softmax nothing is left of these but rounding errors.
        slopes = [oracle.row_loss_slope(network.loss, y, t, network.parameters) for y, t in zip(Y, T, strict=True)]
        uneven = np.array([np.ptp(slope) > 0.01 for slope in slopes], bool)
        X, T = X[uneven], T[uneven]
    weight = (rng.integers(0, 3, len(X)) * rng.uniform(0.5, 1.5) if weighted else np.zeros(0)).astype(dtype)
    return Problem(network, plan_of(network), theta, X, T, weight)


def fitting(loss: str, activation: str) -> str:
    """The output activation: some losses ask for theirs."""
    wanted = {"log_loss": "softmax", "label_log_loss": "softmax", "binary_log_loss": "sigmoid", "poisson": "exp"}
    return (wanted | {"gaussian_nll": "identity"}).get(loss, activation)


def calmed(activations: list[str]) -> list[str]:
    """With tanh before an exp: exp of other outputs, exp's own most of all, is soon beyond all bounds."""
    return ["tanh" if "exp" in activations[i + 1 : i + 2] else name for i, name in enumerate(activations)]


@st.composite
def networks(draw: st.DrawFn) -> oracle.Network:
    depth, loss = draw(st.integers(1, 8)), draw(st.sampled_from(LOSSES))
    widths = st.one_of(st.integers(1, 3), st.integers(1, 9))
    sizes = draw(st.lists(widths, min_size=depth + 1, max_size=depth + 1))
    names = st.sampled_from(ACTIVATIONS)
    activations = draw(st.one_of(st.lists(names, min_size=depth, max_size=depth), names.map(lambda name: [name] * depth)))
    activations[-1] = fitting(loss, activations[-1])
    if loss == "label_log_loss":
        sizes[-1] = max(2, sizes[-1])
    few_targets = draw(st.integers(1, 3)) if loss in ("quantiles", "gaussian_nll") else 0
    return described(sizes, calmed(activations), loss, draw(st.booleans()), few_targets)


@st.composite
def problems(draw: st.DrawFn, dtype: str) -> tuple[Problem, Workspace]:
    """Any network of up to eight layers, and a workspace that may need several blocks for the rows."""
    network = draw(networks())
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    problem = make_problem(network, draw(st.integers(1, 40)), dtype, rng, weighted=draw(st.booleans()))
    assume(len(problem.X) and (not problem.weight.size or problem.weight.sum() > 0))
    return problem, make_workspace(problem.plan, draw(st.integers(1, 45)), dtype)


def gradient(problem: Problem, work: Workspace | None = None) -> tuple[float, np.ndarray]:
    work = make_workspace(problem.plan, 32, problem.dtype) if work is None else work
    grad = np.full(problem.plan.n_parameters, np.nan, problem.dtype)
    loss = loss_and_grad(problem.plan, problem.theta, problem.X, problem.T, problem.weight, grad, work)
    return loss, grad


def layer_deviation(problem: Problem, grad: np.ndarray, true_grad: np.ndarray) -> np.ndarray:
    """The largest deviation in each layer, as a part of the layer's largest entry; zero where both are zero throughout."""
    deviations = []
    for part in problem.network.layers:
        deviation, largest = np.abs(grad[part] - true_grad[part]).max(), np.abs(true_grad[part]).max()
        deviations.append(0.0 if deviation == 0 else np.inf if not deviation < np.inf or largest == 0 else deviation / largest)
    return np.array(deviations)


def check_against_oracle(problem: Problem, work: Workspace | None = None) -> None:
    loss, grad = gradient(problem, work)
    true_loss, true_grad = oracle.loss_and_grad(problem.network, problem.theta, problem.X, problem.T, problem.weights)
    tolerance = TOLERANCE[problem.dtype]
    # A certain and right output is clipped to 1 - eps: it costs eps, and the oracle's costs nothing.
    assert loss == pytest.approx(true_loss, rel=tolerance, abs=2 * float(np.finfo(problem.dtype).eps))
    deviation = layer_deviation(problem, grad, true_grad)
    wrong = deviation > tolerance
    if problem.dtype == "float32" and wrong.any():
        # Left out, about one draw in a thousand: where rounding what one layer hands to the next already moves the exact
        # gradient by a twentieth of the tolerance, the products between them, NumPy's too, move it farther.
        _, rounded = oracle.loss_and_grad(
            problem.network, problem.theta, problem.X, problem.T, problem.weights, stored_as=problem.dtype
        )
        assume((layer_deviation(problem, rounded, true_grad)[wrong] < tolerance / 20).any())
    if wrong.any():
        # Rows that cancel: what is left of their sum is the rounding of each.
        weights = np.ones(len(problem.X)) if problem.weights is None else problem.weights
        sizes = np.abs(row_gradients(problem, weights)).sum(axis=0) / weights.sum()
        largest = np.array([64 * np.finfo(problem.dtype).eps * sizes[part].max() for part in problem.network.layers])
        wrong &= np.array([np.abs(grad[part] - true_grad[part]).max() for part in problem.network.layers]) > largest
    assert not wrong.any(), deviation


def row_gradients(problem: Problem, weights: np.ndarray) -> np.ndarray:
    """The oracle's, each times its row's weight."""
    rows = zip(problem.X, problem.T, weights, strict=True)
    return np.array([
        weight * oracle.loss_and_grad(problem.network, problem.theta, x[None], t[None], np.ones(1))[1] for x, t, weight in rows
    ])  # fmt: skip


def some_problem(loss: str = "mse", rows: int = 6, weighted: bool = False, dtype: str = "float64") -> Problem:
    network = described([3, 4, 3], ["sigmoid", fitting(loss, "tanh")], loss)
    return make_problem(network, rows, dtype, np.random.default_rng(80), weighted)
