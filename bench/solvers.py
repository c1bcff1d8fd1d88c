"""Levenberg-Marquardt beside Adam, L-BFGS and SciPy's `least_squares`: the time until a fit is as good as it is to be.

Smooth functions are to be fitted to a mean squared error of 1e-8. Of measured data, with noise, a part is held out, and the
loss there is to come down to the least that Adam reaches with any of five learning rates. All sides begin with the same
weights, in float64, on one thread; a peer that needs 20 times as long as Levenberg-Marquardt (the median of three) is stopped.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..kernels import make_workspace, parameter_jacobian, predict
from ..trainer import LBFGS, Adam, LevenbergMarquardt, Network
from ..trainer.extras import require
from ..trainer.fit.callbacks import RunningFit
from .report import duration, ratio, show

TARGET = 1e-8
RATES = (0.001, 0.003, 0.01, 0.03, 0.1)
# Of Adam, on measured data; batches of 32 rows. With 2000 it still descends, and has not come to its best.
ADAM_EPOCHS = 20_000
COUNT_TO = 20
REPEATS = 3
MOST_ITERATIONS = 1000
PEERS = ("Adam", "L-BFGS", "least_squares")


class Rows(NamedTuple):
    """Inputs and targets; X_val, T_val: those held out, None where the training loss itself is to fall."""

    X: np.ndarray
    T: np.ndarray
    X_val: np.ndarray | None = None
    T_val: np.ndarray | None = None


class Fit(NamedTuple):
    """A network and its data."""

    name: str
    sizes: list[int]
    rows: Callable[[], Rows]

    def network(self, seed: int) -> Network:
        return Network(self.sizes, "tanh", "identity", dtype="float64", random_state=seed)


class Outcome(NamedTuple):
    """How long a side took, in seconds and steps of its own kind, and the least loss that it came to."""

    seconds: float
    steps: int
    loss: float
    reached: bool
    label: str = ""


# Data ----------------------------------------------------------------------------------------------------------------------


def line() -> np.ndarray:
    return np.linspace(-1.0, 1.0, 400)[:, None]


def square() -> np.ndarray:
    """A grid on [-1, 1]^2."""
    axis = np.linspace(-1.0, 1.0, 32)
    return np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)


def sine() -> Rows:
    """Three periods."""
    X = line()
    return Rows(X, np.sin(3 * np.pi * X))


def runge() -> Rows:
    X = line()
    return Rows(X, 1 / (1 + 25 * X**2))


def bump() -> Rows:
    X = square()
    return Rows(X, np.exp(-4 * (X**2).sum(axis=1, keepdims=True)))


def franke() -> Rows:
    """Franke's function (1979) on the unit square."""
    X = square()
    x, y = 4.5 * (X[:, :1] + 1), 4.5 * (X[:, 1:] + 1)
    T = 0.75 * np.exp(-((x - 2) ** 2 + (y - 2) ** 2) / 4) + 0.75 * np.exp(-((x + 1) ** 2) / 49 - (y + 1) / 10)
    T += 0.5 * np.exp(-((x - 7) ** 2 + (y - 3) ** 2) / 4) - 0.2 * np.exp(-((x - 4) ** 2) - (y - 7) ** 2)
    return Rows(X, T)


