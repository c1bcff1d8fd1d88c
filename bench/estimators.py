"""`fit` and single-row `predict` of our estimators beside scikit-learn's, defaults unchanged, on tables of several sizes.

Both train in this process, in turns. Each table is timed only if both end at the same loss after as many epochs.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

# Losses after as many epochs; over hundreds of them rounding grows.
TOLERANCE = 1e-3
REPEATS = 3
LARGE = 1_000_000  # entries of X from which one turn has to do
CALLS = 2000


def digits() -> tuple[str, np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    return "MLPClassifier", *load_digits(return_X_y=True)


def breast_cancer() -> tuple[str, np.ndarray, np.ndarray]:
    from sklearn.datasets import load_breast_cancer

    return "MLPClassifier", *load_breast_cancer(return_X_y=True)


def table(rows: int, columns: int, dtype: str = "float64") -> tuple[str, np.ndarray, np.ndarray]:
    """A smooth function of the first columns, and noise."""
    generator = np.random.default_rng(0)
    X = generator.standard_normal((rows, columns)).astype(dtype)
    y = np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2] + 0.3 * generator.standard_normal(rows).astype(dtype)
    return "MLPRegressor", X, y


def images(rows: int = 60_000) -> tuple[str, np.ndarray, np.ndarray]:
    """As many numbers as MNIST has: ten blurred prototypes, and noise."""
    generator = np.random.default_rng(0)
    labels = np.arange(rows) % 10
    prototypes = generator.random((10, 784)).astype(np.float32)
    return "MLPClassifier", prototypes[labels] + 0.7 * generator.random((rows, 784), np.float32), labels


TABLES: dict[str, Callable[[], tuple[str, np.ndarray, np.ndarray]]] = {
    "digits": digits,
    "breast_cancer": breast_cancer,
    "20000x8": lambda: table(20_000, 8),
    "20000x64": lambda: table(20_000, 64),
    "60000x784": images,
}


def fit_seconds(estimator: Any, X: np.ndarray, y: np.ndarray) -> float:
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator.fit(X, y)
    return time.perf_counter() - started


def call_seconds(call: Callable[[], Any]) -> float:
    """The fastest of many calls."""
    best = math.inf
    for _ in range(CALLS):
        started = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - started)
    return best


def run_estimators(names: list[str]) -> int:
    """Print a line for each table; status 1 where the two ended at different losses."""
    import sklearn.neural_network as theirs

    from .. import trainer as ours

    status = 0
    for name in names:
        kind, X, y = TABLES[name]()
        mine, other = (getattr(module, kind)(random_state=0) for module in (ours, theirs))
        fit_seconds(type(mine)(random_state=0, max_iter=1), X, y)  # compiles, or loads what is compiled
        times: dict[Any, list[float]] = {mine: [], other: []}
        for turn in range(1 if X.size > LARGE else REPEATS):
            for estimator in (mine, other) if turn % 2 == 0 else (other, mine):
                times[estimator].append(fit_seconds(estimator, X, y))
        apart = abs(mine.loss_ - other.loss_) / other.loss_
        print(
            f"{name}  {X.shape[0]} x {X.shape[1]} {X.dtype}, {kind}: {mine.n_iter_} and {other.n_iter_} epochs, "
            f"losses {apart:.1e} apart"
        )
        if mine.n_iter_ != other.n_iter_ or apart > TOLERANCE:
            print("  not the same training, so no times")
            status = 1
            continue
        a, b = min(times[mine]), min(times[other])
        print(f"  fit       {a:8.3f} s   scikit-learn {b:8.3f} s   {b / a:.1f}x")
        row = X[:1]
        network = mine.network_
        checked = np.ascontiguousarray(row, network.dtype)
        single = [
            call_seconds(call)
            for call in (
                lambda n=network, r=checked: n.predict(r),
                lambda e=mine, r=row: e.predict(r),
                lambda e=other, r=row: e.predict(r),
                lambda e=other, r=row: e._forward_pass_fast(r, check_input=False),
            )
        ]
        net, through, peer, bare = (1e6 * seconds for seconds in single)
        print(
            f"  predict   network_ {net:.1f} us, estimator {through:.1f} us   scikit-learn {peer:.1f} us, of which "
            f"{peer - bare:.1f} us are validation and decoding   {peer / net:.1f}x"
        )
    return status
