"""Fits of a search: what is made once for all fits to the same rows."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning
from sklearn.model_selection import GridSearchCV
from tileprop.trainer import MLPClassifier, MLPRegressor, MLPSearchCV
from tileprop.trainer.estimators import evaluation, known
from tileprop.trainer.estimators.orders import Orders
from tileprop.trainer.threads import number

X = np.random.default_rng(0).normal(size=(60, 3))
LABELS = np.where(X[:, 0] * X[:, 1] > 0, "up", "down")
GRID = {"alpha": [0.1, 0.01, 0.001]}


@pytest.fixture(autouse=True)
def two_threads(monkeypatch):
    monkeypatch.setattr(number, "available_processors", lambda: 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


@pytest.fixture
def counted(monkeypatch):
    """How often rows were checked and networks trained."""
    counts = {"_validated": 0, "_fit_stochastic": 0}
    for kind in (MLPClassifier, MLPRegressor):
        for name in counts:
            monkeypatch.setattr(kind, name, counting(counts, name, getattr(kind, name)))
    return counts


def counting(counts, name, method):
    def call(self, *args):
        counts[name] += 1
        return method(self, *args)

    return call


def classifier(**arguments):
    return MLPClassifier((4,), max_iter=4, random_state=0, **arguments)


def scores_of(search):
    return {name: list(values) for name, values in search.cv_results_.items() if "time" not in name}


def test_the_rows_of_a_fold_are_checked_once(counted):
    MLPSearchCV(classifier(), GRID, cv=2, refit=False).fit(X, LABELS)
    assert counted["_fit_stochastic"] == 6
    assert 2 <= counted["_validated"] <= 4  # two threads may begin with the same fold


def test_rows_of_many_or_large_folds_are_not_kept(monkeypatch, counted):
    expected = MLPSearchCV(classifier(), GRID, cv=2).fit(X, LABELS)
    counted["_validated"] = 0
    monkeypatch.setattr(evaluation, "KEPT_BYTES", 0)
    assert scores_of(MLPSearchCV(classifier(), GRID, cv=2).fit(X, LABELS)) == scores_of(expected)
    assert counted["_validated"] == 7


def test_the_arguments_of_a_setting_are_checked_once_where_they_are_valid(monkeypatch):
    checked, check = [], MLPClassifier._validate_params

    def counted(self):
        checked.append(self.alpha)
        check(self)

    monkeypatch.setattr(MLPClassifier, "_validate_params", counted)
    with pytest.warns(FitFailedWarning, match="4 fits failed"):
        search = MLPSearchCV(classifier(), {"alpha": [0.1, -1.0]}, cv=4, refit=False, n_jobs=2).fit(X, LABELS)
    assert np.isnan(search.cv_results_["mean_test_score"]).tolist() == [False, True]
    assert checked.count(-1.0) == 4
    assert 1 <= checked.count(0.1) <= 2  # two threads may begin with the same setting


@pytest.mark.parametrize("random_state", [0, None])
def test_orders_are_drawn_once_where_generators_begin_alike(monkeypatch, random_state):
    drawn, draw = [], Orders.__call__

    def counted(self, n):
        drawn.append(n)
        return draw(self, n)

    monkeypatch.setattr(Orders, "__call__", counted)
    grid = {"alpha": [0.1, 0.01], "hidden_layer_sizes": [(3,), (4, 2)], "max_iter": [3, 5]}
    model = MLPRegressor(random_state=random_state, tol=0.0, batch_size=16)
    MLPSearchCV(model, grid, cv=2, refit=False).fit(X, X[:, 0])
    each = 2 * 2 * (3 + 3 + 5 + 5)
    if random_state is None:
        assert len(drawn) == each
    else:  # two threads may begin with the same fold
        assert 2 * 2 * 5 <= len(drawn) <= 2 * 2 * 2 * 5 < each


def test_orders_that_take_too_much_memory_leave_room_for_others(monkeypatch):
    monkeypatch.setattr(known, "KEPT_BYTES", 8 * 30 * 5)
    found, generator = known.Known(), np.random.RandomState(0)
    assert type(found.orders(generator, 30, 6)) is Orders
    assert type(found.orders(generator, 30, 5)) is not Orders


def test_orders_that_take_much_memory_are_not_shared(monkeypatch):
    expected = scores_of(MLPSearchCV(classifier(), GRID, cv=2).fit(X, LABELS))
    monkeypatch.setattr(known, "KEPT_BYTES", 1000)
    assert scores_of(MLPSearchCV(classifier(), GRID, cv=2).fit(X, LABELS)) == expected


@pytest.mark.parametrize("labels", [LABELS, LABELS == "up", (LABELS == "up") * 2, np.digitize(X[:, 2], [-1, 1])])
def test_the_score_of_a_classifier_is_scikit_learns(labels):
    ours, theirs = (search(classifier(), GRID, cv=3).fit(X, labels) for search in (MLPSearchCV, GridSearchCV))
    assert scores_of(ours) == scores_of(theirs)


def test_rows_are_known_by_their_dtype():
    grid = {"dtype": ["float32", "float64"], "hidden_layer_sizes": [(3,), (4, 2)]}
    ours, theirs = (search(classifier(), grid, cv=2).fit(X, LABELS) for search in (MLPSearchCV, GridSearchCV))
    assert scores_of(ours) == scores_of(theirs)
    assert ours.best_estimator_.coefs_[0].tobytes() == theirs.best_estimator_.coefs_[0].tobytes()


def test_a_fit_that_diverges_is_made_once(counted):
    model = MLPRegressor(hidden_layer_sizes=(4,), solver="sgd", max_iter=20, random_state=0)
    with pytest.warns(FitFailedWarning, match="non-finite"):
        search = MLPSearchCV(model, {"learning_rate_init": [1e9, 1e-3]}, cv=2, refit=False).fit(X, X[:, 0])
    assert np.isnan(search.cv_results_["mean_test_score"]).tolist() == [True, False]
    assert counted["_fit_stochastic"] == 4


def test_rows_that_cannot_be_scored_have_the_error_score():
    spoilt = X.copy()
    spoilt[0, 0] = np.nan
    folds = [(np.arange(20, 60), np.arange(20)), (np.arange(20, 40), np.arange(40, 60))]
    model = MLPSearchCV(classifier(), {"alpha": [0.1, 0.2]}, cv=folds, refit=False, error_score=-1.0)
    with pytest.warns(UserWarning, match="Scoring failed"):
        search = model.fit(spoilt, LABELS)
    assert (search.cv_results_["split0_test_score"] == -1.0).all()
    assert (search.cv_results_["split1_test_score"] >= 0.0).all()
