"""The estimators: scikit-learn's contract, and scikit-learn's answers."""

import pickle
import re
import warnings
from html import escape

import joblib
import numpy as np
import parity
import pytest
import sklearn.neural_network as theirs
from hypothesis import HealthCheck, given
from hypothesis import settings as budget
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.estimator_checks import parametrize_with_checks
from tileprop.trainer import SGD, MLPClassifier, MLPRegressor
from tileprop.trainer.estimators.training import CompiledTraining

ESTIMATORS = [MLPClassifier, MLPRegressor]
RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
LABELS = np.where(X[:, 0] > 0, "yes", "no")
VALUES = X[:, 0] - X[:, 1]


def fitted(Estimator, **arguments):
    y = LABELS if Estimator is MLPClassifier else VALUES
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return Estimator(**({"max_iter": 5, "random_state": 0} | arguments)).fit(X, y)


@parametrize_with_checks([MLPClassifier(), MLPRegressor()])
def test_scikit_learns_checks(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(estimator)


@given(setting=parity.settings())
@budget(max_examples=12, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_weights_are_scikit_learns(setting):
    assert parity.compare(setting).as_near_as_can_be


@pytest.mark.full
def test_two_hundred_settings_end_at_scikit_learns_weights():
    outcomes = []

    @given(setting=parity.settings())
    @budget(max_examples=200, suppress_health_check=[HealthCheck.too_slow], deadline=None, database=None, derandomize=True)
    def collect(setting):
        outcome = parity.compare(setting)
        outcomes.append((outcome, setting))
        assert outcome.as_near_as_can_be

    collect()
    rounded = [setting for outcome, setting in outcomes if not outcome.same]
    print(f"{len(outcomes)} settings; within 100 times scikit-learn's own shift only: {rounded}")
    assert len(outcomes) >= 200
    assert len(rounded) <= len(outcomes) / 10


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_every_argument_and_attribute_of_scikit_learns_is_there(Estimator):
    original = getattr(theirs, Estimator.__name__)
    mine, other = Estimator().get_params(), original().get_params()
    assert {name: mine[name] for name in other} == other
    more = {
        "optimizer",
        "l1",
        "weight_decay",
        "clip_norm",
        "frozen_layers",
        "dropout",
        "scoring",
        "schedule",
        "keep_optimizer",
        "callbacks",
        "dtype",
        "n_threads",
        "checkpoint",
    }
    own = {"class_weight", "label_smoothing"} if Estimator is MLPClassifier else {"quantile", "delta"}
    assert set(mine) - set(other) == more | own
    estimator = fitted(Estimator)
    y = LABELS if Estimator is MLPClassifier else VALUES
    with pytest.warns(ConvergenceWarning):
        reference = original(max_iter=5, random_state=0).fit(X, y)
    assert {name for name in vars(reference) if name.endswith("_")} <= set(vars(estimator))


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_coefs_are_views_of_the_network(Estimator):
    estimator = fitted(Estimator)
    for mine, own in zip(estimator.coefs_, estimator.network_.weights, strict=True):
        assert mine is own
    before = estimator.predict(X)
    estimator.coefs_ = [W.copy() for W in estimator.coefs_]
    np.testing.assert_array_equal(estimator.predict(X), before)
    estimator.coefs_[0][:] = 0
    estimator.intercepts_[0] = np.zeros_like(estimator.intercepts_[0])
    assert len(np.unique(estimator.predict(X))) == 1


@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_datas_dtype_is_the_weights(Estimator, dtype):
    y = LABELS if Estimator is MLPClassifier else VALUES
    with pytest.warns(ConvergenceWarning):
        estimator = Estimator(max_iter=3, random_state=0).fit(X.astype(dtype), y)
    assert all(W.dtype == dtype for W in (*estimator.coefs_, *estimator.intercepts_))


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_partial_fit_goes_on_with_the_optimizers_state(Estimator):
    """Five calls with a generator of one's own are five epochs of one."""
    y = LABELS if Estimator is MLPClassifier else VALUES
    more = {"classes": np.unique(LABELS)} if Estimator is MLPClassifier else {}
    pieces, original = Estimator(random_state=0), getattr(theirs, Estimator.__name__)(random_state=0)
    for _ in range(5):
        pieces.partial_fit(X, y, **more)
        original.partial_fit(X, y, **more)
    assert parity.apart(pieces, original) <= 1e-10
    assert (pieces.t_, len(pieces.loss_curve_)) == (original.t_, len(original.loss_curve_))


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_warm_start_goes_on_from_the_weights(Estimator):
    y = LABELS if Estimator is MLPClassifier else VALUES
    warm, original = (E(random_state=0, warm_start=True, max_iter=4) for E in (Estimator, getattr(theirs, Estimator.__name__)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for _ in range(3):
            warm.fit(X, y)
            original.fit(X, y)
    assert parity.apart(warm, original) <= 1e-10


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_any_number_of_threads_gives_the_same_bits(Estimator):
    digits = load_digits()
    results = []
    for n_threads in (1, 2):
        with pytest.warns(ConvergenceWarning):
            estimator = Estimator(max_iter=2, random_state=0, n_threads=n_threads).fit(digits.data, digits.target)
        results.append(estimator.network_.theta.tobytes())
    assert results[0] == results[1]


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_pickled_cloned_and_dumped(Estimator, tmp_path):
    estimator = fitted(Estimator)
    expected = estimator.predict(X)
    joblib.dump(estimator, tmp_path / "estimator")
    for copy in (pickle.loads(pickle.dumps(estimator)), joblib.load(tmp_path / "estimator")):
        np.testing.assert_array_equal(copy.predict(X), expected)
        assert np.shares_memory(copy.coefs_[0], copy.network_.theta)
    with pytest.raises(NotFittedError):
        clone(estimator).predict(X)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_shown_in_html_with_every_parameter(Estimator):
    for estimator, state in ((Estimator(l1=0.25), "Not fitted"), (fitted(Estimator, l1=0.25), "Fitted")):
        page = estimator._repr_html_()
        assert f"<pre>{escape(repr(estimator))}</pre>" in page
        assert f"<span>{state}</span>" in page
        assert set(estimator.get_params()) == set(re.findall(r'<td class="param">(\w+)', page))


def test_in_a_pipeline_and_a_grid():
    iris = load_iris()
    model = make_pipeline(StandardScaler(), MLPClassifier(max_iter=300, random_state=0, solver="lbfgs"))
    assert cross_val_score(model, iris.data, iris.target, cv=3).mean() > 0.9
    # In several processes: test_frames.py, test_regressor.py.
    grid = GridSearchCV(model, {"mlpclassifier__alpha": [1e-4, 1.0]}, cv=2).fit(iris.data, iris.target)
    assert grid.best_score_ > 0.9


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_bad_arguments_get_scikit_learns_messages(Estimator):
    for arguments in ({"n_threads": 0}, {"alpha": -1.0}, {"solver": "newton"}):
        (name,) = arguments
        with pytest.raises(ValueError, match=f"The '{name}' parameter of {Estimator.__name__} must be"):
            Estimator(**arguments).fit(X, VALUES > 0)


def test_divergence_is_told_and_leaves_finite_weights():
    estimator = MLPRegressor(solver="sgd", learning_rate_init=1e6, random_state=0, activation="identity", momentum=0)
    with pytest.raises(ValueError, match=r"non-finite parameter weights.*diverged in epoch \d+, .*layer"):
        estimator.fit(1e6 * X, 1e6 * VALUES)
    assert all(np.isfinite(W).all() for W in estimator.coefs_)


def test_a_ctrl_c_keeps_what_was_trained(monkeypatch):
    estimator = MLPRegressor(random_state=0)

    def interrupted(self, *arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(CompiledTraining, "_total_loss", interrupted)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        estimator.fit(X, VALUES)
    assert np.isfinite(estimator.predict(X)).all()


# What scikit-learn's do not have -------------------------------------------------------------------------------------------


def test_class_weights_multiply_sample_weights():
    weight = np.linspace(0.5, 2, len(X))
    total = weight * compute_sample_weight({"yes": 3.0}, LABELS)
    by_class, by_sample = MLPClassifier(class_weight={"yes": 3.0}), MLPClassifier()
    for estimator, sample_weight in ((by_class, weight), (by_sample, total)):
        with pytest.warns(ConvergenceWarning):
            estimator.set_params(max_iter=5, random_state=0).fit(X, LABELS, sample_weight=sample_weight)
    assert by_class.network_.theta.tobytes() == by_sample.network_.theta.tobytes()
    with pytest.raises(ValueError, match="class_weight='balanced' is not for partial_fit"):
        MLPClassifier(class_weight="balanced").partial_fit(X, LABELS, classes=np.unique(LABELS))


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_given_validation_data_takes_no_rows_from_training(Estimator):
    y = LABELS if Estimator is MLPClassifier else VALUES
    plain = fitted(Estimator)
    watched = Estimator(max_iter=5, random_state=0)
    with pytest.warns(ConvergenceWarning):
        watched.fit(X, y, X_val=sparse.csr_matrix(X[:20]), y_val=y[:20], sample_weight_val=np.ones(20))
    assert watched.network_.theta.tobytes() == plain.network_.theta.tobytes()
    assert len(watched.validation_loss_curve_) == 5
    targets = (y[:20] == "yes")[:, None] if Estimator is MLPClassifier else y[:20]
    assert watched.validation_loss_curve_[-1] == pytest.approx(plain.network_.loss(X[:20], targets), rel=1e-12)


@pytest.mark.parametrize("scoring", [None, "loss", "f1", lambda estimator, X, y: -estimator.loss_])
def test_early_stopping_on_given_data_keeps_the_best_weights(scoring):
    y = (X[:, 0] > 0).astype(int)
    estimator = MLPClassifier(
        early_stopping=True, scoring=scoring, random_state=0, n_iter_no_change=3, max_iter=300, learning_rate_init=0.1
    ).fit(X[20:], y[20:], X_val=X[:20], y_val=y[:20])
    scores = estimator.validation_scores_
    assert len(scores) == estimator.n_iter_ < 300
    assert estimator.best_validation_score_ == max(scores)
    if scoring is None:
        assert estimator.score(X[:20], y[:20]) == max(scores)
    if scoring == "loss":
        np.testing.assert_allclose(scores, -np.array(estimator.validation_loss_curve_))
        assert -estimator.network_.loss(X[:20], y[:20, None]) == pytest.approx(max(scores), rel=1e-12)


def test_bad_validation_data():
    classifier = MLPClassifier(max_iter=2)
    with pytest.raises(ValueError, match="X_val and y_val go together"):
        classifier.fit(X, LABELS, X_val=X)
    with pytest.raises(ValueError, match="classes not in"):
        classifier.fit(X, LABELS, X_val=X, y_val=np.full(len(X), "maybe"))
    with pytest.raises(ValueError, match="X has 2 features"):
        classifier.fit(X, LABELS, X_val=X[:, :2], y_val=LABELS)
    with pytest.raises(ValueError, match="X_val needs solver"):
        MLPClassifier(solver="lbfgs").fit(X, LABELS, X_val=X, y_val=LABELS)


def test_every_layer_may_have_an_activation_of_its_own():
    network = fitted(MLPRegressor, hidden_layer_sizes=(5, 4), activation=["tanh", "logistic"]).network_
    assert network.plan.activations == ["tanh", "sigmoid", "identity"]
    with pytest.raises(ValueError, match="activation has 1 names, but there are 2 hidden layers"):
        fitted(MLPRegressor, hidden_layer_sizes=(5, 4), activation=["tanh"])


def test_smoothed_labels_are_other_targets():
    smooth = fitted(MLPClassifier, label_smoothing=0.2, shuffle=False, solver="sgd", momentum=0, alpha=0)
    plain = fitted(MLPClassifier, shuffle=False, solver="sgd", momentum=0, alpha=0, max_iter=1)
    start = MLPClassifier(random_state=0)
    start._random_state = np.random.RandomState(0)
    network = plain.network_
    for W, b in zip(network.weights, network.biases, strict=True):
        W[:], b[:] = start._init_coef(*W.shape, np.float64)
    T = np.where(LABELS == "yes", 0.9, 0.1)
    network.fit(X, T, epochs=5, batch_size=60, optimizer=SGD(0.001), shuffle=False)
    np.testing.assert_allclose(smooth.network_.theta, network.theta, rtol=1e-12)


class Halving:
    def factor(self, epoch, epochs, history):
        return 0.5**epoch


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_a_schedule_multiplies_the_learning_rate(Estimator):
    rates = []
    fitted(Estimator, schedule=Halving(), callbacks=[lambda running: rates.append(running.learning_rate)])
    assert rates == [0.001 * 0.5**epoch for epoch in range(5)]


@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_a_warm_start_may_keep_the_optimizers_state(Estimator, solver):
    y = LABELS if Estimator is MLPClassifier else VALUES
    once = fitted(Estimator, solver=solver, max_iter=4, shuffle=False)
    pieces = Estimator(solver=solver, max_iter=2, shuffle=False, warm_start=True, keep_optimizer=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        pieces.fit(X, y).fit(X, y)
    assert pieces.network_.theta.tobytes() == once.network_.theta.tobytes()


def test_a_callback_ends_the_fit():
    assert fitted(MLPRegressor, callbacks=[lambda running: running.history.epochs == 2]).n_iter_ == 2


def test_a_dtype_may_be_chosen():
    assert fitted(MLPClassifier, dtype="float32").coefs_[0].dtype == np.float32
