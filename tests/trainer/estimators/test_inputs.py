"""Numbers too large for the dtype, labels of several kinds, sparse targets."""

import warnings

import numpy as np
import pytest
import sklearn.neural_network as theirs
from scipy import sparse
from tileprop.trainer import InputError, MLPClassifier, MLPRegressor

X = np.random.default_rng(0).normal(size=(40, 3))
VALUES, LABELS = X[:, 0], (X[:, 0] > 0).astype(int)
SEVERAL = np.stack([LABELS, 1 - LABELS, LABELS], axis=1)


@pytest.fixture(autouse=True)
def _few_epochs():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba"])
@pytest.mark.parametrize("convert", [np.asarray, sparse.csr_matrix, sparse.csr_array])
def test_too_large_for_float32_to_predict(method, convert):
    classifier = MLPClassifier(max_iter=2).fit(X.astype(np.float32), LABELS)
    with pytest.raises(InputError, match=r"X contains 1e\+39.* too large for float32"):
        getattr(classifier, method)(convert([[0.0, 1e39, 0.0]]))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("X", lambda given: given | {"X": 1e39 * X}),
        ("X", lambda given: given | {"X": sparse.csr_matrix(1e39 * X)}),
        ("y", lambda given: given | {"y": 1e39 * VALUES}),
        ("X_val", lambda given: given | {"X_val": 1e39 * X, "y_val": VALUES}),
        ("y_val", lambda given: given | {"X_val": X, "y_val": 1e39 * VALUES}),
        ("sample_weight", lambda given: given | {"sample_weight": np.full(40, 1e39)}),
    ],
)
def test_too_large_for_float32_to_fit(name, change):
    with pytest.raises(InputError, match=rf"^{name} contains .*, which is too large for float32"):
        MLPRegressor(max_iter=2, dtype="float32").fit(**change({"X": X, "y": VALUES}))


@pytest.mark.parametrize("class_weight", ["balanced", {0: 1.0, 1: 2.0}])
@pytest.mark.parametrize("wrong", [np.where(LABELS, np.nan, 1.0), VALUES, LABELS[:9], None])
def test_bad_labels_get_scikit_learns_messages_with_class_weights(class_weight, wrong):
    with pytest.raises(ValueError) as expected:
        theirs.MLPClassifier().fit(X, wrong)
    with pytest.raises(ValueError) as error:
        MLPClassifier(class_weight=class_weight).fit(X, wrong)
    assert str(error.value) == str(expected.value)


@pytest.mark.parametrize("class_weight", ["balanced", None])
@pytest.mark.parametrize(
    ("odd", "message"), [(None, r"holds None at \[3\]"), ("no", "holds words and other labels, 'no' and [01] ")]
)
def test_labels_that_cannot_be_sorted(class_weight, odd, message):
    mixed = LABELS.astype(object)
    mixed[3] = odd
    classifier = MLPClassifier(max_iter=2, class_weight=class_weight)
    for labels in (mixed, mixed.tolist()) if odd is None else (mixed,):
        with pytest.raises(InputError, match=f"^y {message}"):
            classifier.fit(X, labels)
    with pytest.raises(InputError, match=f"^y_val {message}"):
        classifier.fit(X, LABELS, X_val=X, y_val=mixed)
    classifier.fit(X, np.where(LABELS, "yes", "no").astype(object))


@pytest.mark.parametrize("early_stopping", [False, True])
def test_sparse_targets_are_taken(early_stopping):
    options = {"max_iter": 3, "random_state": 0, "early_stopping": early_stopping}
    for Estimator, T in ((MLPClassifier, SEVERAL), (MLPRegressor, X)):
        thin, dense = (
            Estimator(**options).fit(X, convert(T), X_val=X, y_val=convert(T)) for convert in (sparse.csr_matrix, np.asarray)
        )
        assert thin.network_.theta.tobytes() == dense.network_.theta.tobytes()
        assert thin.validation_loss_curve_ == dense.validation_loss_curve_
