"""What one epoch takes, made from a seed; its run by one thread or several, and the oracle's epoch beside it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import oracle
from inside import batch_rows, begin_together, bytes_of, hyperparameters
from tileprop.kernels import Plan, State, Workspace, make_plan, make_state, make_workspace, train_epoch

# Rules: what make_state takes, and the oracle's own.
RULES: dict[str, tuple[dict[str, Any], Callable[[], Any]]] = {
    "sgd": ({"learning_rate": 0.3}, lambda: oracle.SGD(0.3)),
    "momentum": ({"learning_rate": 0.2, "momentum": 0.8}, lambda: oracle.Momentum(0.2, 0.8)),
    "nesterov": ({"learning_rate": 0.2, "momentum": 0.8, "nesterov": True}, lambda: oracle.Momentum(0.2, 0.8, nesterov=True)),
    "adam": (
        {"rule": "adam", "learning_rate": 0.01, "beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-3},
        lambda: oracle.Adam(0.01, 0.8, 0.99, 1e-3),
    ),
    "adam, epsilon hat": (
        {"rule": "adam", "learning_rate": 0.01, "beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-3, "epsilon_hat": True},
        lambda: oracle.Adam(0.01, 0.8, 0.99, 1e-3, epsilon_hat=True),
    ),
    "nadam": (
        {"rule": "nadam", "learning_rate": 0.01, "beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-3},
        lambda: oracle.Nadam(0.01, 0.8, 0.99, 1e-3),
    ),
}

# A loss, the parameter that it is drawn with, and the output activation that it needs.
LOSSES: list[tuple[str, dict[str, Any], str]] = [
    ("mse", {}, ""),
    ("squared_error", {}, ""),
    ("sum_squared_error", {}, ""),
    ("mae", {}, ""),
    ("huber", {"delta": 0.2}, ""),
    ("quantile", {"quantile": 0.3}, ""),
    ("quantile", {"quantile": [0.1, 0.5, 0.75]}, ""),
    ("gaussian_nll", {}, "identity"),
    ("poisson", {}, "exp"),
    ("log_loss", {}, "softmax"),
    ("log_loss", {}, "sigmoid"),
]
HIDDEN = ["sigmoid", "tanh", "identity", "relu", "leaky_relu", "elu", "silu", "gelu", "softplus"]


@dataclass
class Training:
    """Everything one epoch takes."""

    plan: Plan
    theta: np.ndarray
    state: State
    X: np.ndarray
    T: np.ndarray
    weight: np.ndarray
    order: np.ndarray
    work: Workspace

    def run(self) -> float:
        return train_epoch(*self.__dict__.values())

    def run_by(self, threads: int) -> float:
        """One epoch by so many threads together."""
        begin_together(self.work)
        arguments = list(self.__dict__.values())[:-1]
        with ThreadPoolExecutor(threads) as pool:
            calls = [pool.submit(train_epoch, *arguments, self.work.member(number, threads)) for number in range(threads)]
        losses = [call.result() for call in calls]  # raises what any of them raised
        return losses[0]

    def copy(self) -> Training:
        return Training(
            self.plan,
            self.theta.copy(),
            State(*(a.copy() for a in self.state)),
            self.X,
            self.T,
            self.weight,
            self.order,
            self.work,
        )

    def result(self) -> bytes:
        """All bits that an epoch leaves behind."""
        return self.theta.tobytes() + bytes_of(self.state)


def make_training(
    sizes: list[int] | None = None,
    n: int = 22,
    batch_size: int = 5,
    rule: str = "sgd",
    dtype: str = "float64",
    weighted: bool = False,
    order: str = "none",
    seed: int = 0,
    n_threads: int = 1,
    alpha: float = 0.0,
    **plan_options: Any,
) -> Training:
    """order: "none", "permutation" or "sample"."""
    rng = np.random.default_rng(seed)
    sizes = [3, 5, 2] if sizes is None else sizes
    plan = make_plan(sizes, **({"activation": "tanh", "output_activation": "sigmoid", "loss": "mse"} | plan_options))
    orders = {"none": np.zeros(0, np.int64), "permutation": rng.permutation(n), "sample": rng.integers(0, n, n + 7)}
    return Training(
        plan,
        rng.uniform(-1, 1, plan.n_parameters).astype(dtype),
        make_state(plan, dtype=dtype, alpha=alpha, **RULES[rule][0]),
        rng.normal(size=(n, sizes[0])).astype(dtype),
        rng.random((n, plan.n_targets)).astype(dtype),
        (rng.uniform(0.2, 2, n) if weighted else np.zeros(0)).astype(dtype),
        orders[order],
        make_workspace(plan, batch_size, dtype, n_threads),
    )


def expected_rows(training: Training) -> int:
    """Rows of one epoch."""
    return training.order.size or len(training.X)


def oracle_epoch(training: Training, rule: Any) -> oracle.Epoch:
    plan = training.plan
    loss = plan.loss
    if loss == "log_loss" and plan.activations[-1] == "sigmoid":
        loss = "binary_log_loss"
    elif loss == "log_loss" and plan.n_targets < plan.sizes[-1]:
        loss = "label_log_loss"
    network = oracle.Network(plan.sizes, plan.activations, loss, plan.bias, plan.loss_parameters)
    return oracle.epoch(
        network,
        training.theta,
        rule,
        training.X,
        training.T,
        training.weight if training.weight.size else None,
        training.order if training.order.size else None,
        batch_rows(training.work),
        float(hyperparameters(training.state)["alpha"]),
    )
