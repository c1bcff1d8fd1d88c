"""What sides are given."""

import numpy as np
from tileprop.bench.problems import Problem
from tileprop.bench.task import flatten, read_task, split, write_arrays

SIZES = [3, 4, 2]


def test_split_and_flatten_are_inverse():
    theta = np.arange(26.0)
    layers = split(theta, SIZES)
    assert [(W.shape, b.shape) for W, b in layers] == [((3, 4), (4,)), ((4, 2), (2,))]
    assert all(np.shares_memory(W, theta) and np.shares_memory(b, theta) for W, b in layers)
    np.testing.assert_array_equal(layers[0][1], [12, 13, 14, 15])
    np.testing.assert_array_equal(flatten(layers), theta)


def test_flatten_takes_transposed_arrays():
    W = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(flatten([(W.T.copy().T, np.zeros(3))]), [0, 1, 2, 3, 4, 5, 0, 0, 0])


def test_a_task_travels_through_a_folder(tmp_path):
    X, T, theta = np.ones((5, 3), np.float32), np.zeros((5, 2), np.float32), np.arange(26, dtype=np.float32)
    write_arrays(tmp_path, X, T, theta)
    problem = Problem("test", tuple(SIZES), 5, 5, output_activation="identity", learning_rate=0.25)
    task = read_task(tmp_path, threads=2, **problem.settings)
    for array, same in zip((task.X, task.T, task.theta), (X, T, theta), strict=True):
        np.testing.assert_array_equal(array, same)
        assert array.dtype == np.float32
    assert (task.sizes, task.batch_size, task.threads) == (SIZES, 5, 2)
    assert (task.learning_rate, task.output_activation, task.optimizer) == (0.25, "identity", "sgd")
    task.layers()[0][0][:] = 7
    np.testing.assert_array_equal(task.theta, theta)
