"""Validation: scores that are not defined, scorers without weights, arguments that go together."""

import warnings

import numpy as np
import pytest
from tileprop.trainer import InputError, MLPClassifier, MLPRegressor

X = np.random.default_rng(0).normal(size=(40, 3))
VALUES, LABELS = X[:, 0], (X[:, 0] > 0).astype(int)


def nan_score(estimator, X, y):
    return np.nan


@pytest.mark.parametrize(
    ("estimator", "rows", "name"),
    [
        (MLPRegressor(), [0], "'r2'"),
        (MLPRegressor(scoring="r2"), [0], "'r2'"),
        (MLPClassifier(scoring="roc_auc"), np.flatnonzero(LABELS), "'roc_auc'"),
        (MLPRegressor(scoring=nan_score), [0, 1], "nan_score"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_a_score_that_is_not_defined_ends_the_fit_at_once(estimator, rows, name):
    y = LABELS if isinstance(estimator, MLPClassifier) else VALUES
    estimator.set_params(early_stopping=True)
    with pytest.raises(InputError, match=rf"scoring={name} is NaN on the {len(rows)} validation rows"):
        estimator.fit(X, y, X_val=X[rows], y_val=y[rows])
    assert estimator.n_iter_ == 1


def plain_score(estimator, X, y):
    return -float(np.abs(estimator.predict(X) - y).mean())


def weighted_score(estimator, X, y, **options):
    assert options["sample_weight"].shape == y.shape
    return plain_score(estimator, X, y)


@pytest.mark.parametrize(
    ("scoring", "weights", "warned"),
    [
        (plain_score, {"class_weight": "balanced"}, "plain_score"),
        ("adjusted_rand_score", {"class_weight": {0: 2.0}}, "'adjusted_rand_score'"),
        ("neg_max_error", {"sample_weight": np.linspace(1, 2, 40)}, "'neg_max_error'"),
        (weighted_score, {"sample_weight": np.linspace(1, 2, 40)}, None),
        ("f1", {"sample_weight": np.linspace(1, 2, 40)}, None),
        (plain_score, {}, None),
    ],
)
def test_scorers_without_weights_score_every_row_equally(scoring, weights, warned):
    fit = {name: value for name, value in weights.items() if name == "sample_weight"}
    classifier = MLPClassifier(early_stopping=True, scoring=scoring, max_iter=3, random_state=0)
    classifier.set_params(class_weight=weights.get("class_weight"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        classifier.fit(X, LABELS, **fit)
    told = [str(warning.message) for warning in caught if "takes no sample weights" in str(warning.message)]
    assert len(told) == (warned is not None)
    assert warned is None or f"scoring={warned} takes no sample weights" in told[0]
    assert len(classifier.validation_scores_) == 3


def test_validation_weights_need_validation_data():
    with pytest.raises(ValueError, match="sample_weight_val is given without X_val and y_val"):
        MLPRegressor().fit(X, VALUES, sample_weight_val=np.ones(40))
