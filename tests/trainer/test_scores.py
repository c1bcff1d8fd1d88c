"""Scores and classes, beside scikit-learn's."""

import numpy as np
import pytest
from tileprop.trainer import InputError, Network

RNG = np.random.default_rng(2)
X = RNG.normal(size=(40, 3))
WEIGHT = RNG.uniform(0.1, 2, 40)


@pytest.mark.parametrize("loss", ["mse", "quantile", "gaussian_nll"])
def test_r2(loss):
    metrics = pytest.importorskip("sklearn.metrics")
    options = dict(quantile=[0.1, 0.5, 0.9]) if loss == "quantile" else {}
    n_out = {"mse": 2, "quantile": 6, "gaussian_nll": 4}[loss]
    network = Network([3, n_out], output_activation="identity", loss=loss, dtype="float64", **options)
    T, Y = RNG.normal(size=(40, 2)), network.predict(X)
    middle = Y[:, 2:4] if loss == "quantile" else Y[:, :2]
    for weight in (None, WEIGHT):
        assert network.score(X, T, weight) == pytest.approx(metrics.r2_score(T, middle, sample_weight=weight))


@pytest.mark.plain
def test_r2_of_equal_targets():
    network = Network([1, 1], output_activation="identity")
    network.theta = [0.0, 3.0]
    assert network.score([[1], [2]], [3, 3]) == 1.0
    assert network.score([[1], [2]], [4, 4]) == 0.0
    with pytest.raises(InputError, match="at least two rows"):
        network.score([[1]], [4])


@pytest.mark.plain
def test_accuracy():
    labels = RNG.integers(0, 3, 40)
    network = Network([3, 3], output_activation="softmax", loss="log_loss")
    found = network.predict(X).argmax(axis=1)
    assert network.predict_classes(X).tolist() == found.tolist()
    assert network.score(X, labels) == network.score(X, np.eye(3)[labels]) == np.mean(found == labels)
    assert network.score(X, labels, WEIGHT) == pytest.approx(np.average(found == labels, weights=WEIGHT))


@pytest.mark.plain
def test_accuracy_of_several_labels():
    network = Network([3, 2], loss="log_loss")
    T = RNG.integers(0, 2, (40, 2))
    found = network.predict(X) > 0.5
    assert network.predict_classes(X).tolist() == found.astype(int).tolist()
    assert network.score(X, T) == np.mean((found == T).all(axis=1))


@pytest.mark.plain
def test_outputs_that_are_no_probabilities():
    with pytest.raises(InputError, match=r"this network's are of 'identity'. Give Network"):
        Network([3, 2], output_activation="identity").predict_classes(X)
