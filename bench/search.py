"""A grid of settings of MLPClassifier, each on 5 folds of digits: our `MLPSearchCV` beside scikit-learn's `GridSearchCV`.

Both search the same grid with the same folds and seeds, with as many processes or threads. Times are reported where both
find the same best setting, and scores that agree.
"""

from __future__ import annotations

import importlib
import time
import warnings
from typing import Any

import numpy as np

FOLDS = 5
# 40 settings.
GRID: dict[str, list[Any]] = {
    "hidden_layer_sizes": [(16,), (32,), (64,), (32, 16)],
    "alpha": [0.01, 0.0001],
    "learning_rate_init": [0.0003, 0.001, 0.002, 0.003, 0.005],
}
BATCH_SIZE = 16
# Between the mean accuracies of a setting. Rounding grows over epochs, and moves rows that are near a border.
TOLERANCE = 0.01


def searches(threads: int, epochs: int) -> dict[str, Any]:
    """Both searches, by the names of their libraries."""
    selection = importlib.import_module("sklearn.model_selection")
    theirs = importlib.import_module("sklearn.neural_network")
    ours = importlib.import_module("tileprop.trainer")
    common: dict[str, Any] = {"max_iter": epochs, "batch_size": BATCH_SIZE, "random_state": 0}
    options: dict[str, Any] = {"cv": FOLDS, "n_jobs": threads}
    return {
        "tileprop": ours.MLPSearchCV(ours.MLPClassifier(**common), GRID, **options),
        "scikit-learn": selection.GridSearchCV(theirs.MLPClassifier(**common), GRID, **options),
    }


def run_search(epochs: int, threads: int, dtype: str) -> int:
    """Print the times and scores; status 1 where the two do not agree."""
    datasets = importlib.import_module("sklearn.datasets")
    X, y = datasets.load_digits(return_X_y=True)
    X = (X / 16.0).astype(dtype)
    made, seconds = searches(threads, epochs), {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, search in made.items():
            if name == "tileprop":  # loads what is compiled
                searches(threads, 2)[name].fit(X[:300], y[:300])
            started = time.perf_counter()
            search.fit(X, y)
            seconds[name] = time.perf_counter() - started
    settings = made["tileprop"].cv_results_["params"]
    scores = {name: search.cv_results_["mean_test_score"] for name, search in made.items()}
    apart = np.abs(scores["tileprop"] - scores["scikit-learn"])
    print(
        f"digits, {FOLDS} folds x {len(settings)} settings, at most {epochs} epochs, n_jobs={threads}, "
        f"{dtype}: mean accuracies at most {apart.max():.4f} apart, equal for {(apart == 0).sum()} settings"
    )
    for name, search in made.items():
        print(f"  {name:13} {seconds[name]:8.2f} s   best {search.best_score_:.4f} with {search.best_params_}")
    if made["tileprop"].best_params_ != made["scikit-learn"].best_params_ or apart.max() > TOLERANCE:
        print("  not the same result, so no ratio")
        return 1
    print(f"  {seconds['scikit-learn'] / seconds['tileprop']:.1f} times as fast")
    return 0
