"""One memory: network_, coefs_ and intercepts_, in every copy."""

import copy
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from tileprop.trainer import MLPClassifier, MLPRegressor

X = np.random.default_rng(0).normal(size=(30, 3))
y = X[:, 0]


@pytest.fixture
def fitted():
    with pytest.warns(UserWarning, match="Maximum iterations"):
        return MLPRegressor(hidden_layer_sizes=(4,), max_iter=2, random_state=0).fit(X, y)


def one_memory(estimator):
    theta = estimator.network_.theta
    return all(np.shares_memory(array, theta) for array in (*estimator.coefs_, *estimator.intercepts_))


@pytest.mark.parametrize("copied", [lambda m: pickle.loads(pickle.dumps(m)), copy.deepcopy, copy.copy])
def test_copies_hold_one_memory(fitted, copied):
    expected = fitted.predict(X)
    again = copied(fitted)
    weights, network = again.coefs_[-1], again.network_
    np.testing.assert_array_equal(again.predict(X), expected)
    network.fit(X, y, epochs=2)
    assert np.shares_memory(weights, network.theta)
    weights[:] = 0
    again.intercepts_[-1][:] = 0.25
    assert (again.network_.predict(X) == 0.25).all()
    assert (again.predict(X) == 0.25).all()


def test_weights_that_were_set_are_the_networks(fitted):
    fitted.coefs_ = [np.zeros_like(W) for W in fitted.coefs_]
    for estimator in (copy.deepcopy(fitted), fitted):
        assert one_memory(estimator)
        assert not estimator.network_.weights[0].any()


def test_weights_of_other_sizes_make_another_network(fitted):
    fitted.coefs_, fitted.intercepts_ = [np.ones((3, 7)), np.ones((7, 1))], [np.zeros(7), np.zeros(1)]
    for estimator in (copy.deepcopy(fitted), fitted):
        assert estimator.network_.plan.sizes == [3, 7, 1]
        assert one_memory(estimator)


def test_no_network_before_a_fit(fitted):
    assert not hasattr(MLPClassifier(), "network_")
    assert not hasattr(clone(fitted), "network_")