def held_out(X: np.ndarray, y: np.ndarray, seed: int = 0) -> Rows:
    """Two thirds to train on; all columns standardised."""
    order = np.random.default_rng(seed).permutation(len(X))
    X, T = (X - X.mean(axis=0)) / X.std(axis=0), ((y - y.mean()) / y.std())[:, None]
    train, rest = order[: 2 * len(X) // 3], order[2 * len(X) // 3 :]
    return Rows(X[train], T[train], X[rest], T[rest])


def diabetes() -> Rows:
    return held_out(*require("sklearn.datasets", "the fit 'diabetes'").load_diabetes(return_X_y=True))


def luminance() -> np.ndarray:
    """Of a photograph's pixels (427, 640)."""
    image: np.ndarray = require("sklearn.datasets", "a fit of a photograph").load_sample_image("flower.jpg")
    return image.mean(axis=2)


def scanline() -> Rows:
    """Of one of a photograph's rows."""
    Z = luminance()[100]
    return held_out(np.arange(float(Z.size))[:, None], Z)


def photograph() -> Rows:
    """Of 1500 pixels anywhere, by their places."""
    Z = luminance()
    places = np.random.default_rng(0).choice(Z.size, 1500, replace=False)
    row, column = np.unravel_index(places, Z.shape)
    return held_out(np.stack([row, column], axis=1).astype(np.float64), Z[row, column])


FITS = {
    fit.name: fit
    for fit in (
        Fit("sine", [1, 16, 1], sine),
        Fit("runge", [1, 16, 1], runge),
        Fit("bump", [2, 10, 10, 1], bump),
        Fit("franke", [2, 12, 12, 1], franke),
        Fit("scanline", [1, 10, 1], scanline),
        Fit("diabetes", [10, 8, 1], diabetes),
        Fit("photograph", [2, 20, 1], photograph),
    )
}


# Sides ---------------------------------------------------------------------------------------------------------------------


class _Met(Exception):
    """Leaves a peer that has no callback."""


class Goal:
    """A callback that ends a fit where its loss is down at the target, or time is up; it notes the least loss."""

    def __init__(self, rows: Rows, target: float, limit: float) -> None:
        self.held_out, self.target, self.limit = rows.X_val is not None, target, limit
        self.losses_only = not self.held_out
        self.least, self.steps = math.inf, 0
        self.started = time.perf_counter()
        self.seconds = 0.0

    def __call__(self, running: RunningFit) -> bool:
        return self.met(running.history.val_loss[-1] if self.held_out else running.history.loss[-1])

    def met(self, loss: float) -> bool:
        self.seconds = time.perf_counter() - self.started
        self.steps += 1
        self.least = min(self.least, loss)
        return loss <= self.target or self.seconds > self.limit

    def outcome(self, label: str = "") -> Outcome:
        return Outcome(self.seconds, self.steps, self.least, self.least <= self.target, label)


def train(fit: Fit, rows: Rows, seed: int, optimizer: Any, target: float, limit: float = math.inf, label: str = "") -> Outcome:
    network, goal = fit.network(seed), Goal(rows, target, limit)
    epochs = MOST_ITERATIONS if isinstance(optimizer, LevenbergMarquardt) else 10**9
    validation = None if rows.X_val is None else (rows.X_val, rows.T_val)
    network.fit(rows.X, rows.T, epochs=epochs, optimizer=optimizer, validation_data=validation, callbacks=[goal])
    return goal.outcome(label)


def adams_best(fit: Fit, rows: Rows, seed: int) -> Outcome:
    """The least held-out loss of all rates, and how long the fit that came to it had run by then."""
    found = []
    for rate in RATES:
        history = fit.network(seed).fit(
            rows.X, rows.T, epochs=ADAM_EPOCHS, optimizer=Adam(rate), validation_data=(rows.X_val, rows.T_val)
        )
        best = int(np.argmin(history.val_loss))
        found.append(Outcome(sum(history.seconds[: best + 1]), best + 1, history.val_loss[best], True, f"rate {rate}"))
    return min(found, key=lambda outcome: outcome.loss)


def least_squares(fit: Fit, rows: Rows, seed: int, method: str, target: float, limit: float) -> Outcome:
    """SciPy's, with our outputs and our Jacobian."""
    network = fit.network(seed)
    plan, n = network.plan, len(rows.X)
    work = make_workspace(plan, n, derivatives=True)
    Y, J = np.empty((n, 1)), np.empty((n, 1, plan.n_parameters))
    goal = Goal(rows, target, limit)

    def residuals(theta: np.ndarray) -> np.ndarray:
        predict(plan, theta, rows.X, Y, work)
        return (Y - rows.T).ravel()

    def jacobian(theta: np.ndarray) -> np.ndarray:
        parameter_jacobian(plan, theta, rows.X, Y, J, work)
        X, T, outputs = rows.X, rows.T, Y
        if rows.X_val is not None and rows.T_val is not None:
            X, T, outputs = rows.X_val, rows.T_val, np.empty_like(rows.T_val)
            predict(plan, theta, X, outputs, work)
        if goal.met(float(np.mean((outputs - T) ** 2))):
            raise _Met
        return J.reshape(n, -1)

    try:
        least = require("scipy.optimize", "the benchmark of solvers").least_squares
        least(residuals, network.theta, jacobian, method=method, ftol=1e-15, xtol=1e-15, gtol=1e-15, max_nfev=10**6)
    except _Met:
        pass
    return goal.outcome(method)


# The race ------------------------------------------------------------------------------------------------------------------


def race(fit: Fit, rows: Rows, seed: int) -> tuple[float, Outcome, list[Outcome]]:
    """The target, ours, and each peer's best."""
    adam = adams_best(fit, rows, seed) if rows.X_val is not None else None
    target = TARGET if adam is None else adam.loss
    runs = [train(fit, rows, seed, LevenbergMarquardt(), target) for _ in range(REPEATS)]
    ours = sorted(runs, key=lambda run: run.seconds)[REPEATS // 2]
    limit = (COUNT_TO if ours.reached else 1) * ours.seconds
    if adam is None:
        tried = [train(fit, rows, seed, Adam(rate), target, limit, f"rate {rate}") for rate in RATES]
        adam = _best(tried)
    methods = [least_squares(fit, rows, seed, method, target, limit) for method in ("lm", "trf")]
    return target, ours, [adam, train(fit, rows, seed, LBFGS(), target, limit), _best(methods)]


def warm_up(fit: Fit, rows: Rows) -> None:
    """Compile every side, or load what is compiled: a goal that the first steps meet."""
    for optimizer in (LevenbergMarquardt(), LBFGS(), Adam()):
        train(fit, rows, 0, optimizer, math.inf)
    least_squares(fit, rows, 0, "lm", math.inf, math.inf)


def _best(outcomes: list[Outcome]) -> Outcome:
    """The first to reach the target, or the one that came nearest."""
    reached = [outcome for outcome in outcomes if outcome.reached]
    return min(reached, key=lambda outcome: outcome.seconds) if reached else min(outcomes, key=lambda outcome: outcome.loss)


def _ours(ours: Outcome) -> str:
    return f"{duration(ours.seconds)}, {ours.steps} steps" if ours.reached else f"not reached ({ours.loss:.2e})"


def _cell(peer: Outcome, ours: Outcome) -> str:
    """Its time by ours; what it came to in so long, where that is not the target."""
    label, factor = f"{peer.label}, " if peer.label else "", ratio(peer.seconds / ours.seconds)
    if peer.reached:
        return f"{factor} ({label}{duration(peer.seconds)})" if ours.reached else f"{label}{duration(peer.seconds)}"
    return f"not in {factor} ({label}{peer.loss:.2e})"


def run_solvers(names: list[str], seeds: int) -> int:
    """Print a table; status 1 where a smooth function was not fitted."""
    one_thread = require("threadpoolctl", "the benchmark of solvers").threadpool_limits
    status, table = 0, []
    with one_thread(1):
        for name in names:
            fit = FITS[name]
            rows = fit.rows()
            warm_up(fit, rows)
            for seed in range(seeds):
                print(f"{name}, seed {seed}", file=sys.stderr, flush=True)
                target, ours, peers = race(fit, rows, seed)
                status |= rows.X_val is None and not ours.reached
                sizes = "-".join(map(str, fit.sizes))
                cells = [_ours(ours), *(_cell(peer, ours) for peer in peers)]
                table.append([name, sizes, str(len(rows.X)), str(seed), f"{target:.3g}", *cells])
    show((["fit", "network", "rows", "seed", "target", "Levenberg-Marquardt", *PEERS], table))
    return int(status)
