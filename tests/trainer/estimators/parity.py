"""One setting of scikit-learn's MLP, trained by it and by ours, and how far apart they end."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import sklearn.neural_network as theirs
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning
from tileprop import trainer as ours

EPOCHS = 30
KINDS = ("binary", "multiclass", "multilabel", "regression", "several outputs", "poisson")


@st.composite
def settings(draw: Any) -> dict[str, Any]:
    """Settings of the data and of the estimator."""
    solver = draw(st.sampled_from(["sgd", "adam", "sgd", "adam", "lbfgs"]))
    kind = draw(st.sampled_from(KINDS))
    return {
        "kind": kind,
        "n": draw(st.integers(30, 90)),
        "n_in": draw(st.integers(1, 6)),
        "weighted": draw(st.booleans()),
        "seed": draw(st.integers(0, 10_000)),
        "arguments": {
            "hidden_layer_sizes": tuple(draw(st.lists(st.integers(1, 20), min_size=1, max_size=3))),
            "solver": solver,
            "activation": draw(st.sampled_from(["identity", "logistic", "tanh", "relu"])),
            "shuffle": draw(st.booleans()),
            "early_stopping": solver != "lbfgs" and draw(st.booleans()),
            "alpha": draw(st.sampled_from([0.0, 1e-4, 0.3])),
            "batch_size": draw(st.sampled_from(["auto", 1, 7, 16])),
            "learning_rate": draw(st.sampled_from(["constant", "invscaling", "adaptive"])),
            "learning_rate_init": draw(st.sampled_from([0.001, 0.01] if kind == "poisson" else [0.001, 0.01, 0.05])),
            "momentum": draw(st.sampled_from([0.0, 0.5, 0.9])),
            "nesterovs_momentum": draw(st.booleans()),
            "tol": draw(st.sampled_from([0.0, 1e-4, 1e-2])),
            "n_iter_no_change": draw(st.sampled_from([1, 3, 10])),
        },
    }


def data(kind: str, n: int, n_in: int, weighted: bool, seed: int, **_: Any) -> tuple[np.ndarray, np.ndarray, Any]:
    """X, y and sample weights or None."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, n_in))
    score = X @ rng.normal(size=(n_in, 3)) + 0.5 * rng.normal(size=(n, 3))
    y = {
        "binary": np.where(score[:, 0] > 0, 1, -1),  # no words: with them, scikit-learn before 1.9 cannot stop early
        "multiclass": score.argmax(axis=1) * 10,
        "multilabel": (score > 0).astype(int),
        "regression": score[:, 0],
        "several outputs": score,
        "poisson": rng.poisson(np.exp(np.clip(score[:, 0] / 3, -2, 2))).astype(float),
    }[kind]
    if kind in ("binary", "multiclass"):
        y[:6] = np.resize(np.unique(y), 6)  # enough of each to be split
    return X, y, rng.uniform(0.2, 2.0, n) if weighted else None


def nudged(Estimator: type) -> type:
    """scikit-learn's estimator, starting from weights that differ in their last places."""

    class Nudged(Estimator):
        def _init_coef(self, *arguments: Any) -> Any:
            coef, intercept = super()._init_coef(*arguments)
            return coef * (1 + 1e-15), intercept * (1 + 1e-15)

    return Nudged


@dataclass
class Outcome:
    """distance: of the weights, by the largest. shift: scikit-learn's own, from a start that differs in the last places."""

    distance: float
    shift: float
    iterations: tuple[int, int]
    curves: float

    @property
    def same(self) -> bool:
        return self.distance <= 1e-8 and self.iterations[0] == self.iterations[1] and self.curves <= 1e-8

    @property
    def as_near_as_can_be(self) -> bool:
        return self.same or self.distance <= 100 * self.shift


def compare(setting: dict[str, Any]) -> Outcome:
    classifier = setting["kind"] in KINDS[:3]
    name = "MLPClassifier" if classifier else "MLPRegressor"
    loss = {"loss": "poisson"} if setting["kind"] == "poisson" else {}
    arguments = setting["arguments"] | loss | {"random_state": setting["seed"], "max_iter": EPOCHS}
    X, y, weight = data(**setting)

    def fit(Estimator: type) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return Estimator(**arguments).fit(X, y, sample_weight=weight)

    mine, other = fit(getattr(ours, name)), fit(getattr(theirs, name))
    distance = apart(mine, other)
    again = other if distance <= 1e-8 else fit(nudged(getattr(theirs, name)))
    curves = 0.0
    if arguments["solver"] != "lbfgs" and mine.n_iter_ == other.n_iter_:
        curves = float(np.max(np.abs(np.subtract(mine.loss_curve_, other.loss_curve_)) / np.abs(other.loss_curve_)))
    return Outcome(distance, apart(again, other), (mine.n_iter_, other.n_iter_), curves)


def apart(a: Any, b: Any) -> float:
    """The largest difference of two estimators' weights and biases, relative to each array's largest entry."""
    pairs = zip([*a.coefs_, *a.intercepts_], [*b.coefs_, *b.intercepts_], strict=True)
    return max(float(np.abs(x - y).max() / max(np.abs(y).max(), 1e-300)) for x, y in pairs)
