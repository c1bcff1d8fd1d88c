"""Deep ensembles: scikit-learn's contract, the mixture that they predict, and that they beat their members."""

import pickle
import warnings

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from tileprop.trainer import SGD, Adam, DeepEnsembleClassifier, DeepEnsembleRegressor, InputError, Network
from tileprop.trainer.estimators.deep_ensemble_regressor import _quantile

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 3))
VALUES = 100.0 + 10.0 * X[:, 0] + RNG.normal(size=80)
LABELS = np.where(X[:, 0] > 0.3, "yes", "no")
FEW = {"n_estimators": 3, "hidden_layer_sizes": (8,), "max_iter": 20, "random_state": 0, "n_threads": 1}


@pytest.fixture(scope="module")
def regressor():
    return DeepEnsembleRegressor(**FEW).fit(X, VALUES)


@pytest.fixture(scope="module")
def classifier():
    return DeepEnsembleClassifier(**FEW).fit(X, LABELS)


def weights_of_zero(estimator):
    """Each member draws its rows in an order and holds some out, so that a row of weight 0 is not the same as no row."""
    return {"check_sample_weight_equivalence_on_dense_data": "rows are drawn at random"}


SMALL = {"n_estimators": 2, "learning_rate_init": 0.03}


@parametrize_with_checks(
    [DeepEnsembleClassifier(**SMALL), DeepEnsembleRegressor(**SMALL)], expected_failed_checks=weights_of_zero
)
def test_scikit_learns_checks(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(estimator)


def test_the_regressors_mean_and_deviation_are_those_of_the_mixture(regressor):
    scale, mean = VALUES.std(), VALUES.mean()
    Y = np.stack([network.predict(X) for network in regressor.networks_])
    means, deviations = Y[..., 0] * scale + mean, np.exp(Y[..., 1] / 2) * scale
    predicted, std = regressor.predict(X, return_std=True)
    assert predicted.shape == std.shape == (80,)
    np.testing.assert_allclose(predicted, means.mean(axis=0))
    second = (deviations**2 + means**2).mean(axis=0)
    np.testing.assert_allclose(std, np.sqrt(second - predicted**2), rtol=1e-6)


def test_intervals_hold_their_share_of_the_mixture(regressor):
    lower, upper = regressor.predict_interval(X, coverage=0.8)
    mean, deviations = VALUES.mean(), VALUES.std()
    Y = np.stack([network.predict(X) for network in regressor.networks_])
    member = norm(Y[..., 0] * deviations + mean, np.exp(Y[..., 1] / 2) * deviations)
    np.testing.assert_allclose(member.cdf(lower).mean(axis=0), 0.1, rtol=1e-6)
    np.testing.assert_allclose(member.cdf(upper).mean(axis=0), 0.9, rtol=1e-6)


def test_the_quantile_of_equal_members_is_theirs():
    means, deviations = np.full((4, 2), 5.0), np.full((4, 2), 2.0)
    np.testing.assert_allclose(_quantile(0.975, means, deviations), norm(5.0, 2.0).ppf(0.975))


def test_several_targets():
    model = DeepEnsembleRegressor(**FEW).fit(X, np.stack([VALUES, -VALUES], axis=1))
    mean, std = model.predict(X, return_std=True)
    lower, upper = model.predict_interval(X)
    assert mean.shape == std.shape == lower.shape == upper.shape == (80, 2)
    assert model.score(X, np.stack([VALUES, -VALUES], axis=1)) > 0.3


def test_the_classifiers_probabilities_are_the_members_means(classifier):
    members = np.stack([network.predict(X) for network in classifier.networks_])
    P, std = classifier.predict_proba(X, return_std=True)
    np.testing.assert_allclose(P, members.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(std, members.std(axis=0), rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(classifier.predict_log_proba(X), np.log(P))
    assert (classifier.predict(X) == np.array(["no", "yes"])[P.argmax(axis=1)]).all()
    assert classifier.score(X, LABELS) > 0.7


def test_members_differ_and_a_seed_gives_them_again(regressor):
    thetas = [network.theta for network in regressor.networks_]
    assert not (thetas[0] == thetas[1]).any()
    again = DeepEnsembleRegressor(**(FEW | {"n_threads": 2})).fit(X, VALUES)
    assert all((a.theta == b).all() for a, b in zip(again.networks_, thetas, strict=True))


def test_pickled_and_unpickled(classifier):
    copied = pickle.loads(pickle.dumps(classifier))
    assert (copied.predict_proba(X) == classifier.predict_proba(X)).all()


def test_arguments_reach_the_networks():
    arguments = FEW | {"hidden_layer_sizes": (5, 4), "activation": ["logistic", "tanh"], "dtype": "float32"}
    model = DeepEnsembleClassifier(**arguments, early_stopping=False, optimizer=Adam(0.0001)).fit(X, LABELS)
    network = model.networks_[0]
    assert (network.plan.sizes, network.plan.activations) == ([3, 5, 4, 2], ["sigmoid", "tanh", "softmax"])
    assert network.dtype == np.float32
    assert [history.epochs for history in model.histories_] == [20, 20, 20]
    assert not model.histories_[0].val_loss
    linear = DeepEnsembleRegressor(**(FEW | {"hidden_layer_sizes": ()})).fit(X, VALUES)
    assert linear.networks_[0].plan.sizes == [3, 2]


def test_what_does_not_fit_is_refused(regressor):
    with pytest.raises(InputError, match=r"coverage is 1\.5; it must be a number above 0 and below 1"):
        regressor.predict_interval(X, 1.5)
    with pytest.raises(InputError, match="y holds one class"):
        DeepEnsembleClassifier().fit(X, np.zeros(80))
    with pytest.raises(ValueError, match="'n_estimators' parameter of DeepEnsembleRegressor"):
        DeepEnsembleRegressor(0).fit(X, VALUES)
    with pytest.raises(InputError, match=r"validation_fraction=0\.9 of 3 rows leaves none to train on"):
        DeepEnsembleRegressor(validation_fraction=0.9).fit(X[:3], VALUES[:3])
    with (
        pytest.raises(InputError, match=r"training of the members \[0, 1, 2\] has diverged"),
        pytest.warns(RuntimeWarning, match="diverged"),
    ):
        DeepEnsembleRegressor(**(FEW | {"activation": "identity"}), optimizer=SGD(1e9)).fit(X, VALUES)


def test_an_ensemble_beats_the_mean_of_its_members():
    data, y = load_breast_cancer(return_X_y=True)
    data = StandardScaler().fit_transform(data)
    train, test, y_train, y_test = train_test_split(data, y, random_state=0)
    model = DeepEnsembleClassifier(random_state=0).fit(train, y_train)
    members = [log_loss(y_test, network.predict(test)) for network in model.networks_]
    assert all(isinstance(network, Network) for network in model.networks_)
    assert len(members) == 8
    assert log_loss(y_test, model.predict_proba(test)) < np.mean(members)
