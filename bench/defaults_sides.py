"""The other sides of the race of defaults: each is trained with its defaults, and predicts the same held-out rows.

A side takes `Rows` and a seed, and gives the probabilities (n_test, n_classes), or the numbers (n_test), that it predicts. All
train on one thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..trainer.extras import require
from .defaults_rows import Rows

# Categories that scikit-learn's linear model and MLP see apart; rarer ones are one.
MOST_CATEGORIES = 30

WHAT = "the race of defaults"

Side = Callable[[Rows, int], np.ndarray]


def constant(rows: Rows, seed: int) -> np.ndarray:
    """The shares of the classes, or the mean, of the training rows."""
    known = rows.y[rows.training]
    if not rows.is_classification:
        return np.full(len(rows.test), known.mean())
    return np.tile(np.bincount(known, minlength=len(rows.class_names)) / len(known), (len(rows.test), 1))


def sklearn_mlp(rows: Rows, seed: int) -> np.ndarray:
    networks = require("sklearn.neural_network", WHAT)
    return _in_pipeline(rows, networks.MLPClassifier(random_state=seed), networks.MLPRegressor(random_state=seed))


def linear(rows: Rows, seed: int) -> np.ndarray:
    """Logistic or ridge regression."""
    models = require("sklearn.linear_model", WHAT)
    return _in_pipeline(rows, models.LogisticRegression(max_iter=1000), models.Ridge())


def hist_gradient_boosting(rows: Rows, seed: int) -> np.ndarray:
    """scikit-learn's, which takes missing values and categories as they are."""
    ensemble = require("sklearn.ensemble", WHAT)
    kinds = ensemble.HistGradientBoostingClassifier, ensemble.HistGradientBoostingRegressor
    return _predicted(rows, kinds[not rows.is_classification](random_state=seed), rows.columns)


def lightgbm(rows: Rows, seed: int) -> np.ndarray:
    """As HistGradientBoosting; its names of columns may hold few characters, so the columns are numbered."""
    library = require("lightgbm", WHAT)
    kind = library.LGBMClassifier if rows.is_classification else library.LGBMRegressor
    columns = rows.columns.set_axis([f"c{number}" for number in range(rows.columns.shape[1])], axis=1)
    return _predicted(rows, kind(random_state=seed, n_jobs=1, verbose=-1), columns)


def _in_pipeline(rows: Rows, classifier: Any, regressor: Any) -> np.ndarray:
    """Missing numbers filled with medians, with an indicator, all standardised; categories one-hot."""
    compose, impute = require("sklearn.compose", WHAT), require("sklearn.impute", WHAT)
    pipeline, preprocessing = require("sklearn.pipeline", WHAT), require("sklearn.preprocessing", WHAT)
    categories = rows.columns.select_dtypes("category").columns
    one_hot = preprocessing.OneHotEncoder(
        handle_unknown="infrequent_if_exist", max_categories=MOST_CATEGORIES, sparse_output=False
    )
    scaled = pipeline.make_pipeline(impute.SimpleImputer(strategy="median", add_indicator=True), preprocessing.StandardScaler())
    columns = compose.ColumnTransformer([("one hot", one_hot, categories)], remainder=scaled)
    return _predicted(rows, pipeline.make_pipeline(columns, classifier if rows.is_classification else regressor), rows.columns)


def _predicted(rows: Rows, model: Any, columns: Any) -> np.ndarray:
    model.fit(columns.iloc[rows.training], rows.y[rows.training])
    held_out = columns.iloc[rows.test]
    predicted: np.ndarray = model.predict_proba(held_out) if rows.is_classification else model.predict(held_out)
    return predicted
