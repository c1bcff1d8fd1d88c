"""Every side computes what the NumPy side computes, and that is right by finite differences."""

from dataclasses import replace

import numpy as np
import pytest
from tileprop.bench.problems import LEARNING_RATE, Problem
from tileprop.bench.process import SideProcess
from tileprop.bench.race import TOLERANCE, difference
from tileprop.bench.side_numpy import NumpyTrainer
from tileprop.bench.sides import DEFAULT_PEERS, OURS, PEERS, Side
from tileprop.bench.task import BETA_1, BETA_2, Task, write_arrays

# Each activation, output, loss and optimizer, and each number of layers from one to three.
PROBLEMS = [
    Problem("plain", (3, 5, 4, 2), 4, 24),
    Problem("one output", (2, 2, 1), 1, 8),
    Problem("adam", (3, 5, 2), 4, 24, "tanh", "identity", optimizer="adam", learning_rate=0.01, epsilon=1e-4),
    Problem("momentum", (3, 6, 5, 3), 4, 24, "relu", "softmax", "log_loss", "momentum", learning_rate=0.05),
    Problem("one layer", (3, 4), 4, 24, output_activation="softmax", loss="log_loss", optimizer="adam", epsilon=1e-4),
]
SLOW = {"torch-compile": pytest.mark.full}


def task_for(problem, dtype):
    real = np.dtype(dtype)
    return Task(*problem.data(real), problem.initial_theta(real), threads=1, **problem.settings)


def value(activation, z):
    if activation == "softmax":
        e = np.exp(z)
        return e / e.sum(axis=1, keepdims=True)
    return {"sigmoid": 1 / (1 + np.exp(-z)), "tanh": np.tanh(z), "relu": np.maximum(z, 0), "identity": z}[activation]


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
@pytest.mark.parametrize("output", [("sigmoid", "mse"), ("identity", "mse"), ("softmax", "log_loss")])
def test_numpy_steps_by_the_gradient(activation, output):
    """Rate times the central difference of the loss, over one batch."""
    task = task_for(Problem("one batch", (3, 4, 3), 6, 6, activation, *output), "float64")

    def loss(theta):
        (W, b), (V, c) = replace(task, theta=theta).layers()
        Y = value(output[0], value(activation, task.X @ W + b) @ V + c)
        return -np.log(Y[np.arange(6), task.T]).mean() if output[1] == "log_loss" else ((Y - task.T) ** 2).mean()

    h = 1e-6
    gradient = [(loss(task.theta + h * unit) - loss(task.theta - h * unit)) / (2 * h) for unit in np.eye(task.theta.size)]
    trainer = NumpyTrainer(task)
    trainer.train(1)
    np.testing.assert_allclose(trainer.theta(), task.theta - LEARNING_RATE * np.array(gradient), rtol=0, atol=1e-9)


@pytest.mark.parametrize("hat", [False, True])
def test_numpy_adam(hat):
    """Against Kingma and Ba's algorithm 1, and the form of its section 2, from three steps' gradients."""
    rate, epsilon = 0.01, 0.1
    problem = Problem("adam", (1, 1), 2, 6, output_activation="identity", optimizer="adam", learning_rate=rate)
    task = task_for(replace(problem, epsilon=epsilon, epsilon_hat=hat), "float64")
    theta, m, v = task.theta.copy(), np.zeros(2), np.zeros(2)
    for t in (1, 2, 3):
        X, T = task.X[2 * t - 2 : 2 * t], task.T[2 * t - 2 : 2 * t]
        error = X * theta[0] + theta[1] - T
        g = np.array([(error * X).mean(), error.mean()]) * 2
        m, v = BETA_1 * m + (1 - BETA_1) * g, BETA_2 * v + (1 - BETA_2) * g**2
        first, second = m / (1 - BETA_1**t), v / (1 - BETA_2**t)
        corrected = epsilon / np.sqrt(1 - BETA_2**t) if hat else epsilon
        theta -= rate * first / (np.sqrt(second) + corrected)
    trainer = NumpyTrainer(task)
    trainer.train(1)
    np.testing.assert_allclose(trainer.theta(), theta, rtol=1e-12)


@pytest.mark.parametrize(
    "side", [pytest.param(side, id=side.name, marks=SLOW.get(side.name, ())) for side in (OURS, *PEERS.values())]
)
def test_same_weights(side, tmp_path):
    if side.version is None:
        pytest.skip(f"{side.distribution} is not installed")
    with SideProcess(side, 1, [], tmp_path) as process:
        process.ask("open", module=side.module)
        for given, dtype in [(problem, "float64") for problem in PROBLEMS] + [(PROBLEMS[0], "float32")]:
            problem = side.convention(given)
            task = task_for(problem, dtype)
            write_arrays(tmp_path, task.X, task.T, task.theta)
            process.ask("build", folder=str(tmp_path), threads=1, **problem.settings)
            process.ask("train", epochs=1)
            assert process.ask("train", epochs=2)["seconds"] > 0
            process.ask("save", path=str(tmp_path / "theta.npy"))
            numpy = NumpyTrainer(task)
            numpy.train(1)
            numpy.train(2)
            theta = np.load(tmp_path / "theta.npy")
            assert difference(theta, numpy.theta(), task.theta, task.sizes) <= TOLERANCE[dtype], problem


def test_missing():
    assert Side("x", "X", "X", "x", "no-such-distribution").version is None
    assert OURS.version is not None


def test_ours_is_no_peer():
    assert OURS.name not in PEERS
    assert set(DEFAULT_PEERS) <= set(PEERS)
