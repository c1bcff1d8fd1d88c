"""The estimators for Dask collections: what scikit-learn users know, and results that do not depend on the workers."""

from __future__ import annotations

import pickle

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score, r2_score
from tileprop.trainer import Adam, InputError, Network, fit_rounds
from tileprop.trainer.dask import DaskMLPClassifier, DaskMLPRegressor, predict

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(400, 3))
Y = X @ [1.0, -1.0, 0.5]
LABELS = np.where(Y > 0.3, "high", np.where(Y < -0.3, "low", "middle"))
WEIGHT = RANDOM.uniform(0.5, 2.0, 400)
FRAME = pd.DataFrame(X, columns=["a", "b", "c"], index=np.arange(400) * 2)
GIVEN = {"hidden_layer_sizes": (8,), "learning_rate_init": 0.03, "batch_size": 5, "max_iter": 5, "random_state": 0}


def array(values):
    return da.from_array(values, chunks=(100, *values.shape[1:]))


def frame(values):
    return dd.from_pandas(values, npartitions=4)


def made(kind, client):
    model = kind(**GIVEN)
    model.client = client
    return model


def test_the_regressor_is_the_network_that_rounds_train(client):
    model = made(DaskMLPRegressor, client).fit(array(X), array(Y), sample_weight=array(WEIGHT))
    seed = int(np.random.RandomState(0).randint(np.iinfo(np.int32).max))
    network = Network([3, 8, 1], "relu", "identity", "squared_error", dtype="float64", random_state=seed)
    shards = [(X[i : i + 100], Y[i : i + 100], WEIGHT[i : i + 100]) for i in range(0, 400, 100)]
    fit_rounds(network, shards, rounds=model.n_iter_, batch_size=5, optimizer=Adam(0.03), alpha=0.0001)
    assert model.network_.theta.tobytes() == network.theta.tobytes()
    predicted = model.predict(array(X))
    assert predicted.chunks == ((100,) * 4,)
    assert np.array_equal(predicted.compute(), network.predict(X).ravel())
    assert model.score(array(X), array(Y), array(WEIGHT)) == pytest.approx(
        r2_score(Y, predicted.compute(), sample_weight=WEIGHT)
    )
    assert (model.n_features_in_, model.n_outputs_, len(model.loss_curve_)) == (3, 1, model.n_iter_)


def test_several_targets(client):
    targets = np.stack([Y, X[:, 0]], axis=1)
    of_arrays = made(DaskMLPRegressor, client).fit(array(X), array(targets))
    of_frames = made(DaskMLPRegressor, client).fit(
        frame(FRAME), frame(pd.DataFrame(targets, columns=["y", "a"], index=FRAME.index))
    )
    assert of_arrays.network_.theta.tobytes() == of_frames.network_.theta.tobytes()
    predicted = of_frames.predict(frame(FRAME)).compute()
    assert list(predicted.columns) == ["y", "a"]
    assert np.array_equal(predicted.to_numpy(), of_arrays.predict(array(X)).compute())
    expected = r2_score(targets, predicted)
    assert of_arrays.score(array(X), array(targets)) == pytest.approx(expected)


@pytest.mark.parametrize("labels", [LABELS, np.searchsorted([-0.3, 0.3], Y) * 10 - 5, Y > 0], ids=["text", "whole", "bool"])
def test_the_classifier_predicts_labels_of_any_kind(client, labels):
    model = made(DaskMLPClassifier, client).fit(array(X), array(labels))
    assert model.classes_.tolist() == np.unique(labels).tolist()
    predicted = model.predict(array(X))
    assert predicted.dtype.kind == labels.dtype.kind
    assert model.score(array(X), array(labels)) == accuracy_score(labels, predicted.compute()) > 0.8
    proba = model.predict_proba(array(X))
    assert proba.chunks == ((100,) * 4, (len(model.classes_),))
    assert np.array_equal(model.classes_[proba.compute().argmax(axis=1)], predicted.compute())
    assert np.array_equal(model.predict(X), predicted.compute())


def test_data_frames_keep_their_index_and_names(client):
    labels = pd.Series(LABELS, index=FRAME.index, name="size")
    model = made(DaskMLPClassifier, client).fit(frame(FRAME), frame(labels))
    assert model.feature_names_in_.tolist() == ["a", "b", "c"]
    predicted, proba = model.predict(frame(FRAME)).compute(), model.predict_proba(frame(FRAME)).compute()
    assert predicted.index.equals(FRAME.index)
    assert proba.columns.tolist() == ["high", "low", "middle"]
    assert model.score(frame(FRAME), frame(labels)) == accuracy_score(labels, predicted)
    with pytest.raises(InputError, match="fitted with"):
        model.predict(frame(FRAME[["b", "a", "c"]]))


def test_validation_data_end_the_training(client):
    model = made(DaskMLPRegressor, client).set_params(max_iter=30, n_iter_no_change=2, tol=0.1)
    model.fit(array(X), array(Y), X_val=array(X[:100]), y_val=array(Y[:100]))
    assert model.n_iter_ < 30
    assert len(model.history_.val_loss) == model.n_iter_
    model.fit(array(X), array(Y))
    assert model.n_iter_ < 30
    assert model.history_.val_loss == []


def test_pickles_and_clones_have_no_client(client):
    model = made(DaskMLPRegressor, client).set_params(max_iter=1).fit(array(X), array(Y))
    other = pickle.loads(pickle.dumps(model))
    assert other.client is None
    assert np.array_equal(other.predict(X), model.predict(X))
    assert clone(model).client is None
    assert model.client is client


def test_what_cannot_be_is_refused(client):
    regressor, classifier = made(DaskMLPRegressor, client), made(DaskMLPClassifier, client)
    with pytest.raises(ValueError, match="'alpha' parameter of DaskMLPRegressor must be a float"):
        clone(regressor).set_params(alpha=-1.0).fit(array(X), array(Y))
    for call, says in (
        (lambda: regressor.fit(X, array(Y)), "X is of type ndarray; give a Dask array"),
        (lambda: regressor.fit(array(X), array(Y), X_val=array(X)), "X_val and y_val go together"),
        (lambda: classifier.fit(array(X), array(np.zeros(400, int))), "y holds one class"),
        (lambda: classifier.fit(array(X), array(X)), "y has 2 axes"),
        (lambda: regressor.fit(array(X), array(Y[:300])), "different numbers of partitions"),
    ):
        with pytest.raises(InputError, match=says):
            call()
    with pytest.raises(NotFittedError):
        DaskMLPRegressor().predict(array(X))
    with pytest.raises(NotFittedError):
        DaskMLPClassifier().predict_proba(array(X))


def test_any_network_predicts_lazily(client):
    network = Network([3, 8, 2], "tanh", dtype="float64", random_state=0)
    lazy = predict(network, array(X))
    before = network.predict(X)
    network.theta[:] = 0.0
    with client.as_current():
        assert np.array_equal(lazy.compute(), before)
        unknown = frame(FRAME).to_dask_array()
        assert predict(network, unknown).compute().shape == (400, 2)
        assert np.array_equal(predict(network, frame(FRAME)).compute().index, FRAME.index)
    for given, says in ((X, "X is of type ndarray"), (array(X[:, :2]), "columns, and the network takes 3")):
        with pytest.raises(InputError, match=says):
            predict(network, given)
