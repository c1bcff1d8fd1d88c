"""Several Python threads that train and predict at once come to the same bits as one after another."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numba.core import config
from tileprop.trainer import SGD, Adam, Network, RMSprop

# By output: its activation, its loss.
OUTPUTS = [("identity", "mse"), ("sigmoid", "log_loss"), ("softmax", "log_loss"), ("identity", "huber"), ("tanh", "mae")]
OPTIMIZERS = [SGD(), SGD(momentum=0.9), Adam(), RMSprop()]


def draw(number):
    """A network, rows and the arguments of its training: the same ones for the same number."""
    rng = np.random.default_rng(number)
    sizes = rng.integers(1, 40, size=rng.integers(2, 5)).tolist()
    output, loss = OUTPUTS[rng.integers(len(OUTPUTS))]
    if output == "softmax":
        sizes[-1] += 1
    hidden, dtype = ["tanh", "relu", "sigmoid"][rng.integers(3)], ["float32", "float64"][rng.integers(2)]
    network = Network(sizes, hidden, output, loss, dtype=dtype, random_state=number)
    n = int(rng.integers(1, 1000))
    X, T = rng.normal(size=(n, sizes[0])), rng.random((n, sizes[-1]))
    if loss == "log_loss":
        T = np.eye(sizes[-1])[T.argmax(1)] if output == "softmax" else np.round(T)
    arguments = {
        "epochs": int(rng.integers(1, 6)),
        "batch_size": int(rng.integers(1, 50)),
        "optimizer": OPTIMIZERS[rng.integers(len(OPTIMIZERS))],
        "n_threads": [None, 1, 2][rng.integers(3)],
    }
    return network, X, T, arguments


def fit_and_predict(number):
    """All bits that come of it: parameters, losses, outputs of all rows, of few and of one."""
    network, X, T, arguments = draw(number)
    history = network.fit(X, T, **arguments)
    outputs = [network.predict(X[:rows]).tobytes() for rows in (len(X), 3, 1)]
    return network.theta.tobytes(), tuple(history.loss), *outputs


def at_once(threads, tasks, function):
    """What `function` makes of range(tasks); all threads begin together."""
    barrier = threading.Barrier(threads)
    with ThreadPoolExecutor(threads, initializer=barrier.wait, initargs=(60,)) as pool:
        return list(pool.map(function, range(tasks)))


def check_fits(threads, tasks):
    together = at_once(threads, tasks, fit_and_predict)
    assert together == [fit_and_predict(number) for number in range(tasks)]
    assert len({bits[0] for bits in together}) == tasks


pytestmark = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="about compiled code")


def test_fits_at_once():
    check_fits(threads=4, tasks=12)


@pytest.mark.full
def test_many_fits_at_once():
    check_fits(threads=8, tasks=200)


def test_one_network_answers_several_threads():
    """One row and few at a time, which share spare workspaces, and many rows."""
    network = Network([5, 30, 3], "tanh", "softmax", "log_loss", random_state=0)
    X = np.random.default_rng(0).normal(size=(4000, 5))
    expected = network.predict(X)

    def ask(number):
        rng = np.random.default_rng(number)
        for rows in rng.choice([1, 2, 7, 64, 1500], size=400, p=[0.4, 0.2, 0.2, 0.15, 0.05]):
            first = int(rng.integers(len(X) - rows + 1))
            if not np.array_equal(network.predict(X[first : first + rows]), expected[first : first + rows]):
                return f"rows from {first} on, {rows} of them"
        return None

    assert at_once(4, 8, ask) == [None] * 8
