"""The regressor's losses: what it fits and predicts with each; intervals; users' own losses, also in other processes."""

from __future__ import annotations

import pickle
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import parity
import pytest
from numba import njit
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import estimator_checks_generator
from tileprop.kernels import register_activation, register_loss
from tileprop.kernels.activations import activation_registry
from tileprop.kernels.losses import loss_registry
from tileprop.trainer import Adam, Cosine, InputError, MLPRegressor

LEVELS = [0.05, 0.5, 0.95]
KINDS: dict[str, dict[str, Any]] = {
    "mae": {"loss": "mae"},
    "huber": {"loss": "huber", "delta": 0.5},
    "quantile": {"loss": "quantile", "quantile": 0.3},
    "quantiles": {"loss": "quantile", "quantile": LEVELS},
    "gaussian_nll": {"loss": "gaussian_nll"},
}
WITH_INTERVALS = ["quantiles", "gaussian_nll"]
SOLVERS = ["adam", "sgd", "lbfgs"]

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 3))
ONE = X @ [1.0, -2.0, 0.5] + 0.1 * RNG.normal(size=80)
TARGETS = {"one": ONE, "several": np.stack([ONE, 1 - ONE], axis=1)}


def unfitted(kind: str, **arguments: Any) -> MLPRegressor:
    rate = 0.005 if arguments.get("solver") == "sgd" else 0.02
    given = {"hidden_layer_sizes": (12,), "random_state": 0, "max_iter": 40, "learning_rate_init": rate} | arguments
    return MLPRegressor(**KINDS.get(kind, {"loss": kind}), **given)


def fitted(kind: str, y: np.ndarray = ONE, fit: dict[str, Any] | None = None, **arguments: Any) -> MLPRegressor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return unfitted(kind, **arguments).fit(X, y, **(fit or {}))


