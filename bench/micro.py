"""Micro benchmarks: every public kernel by itself, in both dtypes, each checked against NumPy before it is timed.

    tileprop bench micro
    pytest bench/micro.py --benchmark-enable

Each leaves `ns_per_element` in its extra_info: the fastest round, divided by the elements of an array for element-wise kernels,
by multiply-adds for matrix products and the chain, by parameters for a step. Arrays stay in the second-level cache.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

# pytest loads this file under a name of its own, so that nothing relative can be imported.
from tileprop import kernels
from tileprop.bench.problems import Problem
from tileprop.bench.side_numpy import NumpyTrainer
from tileprop.bench.task import Task

Array = np.ndarray
DTYPES = ["float32", "float64"]
TOLERANCE = {"float32": 2e-5, "float64": 1e-12}
SHAPE = (256, 64)
CHAIN = Problem("chain", (64, 128, 64, 10), 64, 1024, learning_rate=0.1)


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


def logistic(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


def normal(x: Array) -> Array:
    """The normal distribution function."""
    return np.asarray((1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2)


def gaussian_nll(Y: Array, T: Array) -> Any:
    mean, s = np.split(Y, 2, axis=1)
    return ((s + (T - mean) ** 2 * np.exp(-s)) / 2).sum() / len(Y)


def gaussian_nll_backward(Y: Array, T: Array) -> Array:
    mean, s = np.split(Y, 2, axis=1)
    return np.hstack([(mean - T) * np.exp(-s), (1 - (T - mean) ** 2 * np.exp(-s)) / 2]) / len(Y)


# x -> y; y, dL/dy -> dL/dx.
ACTIVATIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array, Array], Array]]] = {
    "identity": (lambda x: x, lambda y, dy: dy),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), lambda y, dy: dy * y * (1 - y)),
    "tanh": (np.tanh, lambda y, dy: dy * (1 - y * y)),
    "relu": (lambda x: np.maximum(x, 0), lambda y, dy: dy * (y > 0)),
    "exp": (np.exp, lambda y, dy: dy * y),
    "softmax": (softmax, lambda y, dy: y * (dy - (y * dy).sum(axis=-1, keepdims=True))),
    "leaky_relu": (lambda x: np.where(x > 0, x, 0.01 * x), lambda y, dy: np.where(y > 0, dy, 0.01 * dy)),
    "elu": (lambda x: np.where(x > 0, x, np.expm1(x)), lambda y, dy: dy * np.where(y > 0, 1, 1 + y)),
    "softplus": (lambda x: np.logaddexp(0, x), lambda y, dy: -dy * np.expm1(-y)),
    # These take x in place of y.
    "silu": (lambda x: x * logistic(x), lambda x, dy: dy * (logistic(x) + x * logistic(x) * (1 - logistic(x)))),
    "gelu": (lambda x: x * normal(x), lambda x, dy: dy * (normal(x) + x * np.exp(-x * x / 2) / np.sqrt(2 * np.pi))),
}
# Y, T -> the loss; Y, T -> dL/dY.
LOSSES: dict[str, tuple[Callable[[Array, Array], Any], Callable[[Array, Array], Array]]] = {
    "mse": (lambda Y, T: ((Y - T) ** 2).mean(), lambda Y, T: 2 * (Y - T) / Y.size),
    "squared_error": (lambda Y, T: ((Y - T) ** 2).mean() / 2, lambda Y, T: (Y - T) / Y.size),
    "sum_squared_error": (lambda Y, T: ((Y - T) ** 2).sum() / len(Y) / 2, lambda Y, T: (Y - T) / len(Y)),
    "poisson": (lambda Y, T: (T * np.log(T / Y) - T + Y).sum() / len(Y), lambda Y, T: (1 - T / Y) / len(Y)),
    "log_loss": (lambda Y, T: -(T * np.log(Y)).sum(axis=-1).mean(), lambda Y, T: -T / Y / len(Y)),
    "binary_log_loss": (
        lambda Y, T: -(T * np.log(Y) + (1 - T) * np.log1p(-Y)).sum(axis=-1).mean(),
        lambda Y, T: (Y - T) / (Y * (1 - Y)) / len(Y),
    ),
    "mae": (lambda Y, T: np.abs(Y - T).mean(), lambda Y, T: np.sign(Y - T) / Y.size),
    "huber": (
        lambda Y, T: np.where(np.abs(Y - T) > 0.3, 0.3 * (np.abs(Y - T) - 0.15), (Y - T) ** 2 / 2).mean(),
        lambda Y, T: np.clip(Y - T, -0.3, 0.3) / Y.size,
    ),
    "quantile": (
        lambda Y, T: np.maximum(0.3 * (T - Y), -0.7 * (T - Y)).mean(),
        lambda Y, T: np.where(Y > T, 0.7, -0.3) / Y.size,
    ),
    "gaussian_nll": (gaussian_nll, gaussian_nll_backward),
}
# delta, and the level.
PARAMETERS = {"huber": (0.3,), "quantile": (0.3,)}


def arguments_of_loss(name: str, dtype: str) -> tuple[Array, Array]:
    """Y and T."""
    Y, T = drawn(dtype, SHAPE, 0.05, 0.95), drawn(dtype, SHAPE, 0, 1, seed=1)
    return Y, np.ascontiguousarray(T[:, : SHAPE[1] // 2]) if name == "gaussian_nll" else T


def drawn(dtype: str, shape: int | tuple[int, ...], low: float = -1.0, high: float = 1.0, seed: int = 0) -> Array:
    return np.random.default_rng(seed).uniform(low, high, shape).astype(dtype)


def double(*arrays: Array) -> list[Array]:
    return [array.astype(np.float64) for array in arrays]


def agree(given: Any, right: Any, dtype: str, digits_lost: int = 0) -> None:
    """Largest difference, relative to the largest entry."""
    given, right = np.asarray(given, np.float64), np.asarray(right, np.float64)
    assert given.shape == right.shape
    assert np.abs(given - right).max() <= TOLERANCE[dtype] * 10**digits_lost * np.abs(right).max()


def timed(benchmark: BenchmarkFixture, group: str, dtype: str, elements: int, kernel: Callable[..., Any], *args: Any) -> None:
    benchmark.group = f"{group} {dtype}"
    benchmark(kernel, *args)
    if benchmark.stats is not None:
        benchmark.extra_info["ns_per_element"] = benchmark.stats.stats.min * 1e9 / elements


class Chain:
    """A network in the kernels' terms and the same in NumPy's, float64."""

    def __init__(self, dtype: str) -> None:
        self.plan = kernels.make_plan(list(CHAIN.sizes), "sigmoid", "sigmoid", "mse")
        self.work = kernels.make_workspace(self.plan, CHAIN.batch_size, dtype)
        self.state = kernels.make_state(self.plan, "sgd", dtype, learning_rate=CHAIN.learning_rate)
        self.X, self.T = CHAIN.data(np.dtype(dtype))
        self.theta = CHAIN.initial_theta(np.dtype(dtype))
        self.ones, self.in_order = np.empty(0, dtype), np.empty(0, np.int64)
        X, T, theta = double(self.X, self.T, self.theta)
        self.numpy = NumpyTrainer(Task(X, T, theta, threads=1, **CHAIN.settings))

    def outputs(self, rows: int) -> Array:
        A = self.X[:rows].astype(np.float64)
        for W, b in self.numpy.layers:
            A = ACTIVATIONS["sigmoid"][0](A @ W + b)
        return A


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation(benchmark: BenchmarkFixture, name: str, dtype: str) -> None:
    x = drawn(dtype, SHAPE, -4, 4)
    kernel, out = getattr(kernels, name), np.empty_like(x)
    agree(kernel(x, out), ACTIVATIONS[name][0](*double(x)), dtype)
    timed(benchmark, "activations", dtype, x.size, kernel, x, out)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_backward(benchmark: BenchmarkFixture, name: str, dtype: str) -> None:
    y, dy = softmax(drawn(dtype, SHAPE, -4, 4)), drawn(dtype, SHAPE, seed=1)
    kernel, out = getattr(kernels, f"{name}_backward"), np.empty_like(y)
    agree(kernel(y, dy, out), ACTIVATIONS[name][1](*double(y, dy)), dtype)
    timed(benchmark, "activations backward", dtype, y.size, kernel, y, dy, out)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", LOSSES)
def test_loss(benchmark: BenchmarkFixture, name: str, dtype: str) -> None:
    Y, T = arguments_of_loss(name, dtype)
    kernel, more = getattr(kernels, name), PARAMETERS.get(name, ())
    agree(kernel(Y, T, *more), LOSSES[name][0](*double(Y, T)), dtype)
    timed(benchmark, "losses", dtype, Y.size, kernel, Y, T, *more)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", LOSSES)
def test_loss_backward(benchmark: BenchmarkFixture, name: str, dtype: str) -> None:
    Y, T = arguments_of_loss(name, dtype)
    kernel, more = getattr(kernels, f"{name}_backward"), PARAMETERS.get(name, ())
    agree(kernel(Y, T, *more), LOSSES[name][1](*double(Y, T)), dtype)
    timed(benchmark, "losses backward", dtype, Y.size, kernel, Y, T, *more)


@pytest.mark.parametrize("dtype", DTYPES)
def test_dense_forward(benchmark: BenchmarkFixture, dtype: str) -> None:
    X, W, b = drawn(dtype, (64, 128)), drawn(dtype, (128, 96), seed=1), drawn(dtype, 96, seed=2)
    Z = np.empty((64, 96), dtype)
    kernels.dense_forward(Z, X, W, b)
    inputs, weights, biases = double(X, W, b)
    agree(Z, inputs @ weights + biases, dtype)
    timed(benchmark, "dense", dtype, 64 * 128 * 96, kernels.dense_forward, Z, X, W, b)


@pytest.mark.parametrize("dtype", DTYPES)
def test_dense_backward(benchmark: BenchmarkFixture, dtype: str) -> None:
    D, X = drawn(dtype, (64, 96)), drawn(dtype, (64, 128), seed=1)
    dW, db = np.zeros((128, 96), dtype), np.zeros(96, dtype)
    kernels.dense_backward(dW, db, D, X)
    delta, inputs = double(D, X)
    agree(dW, inputs.T @ delta, dtype)
    agree(db, delta.sum(axis=0), dtype)
    timed(benchmark, "dense", dtype, 64 * 128 * 96, kernels.dense_backward, dW, db, D, X)


@pytest.mark.parametrize("dtype", DTYPES)
def test_dense_backward_input(benchmark: BenchmarkFixture, dtype: str) -> None:
    D, W = drawn(dtype, (64, 96)), drawn(dtype, (128, 96), seed=1)
    dX = np.empty((64, 128), dtype)
    kernels.dense_backward_input(dX, D, W)
    delta, weights = double(D, W)
    agree(dX, delta @ weights.T, dtype)
    timed(benchmark, "dense", dtype, 64 * 128 * 96, kernels.dense_backward_input, dX, D, W)


@pytest.mark.parametrize("dtype", DTYPES)
def test_forward(benchmark: BenchmarkFixture, dtype: str) -> None:
    chain, rows = Chain(dtype), CHAIN.batch_size
    args = chain.plan, chain.theta, chain.X[:rows], chain.work
    agree(kernels.forward(*args), chain.outputs(rows), dtype)
    timed(benchmark, "chain", dtype, rows * CHAIN.n_weights, kernels.forward, *args)


@pytest.mark.parametrize("dtype", DTYPES)
def test_load_parameters(benchmark: BenchmarkFixture, dtype: str) -> None:
    chain = Chain(dtype)
    args = chain.plan, chain.theta, chain.work
    kernels.load_parameters(*args)
    agree(kernels.forward_loaded(chain.plan, chain.X[:8], chain.work), chain.outputs(8), dtype)
    timed(benchmark, "chain", dtype, chain.theta.size, kernels.load_parameters, *args)


@pytest.mark.parametrize("dtype", DTYPES)
def test_forward_loaded(benchmark: BenchmarkFixture, dtype: str) -> None:
    chain, rows = Chain(dtype), CHAIN.batch_size
    kernels.load_parameters(chain.plan, chain.theta, chain.work)
    args = chain.plan, chain.X[:rows], chain.work
    agree(kernels.forward_loaded(*args), chain.outputs(rows), dtype)
    timed(benchmark, "chain", dtype, rows * CHAIN.n_weights, kernels.forward_loaded, *args)


@pytest.mark.parametrize("dtype", DTYPES)
def test_predict_one(benchmark: BenchmarkFixture, dtype: str) -> None:
    chain = Chain(dtype)
    y = np.empty(chain.T.shape[1], dtype)
    args = chain.plan, chain.theta, chain.X[0], y, chain.work
    kernels.predict_one(*args)
    agree(y, chain.outputs(1)[0], dtype)
    timed(benchmark, "chain", dtype, CHAIN.n_weights, kernels.predict_one, *args)


@pytest.mark.parametrize("dtype", DTYPES)
def test_predict(benchmark: BenchmarkFixture, dtype: str) -> None:
    chain = Chain(dtype)
    Y = np.empty_like(chain.T)
    args = chain.plan, chain.theta, chain.X, Y, chain.work
    kernels.predict(*args)
    agree(Y, chain.outputs(CHAIN.n_rows), dtype)
    timed(benchmark, "chain", dtype, CHAIN.n_rows * CHAIN.n_weights, kernels.predict, *args)


@pytest.mark.parametrize("dtype", DTYPES)
def test_loss_and_grad(benchmark: BenchmarkFixture, dtype: str) -> None:
    chain, rows = Chain(dtype), CHAIN.batch_size
    grad = np.empty_like(chain.theta)
    args = chain.plan, chain.theta, chain.X[:rows], chain.T[:rows], chain.ones, grad, chain.work
    loss = kernels.loss_and_grad(*args)
    agree(loss, ((chain.outputs(rows) - chain.T[:rows]) ** 2).mean(), dtype)
    # A step of NumPy's is the rate times the gradient; the difference of two thetas has lost some digits of it.
    before = chain.numpy.theta()
    chain.numpy.step(*double(chain.X[:rows], chain.T[:rows]))
    agree(grad, (before - chain.numpy.theta()) / CHAIN.learning_rate, dtype, digits_lost=3)
    timed(benchmark, "chain", dtype, CHAIN.flops_per_step // 2, kernels.loss_and_grad, *args)


@pytest.mark.parametrize("dtype", DTYPES)
def test_train_step(benchmark: BenchmarkFixture, dtype: str) -> None:
    chain, rows = Chain(dtype), CHAIN.batch_size
    args = chain.plan, chain.theta, chain.state, chain.X[:rows], chain.T[:rows], chain.ones, chain.work
    kernels.train_step(*args)
    chain.numpy.step(*double(chain.X[:rows], chain.T[:rows]))
    agree(chain.theta, chain.numpy.theta(), dtype)
    timed(benchmark, "chain", dtype, CHAIN.flops_per_step // 2, kernels.train_step, *args)


@pytest.mark.parametrize("dtype", DTYPES)
def test_train_epoch(benchmark: BenchmarkFixture, dtype: str) -> None:
    chain = Chain(dtype)
    args = chain.plan, chain.theta, chain.state, chain.X, chain.T, chain.ones, chain.in_order, chain.work
    kernels.train_epoch(*args)
    chain.numpy.train(1)
    agree(chain.theta, chain.numpy.theta(), dtype)
    multiply_adds = CHAIN.flops_per_step * CHAIN.steps_per_epoch // 2
    timed(benchmark, "chain", dtype, multiply_adds, kernels.train_epoch, *args)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rule", ["sgd", "momentum", "nesterov", "adam"])
def test_apply_gradient(benchmark: BenchmarkFixture, rule: str, dtype: str) -> None:
    plan = kernels.make_plan([127, 128])
    theta, grad = drawn(dtype, plan.n_parameters), drawn(dtype, plan.n_parameters, seed=1)
    state = kernels.make_state(
        plan,
        "adam" if rule == "adam" else "sgd",
        dtype,
        learning_rate=0.01,
        momentum=0.9 if rule in ("momentum", "nesterov") else 0.0,
        nesterov=rule == "nesterov",
    )
    before, g = double(theta, grad)
    # The first step, from a state of zeros.
    moves = {"sgd": g, "momentum": g, "nesterov": 1.9 * g, "adam": g / (np.abs(g) + 1e-8)}
    kernels.apply_gradient(theta, grad, state)
    agree(theta, before - 0.01 * moves[rule], dtype)
    timed(benchmark, "step rules", dtype, theta.size, kernels.apply_gradient, theta, grad, state)
