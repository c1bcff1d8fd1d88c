"""Networks trained side by side: the same bits as `train_epoch` gives each of them alone."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba.core import config
from numba.core.errors import TypingError
from tileprop.kernels import Plan, make_plan, make_state, make_workspace, train_epoch
from tileprop.kernels.tiny.lane_memory import LaneWork
from tileprop.kernels.tiny.lanes import is_for_lanes, lanes_of, make_lane_work, train_lanes

DTYPES = ["float32", "float64"]
ACTIVATIONS = ["identity", "sigmoid", "tanh", "relu"]
SIZES = [[2, 2, 1], [1, 2, 1], [2, 1, 1], [1, 1, 1], [2, 3, 1], [2, 8, 1], [1, 7, 1], [2, 2, 2], [1, 1, 2], [8, 1], [1, 1]]
DONE, STOPPED, DIVERGED = 0, 1, 2


@dataclass
class Lanes:
    """What one call takes."""

    plan: Plan
    thetas: np.ndarray
    rates: np.ndarray
    X: np.ndarray
    T: np.ndarray
    orders: np.ndarray
    work: LaneWork
    losses: np.ndarray

    def run(self) -> int:
        with np.errstate(all="ignore"):  # as plain Python, the scalars' own warnings
            return train_lanes(*self.__dict__.values())

    def alone(self, network: int, row_counts: list[int]) -> tuple[np.ndarray, list[float]]:
        """The parameters and losses of a network after epochs of so many rows each, by itself."""
        theta, losses, m = self.thetas[network].copy(), [], self.orders.shape[1] // len(self.losses)
        state = make_state(self.plan, dtype=theta.dtype, learning_rate=self.rates[network])
        work, no_weights = make_workspace(self.plan, 1, theta.dtype), np.zeros(0, theta.dtype)
        for epoch, count in enumerate(row_counts):
            order = self.orders[network, epoch * m :][:count] if m else np.arange(count)
            losses.append(train_epoch(self.plan, theta, state, self.X, self.T, no_weights, order, work))
        return theta, losses


def make(sizes: list[int], networks: int = 17, dtype: str = "float64", **options: Any) -> Lanes:
    """Where `ordered`, an epoch has half as many steps as there are rows."""
    options = {"activation": "tanh", "n": 9, "epochs": 2, "ordered": True, "seed": 0} | options
    n, epochs, ordered, seed = (options.pop(name) for name in ("n", "epochs", "ordered", "seed"))
    rng, plan = np.random.default_rng(seed), make_plan(sizes, **options)
    return Lanes(
        plan,
        rng.uniform(-1, 1, (networks, plan.n_parameters)).astype(dtype),
        rng.uniform(0.01, 0.2, networks),
        rng.normal(size=(n, sizes[0])).astype(dtype),
        rng.random((n, sizes[-1])).astype(dtype),
        rng.integers(0, n, (networks, epochs * (n // 2) if ordered else 0)),
        make_lane_work(plan, networks, dtype),
        np.full((epochs, networks), np.nan),
    )


def check_same(lanes: Lanes) -> None:
    epochs, networks = lanes.losses.shape
    rows = [lanes.orders.shape[1] // epochs or len(lanes.X)] * epochs
    with np.errstate(all="ignore"):
        expected = [lanes.alone(network, rows) for network in range(networks)]
    assert lanes.run() == DONE
    assert lanes.work.counters[0].tolist() == (epochs, 0)
    for network, (theta, losses) in enumerate(expected):
        assert lanes.thetas[network].tobytes() == theta.tobytes()
        assert lanes.losses[:, network].tolist() == losses


@pytest.mark.plain
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sizes", SIZES)
def test_every_size_has_the_bits_of_single_networks(sizes, dtype):
    for networks, ordered, loss, bias in ((3, True, "mse", True), (17, False, "squared_error", True), (1, True, "mse", False)):
        check_same(make(sizes, networks, dtype, ordered=ordered, loss=loss, bias=bias, seed=sum(sizes)))


@pytest.mark.plain
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("hidden", ACTIVATIONS)
def test_every_activation_has_the_bits_of_single_networks(hidden, dtype):
    for output in ACTIVATIONS:
        for sizes in ([2, 2, 1], [2, 5, 1], [2, 2, 2], [5, 1]):
            check_same(make(sizes, 2, dtype, activation=hidden, output_activation=output, seed=3))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("ordered", [True, False])
def test_many_networks_and_rows_have_the_bits_of_single_networks(ordered, dtype):
    """Several groups of strips, several chunks of samples, and numbers that saturate."""
    lanes = make([2, 2, 1], 40 if dtype == "float64" else 100, dtype, n=301, ordered=ordered)
    lanes.X[:50] *= 100
    check_same(lanes)


@pytest.mark.plain
def test_arrays_beside_its_own_stay_as_they_are():
    lanes = make([2, 2, 1], 3)
    whole = np.full((5, lanes.plan.n_parameters), 7.0)
    whole[1:4] = lanes.thetas
    lanes.thetas, losses = whole[1:4], np.full((4, 3), 7.0)
    lanes.losses = losses[1:3]
    given = [array.copy() for array in (lanes.rates, lanes.X, lanes.T, lanes.orders)]
    assert lanes.run() == DONE
    assert (whole[[0, 4]] == 7).all()
    assert (losses[[0, 3]] == 7).all()
    for before, after in zip(given, (lanes.rates, lanes.X, lanes.T, lanes.orders), strict=True):
        assert np.array_equal(before, after)


@pytest.mark.plain
@pytest.mark.parametrize("ordered", [True, False])
def test_a_stop_ends_after_whole_steps_of_all_networks(ordered):
    lanes = make([2, 2, 1], 3, n=90, ordered=ordered)
    before = Lanes(**{**lanes.__dict__, "thetas": lanes.thetas.copy()})
    lanes.work.control[0] = 1
    assert lanes.run() == STOPPED
    epochs, rows = lanes.work.counters[0].tolist()
    assert epochs == 0
    assert 0 < rows < 45
    for network in range(3):
        theta, losses = before.alone(network, [rows])
        assert lanes.thetas[network].tobytes() == theta.tobytes()
        assert lanes.losses[:, network].tolist() == [losses[0], pytest.approx(np.nan, nan_ok=True)]


@pytest.mark.plain
def test_a_stop_in_the_last_step_of_an_epoch_leaves_a_whole_one():
    for epochs, status in ((1, DONE), (2, STOPPED)):
        lanes = make([2, 2, 1], 3, epochs=epochs)
        lanes.work.control[0] = 1
        assert lanes.run() == status
        assert lanes.work.counters[0].tolist() == (1, 0)
        assert np.isfinite(lanes.losses[0]).all()


@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="as plain Python a step takes long")
def test_a_stop_from_another_thread_is_heard_soon():
    lanes = make([2, 2, 1], 40, n=100, epochs=200_000, ordered=False)
    thread = threading.Thread(target=lanes.run)
    thread.start()
    time.sleep(0.05)
    lanes.work.control[0] = 1
    asked = time.perf_counter()
    thread.join()
    assert time.perf_counter() - asked < 1
    assert 0 < lanes.work.counters[0].epochs < 200_000


@pytest.mark.plain
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("place", ["X", "T", "thetas", "rates"])
def test_one_network_that_diverges_ends_the_call_and_all_is_as_before(place, dtype):
    lanes = make([2, 2, 1], 17, dtype, output_activation="identity", n=40)
    values = getattr(lanes, place)
    values[4] = 1e30 if place == "rates" else np.inf
    before = lanes.thetas.copy()
    assert lanes.run() == DIVERGED
    assert lanes.thetas.tobytes() == before.tobytes()


@pytest.mark.plain
@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("thetas", lambda a: a[:, 1:].copy(), "thetas needs a row of parameters"),
        ("thetas", lambda a: a[:0], "thetas needs a row of parameters"),
        ("rates", lambda a: a[1:], "rates, rows of orders"),
        ("orders", lambda a: a[1:], "rates, rows of orders"),
        ("losses", lambda a: a[:, 1:].copy(), "rates, rows of orders"),
        ("X", lambda a: a[:, 1:].copy(), "X needs at least one row"),
        ("X", lambda a: a[:0], "X needs at least one row"),
        ("T", lambda a: a[1:], "T needs as many rows"),
        ("T", lambda a: np.hstack([a, a]), "T needs as many rows"),
        ("orders", lambda a: a[:, 1:].copy(), "same number of rows for each epoch"),
        ("losses", lambda a: a[:0], "same number of rows for each epoch"),
        ("orders", lambda a: a + 6, "names a row that X does not have"),
        ("orders", lambda a: a - 6, "names a row that X does not have"),
        ("work", lambda work: work._replace(numbers=work.numbers[:-1]), "lane_work was made for fewer networks"),
        ("work", lambda work: work._replace(control=work.control[:0]), "lane_work was made for fewer networks"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_written(name, change, message):
    lanes = make([2, 2, 1], 8)
    thetas, losses = lanes.thetas, lanes.losses
    before = thetas.tobytes() + losses.tobytes()
    setattr(lanes, name, change(getattr(lanes, name)))
    with pytest.raises(ValueError, match=message):
        lanes.run()
    assert thetas.tobytes() + losses.tobytes() == before


@pytest.mark.plain
@pytest.mark.parametrize("sizes", [[3, 2, 1], [2, 9, 1], [2, 3, 2], [9, 1], [2, 2], [2, 2, 2, 1]])
def test_larger_networks_are_refused(sizes):
    with pytest.raises(ValueError, match="those that fit into registers"):
        make(sizes)
    lanes = make([2, 2, 1])
    assert is_for_lanes(lanes.plan)
    plan = lanes.plan = make_plan(sizes)
    assert not is_for_lanes(plan)
    lanes.thetas, lanes.X = np.zeros((17, plan.n_parameters)), np.zeros((9, sizes[0]))
    lanes.T = np.zeros((9, sizes[-1]))
    with pytest.raises(ValueError, match="does not fit into registers"):
        lanes.run()


@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="about types of compiled code")
def test_arrays_of_other_types_are_refused_by_their_names():
    for name, dtype in (("rates", np.float32), ("losses", np.float32), ("orders", np.int32), ("X", np.float32)):
        lanes = make([2, 2, 1])
        setattr(lanes, name, getattr(lanes, name).astype(dtype))
        with pytest.raises(TypingError, match=f"argument {name} "):
            lanes.run()


@pytest.mark.plain
def test_lanes_are_those_of_a_strip():
    assert (lanes_of("float32"), lanes_of(np.float64)) == (16, 8)


COMPARE = """
import test_lanes
for dtype in test_lanes.DTYPES:
    for ordered in (True, False):
        for number, sizes in enumerate(test_lanes.SIZES):
            names = test_lanes.ACTIVATIONS[number % 4], test_lanes.ACTIVATIONS[(number + 1 + ordered) % 4]
            options = {"activation": names[0], "output_activation": names[1]}
            test_lanes.check_same(test_lanes.make(sizes, 19, dtype, n=40, ordered=ordered, **options))
"""


@pytest.mark.full
@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="about compiled code")
@pytest.mark.parametrize(
    "variables",
    [
        {"TILEPROP_SIMD": "sse2", "NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": ""},
        *({"TILEPROP_SIMD": name} for name in ("sse2", "avx2", "avx512", "neon")),
        {"TILEPROP_STOCK_JIT": "1"},
    ],
)
def test_every_width_and_the_stock_way_have_the_bits_of_single_networks(variables):
    tests = Path(__file__).parents[2]
    paths = os.pathsep.join([str(Path(__file__).parent), str(tests), str(tests / "kernels"), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "TILEPROP_CACHE": "0", "PYTHONPATH": paths, **variables}
    done = subprocess.run([sys.executable, "-c", COMPARE], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