# Fitting and predicting -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("targets", TARGETS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_loss_fits_and_predicts(kind, targets, solver):
    y = TARGETS[targets]
    estimator = fitted(kind, y, solver=solver)
    predicted = estimator.predict(X)
    assert predicted.shape == y.shape
    assert estimator.n_outputs_ == (2 if targets == "several" else 1)
    assert estimator.out_activation_ == "identity"
    heads = {"quantiles": 3, "gaussian_nll": 2}.get(kind, 1)
    assert estimator.coefs_[-1].shape == (12, heads * estimator.n_outputs_)
    first = fitted(kind, y, solver=solver, max_iter=1)
    assert estimator.network_.loss(X, y) < first.network_.loss(X, y)
    if solver == "lbfgs":
        assert estimator.score(X, y) > 0.5
        penalty = 0.5 * estimator.alpha * sum((W**2).sum() for W in estimator.coefs_) / len(X)
        assert estimator.loss_ == pytest.approx(estimator.network_.loss(X, y) + penalty, rel=1e-12)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_warm_start_goes_on(kind, solver):
    estimator = fitted(kind, TARGETS["several"], solver=solver, warm_start=True, max_iter=5)
    before = estimator.network_.loss(X, TARGETS["several"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        estimator.fit(X, TARGETS["several"])
    assert estimator.network_.loss(X, TARGETS["several"]) < before
    assert estimator.predict(X).shape == (80, 2)


@pytest.mark.parametrize("kind", KINDS)
def test_pieces_are_fitted_one_after_another(kind):
    estimator = unfitted(kind)
    for _ in range(3):
        estimator.partial_fit(X, ONE)
    assert estimator.predict(X).shape == (80,)
    assert len(estimator.loss_curve_) == 3
    assert estimator.loss_curve_[-1] < estimator.loss_curve_[0]


@pytest.mark.parametrize("solver", SOLVERS)
def test_huber_with_a_large_delta_is_squared_error(solver):
    """And so it ends at scikit-learn's weights."""
    huber = fitted("huber", solver=solver).set_params(delta=1e6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        huber.fit(X, ONE)
    assert parity.apart(huber, fitted("squared_error", solver=solver)) < (1e-3 if solver == "lbfgs" else 1e-9)


def test_quantile_of_a_half_is_half_of_mae():
    """Adam's steps are as long for half the gradient, but for epsilon."""
    options = {"alpha": 0.0, "epsilon": 1e-20, "max_iter": 5}
    half = fitted("quantile", **options).set_params(quantile=0.5)
    with pytest.warns(ConvergenceWarning):
        half.fit(X, ONE)
    assert parity.apart(half, fitted("mae", **options)) < 1e-9


def test_outliers_pull_less_on_some_than_on_others():
    y = ONE.copy()
    y[::8] += 50.0
    kept = np.arange(80) % 8 > 0
    scores = {kind: [] for kind in ("squared_error", "huber", "mae")}
    for kind in scores:
        estimator = fitted(kind, y, solver="lbfgs", hidden_layer_sizes=(), max_iter=300)
        scores[kind] = estimator.score(X[kept], ONE[kept])
    assert scores["squared_error"] < 0 < 0.9 < min(scores["huber"], scores["mae"])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_dtype_may_be_chosen(kind, dtype):
    estimator = fitted(kind, dtype=dtype, max_iter=3)
    assert estimator.coefs_[0].dtype == dtype
    assert estimator.predict(X).dtype == dtype


@pytest.mark.parametrize("solver", ["sgd", "lbfgs"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_sample_weight_counts_a_row_so_many_times(kind, solver):
    counts = np.arange(80) % 3
    options = {"solver": solver, "max_iter": 10, "alpha": 0.1, "shuffle": False, "tol": 0}
    weighted = fitted(kind, fit={"sample_weight": counts.astype(float)}, batch_size=80, **options)
    repeated = unfitted(kind, batch_size=int(counts.sum()), **options)
    with pytest.warns(ConvergenceWarning):
        repeated.fit(np.repeat(X, counts, axis=0), np.repeat(ONE, counts))
    assert parity.apart(weighted, repeated) < 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_early_stopping_on_rows_set_aside(kind):
    estimator = fitted(kind, TARGETS["several"], early_stopping=True, max_iter=400, n_iter_no_change=5)
    assert len(estimator.validation_scores_) == estimator.n_iter_ < 400
    assert estimator.best_validation_score_ == max(estimator.validation_scores_)


@pytest.mark.parametrize("kind", KINDS)
def test_early_stopping_on_given_data_by_the_loss(kind):
    validation = {"X_val": X[:20], "y_val": ONE[:20]}
    estimator = unfitted(kind, early_stopping=True, scoring="loss", max_iter=400, n_iter_no_change=5)
    estimator.fit(X[20:], ONE[20:], **validation)
    assert estimator.n_iter_ < 400
    assert estimator.network_.loss(X[:20], ONE[:20]) == pytest.approx(min(estimator.validation_loss_curve_), rel=1e-12)


@pytest.mark.parametrize("every", [8, pytest.param(1, marks=pytest.mark.full)])
def test_scikit_learns_checks_of_an_estimator_with_intervals(every):
    """By default one in eight: test_training.py runs them all on an estimator as it is."""
    estimator = MLPRegressor(loss="gaussian_nll", solver="lbfgs", hidden_layer_sizes=(4,), max_iter=12)
    checks = list(estimator_checks_generator(estimator))
    assert len(checks) > 40
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for given, check in checks[::every]:
            check(given)


# Copies, searches, arguments --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_cloned_and_pickled(kind):
    estimator = fitted(kind, TARGETS["several"], max_iter=5)
    copy = pickle.loads(pickle.dumps(estimator))
    assert np.array_equal(copy.predict(X), estimator.predict(X))
    if kind in WITH_INTERVALS:
        assert np.array_equal(copy.predict_interval(X), estimator.predict_interval(X))
    again = clone(estimator)
    assert again.get_params() == estimator.get_params()
    with pytest.raises(NotFittedError):
        again.predict(X)
    with pytest.warns(ConvergenceWarning):
        again.fit(X, TARGETS["several"])
    assert again.network_.theta.tobytes() == estimator.network_.theta.tobytes()


def test_losses_and_their_parameters_in_a_search():
    grid = [
        {"loss": ["mae", "gaussian_nll"]},
        {"loss": ["quantile"], "quantile": [0.5, LEVELS, np.array(LEVELS)]},
        {"loss": ["huber"], "delta": [0.1, 10.0]},
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        search = GridSearchCV(unfitted("mae", solver="lbfgs", max_iter=25), grid, cv=2, error_score="raise").fit(X, ONE)
    assert len(search.cv_results_["params"]) == 7
    assert (search.cv_results_["mean_test_score"] > 0.5).all()


OWN = "or one of your own, which register_loss made known in this process"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"loss": "mse"}, rf"The 'loss' parameter of MLPRegressor must be a str among .*, {OWN}.*Got 'mse' instead"),
        ({"loss": "log_loss"}, "The 'loss' parameter of MLPRegressor must be"),
        ({"loss": 3}, "The 'loss' parameter of MLPRegressor must be"),
        ({"loss": "huber", "delta": 0.0}, r"The 'delta' parameter of MLPRegressor must be a float in the range \(0\.0, inf\)"),
        ({"loss": "huber", "delta": np.inf}, "The 'delta' parameter of MLPRegressor must be"),
        ({"loss": "huber", "delta": [1.0]}, "The 'delta' parameter of MLPRegressor must be"),
        ({"loss": "quantile", "quantile": 1.0}, "The 'quantile' parameter of MLPRegressor must be a float in the range"),
        ({"loss": "quantile", "quantile": None}, "The 'quantile' parameter of MLPRegressor must be"),
        ({"loss": "quantile", "quantile": []}, r"quantile is \[\]; it must be a number, or a rising list of numbers"),
        ({"loss": "quantile", "quantile": [0.9, 0.1]}, r"quantile is \[0\.9, 0\.1\]; it must be a number, or a rising list"),
        ({"loss": "quantile", "quantile": [0.5, 1.0]}, "above 0 and below 1"),
        ({"activation": "step"}, "or one of your own, which register_activation made known in this process"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        MLPRegressor(**arguments).fit(X, ONE)


def test_parameters_of_other_losses_are_of_no_account():
    assert parity.apart(fitted("mae", quantile=0.9, delta=3.0), fitted("mae")) == 0


# Intervals -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("targets", TARGETS)
@pytest.mark.parametrize("kind", WITH_INTERVALS)
def test_intervals_are_shaped_as_predictions_are(kind, targets, solver):
    y = TARGETS[targets]
    estimator = fitted(kind, y, solver=solver)
    predicted = estimator.predict(X)
    lower, upper = estimator.predict_interval(X)
    assert lower.shape == upper.shape == predicted.shape
    theirs = estimator.network_.predict_interval(X)
    assert np.array_equal([lower, upper], [bound.reshape(predicted.shape) for bound in theirs])
    if kind == "gaussian_nll":
        assert (lower < predicted).all()
        assert (predicted < upper).all()
    assert np.array_equal(estimator.predict_interval(X.tolist()), [lower, upper])
    assert np.allclose(estimator.predict_interval(sparse.csr_matrix(X)), [lower, upper], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", WITH_INTERVALS)
def test_as_many_targets_lie_inside_as_should(kind):
    rng = np.random.default_rng(1)
    x = rng.uniform(size=(6000, 1))
    y = np.sin(4 * x[:, 0]) + (0.1 + 0.4 * x[:, 0]) * rng.normal(size=6000)
    estimator = unfitted(kind, max_iter=60, batch_size=50, optimizer=Adam(0.01), schedule=Cosine(), tol=0, activation="tanh")
    with pytest.warns(ConvergenceWarning):
        estimator.fit(x[:3000], y[:3000])
    lower, upper = estimator.predict_interval(x[3000:])
    assert ((lower <= y[3000:]) & (y[3000:] <= upper)).mean() == pytest.approx(0.9, abs=0.03)


def test_intervals_need_a_fit_and_a_loss_that_learns_them():
    with pytest.raises(NotFittedError):
        unfitted("gaussian_nll").predict_interval(X)
    for kind in ("squared_error", "mae", "quantile"):
        with pytest.raises(InputError, match="gives no intervals; train with loss='gaussian_nll'"):
            fitted(kind, max_iter=2).predict_interval(X)
    estimator = fitted("gaussian_nll", max_iter=2)
    with pytest.raises(InputError, match=r"coverage is 2; it must be a number above 0 and below 1"):
        estimator.predict_interval(X, coverage=2)
    with pytest.raises(ValueError, match="X has 2 features"):
        estimator.predict_interval(X[:, :2])


# Users' own ------------------------------------------------------------------------------------------------------------------


@njit
def squares(y, t):
    total = 0.0
    for j in range(y.size):
        total += 0.5 * (y[j] - t[j]) ** 2
    return total


@njit
def squares_slope(y, t, dy):
    for j in range(y.size):
        dy[j] = y[j] - t[j]


@njit
def leaky(x):
    return x if x > 0 else type(x)(0.125) * x


@njit
def leaky_slope(x):
    return type(x)(1.0) if x > 0 else type(x)(0.125)


@pytest.fixture(scope="module")
def own() -> Iterator[dict[str, str]]:
    names = {"loss": register_loss("own_squares", squares, squares_slope)}
    names["activation"] = register_activation("own_leaky", leaky, leaky_slope)
    yield names
    activation_registry.forget("own_leaky")
    loss_registry.forget("own_squares")


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_users_loss_ends_where_the_built_in_one_does(own, solver):
    """scikit-learn's squared_error by another name; of several targets, lbfgs takes the mean for that, and the sum here."""
    y = TARGETS["one" if solver == "lbfgs" else "several"]
    estimator = fitted("own_squares", y, solver=solver, max_iter=10)
    assert parity.apart(estimator, fitted("squared_error", y, solver=solver, max_iter=10)) < 1e-6
    assert np.array_equal(clone(estimator).set_params(max_iter=1).loss, "own_squares")


@pytest.mark.full
def test_what_is_returned_is_known_in_worker_processes(own):
    estimator = unfitted(own["loss"], activation=own["activation"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        search = GridSearchCV(estimator, {"alpha": [1e-4, 1.0], "activation": [own["activation"], "tanh"]}, cv=2, n_jobs=2)
        search.fit(X, ONE)
        alone = GridSearchCV(search.estimator, search.param_grid, cv=2).fit(X, ONE)
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"], rtol=1e-6)
    assert search.best_estimator_.predict(X).shape == (80,)


def test_a_bare_name_is_known_in_threads(own):
    with joblib.parallel_config(backend="threading"), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        search = GridSearchCV(unfitted("own_squares"), {"alpha": [1e-4, 1.0]}, cv=2, n_jobs=2).fit(X, ONE)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


READ = """
import pickle, numpy as np
for path in {paths!r}:
    with open(path, "rb") as file:
        try:
            estimator = pickle.load(file)
        except ValueError as error:
            print(error)
        else:
            print(estimator.predict(np.zeros((1, 3))).tolist())
"""


@pytest.mark.full
def test_in_another_process(own, tmp_path):
    """Where only a name was given, the first one that is missing is told; what was returned registers itself."""
    paths = []
    for case, names in {"names": [str(name) for name in own.values()], "returned": list(own.values())}.items():
        loss, activation = names
        estimator = fitted(loss, max_iter=2, activation=activation)
        paths.append(str(tmp_path / f"{case}.pickle"))
        Path(paths[-1]).write_bytes(pickle.dumps(estimator))
    code = READ.format(paths=paths)
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    error, predicted = run.stdout.splitlines()
    assert "'own_leaky'" in error
    assert predicted == str(estimator.predict(np.zeros((1, 3))).tolist())


# Standard deviations ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("targets", TARGETS)
@pytest.mark.parametrize("unit", [0.2, 5.0])
def test_standard_deviations_are_in_the_targets_unit(targets, unit):
    rng = np.random.default_rng(1)
    y = unit * (TARGETS[targets] + rng.normal(size=TARGETS[targets].shape))
    estimator = unfitted("gaussian_nll", solver="lbfgs", hidden_layer_sizes=(), alpha=0.0, max_iter=2000, tol=1e-9)
    same = np.zeros_like(X)
    mean, std = estimator.fit(same, y).predict(same, return_std=True)
    assert mean.shape == std.shape == y.shape
    np.testing.assert_array_equal(mean, estimator.predict(same))
    np.testing.assert_allclose(std[0], y.std(axis=0), rtol=0.02)
    lower, upper = estimator.predict_interval(same, coverage=0.6826894921370859)
    np.testing.assert_allclose((upper - lower) / 2, std, rtol=1e-6)


def test_standard_deviations_need_a_loss_that_learns_them():
    with pytest.raises(InputError, match=r"return_std=True needs loss='gaussian_nll'; .* loss='mae'"):
        fitted("mae", max_iter=2).predict(X, return_std=True)
    with pytest.raises(NotFittedError):
        unfitted("gaussian_nll").predict(X, return_std=True)
