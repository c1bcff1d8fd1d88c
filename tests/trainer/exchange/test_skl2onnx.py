"""Our estimators, alone and in pipelines, as skl2onnx converts them: the same labels, probabilities and numbers."""

import numpy as np
import onnx
import onnxruntime
import pytest
import skl2onnx
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from tileprop.trainer import InputError, MLPClassifier, MLPRegressor, register_skl2onnx

pytestmark = pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 4)).astype("f4").astype("f8")
SCORES = X @ RNG.normal(size=(4, 3))
K = SCORES.argmax(1)
ARGUMENTS = {"hidden_layer_sizes": (6, 5), "max_iter": 10, "random_state": 0, "learning_rate_init": 0.01}


@pytest.fixture(autouse=True, scope="module")
def registered():
    register_skl2onnx()


def converted(model, given=FloatTensorType, X=X, **arguments):
    """The outputs of the converted model for X, given as this type."""
    X = X.astype({FloatTensorType: "f4", DoubleTensorType: "f8", Int64TensorType: "i8"}[given])
    types = [("X", given([None, X.shape[1]]))]
    arguments = {"options": {"zipmap": False}} | arguments if hasattr(model, "predict_proba") else arguments
    session = onnxruntime.InferenceSession(skl2onnx.to_onnx(model, initial_types=types, **arguments).SerializeToString())
    return session.run(None, {"X": X})


@pytest.mark.parametrize("given", [FloatTensorType, DoubleTensorType])
@pytest.mark.parametrize(
    "y",
    [
        K,
        K == 1,
        K + 2**40,
        -K.astype(np.int32),
        K.astype(float),
        np.array(["a", "ö", "b"])[K],
        np.array(["yes", "no"], object)[(K == 1).astype(int)],
        (SCORES > 0).astype(int),
        (SCORES > 0).astype(int)[:, :2],
    ],
    ids=["classes", "bool", "large", "int32", "float", "words", "two words", "three labels", "two labels"],
)
def test_classifiers(y, given):
    model = make_pipeline(StandardScaler(), MLPClassifier(**ARGUMENTS)).fit(X, y)
    double = given is DoubleTensorType
    labels, probabilities = converted(model, given)
    expected = model.predict(X)
    assert labels.shape == expected.shape
    assert (labels == (expected if expected.dtype.kind in "OU" else expected.astype("i8"))).all()
    assert probabilities.dtype == ("f8" if double else "f4")
    np.testing.assert_allclose(probabilities, model.predict_proba(X), atol=1e-12 if double else 2e-6)


@pytest.mark.parametrize("given", [FloatTensorType, DoubleTensorType])
@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
@pytest.mark.parametrize("n_targets", [1, 2])
def test_regressors(given, loss, n_targets):
    y = np.abs(SCORES[:, :n_targets] if n_targets > 1 else SCORES[:, 0])
    model = make_pipeline(StandardScaler(), MLPRegressor(loss=loss, **ARGUMENTS)).fit(X, y)
    double = given is DoubleTensorType
    (Y,) = converted(model, given)
    expected = model.predict(X).reshape(len(X), n_targets)
    assert Y.shape == expected.shape
    np.testing.assert_allclose(Y, expected, rtol=1e-12 if double else 1e-5, atol=1e-12 if double else 1e-5)


@pytest.mark.parametrize(
    "arguments",
    [
        {"loss": "quantile", "quantile": [0.1, 0.5, 0.9]},
        {"loss": "quantile", "quantile": 0.2},
        {"loss": "gaussian_nll"},
        {"loss": "huber", "delta": 0.5},
    ],
)
def test_losses_of_our_own(arguments):
    for y in (SCORES[:, 0], SCORES[:, :2]):
        model = MLPRegressor(**ARGUMENTS, **arguments).fit(X, y)
        (Y,) = converted(model)
        np.testing.assert_allclose(Y, model.predict(X).reshape(len(X), -1), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("activation", ["logistic", "relu", "gelu", ["exp", "tanh"]])
def test_activations(activation):
    model = MLPClassifier(activation=activation, **ARGUMENTS).fit(X, K)
    labels, probabilities = converted(model)
    assert (labels == model.predict(X)).all()
    np.testing.assert_allclose(probabilities, model.predict_proba(X), atol=2e-6)


def test_options():
    model = MLPClassifier(**ARGUMENTS).fit(X, np.array(["a", "ö", "b"])[K])
    _, maps = converted(model, options={})
    assert maps[0].keys() == {"a", "ö", "b"}
    labels, *columns = converted(model, options={"zipmap": "columns"})
    np.testing.assert_allclose(np.stack(columns, axis=1), model.predict_proba(X), atol=2e-6)
    *_, classes = converted(model, options={"zipmap": False, "output_class_labels": True})
    assert classes.tolist() == ["a", "b", "ö"]
    labels, _ = converted(model, options={"zipmap": False, "nocl": True})
    assert (labels == model.predict_proba(X).argmax(1)).all()


def test_in_other_models():
    scaled = ColumnTransformer([("a", StandardScaler(), [0, 1]), ("b", MinMaxScaler(), [2, 3])])
    search = GridSearchCV(MLPClassifier(**ARGUMENTS), {"alpha": [1e-4, 1e-2]}, cv=2)
    model = make_pipeline(scaled, search).fit(X, K)
    labels, probabilities = converted(model, options={"zipmap": False})
    assert (labels == model.predict(X)).all()
    np.testing.assert_allclose(probabilities, model.predict_proba(X), atol=2e-6)


def test_whole_numbers_as_inputs():
    counts = RNG.integers(0, 5, (50, 3))
    model = MLPRegressor(**ARGUMENTS).fit(counts, counts.sum(1))
    (Y,) = converted(model, Int64TensorType, counts)
    np.testing.assert_allclose(Y[:, 0], model.predict(counts), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("target_opset", [13, 15, 18])
def test_older_operators(target_opset):
    model = make_pipeline(StandardScaler(), MLPClassifier(**ARGUMENTS)).fit(X, K)
    labels, _ = converted(model, target_opset=target_opset)
    assert (labels == model.predict(X)).all()


def test_the_model_is_valid():
    model = MLPClassifier(**ARGUMENTS).fit(X, (SCORES > 0).astype(int))
    proto = skl2onnx.to_onnx(model, X[:1].astype("f4"), options={"zipmap": False})
    onnx.checker.check_model(proto, full_check=True)
    label = proto.graph.output[0].type.tensor_type
    assert [dim.dim_value for dim in label.shape.dim] == [0, 3]


def test_classes_that_are_no_whole_numbers():
    model = MLPClassifier(**ARGUMENTS).fit(X, np.array(["0.5", "1", "2"])[K])
    model.classes_ = np.array([0.5, 1.0, 2.0])
    with pytest.raises(InputError, match="classes in ONNX must be whole numbers or text"):
        converted(model)
