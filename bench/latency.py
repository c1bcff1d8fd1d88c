"""One row through a small network, by every way in; and a compiled loop of one's own over blocks of rows beside ours.

All ways' outputs are compared before any is timed. They take turns of some milliseconds.
"""

from __future__ import annotations

import functools
import math
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from ..kernels import forward_loaded, load_parameters, make_workspace, predict, predict_one
from ..trainer import Network
from ..trainer.extras import available
from .report import Table, duration, markdown, ratio

# The network; what PyTorch and scikit-learn compute, too.
SIZES = (8, 32, 32, 1)
# Of the outputs, in units of the dtype's last place at 1.
TOLERANCE = 64
TURNS = 20
# Of a turn. What ran before has taken the caches: in one part, `MLPRegressor.predict` seemed to need half as long again.
PARTS = 4
PART = 0.003  # seconds
CALLS = 1000  # of one call of a compiled loop
BLOCKS = (1, 4, 16, 32, 64, 256, 1024)
ROWS = 4096


class Way(NamedTuple):
    """A way to the outputs of one row. call: does it `rows` times and returns the output."""

    label: str
    call: Callable[[], Any]
    rows: int = 1


@njit(cache=True)
def one_row_again(plan, theta, x, y, work, count):  # type: ignore[no-untyped-def]
    for _ in range(count):
        predict_one(plan, theta, x, y, work)


@njit(cache=True)
def one_row_loaded_again(plan, theta, X, work, count):  # type: ignore[no-untyped-def]
    load_parameters(plan, theta, work)
    total = 0.0
    for _ in range(count):
        total += forward_loaded(plan, X, work)[0, 0]
    return total / count


@njit(cache=True)
def blocks(plan, theta, X, Y, work, rows):  # type: ignore[no-untyped-def]
    """What a user writes who has rows in blocks."""
    load_parameters(plan, theta, work)
    for start in range(0, X.shape[0], rows):
        outputs = forward_loaded(plan, X[start : start + rows], work)
        for r in range(outputs.shape[0]):
            for j in range(outputs.shape[1]):
                Y[start + r, j] = outputs[r, j]


@njit(cache=True)
def whole(plan, theta, X, Y, work):  # type: ignore[no-untyped-def]
    predict(plan, theta, X, Y, work)


def our_ways(network: Network, X: np.ndarray) -> list[Way]:
    plan, theta, x, y = network.plan, network.theta, X[0].copy(), np.empty(network.plan.sizes[-1], network.dtype)
    work = make_workspace(plan, 1, network.dtype)

    def compiled() -> np.ndarray:
        one_row_again(plan, theta, x, y, work, CALLS)
        return y

    def from_python() -> np.ndarray:
        predict_one(plan, theta, x, y, work)
        return y

    return [
        Way("`forward_loaded` in compiled code", lambda: one_row_loaded_again(plan, theta, X, work, CALLS), CALLS),
        Way("`predict_one` in compiled code", compiled, CALLS),
        Way("`predict_one` from Python", from_python),
        Way("`Network.predict`", lambda: network.predict(X)),
    ]


def numpy_way(network: Network, X: np.ndarray) -> Way:
    def call() -> Any:
        A = X
        for W, b in zip(network.weights[:-1], network.biases[:-1], strict=True):
            A = np.tanh(A @ W + b)
        return A @ network.weights[-1] + network.biases[-1]

    return Way("NumPy by hand", call)


def scikit_learn_ways(network: Network, X: np.ndarray) -> list[Way]:
    """Both estimators with the network's parameters."""
    import sklearn.neural_network as theirs

    from .. import trainer as ours

    ways = []
    for label, module in (("our `MLPRegressor.predict`", ours), ("scikit-learn's `MLPRegressor.predict`", theirs)):
        estimator = module.MLPRegressor(hidden_layer_sizes=tuple(network.plan.sizes[1:-1]), activation="tanh", max_iter=1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            estimator.fit(np.random.default_rng(0).normal(size=(20, X.shape[1])).astype(X.dtype), np.zeros(20))
        for given, W in zip((*estimator.coefs_, *estimator.intercepts_), (*network.weights, *network.biases), strict=True):
            given[:] = W
        ways.append(Way(label, functools.partial(estimator.predict, X)))
    return ways


def pytorch_ways(network: Network, X: np.ndarray) -> list[Way]:
    """Eager, and compiled where that works. The row is a tensor already, and so is the output."""
    import torch

    torch.set_num_threads(1)
    modules: list[torch.nn.Module] = []
    for W, b in zip(network.weights, network.biases, strict=True):
        linear = torch.nn.Linear(*W.shape, dtype=torch.from_numpy(W).dtype)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(W.T))
            linear.bias.copy_(torch.from_numpy(b))
        modules += [linear, torch.nn.Tanh()]
    model, row = torch.nn.Sequential(*modules[:-1]), torch.from_numpy(X)

    def way(label: str, function: Callable[[Any], Any]) -> Way:
        def call() -> Any:
            with torch.no_grad():
                return function(row)

        return Way(label, call)

    ways = [way("PyTorch, eager, `no_grad`", model)]
    try:
        ways.append(way("PyTorch, `torch.compile`, `no_grad`", torch.compile(model)))
        ways[-1].call()
    except Exception as error:  # whatever a missing C++ compiler makes of itself
        print(f"torch.compile does not work here: {str(error).splitlines()[0]}", file=sys.stderr)
        del ways[1:]
    return ways


