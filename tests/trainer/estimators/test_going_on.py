"""Warm starts and partial_fit: what they cannot go on with is named."""

import warnings

import numpy as np
import pytest
from tileprop.trainer import SGD, InputError, MLPClassifier, MLPRegressor

X = np.random.default_rng(0).normal(size=(40, 3))
VALUES, LABELS = X[:, 0], (X[:, 0] > 0).astype(int)


@pytest.fixture(autouse=True)
def _few_epochs():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ({}, {"hidden_layer_sizes": (6, 6)}, r"hidden_layer_sizes is \(6, 6\); .* hidden layers of \(6,\)"),
        ({}, {"hidden_layer_sizes": 5}, "hidden_layer_sizes is 5"),
        ({}, {"dtype": "float32"}, "dtype is 'float32'; .* float64"),
        ({"loss": "quantile"}, {"quantile": [0.1, 0.9]}, r"quantile is \[0.1, 0.9\], which takes 2 outputs"),
        ({}, {"loss": "gaussian_nll"}, "loss is 'gaussian_nll', which takes 2 outputs"),
        ({}, {"loss": "poisson"}, "loss is 'poisson', which needs the output activation 'exp'"),
        ({"loss": "poisson"}, {"loss": "mae"}, "loss is 'mae', which needs the output activation 'identity'"),
    ],
)
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_other_weights_are_needed(before, after, message, solver):
    options = {"hidden_layer_sizes": (6,), "max_iter": 2, "warm_start": True, "solver": solver, **before}
    estimator = MLPRegressor(**options).fit(X, np.abs(VALUES))
    sizes = [W.shape for W in estimator.coefs_]
    with pytest.raises(InputError, match=message):
        estimator.set_params(**after).fit(X, np.abs(VALUES))
    assert [W.shape for W in estimator.coefs_] == sizes
    estimator.set_params(warm_start=False).fit(X, np.abs(VALUES))


def test_partial_fit_is_no_different():
    classifier = MLPClassifier((6,)).partial_fit(X, LABELS, classes=[0, 1])
    with pytest.raises(InputError, match="hidden_layer_sizes is"):
        classifier.set_params(hidden_layer_sizes=[7]).partial_fit(X, LABELS)
    regressor = MLPRegressor(hidden_layer_sizes=(6,)).partial_fit(X, VALUES)
    with pytest.raises(InputError, match=r"y has 3 columns; .* are for 1"):
        regressor.partial_fit(X, X)


@pytest.mark.parametrize("after", [{"solver": "sgd"}, {"optimizer": SGD(0.1)}])
def test_another_rule_has_another_state(after):
    estimator = MLPRegressor(hidden_layer_sizes=(6,), max_iter=2, warm_start=True, keep_optimizer=True).fit(X, VALUES)
    with pytest.raises(InputError, match=r"solver, momentum or optimizer now stand for SGD.* keep_optimizer=False"):
        estimator.set_params(**after).fit(X, VALUES)
    estimator.set_params(keep_optimizer=False).fit(X, VALUES)


def test_what_fits_goes_on():
    estimator = MLPRegressor(hidden_layer_sizes=[6], max_iter=2, warm_start=True, loss="mae").fit(X, VALUES)
    estimator.set_params(hidden_layer_sizes=6, loss="huber", solver="sgd", dtype="float64").fit(X, VALUES)
    assert estimator.network_.plan.loss == "huber"
