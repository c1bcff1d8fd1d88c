"""Signals at random moments of all that takes long; prints how long each took to be answered.

`python interrupting.py SEED EACH [CASE ...]`: so many signals for each case. Prints a line of JSON for each case: its name,
and seconds from each signal until the call had ended. Ends with an error where a model is not usable afterwards, or a thread
is left.
"""

from __future__ import annotations

import json
import random
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from tileprop.trainer import LBFGS, SGD, Adam, LevenbergMarquardt, MLPClassifier, MLPRegressor, Network

RNG = np.random.default_rng(0)
EPOCHS = 10**7


def _rows(n: int, n_in: int, n_out: int, dtype: str = "float32") -> tuple[np.ndarray, np.ndarray]:
    X = RNG.normal(size=(n, n_in)).astype(dtype)
    return X, np.sin(X[:, :n_out]).astype(dtype)


class Case:
    """A network, or an estimator, and a call that goes on for long, or is made again and again."""

    def __init__(self, model: Any, call: Callable[[], Any], usable: Callable[[], bool]) -> None:
        self.model, self.call, self.usable = model, call, usable


def _network(sizes: list[int], dtype: str = "float32", **more: Any) -> Network:
    return Network(sizes, "tanh", "identity", dtype=dtype, random_state=1, **more)


def _fit(sizes: list[int], rows: int, dtype: str = "float32", **options: Any) -> Case:
    net, (X, T) = _network(sizes, dtype), _rows(rows, sizes[0], sizes[-1], dtype)
    given = {"epochs": EPOCHS, "progress": False, "optimizer": SGD(1e-4), **options}
    return _of_network(net, lambda: net.fit(X, T, **given), X)


def _validated(rows: int) -> Case:
    net, (X, T) = _network([20, 64, 1]), _rows(1000, 20, 1)
    validation = _rows(rows, 20, 1)
    return _of_network(net, lambda: net.fit(X, T, epochs=EPOCHS, validation_data=validation, optimizer=SGD(1e-4)), X)


def _of_network(net: Network, call: Callable[[], Any], X: np.ndarray) -> Case:
    return Case(net, call, lambda: bool(np.isfinite(net.theta).all() and np.isfinite(net.predict(X[:5])).all()))


def _method(name: str, sizes: list[int], rows: int, *arguments: str) -> Case:
    net, (X, T) = _network(sizes), _rows(rows, sizes[0], sizes[-1])
    given = {"X": X, "T": T, "v": RNG.normal(size=net.theta.size), "dY": T}
    return _of_network(net, lambda: getattr(net, name)(*(given[argument] for argument in arguments)), X)


def _estimator(maker: Any, rows: int, **more: Any) -> Case:
    X, T = _rows(rows, 20, 1)
    y = T.ravel() if maker is MLPRegressor else (T.ravel() > 0).astype(int)
    estimator = maker(hidden_layer_sizes=(64,), max_iter=EPOCHS, tol=0.0, n_iter_no_change=EPOCHS, random_state=0, **more)
    return Case(estimator, lambda: estimator.fit(X, y), lambda: bool(np.isfinite(estimator.predict(X[:5])).all()))


