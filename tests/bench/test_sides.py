"""Every side computes what the NumPy side computes, and that is right by finite differences."""

from dataclasses import replace

import numpy as np
import pytest
from tileprop.bench.problems import Problem
from tileprop.bench.process import SideProcess
from tileprop.bench.race import TOLERANCE, difference
from tileprop.bench.side_numpy import NumpyTrainer
from tileprop.bench.sides import DEFAULT_PEERS, OURS, PEERS, Side
from tileprop.bench.task import Task, write_arrays

PROBLEM = Problem("test", (3, 5, 4, 2), 4, 24)
ONE_OUTPUT = Problem("one output", (2, 2, 1), 1, 8)
RATE = 0.5
SLOW = {"torch-compile": pytest.mark.full}


def task_for(problem, dtype, output_activation, threads=1):
    real = np.dtype(dtype)
    return Task(
        *problem.data(real),
        problem.initial_theta(real),
        list(problem.sizes),
        problem.batch_size,
        RATE,
        output_activation,
        threads,
    )


@pytest.mark.parametrize("output_activation", ["sigmoid", "identity"])
def test_numpy_steps_by_the_gradient(output_activation):
    """Rate times the central difference of the mean squared error, over one batch."""
    task = task_for(Problem("one batch", (3, 4, 2), 6, 6), "float64", output_activation)

    def loss(theta):
        A = task.X
        layers = replace(task, theta=theta).layers()
        for i, (W, b) in enumerate(layers):
            A = A @ W + b
            if i < len(layers) - 1 or output_activation == "sigmoid":
                A = 1 / (1 + np.exp(-A))
        return ((A - task.T) ** 2).mean()

    h = 1e-6
    gradient = [(loss(task.theta + h * unit) - loss(task.theta - h * unit)) / (2 * h) for unit in np.eye(task.theta.size)]
    trainer = NumpyTrainer(task)
    trainer.train(1)
    np.testing.assert_allclose(trainer.theta(), task.theta - RATE * np.array(gradient), rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    "side", [pytest.param(side, id=side.name, marks=SLOW.get(side.name, ())) for side in (OURS, *PEERS.values())]
)
def test_same_weights(side, tmp_path):
    if side.version is None:
        pytest.skip(f"{side.distribution} is not installed")
    with SideProcess(side, 1, [], tmp_path) as process:
        process.ask("open", module=side.module)
        for problem in (PROBLEM, ONE_OUTPUT):
            for dtype in ("float32", "float64"):
                task = task_for(problem, dtype, side.output_activation)
                write_arrays(tmp_path, task.X, task.T, task.theta)
                process.ask(
                    "build",
                    folder=str(tmp_path),
                    sizes=task.sizes,
                    batch_size=task.batch_size,
                    learning_rate=RATE,
                    output_activation=side.output_activation,
                    threads=1,
                )
                process.ask("train", epochs=1)
                assert process.ask("train", epochs=2)["seconds"] > 0
                process.ask("save", path=str(tmp_path / "theta.npy"))
                numpy = NumpyTrainer(task)
                numpy.train(3)
                theta = np.load(tmp_path / "theta.npy")
                assert difference(theta, numpy.theta(), task.theta, task.sizes) <= TOLERANCE[dtype]


def test_sklearn_refuses_sigmoid_outputs():
    side_sklearn = pytest.importorskip("tileprop.bench.side_sklearn", exc_type=ImportError)
    with pytest.raises(ValueError, match="identity"):
        side_sklearn.build(task_for(PROBLEM, "float64", "sigmoid"))


def test_missing():
    assert Side("x", "X", "X", "x", "no-such-distribution").version is None
    assert OURS.version is not None


def test_threads():
    assert OURS.threads(2) == 1
    assert [PEERS[name].threads(2) for name in DEFAULT_PEERS] == [2] * len(DEFAULT_PEERS)


def test_ours_is_no_peer():
    assert OURS.name not in PEERS
    assert set(DEFAULT_PEERS) <= set(PEERS)
