"""TableRecipe in scikit-learn's pipelines and searches."""

import numpy as np
import pandas
import polars
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from tileprop.trainer import InputError, MLPClassifier, TableRecipe

GENERATOR = np.random.default_rng(0)
N = 120
FRAME = pandas.DataFrame(
    {
        "age": np.where(GENERATOR.random(N) < 0.2, np.nan, GENERATOR.normal(40, 10, N)),
        "sex": GENERATOR.choice(["f", "m"], N),
        "port": pandas.Categorical(GENERATOR.choice(["S", "C", "Q"], N)),
        "when": pandas.date_range("2020-01-01", periods=N),
        "id": np.arange(N),
        "odd": pandas.Series([1, "x", None, 2.5] * (N // 4), dtype=object),
    }
)
Y = (FRAME.sex == "f") ^ (GENERATOR.random(N) < 0.1)


def test_in_a_pipeline():
    pipeline = make_pipeline(
        TableRecipe(), MLPClassifier(max_iter=30, learning_rate_init=0.01, random_state=0, n_iter_no_change=100)
    )
    with pytest.warns(UserWarning, match="Maximum iterations"):
        pipeline.fit(FRAME, Y)
    assert pipeline.score(FRAME, Y) > 0.85
    shuffled = FRAME[FRAME.columns[::-1]]
    assert (pipeline.predict(shuffled) == pipeline.predict(FRAME)).all()


def test_in_a_search():
    pipeline = make_pipeline(TableRecipe(), LogisticRegression(max_iter=500))
    search = GridSearchCV(pipeline, {"tablerecipe__ignore": [[], ["sex"]]}, cv=3).fit(FRAME, Y)
    assert search.best_params_ == {"tablerecipe__ignore": []}


def test_names_and_report():
    recipe = TableRecipe(categorical=["id"], ignore=["when"]).fit(FRAME)
    names = recipe.get_feature_names_out()
    X = recipe.transform(FRAME)
    assert X.shape == (N, len(names))
    assert X.dtype == np.float64
    assert recipe.n_features_in_ == 6
    assert recipe.feature_names_in_.tolist() == list(FRAME.columns)
    assert {c.name: c.kind for c in recipe.report()} == {
        "age": "number", "sex": "category", "port": "category", "when": "ignored", "id": "category", "odd": "category",
    }  # fmt: skip
    assert X[:, names.tolist().index("sex=m")].tolist() == (FRAME.sex == "m").tolist()


def test_pandas_output_and_dtype():
    recipe = TableRecipe(dtype="float32", ignore=["odd"]).set_output(transform="pandas")
    frame = recipe.fit_transform(FRAME)
    assert frame.columns.tolist() == recipe.get_feature_names_out().tolist()
    assert frame["sex=m"].dtype == np.float32


def test_frames_of_others_and_arrays():
    some = FRAME[["age", "sex"]]
    expected = TableRecipe().fit_transform(some)
    np.testing.assert_array_equal(TableRecipe().fit_transform(polars.from_pandas(some)), expected)
    X = GENERATOR.normal(size=(30, 2))
    assert TableRecipe().fit(X).get_feature_names_out()[0] == "x0"


def test_what_does_not_fit():
    with pytest.raises(NotFittedError):
        TableRecipe().transform(FRAME)
    with pytest.raises(ValueError, match="'encode' parameter of TableRecipe"):
        TableRecipe(encode="no").fit(FRAME)
    with pytest.raises(InputError, match="ignore is 'agee', but there is no such column; did you mean 'age'"):
        TableRecipe(ignore=["agee"]).fit(FRAME)
    with pytest.raises(InputError, match="lacks 1 of the"):
        TableRecipe().fit(FRAME).transform(FRAME.drop(columns="age"))
    with pytest.raises(InputError, match="X is str; it must be a table"):
        TableRecipe().fit("frame")
    recipe = TableRecipe(ignore=["sex"])
    assert clone(recipe).get_params() == recipe.get_params()
