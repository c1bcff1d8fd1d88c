"""`MLPSearchCV`: scikit-learn's searches, to the same bits."""

from __future__ import annotations

import threading
import warnings

import numpy as np
import pytest
from scipy.stats import loguniform
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning
from sklearn.model_selection import GridSearchCV, KFold, RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tileprop.trainer import MLPClassifier, MLPRegressor, MLPSearchCV
from tileprop.trainer.threads import number

X = np.random.default_rng(0).normal(size=(90, 3))
LABELS = np.where(X[:, 0] * X[:, 1] > 0, "up", "down")
GRID = {"alpha": [0.1, 0.0001], "solver": ["adam", "sgd", "lbfgs"]}


@pytest.fixture(autouse=True)
def two_threads(monkeypatch):
    monkeypatch.setattr(number, "available_processors", lambda: 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def assert_same(ours, theirs):
    assert ours.best_params_ == theirs.best_params_
    assert ours.cv_results_.keys() == theirs.cv_results_.keys()
    for name, values in theirs.cv_results_.items():
        if "time" not in name:
            assert list(ours.cv_results_[name]) == list(values), name
    for own, other in zip(ours.best_estimator_.coefs_, theirs.best_estimator_.coefs_, strict=True):
        assert np.array_equal(own, other)


MODELS = {
    "classifier": (
        MLPClassifier((5,), max_iter=8, random_state=0),
        LABELS,
        {"scoring": ["accuracy", "neg_log_loss"], "refit": "accuracy"},
    ),
    "regressor": (
        MLPRegressor(hidden_layer_sizes=(4, 3), max_iter=8, random_state=1),
        X[:, 0],
        {"return_train_score": True},
    ),
    "early stopping": (
        MLPClassifier((5,), max_iter=8, early_stopping=True, random_state=0),
        LABELS,
        {"cv": KFold(3, shuffle=True, random_state=2)},
    ),
}


@pytest.mark.parametrize(("model", "y", "options"), MODELS.values(), ids=MODELS)
def test_a_grid_is_scikit_learns(model, y, options):
    options = {"cv": 3, **options}
    ours = MLPSearchCV(model, GRID, **options).fit(X, y)
    assert_same(ours, GridSearchCV(model, GRID, n_jobs=1, **options).fit(X, y))


def test_draws_are_scikit_learns():
    model, settings = MLPRegressor(hidden_layer_sizes=(4,), max_iter=4, random_state=0), {"alpha": loguniform(1e-4, 1e-1)}
    ours = MLPSearchCV(model, settings, n_iter=4, cv=2, random_state=3).fit(X, X[:, 0])
    assert_same(ours, RandomizedSearchCV(model, settings, n_iter=4, cv=2, random_state=3).fit(X, X[:, 0]))


def test_pipelines_and_sample_weights_are_taken():
    model = make_pipeline(StandardScaler(), MLPClassifier((3,), max_iter=3, random_state=0))
    weight = np.linspace(0, 1, len(X))
    search, theirs = (
        kind(model, {"mlpclassifier__alpha": [0.1, 0.01]}, cv=2).fit(X, LABELS, mlpclassifier__sample_weight=weight)
        for kind in (MLPSearchCV, GridSearchCV)
    )
    assert list(search.cv_results_["mean_test_score"]) == list(theirs.cv_results_["mean_test_score"])


def test_fits_are_made_by_several_threads_each_by_one_of_its_own():
    threads, most = set(), set()

    def look(running):
        threads.add(threading.get_ident())
        most.add(number.most_threads(None))

    model = MLPRegressor(hidden_layer_sizes=(64, 64), max_iter=20, tol=0.0, random_state=0, callbacks=[look])
    MLPSearchCV(model, {"alpha": [0.1, 0.01, 0.001]}, cv=3, refit=False).fit(np.repeat(X, 5, axis=0), np.repeat(X[:, 0], 5))
    assert (len(threads), most) == (2, {1})
    assert number.most_threads(None) == 2


def test_a_fit_that_fails_has_the_error_score():
    with pytest.warns(FitFailedWarning, match="max_iter"):
        search = MLPSearchCV(MLPRegressor(hidden_layer_sizes=(3,), random_state=0), {"max_iter": [-1, 3]}, cv=2).fit(X, X[:, 0])
    assert search.best_params_ == {"max_iter": 3}
    with pytest.raises(ValueError, match="max_iter"):
        MLPSearchCV(MLPRegressor(hidden_layer_sizes=(3,)), {"max_iter": [-1]}, cv=2, error_score="raise").fit(X, X[:, 0])


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="n_iter"):
        MLPSearchCV(MLPRegressor(), {"alpha": [0.1]}, n_iter=0).fit(X, X[:, 0])
