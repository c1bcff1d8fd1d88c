"""scikit-learn's fitted estimators become networks, and our estimators, that predict the same."""

import warnings

import numpy as np
import pytest
import sklearn.neural_network as theirs
from sklearn.exceptions import ConvergenceWarning
from tileprop.trainer import InputError, MLPClassifier, MLPRegressor, estimator_from_sklearn, from_sklearn

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
SCORES = X @ RNG.normal(size=(4, 3))
CLASSES = SCORES.argmax(1)
TASKS = {
    "classes": ("MLPClassifier", CLASSES),
    "words": ("MLPClassifier", np.array(["a", "b", "c"])[CLASSES]),
    "two classes": ("MLPClassifier", CLASSES == 1),
    "labels": ("MLPClassifier", (SCORES > 0).astype(int)),
    "numbers": ("MLPRegressor", SCORES[:, 0]),
    "several numbers": ("MLPRegressor", SCORES),
    "counts": ("MLPRegressor", CLASSES.astype(float)),
}


def fitted(kind, y, task="", **arguments):
    more = {"loss": "poisson"} if task == "counts" else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        arguments = {"hidden_layer_sizes": (5, 4), "max_iter": 8, "random_state": 0, "learning_rate_init": 0.01} | arguments
        return kind(**arguments, **more).fit(X, y)


def outputs(estimator, X=X):
    """What the network's outputs are for an estimator: of two classes, the second one's probability."""
    if not hasattr(estimator, "predict_proba"):
        return estimator.predict(X).reshape(len(X), -1)
    P = estimator.predict_proba(X)
    return P[:, 1:] if P.shape[1] == 2 else P


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("activation", ["logistic", "tanh", "relu", "identity"])
def test_networks(task, activation):
    kind, y = TASKS[task]
    estimator = fitted(getattr(theirs, kind), y, task, activation=activation)
    network = from_sklearn(estimator)
    assert network.dtype == np.float64
    np.testing.assert_allclose(network.predict(X), outputs(estimator), rtol=1e-12, atol=1e-15)
    assert not np.shares_memory(network.theta, estimator.coefs_[0])


def test_losses():
    """Trained on, the network descends what the estimator did."""
    regressor = fitted(theirs.MLPRegressor, SCORES)
    assert from_sklearn(regressor).plan.loss == "sum_squared_error"
    classifier = fitted(theirs.MLPClassifier, CLASSES)
    network = from_sklearn(classifier)
    before = network.loss(X, CLASSES)
    assert network.fit(X, CLASSES, epochs=20).loss[-1] < before


def test_our_own_and_float32():
    ours = fitted(MLPClassifier, CLASSES, activation=["tanh", "exp"], dtype="float32")
    network = from_sklearn(ours)
    assert network.plan.activations == ["tanh", "exp", "softmax"]
    assert network.dtype == np.float32
    np.testing.assert_array_equal(network.predict(X), ours.network_.predict(X))
    assert not np.shares_memory(network.theta, ours.network_.theta)


@pytest.mark.parametrize(
    "arguments", [{"loss": "quantile", "quantile": [0.1, 0.9]}, {"loss": "huber", "delta": 0.5}, {"loss": "gaussian_nll"}]
)
def test_losses_of_our_own(arguments):
    ours = fitted(MLPRegressor, SCORES[:, 0], **arguments)
    network = from_sklearn(ours)
    assert network.plan.arguments == ours.network_.plan.arguments
    np.testing.assert_array_equal(network.predict(X), ours.network_.predict(X))


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_estimators(task, solver):
    kind, y = TASKS[task]
    original = fitted(getattr(theirs, kind), y, task, solver=solver, warm_start=True, activation="tanh")
    ours = estimator_from_sklearn(original)
    assert type(ours) is {"MLPClassifier": MLPClassifier, "MLPRegressor": MLPRegressor}[kind]
    assert ours.get_params().items() >= original.get_params().items()
    np.testing.assert_allclose(outputs(ours), outputs(original), rtol=1e-12, atol=1e-15)
    if kind == "MLPClassifier":
        np.testing.assert_array_equal(ours.predict(X), original.predict(X))
    assert ours.n_iter_ == original.n_iter_
    before = [W.copy() for W in original.coefs_]
    ours.fit(X, y)
    assert ours.n_iter_ > 0
    for W, kept in zip(original.coefs_, before, strict=True):
        np.testing.assert_array_equal(W, kept)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("keep_optimizer", [False, True])
def test_training_goes_on(keep_optimizer):
    original = fitted(theirs.MLPClassifier, CLASSES, warm_start=True)
    ours = estimator_from_sklearn(original).set_params(keep_optimizer=keep_optimizer)
    start = ours.coefs_[0].copy()
    ours.partial_fit(X, CLASSES)
    assert 0 < np.abs(ours.coefs_[0] - start).max() < 0.2
    ours.fit(X, CLASSES)
    assert ours.loss_ < original.loss_


@pytest.mark.parametrize("convert", [from_sklearn, estimator_from_sklearn])
def test_what_is_not_fitted(convert):
    for estimator in (theirs.MLPClassifier(), MLPRegressor(), "model"):
        with pytest.raises(InputError, match="it must be a fitted MLPClassifier or MLPRegressor"):
            convert(estimator)
