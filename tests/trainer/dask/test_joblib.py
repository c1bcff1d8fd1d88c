"""Within `joblib.parallel_config("dask")` searches and ensembles are trained on the cluster, to the same bits."""

from __future__ import annotations

import joblib
import numpy as np
import pytest
from tileprop.trainer import DeepEnsembleClassifier, DeepEnsembleRegressor, MLPRegressor, MLPSearchCV
from tileprop.trainer.dask import many

X = np.random.default_rng(0).normal(size=(80, 2))
Y = X[:, 0] - X[:, 1]


def test_a_search(client):
    model = MLPRegressor(
        hidden_layer_sizes=(4,), solver="sgd", max_iter=3, tol=0.0, n_iter_no_change=9, random_state=0, n_threads=1
    )
    search = MLPSearchCV(model, {"alpha": [0.1, 0.01]}, cv=2)
    here = search.fit(X, Y).cv_results_["split1_test_score"].copy()
    before = client.run_on_scheduler(lambda dask_scheduler: dask_scheduler.transition_counter)
    with client.as_current(), joblib.parallel_config("dask"):
        there = search.fit(X, Y).cv_results_["split1_test_score"]
    assert here.tobytes() == there.tobytes()
    assert client.run_on_scheduler(lambda dask_scheduler: dask_scheduler.transition_counter) > before


@pytest.mark.parametrize(("kind", "y"), [(DeepEnsembleRegressor, Y), (DeepEnsembleClassifier, Y > 0)])
def test_an_ensemble(client, monkeypatch, kind, y):
    model = kind(3, (4,), max_iter=3, random_state=0)
    here = model.fit(X, y).predict(X)
    calls, train = [], many.fit_many
    monkeypatch.setattr(many, "fit_many", lambda *given, **options: calls.append(given) or train(*given, **options))
    with client.as_current(), joblib.parallel_config("dask"):
        there = model.fit(X, y).predict(X)
    assert here.tobytes() == there.tobytes()
    assert len(calls) == 1
