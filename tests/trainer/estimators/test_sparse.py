"""Sparse X is trained sparse: to the weights of dense training within rounding, and nothing is ever made dense."""

import tracemalloc
import warnings

import numpy as np
import parity
import pytest
from choosing import by_default
from hypothesis import HealthCheck, given
from hypothesis import settings as budget
from hypothesis import strategies as st
from scipy import sparse
from tileprop.trainer import Adam, InputError, LevenbergMarquardt, MLPClassifier, MLPRegressor

CLOSE = {"float32": 2e-3, "float64": 1e-7}


@pytest.fixture(autouse=True)
def _not_converged():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def data(n, n_in, dtype, seed=0):
    """X with many zeros, labels and values."""
    rng = np.random.default_rng(seed)
    X = (rng.normal(size=(n, n_in)) * (rng.random((n, n_in)) < 0.2)).astype(dtype)
    values = X @ rng.normal(size=n_in) + 0.1 * rng.normal(size=n)
    return X, np.where(values > np.median(values), "yes", "no"), values


@pytest.mark.parametrize("dtype", by_default(["float32", "float64"], ["float64"]))
@given(
    n=st.integers(30, 80),
    n_in=st.integers(1, 60),
    kind=st.sampled_from([sparse.csr_array, sparse.csr_matrix, sparse.csc_array]),
    classifies=st.booleans(),
    weighted=st.booleans(),
    arguments=st.fixed_dictionaries(
        {
            "solver": st.sampled_from(["sgd", "adam"]),
            "hidden_layer_sizes": st.sampled_from([(), (5,), (17,), (9, 4)]),
            "alpha": st.sampled_from([0.0, 0.1]),
            "l1": st.sampled_from([0.0, 0.05]),
            "weight_decay": st.sampled_from([0.0, 0.1]),
            "clip_norm": st.sampled_from([None, 0.5]),
            "dropout": st.sampled_from([0.0, 0.3]),
            "early_stopping": st.booleans(),
            "shuffle": st.booleans(),
            "batch_size": st.sampled_from(["auto", 7]),
        }
    ),
)
@budget(max_examples=20, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_weights_are_those_of_dense_training(n, n_in, dtype, kind, classifies, weighted, arguments):
    X, labels, values = data(n, n_in, dtype)
    Estimator, y = (MLPClassifier, labels) if classifies else (MLPRegressor, values)
    options = arguments | {"max_iter": 4, "random_state": 0, "activation": "tanh", "learning_rate_init": 0.01}
    options |= {"class_weight": "balanced"} if classifies else {}
    weight = np.linspace(0.5, 2.0, n) if weighted else None
    validation = {} if arguments["early_stopping"] else {"y_val": y[:20]}
    estimators = []
    for convert in (np.asarray, kind):
        here = validation and validation | {"X_val": convert(X[:20])}
        estimators.append(Estimator(**options).fit(convert(X), y, sample_weight=weight, **here))
    dense, thin = estimators
    assert parity.apart(thin, dense) < CLOSE[dtype]
    assert thin.coefs_[0].dtype == dtype
    np.testing.assert_allclose(thin.loss_curve_, dense.loss_curve_, rtol=CLOSE[dtype])
    if validation:
        np.testing.assert_allclose(thin.validation_loss_curve_, dense.validation_loss_curve_, rtol=CLOSE[dtype])
    outputs = "predict_proba" if classifies else "predict"
    np.testing.assert_allclose(
        getattr(thin, outputs)(kind(X)), getattr(dense, outputs)(X), rtol=50 * CLOSE[dtype], atol=CLOSE[dtype]
    )
    assert thin.score(kind(X), y) == pytest.approx(thin.score(X, y), rel=CLOSE[dtype])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_lbfgs(dtype):
    X, labels, _ = data(60, 30, dtype)
    dense, thin = (
        MLPClassifier(solver="lbfgs", max_iter=5, random_state=0).fit(kind(X), labels)
        for kind in (np.asarray, sparse.csr_array)
    )
    assert parity.apart(thin, dense) < CLOSE[dtype]
    assert thin.loss_ == pytest.approx(dense.loss_, rel=1e-4)


def test_partial_fit_and_warm_starts():
    X, labels, values = data(60, 30, "float64")
    dense, thin = MLPClassifier(random_state=0), MLPClassifier(random_state=0)
    for start in (0, 20, 40):
        rows = slice(start, start + 20)
        dense.partial_fit(X[rows], labels[rows], classes=["no", "yes"])
        thin.partial_fit(sparse.csr_matrix(X[rows]), labels[rows], classes=["no", "yes"])
    assert parity.apart(thin, dense) < 1e-9
    dense, thin = (MLPRegressor(random_state=0, warm_start=True, max_iter=3) for _ in range(2))
    for given_X in (X, sparse.csr_matrix(X)):  # from dense rows to sparse ones
        thin.fit(given_X, values)
        dense.fit(X, values)
    assert parity.apart(thin, dense) < 1e-9


def test_any_number_of_threads_gives_the_same_bits():
    rng = np.random.default_rng(0)
    X = sparse.csr_array((rng.normal(size=20_000), rng.integers(0, 3000, 20_000), np.arange(401) * 50), shape=(400, 3000))
    y = rng.normal(size=400)
    results = {
        MLPRegressor(hidden_layer_sizes=(32,), max_iter=3, random_state=0, n_threads=n_threads)
        .fit(X, y)
        .network_.theta.tobytes()
        for n_threads in (1, 2)
    }
    assert len(results) == 1


def test_a_fit_goes_on_from_its_checkpoint(tmp_path):
    X, _, values = data(60, 30, "float64")
    X = sparse.csr_array(X)
    options = {"random_state": 0, "max_iter": 6, "early_stopping": True, "checkpoint": tmp_path / "fit"}
    whole = MLPRegressor(**options).fit(X, values)
    again = MLPRegressor(**options).resume(X, values)
    np.testing.assert_array_equal(again.network_.theta, whole.network_.theta)
    with pytest.raises(InputError, match="X is not what the fit in"):
        MLPRegressor(**options).resume(2 * X, values)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_nothing_is_made_dense(solver):
    """X would take 640 MB, a batch of 200 rows 320 MB; the optimizer's vectors take a good 100 MB."""
    n, n_in, entries = 400, 200_000, 20
    rng = np.random.default_rng(0)
    columns = rng.integers(0, n_in, n * entries)
    X = sparse.csr_array((rng.normal(size=n * entries), columns, np.arange(n + 1) * entries), shape=(n, n_in))
    y = rng.normal(size=n)
    warm = {"hidden_layer_sizes": (2,), "max_iter": 1, "solver": solver}
    MLPRegressor(**warm).fit(X[:, :10], y).predict(X[:, :10])  # compiled before it is watched
    tracemalloc.start()
    try:
        estimator = MLPRegressor(**warm, early_stopping=solver == "adam").fit(X, y)
        estimator.predict(X)
        estimator.score(X, y)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 0.4 * 8 * n * n_in


def test_divergence_names_the_layer():
    X, _, values = data(60, 30, "float64")
    estimator = MLPRegressor(solver="sgd", learning_rate_init=1e6, momentum=0, activation="identity", random_state=0)
    with pytest.raises(ValueError, match=r"diverged in epoch \d+, .*layer"):
        estimator.fit(sparse.csr_matrix(1e6 * X), 1e6 * values)
    assert all(np.isfinite(W).all() for W in estimator.coefs_)


def test_what_takes_dense_rows_says_so():
    X, _, values = data(60, 10, "float64")
    with pytest.raises(InputError, match=r"X is sparse; LevenbergMarquardt\(\) takes dense rows: give X.toarray\(\)"):
        MLPRegressor(optimizer=LevenbergMarquardt()).fit(sparse.csr_matrix(X), values)
    MLPRegressor(optimizer=Adam(), max_iter=2).fit(sparse.csr_matrix(X), values)