def part_seconds(call: Callable[[], Any], calls: int) -> float:
    started = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - started) / calls


def fastest(calls: list[Callable[[], Any]]) -> list[float]:
    """Seconds of each call, in turns of several parts; the fastest part counts."""
    counts = [max(1, int(PART / max(part_seconds(call, 2), 1e-9))) for call in calls]
    best = [math.inf] * len(calls)
    for _ in range(TURNS):
        for i, (call, count) in enumerate(zip(calls, counts, strict=True)):
            best[i] = min(best[i], *(part_seconds(call, count) for _ in range(PARTS)))
    return best


def wrong_ways(ways: list[Way], expected: float, dtype: str) -> list[str]:
    """The labels of those that come to another output."""
    bound = TOLERANCE * float(np.finfo(dtype).eps) * max(1.0, abs(expected))
    return [way.label for way in ways if not abs(float(np.asarray(way.call()).ravel()[0]) - expected) <= bound]


def row_table(ways: list[Way]) -> Table:
    seconds = [best / way.rows for best, way in zip(fastest([way.call for way in ways]), ways, strict=True)]
    reference = seconds[[way.label for way in ways].index("`predict_one` in compiled code")]
    rows = [[way.label, duration(best), ratio(best / reference)] for way, best in zip(ways, seconds, strict=True)]
    return ["one row", "time", "over `predict_one`"], rows


def block_table(network: Network) -> Table:
    """Raises ArithmeticError where both do not come to the same bits."""
    plan, theta, n = network.plan, network.theta, ROWS
    X = np.random.default_rng(1).normal(size=(n, plan.sizes[0])).astype(network.dtype)
    table = []
    for rows in BLOCKS:
        work, Y, Z = make_workspace(plan, rows, network.dtype), *np.zeros((2, n, plan.sizes[-1]), network.dtype)
        calls: list[Callable[[], Any]] = [
            lambda work=work, Y=Y, rows=rows: blocks(plan, theta, X, Y, work, rows),  # type: ignore[misc]
            lambda work=work, Z=Z: whole(plan, theta, X, Z, work),  # type: ignore[misc]
        ]
        for call in calls:
            call()
        if Y.tobytes() != Z.tobytes():
            raise ArithmeticError(f"blocks of {rows} rows: forward_loaded and predict come to different outputs")
        own, ours = (best * rows / n for best in fastest(calls))
        table.append([str(rows), duration(own), duration(ours), f"{100 * (own / ours - 1):+.1f}%"])
    return ["rows of a block", "`forward_loaded` in a loop of one's own", "`predict`", "more"], table


def run_latency(dtype: str) -> int:
    """Print both tables as Markdown; status 1 where a way comes to another output, which is then not timed."""
    network = Network(SIZES, "tanh", "identity", dtype=dtype, random_state=0)
    X = np.random.default_rng(0).normal(size=(1, SIZES[0])).astype(dtype)
    ways = [*our_ways(network, X), numpy_way(network, X)]
    ways += scikit_learn_ways(network, X) if available("sklearn") else []
    ways += pytorch_ways(network, X) if available("torch") else []
    reference = Network(SIZES, "tanh", "identity", dtype="float64", random_state=0)
    reference.theta = network.theta.astype("float64")
    wrong = wrong_ways(ways, float(np.asarray(numpy_way(reference, X.astype("float64")).call()).ravel()[0]), dtype)
    for label in wrong:
        print(f"{label} comes to another output, so it is not timed", file=sys.stderr)
    print(f"One row through {'-'.join(map(str, SIZES))}, {dtype}:\n")
    print(markdown(row_table([way for way in ways if way.label not in wrong])))
    print(f"\n{ROWS} rows in blocks, for each block:\n")
    print(markdown(block_table(network)))
    return 1 if wrong else 0
