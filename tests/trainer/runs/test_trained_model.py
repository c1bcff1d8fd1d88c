"""TrainedModel: raw rows in, names and original units out; files that come back whole, and damaged ones that do not."""

import json

import numpy as np
import pytest
from inside import set_activation
from safetensors.numpy import load_file, save_file
from tileprop.trainer import InputError, ModelFormatError, Network
from tileprop.trainer.data.array_recipe import ArrayRecipe
from tileprop.trainer.files import load_network, save_network
from tileprop.trainer.runs.trained_model import TrainedModel
from tileprop.trainer.scaling import Scaling

pytestmark = pytest.mark.plain
SCALING = Scaling(np.array([10.0, -1.0]), np.array([2.0, 0.5]))
RECIPE, PLAIN = ArrayRecipe(SCALING, ("größe", "b")), ArrayRecipe(SCALING, ("x0", "x1"))
X = np.array([[12.0, -1.0], [10.0, 0.0], [8.0, -2.0]])
Z = np.array([[1.0, 0.0], [0.0, 2.0], [-1.0, -2.0]])
Z /= np.sqrt(1 + (Z / 3) ** 2)  # clipped smoothly


@pytest.fixture
def classifier():
    network = Network([2, 4, 3], output_activation="softmax", loss="log_loss", random_state=1)
    return TrainedModel(network, RECIPE, "classification", ("Klasse",), ("rot", "grün", "blau"))


@pytest.fixture
def regressor():
    network = Network([2, 4, 2], output_activation="identity", loss="squared_error", dtype="float64")
    target_scaling = Scaling(np.array([100.0, 0.0]), np.array([10.0, 1.0]))
    return TrainedModel(network, PLAIN, "regression", ("y", "z"), target_scaling=target_scaling)


def test_classification(classifier):
    Y = classifier.network.predict(Z)
    P = classifier.predict_proba(X)
    np.testing.assert_allclose(P, Y, rtol=1e-6)
    np.testing.assert_allclose(P.sum(axis=1), 1.0, rtol=1e-12)
    assert classifier.predict(X).tolist() == [classifier.class_names[k] for k in Y.argmax(axis=1)]


def test_outputs_that_are_no_probabilities_are_normalised():
    network = Network([2, 2], output_activation="sigmoid", loss="mse")
    network.theta = [0, 0, 0, 0, 0, np.log(3)]  # sigmoid: 0.5 and 0.75
    model = TrainedModel(network, PLAIN, "classification", ("y",), ("no", "yes"))
    np.testing.assert_allclose(model.predict_proba(X), [[0.4, 0.6]] * 3, rtol=1e-6)
    network.theta = [0, 0, 0, 0, -200, -200]  # both underflow
    assert np.isfinite(model.predict_proba(X)).all()


def test_regression(regressor):
    expected = regressor.network.predict(Z) * [10.0, 1.0] + [100.0, 0.0]
    np.testing.assert_allclose(regressor.predict(X), expected, rtol=1e-14)
    with pytest.raises(InputError, match="predict_proba needs a classification"):
        regressor.predict_proba(X)


def test_one_target_is_flat():
    network = Network([2, 1], output_activation="identity")
    model = TrainedModel(network, PLAIN, "regression", target_scaling=Scaling(np.zeros(1), np.ones(1)))
    assert model.predict(X).shape == (3,)
    assert model.predict(X[:1]).shape == (1,)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([1.0, 2.0], r"X.reshape\(1, -1\)"),
        ([[1.0, 2.0, 3.0]], r"shape \(1, 3\)"),
        ([[1.0, np.nan]], "nan"),
        ([["a", "b"]], "real numbers"),
    ],
)
def test_rows_that_do_not_fit(classifier, rows, message):
    with pytest.raises(InputError, match=message):
        classifier.predict(rows)


def test_rows_far_away_are_clipped(classifier):
    near = classifier.network.predict([[3.0, -3.0]])
    np.testing.assert_allclose(classifier.predict_proba([[1.7e308, -1e200]]), near, rtol=1e-5)


