"""Frames of pandas and polars: columns have names, which are kept, checked, and never change a result."""

import warnings

import joblib
import matplotlib
import numpy as np
import pandas
import polars
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.inspection import DecisionBoundaryDisplay
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tileprop.trainer import MLPClassifier, MLPRegressor

matplotlib.use("Agg")

# What is given with its names must not warn of names.
pytestmark = pytest.mark.filterwarnings("error::UserWarning")

ESTIMATORS = [MLPClassifier, MLPRegressor]
LIBRARIES = [pandas, polars]
NAMES = ["height", "width", "depth"]
RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
LABELS = np.where(X[:, 0] > 0, "yes", "no")
VALUES = X[:, 0] - X[:, 1]

both = pytest.mark.parametrize("Estimator", ESTIMATORS)
of_each_library = pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.__name__)


@pytest.fixture
def names_seen(library):
    """Skips where scikit-learn itself sees no names: before 1.9 it does not see those of polars from 2.0 on."""
    if not hasattr(StandardScaler().fit(library.DataFrame({"a": [0.0, 1.0]})), "feature_names_in_"):
        pytest.skip("scikit-learn does not see the names of this version of polars")


@pytest.fixture(autouse=True)
def short_fits():
    """Fits of a few epochs are meant to be."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def frame(library, values=X, names=NAMES):
    return library.DataFrame({name: values[:, column] for column, name in enumerate(names)})


def targets(Estimator):
    return LABELS if Estimator is MLPClassifier else VALUES


def make(Estimator, **arguments):
    return Estimator(**({"max_iter": 5, "random_state": 0, "hidden_layer_sizes": (6,)} | arguments))


@both
@of_each_library
@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_frame_is_its_rows(library, Estimator, early_stopping):
    y, weight = targets(Estimator), np.linspace(0.5, 2, len(X))
    plain = make(Estimator, early_stopping=early_stopping).fit(X, y, sample_weight=weight)
    named = make(Estimator, early_stopping=early_stopping)
    named.fit(frame(library), library.Series(y), sample_weight=library.Series(weight))
    assert named.n_features_in_ == 3
    assert named.network_.theta.tobytes() == plain.network_.theta.tobytes()
    predicted = named.predict(frame(library))
    assert isinstance(predicted, np.ndarray)
    np.testing.assert_array_equal(predicted, plain.predict(X))
    assert named.score(frame(library), library.Series(y)) == plain.score(X, y)
    if Estimator is MLPClassifier:
        np.testing.assert_array_equal(named.predict_proba(frame(library)), plain.predict_proba(X))


@both
@of_each_library
def test_names_are_kept_until_a_fit_without(library, Estimator, names_seen):
    estimator = make(Estimator).fit(frame(library), targets(Estimator))
    assert estimator.feature_names_in_.tolist() == NAMES
    assert not hasattr(estimator.fit(X, targets(Estimator)), "feature_names_in_")


@both
@of_each_library
def test_several_targets_may_be_a_frame(library, Estimator):
    Y = np.stack([VALUES, X[:, 2]], axis=1)
    Y = Y > 0 if Estimator is MLPClassifier else Y
    named = make(Estimator).fit(frame(library), frame(library, Y, ["a", "b"]))
    assert named.network_.theta.tobytes() == make(Estimator).fit(X, Y).network_.theta.tobytes()


@both
@of_each_library
@pytest.mark.parametrize("scoring", [None, "loss", "own"])
def test_validation_data_may_be_frames(library, Estimator, scoring):
    y = targets(Estimator)
    scoring = {"own": "accuracy" if Estimator is MLPClassifier else "r2"}.get(scoring, scoring)
    plain, named = (make(Estimator, early_stopping=True, scoring=scoring) for _ in range(2))
    plain.fit(X, y, X_val=X[:20], y_val=y[:20], sample_weight_val=np.ones(20))
    named.fit(
        frame(library),
        library.Series(y),
        X_val=frame(library, X[:20]),
        y_val=library.Series(y[:20]),
        sample_weight_val=library.Series(np.ones(20)),
    )
    assert named.validation_scores_ == plain.validation_scores_


@of_each_library
def test_words_numbers_and_truths_in_columns(library):
    """Whatever is a number counts as one; words do not."""
    mixed = library.DataFrame({"count": np.arange(60), "positive": VALUES > 0, "short": VALUES.astype(np.float32)})
    expected = np.stack([np.arange(60), VALUES > 0, VALUES.astype(np.float32)], axis=1)
    named = make(MLPRegressor).fit(mixed, VALUES)
    assert named.coefs_[0].dtype == np.float64
    assert named.network_.theta.tobytes() == make(MLPRegressor).fit(expected, VALUES).network_.theta.tobytes()
    with pytest.raises(ValueError, match="could not convert string to float"):
        make(MLPRegressor).fit(library.DataFrame({"word": LABELS}), VALUES)
    with pytest.raises(ValueError, match="Input X contains NaN"):
        make(MLPRegressor).fit(library.DataFrame({"gap": [None, *VALUES[1:]]}), VALUES)


@of_each_library
def test_classes_may_be_categories(library):
    y = library.Series(LABELS)
    y = y.astype("category") if library is pandas else y.cast(polars.Categorical)
    plain = make(MLPClassifier, class_weight={"yes": 2.0}).fit(X, LABELS)
    named = make(MLPClassifier, class_weight={"yes": 2.0}).fit(frame(library), y)
    assert named.classes_.tolist() == ["no", "yes"]
    assert named.network_.theta.tobytes() == plain.network_.theta.tobytes()


def test_nullable_columns_of_pandas():
    nullable = frame(pandas).astype("Float64")
    named = make(MLPClassifier).fit(nullable, pandas.Series(LABELS, dtype="string"))
    assert named.network_.theta.tobytes() == make(MLPClassifier).fit(X, LABELS).network_.theta.tobytes()
    np.testing.assert_array_equal(named.predict(nullable), named.predict(frame(pandas)))


@both
@of_each_library
def test_other_names_are_refused_and_missing_ones_warned_of(library, Estimator, names_seen):
    y = targets(Estimator)
    named, plain = make(Estimator, warm_start=True).fit(frame(library), y), make(Estimator).fit(X, y)
    renamed, reordered = frame(library, names=["height", "width", "other"]), frame(library, names=["width", "height", "depth"])
    for use in (
        named.predict,
        lambda rows: named.score(rows, y),
        lambda rows: named.fit(rows, y),
        lambda rows: named.fit(frame(library), y, X_val=rows, y_val=y),
    ):
        with pytest.raises(ValueError, match=r"feature names should match(.|\n)*unseen at fit time:\n- other"):
            use(renamed)
        with pytest.raises(ValueError, match="must be in the same order"):
            use(reordered)
    with pytest.warns(UserWarning, match=f"X does not have valid feature names, but {Estimator.__name__} was fitted with"):
        predicted = named.predict(X)
    with pytest.warns(UserWarning, match=f"X has feature names, but {Estimator.__name__} was fitted without"):
        np.testing.assert_array_equal(plain.predict(frame(library)), predicted)
    named.set_params(warm_start=False).fit(renamed, y)
    assert named.feature_names_in_.tolist() == ["height", "width", "other"]


@both
@of_each_library
def test_partial_fit_keeps_to_the_names(library, Estimator, names_seen):
    y = targets(Estimator)
    more = {"classes": ["no", "yes"]} if Estimator is MLPClassifier else {}
    pieces = make(Estimator).partial_fit(frame(library), y, **more).partial_fit(frame(library), y)
    assert pieces.feature_names_in_.tolist() == NAMES
    with pytest.raises(ValueError, match="feature names should match"):
        pieces.partial_fit(frame(library, names=["a", "b", "c"]), y)


@both
@of_each_library
def test_a_pipeline_hands_frames_on(library, Estimator, names_seen):
    """`set_output` is for transformers: ours has none, and takes what they make."""
    y = targets(Estimator)
    assert not hasattr(Estimator(), "set_output")
    plain, named = (make_pipeline(StandardScaler(), make(Estimator)) for _ in range(2))
    plain.fit(frame(library), y)
    named.set_output(transform=library.__name__).fit(frame(library), y)
    assert named[-1].feature_names_in_.tolist() == NAMES
    assert not hasattr(plain[-1], "feature_names_in_")
    np.testing.assert_array_equal(named.predict(frame(library)), plain.predict(frame(library)))


@both
@of_each_library
def test_names_are_dumped_along(library, Estimator, names_seen, tmp_path):
    named = make(Estimator).fit(frame(library), targets(Estimator))
    joblib.dump(named, tmp_path / "named")
    loaded = joblib.load(tmp_path / "named")
    assert loaded.feature_names_in_.tolist() == NAMES
    np.testing.assert_array_equal(loaded.predict(frame(library)), named.predict(frame(library)))


@both
@of_each_library
def test_cross_validation_and_search(library, Estimator):
    y = targets(Estimator)
    scores = cross_val_score(make(Estimator), frame(library), library.Series(y), cv=3)
    np.testing.assert_array_equal(scores, cross_val_score(make(Estimator), X, y, cv=3))
    grid = {"learning_rate_init": [1e-3, 1e-1]}
    named = GridSearchCV(make(Estimator), grid, cv=2).fit(frame(library), library.Series(y))
    plain = GridSearchCV(make(Estimator), grid, cv=2).fit(X, y)
    np.testing.assert_array_equal(named.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"])


def test_a_search_in_two_processes():
    """Frames are sent to them, and epochs made there by several threads."""
    grid = GridSearchCV(make(MLPClassifier, n_threads=2), {"solver": ["sgd", "adam"]}, cv=2)
    here = grid.fit(frame(polars), LABELS).cv_results_["mean_test_score"]
    there = grid.set_params(n_jobs=2).fit(frame(polars), LABELS).cv_results_["mean_test_score"]
    np.testing.assert_array_equal(there, here)


@both
@of_each_library
def test_decision_boundaries_are_named_after_the_columns(library, Estimator):
    pair = frame(library, X[:, :2], NAMES[:2])
    display = DecisionBoundaryDisplay.from_estimator(make(Estimator).fit(pair, targets(Estimator)), pair, grid_resolution=5)
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("height", "width")
    matplotlib.pyplot.close(display.figure_)