CASES: dict[str, Callable[[], Case]] = {
    "tiny fit": lambda: _fit([2, 2, 1], 50, batch_size=1),
    "tiny fit, float64": lambda: _fit([2, 2, 1], 2000, "float64", batch_size=1),
    "small fit": lambda: _fit([8, 32, 32, 1], 500),
    "small fit, two threads": lambda: _fit([8, 32, 32, 1], 500, n_threads=2),
    "small fit, Adam, long epochs": lambda: _fit([8, 32, 32, 1], 300_000, optimizer=Adam(1e-4)),
    "big fit": lambda: _fit([256, 512, 512, 10], 20_000, batch_size=256),
    "big fit, two threads": lambda: _fit([256, 512, 512, 10], 20_000, batch_size=256, n_threads=2),
    "long batches": lambda: _fit([50, 128, 1], 200_000, batch_size=400_000),
    "long batches, two threads": lambda: _fit([50, 128, 1], 200_000, batch_size=400_000, n_threads=2),
    "validation": lambda: _validated(1_000_000),
    "predict": lambda: _method("predict", [64, 256, 256, 1], 500_000, "X"),
    "predict few": lambda: _method("predict", [64, 256, 256, 1], 7, "X"),
    "activations": lambda: _method("activations", [20, 64, 1], 400_000, "X"),
    "loss": lambda: _method("loss", [20, 64, 1], 1_000_000, "X", "T"),
    "loss_and_grad": lambda: _method("loss_and_grad", [20, 64, 1], 500_000, "X", "T"),
    "input_gradient": lambda: _method("input_gradient", [20, 64, 1], 500_000, "X", "T"),
    "sample_gradients": lambda: _method("sample_gradients", [20, 64, 1], 100_000, "X", "T"),
    "input_jacobian": lambda: _method("input_jacobian", [20, 64, 5], 200_000, "X"),
    "parameter_jacobian": lambda: _method("parameter_jacobian", [20, 32, 2], 50_000, "X"),
    "vjp": lambda: _method("vjp", [20, 64, 1], 500_000, "X", "dY"),
    "hessian_vector": lambda: _method("hessian_vector", [20, 64, 1], 300_000, "X", "T", "v"),
    "gauss_newton_vector": lambda: _method("gauss_newton_vector", [20, 64, 1], 300_000, "X", "T", "v"),
    "Levenberg-Marquardt": lambda: _fit([20, 20, 1], 20_000, optimizer=LevenbergMarquardt(tol=0.0)),
    "Levenberg-Marquardt, many parameters": lambda: _fit([50, 40, 1], 5000, optimizer=LevenbergMarquardt(tol=0.0)),
    "L-BFGS": lambda: _fit([20, 64, 1], 300_000, optimizer=LBFGS(tol=0.0)),
    "L-BFGS, tiny": lambda: _fit([3, 4, 1], 50, optimizer=LBFGS(tol=0.0)),
    "MLPRegressor": lambda: _estimator(MLPRegressor, 20_000),
    "MLPRegressor, lbfgs": lambda: _estimator(MLPRegressor, 100_000, solver="lbfgs", max_fun=EPOCHS),
    "MLPClassifier, early stopping": lambda: _estimator(MLPClassifier, 20_000, early_stopping=True, n_threads=2),
}


def _raise_exit(number: int, frame: object) -> None:
    raise SystemExit


def interrupted(case: Case, delay: float, number: int) -> float:
    """Seconds from a signal, `delay` after the begin, until the call had ended."""
    sent: list[float] = []

    def send() -> None:
        sent.append(time.monotonic())
        signal.pthread_kill(threading.main_thread().ident or 0, number)

    timer = threading.Timer(delay, send)
    begun = time.monotonic()
    try:
        timer.start()
        while not sent and time.monotonic() < begun + 60.0:
            case.call()
    except (KeyboardInterrupt, SystemExit):
        pass
    ended = time.monotonic()
    timer.join()
    assert sent, "the call ended before the signal"
    return ended - sent[0]


def _threads_left() -> list[threading.Thread]:
    """But those that are about to end."""
    threads = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
    for thread in threads:
        thread.join(2.0)
    return [thread for thread in threads if thread.is_alive()]


def run(seed: int, each: int, names: list[str]) -> None:
    moments = random.Random(seed)
    signal.signal(signal.SIGTERM, _raise_exit)
    warnings.simplefilter("ignore")
    for name in names or CASES:
        case = CASES[name]()
        for _ in range(3):  # until all is compiled, or read from the cache
            interrupted(case, 2.0, signal.SIGINT)
        waits = []
        for k in range(each):
            waits.append(interrupted(case, moments.uniform(0.0, 0.5), (signal.SIGINT, signal.SIGTERM)[k % 2]))
            assert case.usable(), name
            assert not _threads_left(), name
        print(json.dumps([name, waits]), flush=True)


if __name__ == "__main__":
    run(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