def test_outputs_that_overflow(classifier):
    classifier.network.weights[0][:] = 3e38
    set_activation(classifier.network.plan, 0, "identity")  # so that nothing stops the sums
    # As plain Python, the kernels warn.
    with np.errstate(all="ignore"), pytest.raises(InputError, match="output for row 1 is infinite or NaN"):
        classifier.predict([[1e30, 1e30]])


@pytest.mark.parametrize("kind", ["classifier", "regressor"])
def test_files(tmp_path, request, kind):
    model = request.getfixturevalue(kind)
    model.save(tmp_path / "model")
    again = TrainedModel.load(tmp_path / "model")
    assert np.array_equal(again.predict(X), model.predict(X))
    for name in ("feature_names", "class_names", "target_names", "task"):
        assert getattr(again, name) == getattr(model, name)
    assert Network.load(tmp_path / "model").theta.tobytes() == model.network.theta.tobytes()


def test_a_network_alone_is_no_model(tmp_path):
    Network([2, 1]).save(tmp_path / "net")
    with pytest.raises(ModelFormatError, match=r"without the scaling and names of a model; Network.load reads it"):
        TrainedModel.load(tmp_path / "net")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "sorting"}, "task is 'sorting'"),
        ({"task": "regression"}, "target_names has 1 names"),
        ({"task": "multilabel", "target_names": ["a", "b", "c"]}, "class_names has 3 names"),
        ({"feature_names": ["a"]}, "feature_names has 1 names"),
        ({"feature_names": ["a", "a"]}, "1 of them different; 2 are needed"),
        ({"feature_names": "ab"}, "feature_names is not a list"),
        ({"class_names": [1, 2, 3]}, "class_names is not a list of names"),
        ({"class_names": None}, "class_names is not a list of names"),
        ({"target_names": 7}, "target_names is not a list of names"),
        ({"target_names": ["y", "z"]}, "target_names has 2 names"),
        ({"errors": np.zeros((1, 3))[::-1] - [[0, 1, 2]]}, "errors are not 1 sorted rows"),
        ({"scaling.mean": None}, "scaling.mean is missing"),
        ({"scaling.scale": np.ones(3)}, "scaling.scale is missing, or is not 2 float64"),
        ({"scaling.scale": np.array([1.0, 0.0])}, "not positive"),
        ({"scaling.mean": np.ones(2, np.float32)}, "scaling.mean"),
    ],
)
def test_inconsistent_files(tmp_path, classifier, change, message):
    path = tmp_path / "model"
    classifier.save(path)
    network, tensors, notes = load_network(Network, path)
    for name, value in change.items():
        (tensors if "." in name or name == "errors" else notes)[name] = value
    save_network(path, network, {k: v for k, v in tensors.items() if v is not None}, notes)
    with pytest.raises(ModelFormatError, match=message):
        TrainedModel.load(path)


def test_notes_of_another_kind(tmp_path, classifier):
    path = tmp_path / "model"
    classifier.save(path)
    network, arrays, _ = load_network(Network, path)
    save_network(path, network, arrays, notes=["task"])
    with pytest.raises(ModelFormatError, match="without the scaling"):
        TrainedModel.load(path)


def test_every_damaged_byte_is_an_error_or_changes_nothing_but_numbers(tmp_path, classifier):
    path = tmp_path / "model"
    classifier.save(path)
    whole = path.read_bytes()
    generator = np.random.default_rng(0)
    for at in generator.choice(len(whole), 150, replace=False):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            model = TrainedModel.load(path)
        except InputError:
            continue
        assert model.network.plan.sizes == [2, 4, 3]
    for size in range(0, len(whole), 97):
        path.write_bytes(whole[:size])
        with pytest.raises(ModelFormatError):
            TrainedModel.load(path)


def test_missing_tensors(tmp_path, classifier):
    path = tmp_path / "model"
    classifier.save(path)
    tensors = load_file(path)
    length = int.from_bytes(path.read_bytes()[:8], "little")
    metadata = json.loads(path.read_bytes()[8 : 8 + length])["__metadata__"]
    del tensors["biases.1"]
    save_file(tensors, path, metadata)
    with pytest.raises(ModelFormatError, match=r"biases.1 is missing"):
        TrainedModel.load(path)
