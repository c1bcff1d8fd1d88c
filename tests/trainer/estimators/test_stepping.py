"""Solvers that take all rows at once, as the estimators' optimizer."""

import warnings

import numpy as np
import pytest
from tileprop.trainer import LBFGS, InputError, LevenbergMarquardt, MLPClassifier, MLPRegressor, Network

X = np.linspace(-1, 1, 60)[:, None]
WAVE = np.sin(3 * X[:, 0])
SOLVERS = [LevenbergMarquardt(), LBFGS()]
OPTIONS = {"hidden_layer_sizes": (6,), "activation": "tanh", "random_state": 0, "alpha": 0.0, "tol": 0.0}


@pytest.fixture(autouse=True)
def _not_converged():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Stochastic Optimizer")
        yield


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("columns", [1, 2])
def test_the_same_iterations_as_networks_own(solver, columns):
    y = WAVE if columns == 1 else np.stack([WAVE, WAVE**2], axis=1)
    estimator = MLPRegressor(**OPTIONS | {"alpha": 1e-3, "max_iter": 12}, optimizer=solver)
    start = MLPRegressor(**OPTIONS | {"max_iter": 1, "learning_rate_init": 1e-300}).fit(X, y)
    network = Network(**start.network_.plan.arguments, dtype="float64", initial=start.network_.theta.copy())
    history = network.fit(X, y, epochs=12, optimizer=solver, alpha=1e-3, progress=False)
    estimator.fit(X, y)
    np.testing.assert_array_equal(estimator.network_.theta, network.theta)
    assert estimator.n_iter_ == history.epochs == 12
    np.testing.assert_allclose(estimator.loss_curve_, np.divide(history.loss, columns) + history.penalty, rtol=1e-12)


def test_levenberg_marquardt_fits_to_eight_digits():
    estimator = MLPRegressor(**OPTIONS, max_iter=200, optimizer=LevenbergMarquardt()).fit(X, WAVE)
    assert np.abs(estimator.predict(X) - WAVE).max() < 1e-4
    assert estimator.loss_ < 1e-8


@pytest.mark.parametrize("solver", SOLVERS)
def test_early_stopping_and_validation_data(solver):
    noisy = WAVE + 0.2 * np.random.default_rng(0).normal(size=60)
    estimator = MLPRegressor(**OPTIONS, max_iter=100, optimizer=solver, early_stopping=True, n_iter_no_change=4)
    estimator.fit(X[::2], noisy[::2], X_val=X[1::2], y_val=noisy[1::2])
    assert len(estimator.validation_scores_) == len(estimator.validation_loss_curve_) == estimator.n_iter_ < 100
    assert estimator.score(X[1::2], noisy[1::2]) == max(estimator.validation_scores_)


@pytest.mark.parametrize("solver", SOLVERS)
def test_warm_start_partial_fit_and_resume(solver, tmp_path):
    options = OPTIONS | {"optimizer": solver, "max_iter": 3}
    warm = MLPRegressor(**options, warm_start=True).fit(X, WAVE)
    assert warm.loss_ > warm.fit(X, WAVE).loss_
    pieces = MLPRegressor(**options)
    losses = [pieces.partial_fit(X, WAVE).loss_ for _ in range(3)]
    assert losses == sorted(losses, reverse=True)
    kept = MLPRegressor(**options, checkpoint=tmp_path / "fit")
    interrupted = MLPRegressor(**options, checkpoint=tmp_path / "fit", callbacks=[lambda running: running.history.epochs == 2])
    with pytest.raises(InputError, match="callbacks"):
        interrupted.fit(X, WAVE).set_params(callbacks=None).resume(X, WAVE)
    kept.fit(X, WAVE)
    again = MLPRegressor(**options, checkpoint=tmp_path / "fit").resume(X, WAVE)
    np.testing.assert_array_equal(again.network_.theta, kept.network_.theta)


@pytest.mark.parametrize(
    ("Estimator", "arguments", "message"),
    [
        (MLPClassifier, {}, "LevenbergMarquardt needs one of the losses mse, squared_error"),
        (MLPRegressor, {"loss": "mae"}, "LevenbergMarquardt needs one of the losses mse, squared_error"),
        (MLPRegressor, {"batch_size": 10}, "batch_size is 10; LevenbergMarquardt uses all rows in every step"),
        (MLPRegressor, {"dropout": 0.5}, "dropout is"),
        (MLPRegressor, {"l1": 0.5}, "l1 is"),
        (MLPRegressor, {"solver": "lbfgs"}, "optimizer needs solver='sgd' or 'adam'"),
        (MLPRegressor, {"optimizer": "adam"}, "The 'optimizer' parameter of MLPRegressor must be an instance of"),
    ],
)
def test_what_does_not_go_together(Estimator, arguments, message):
    y = WAVE > 0 if Estimator is MLPClassifier else WAVE
    with pytest.raises(ValueError, match=message):
        Estimator(**{"optimizer": LevenbergMarquardt(), **arguments}).fit(X, y)
