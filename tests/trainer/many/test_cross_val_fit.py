"""Cross-validation: each network is what a fit to its fold's training rows gives, and what is held out is predicted."""

import copy

import numpy as np
import pytest
from sklearn.model_selection import GroupKFold, KFold
from tileprop.trainer import EarlyStopping, InputError, Network, cross_val_fit

X = np.random.default_rng(0).normal(size=(40, 3))
T = X[:, 0] - X[:, 1] ** 2
LABELS = np.where(X[:, 0] > 0.5, "yes", "no")
OPTIONS = {"epochs": 3, "optimizers": "adam", "n_threads": 1}


def regression(number=0):
    return Network([3, 4, 1], "tanh", "identity", dtype="float64", random_state=number)


def test_each_network_is_that_of_a_fit_to_its_rows():
    network = regression()
    before = network.theta.copy()
    result = cross_val_fit(network, X, T, cv=3, **OPTIONS)
    assert (network.theta == before).all()
    for i, (train, test) in enumerate(result.folds):
        alone = copy.deepcopy(network)
        alone.fit(X[train], T[train], epochs=3, optimizer="adam")
        assert (alone.theta == result.networks[i].theta).all()
        assert result.loss[i] == alone.loss(X[test], T[test])
        assert result.score[i] == alone.score(X[test], T[test])
        assert (result.predictions[test] == alone.predict(X[test])).all()


def test_labels_keep_their_shares_and_their_names():
    network = Network([3, 4, 2], "tanh", "softmax", "log_loss", dtype="float64")
    result = cross_val_fit(network, X, LABELS, cv=4, **OPTIONS)
    counts = [(LABELS[test] == "yes").sum() for _, test in result.folds]
    assert max(counts) - min(counts) <= 1
    assert result.networks[0].classes == ("no", "yes")
    assert network.classes is None
    np.testing.assert_allclose(result.predictions.sum(axis=1), 1.0)


def test_a_function_makes_each_folds_network():
    result = cross_val_fit(regression, X, T, cv=2, **(OPTIONS | {"epochs": 1}))
    alone = regression(1)
    alone.fit(X[result.folds[1][0]], T[result.folds[1][0]], epochs=1, optimizer="adam")
    assert (result.networks[1].theta == alone.theta).all()


def test_splitters_weights_and_early_stopping():
    weight = np.linspace(0.0, 1.0, 40)
    splitter = KFold(4, shuffle=True, random_state=1)
    options = OPTIONS | {"validation_split": 0.2, "early_stopping": EarlyStopping(), "sample_weight": weight}
    result = cross_val_fit(regression(), X, T, cv=splitter, **options)
    for (_, test), (_, expected), loss, network in zip(
        result.folds, splitter.split(X), result.loss, result.networks, strict=True
    ):
        assert (test == expected).all()
        assert loss == network.loss(X[test], T[test], weight[test])
    assert all(len(history.val_loss) == 3 for history in result.histories)


def test_rows_that_are_held_out_never_or_often():
    folds = [([0, 1, 2, 3], [4]), ([0, 1, 2, 3, 5], [4, 6])]
    result = cross_val_fit(regression(), X, T, cv=folds, **OPTIONS)
    assert np.flatnonzero(np.isfinite(result.predictions[:, 0])).tolist() == [4, 6]
    assert np.isnan(result.score).tolist() == [True, False]
    mean = np.mean([network.predict(X[[4]]) for network in result.networks])
    assert result.predictions[4, 0] == pytest.approx(mean)


def test_what_it_shows():
    result = cross_val_fit(regression(), X, T, cv=2, **OPTIONS)
    assert repr(result).startswith("CrossValidation of 2 folds: loss ")
    frame = result.to_frame()
    assert frame.columns.tolist() == ["loss", "score", "epochs", "n_train", "n_test"]
    assert frame["n_test"].tolist() == [20, 20]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"network": 3}, "network is 3; it must be a Network, or a function"),
        ({"network": lambda number: None}, r"network\(0\) is None; the function must return a Network"),
        ({"row_subsets": [[0]]}, "cross_val_fit takes no row_subsets"),
        ({"random_state": -1}, "random_state|seed"),
        (
            {"sample_weight": np.arange(40) < 20, "cv": [([0], [30])]},
            "fold 0 of cv holds out only rows whose sample_weight is 0",
        ),
        ({"cv": GroupKFold(2)}, "groups"),
    ],
)
def test_what_does_not_fit_is_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        cross_val_fit(**({"network": regression(), "X": X, "T": T, **OPTIONS} | changed))
    assert issubclass(InputError, ValueError)
