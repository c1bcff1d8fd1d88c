"""Datasets by name and by file, and the errors about sources that do not fit."""

import numpy as np
import pytest
from tileprop.trainer import InputError, MissingExtraError
from tileprop.trainer.data.datasets import NAMES, load_dataset

pytest.importorskip("sklearn")
pytest.importorskip("pyarrow")
pytestmark = pytest.mark.plain

SHAPES = {
    "digits": (1797, 64, 10),
    "breast_cancer": (569, 30, 2),
    "wine": (178, 13, 3),
    "iris": (150, 4, 3),
    "diabetes": (442, 10, 0),
    "xor": (500, 2, 2),
    "moons": (500, 2, 2),
    "circles": (500, 2, 2),
    "spirals": (500, 2, 2),
}


@pytest.mark.parametrize("name", NAMES)
def test_named(name):
    dataset = load_dataset(name)
    rows, features, classes = SHAPES[name]
    assert dataset.X.shape == (rows, features)
    assert dataset.y.shape == (rows,)
    assert len(dataset.feature_names) == features
    assert len(dataset.class_names) == classes
    assert dataset.task == ("classification" if classes else "regression")
    assert dataset.y.dtype == (np.int64 if classes else np.float64)


def test_named_classes_keep_their_names():
    iris = load_dataset("iris")
    assert iris.class_names == ("setosa", "versicolor", "virginica")
    assert iris.feature_names[0] == "sepal length (cm)"


def test_generated_options():
    dataset = load_dataset("xor", n_samples=40, noise=0.0, seed=3)
    assert len(dataset.X) == 40
    assert not np.array_equal(dataset.X, load_dataset("xor", n_samples=40, noise=0.0, seed=4).X)


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "houses.csv"
    path.write_text("rooms,city,price,zone\n" + "".join(f"{i},Oslo,{i * 1.5},{'abc'[i % 3]}\n" for i in range(12)))
    return path


def test_table(table):
    dataset = load_dataset(table, "price", ignore=["city", "zone"])
    assert (dataset.name, dataset.task, dataset.target_name) == ("houses", "regression", "price")
    assert dataset.feature_names == ("rooms",)
    assert dataset.y.tolist() == [i * 1.5 for i in range(12)]
    assert load_dataset(table, "zone", ignore=["city"]).class_names == ("a", "b", "c")


def test_the_task_can_be_chosen(table):
    path = table.with_name("counts.csv")
    path.write_text("a,n\n" + "".join(f"{i},{i % 4}\n" for i in range(12)))
    assert load_dataset(path, "n").task == "classification"
    dataset = load_dataset(path, "n", task="regression")
    assert (dataset.task, dataset.class_names, dataset.y.dtype) == ("regression", (), np.float64)
    assert load_dataset("digits", task="regression").y.max() == 9.0


def test_arrays(tmp_path):
    X, T = np.arange(12.0).reshape(6, 2), np.arange(12.0).reshape(6, 2) ** 2
    np.savez(tmp_path / "data.npz", X=X, T=T)
    dataset = load_dataset(tmp_path / "data.npz")
    assert (dataset.task, dataset.y.shape, dataset.feature_names) == ("regression", (6, 2), ("x0", "x1"))
    np.savez(tmp_path / "data.npz", X=X, T=np.eye(2)[[0, 1, 1, 0, 1, 0]])
    assert load_dataset(tmp_path / "data.npz").y.tolist() == [0, 1, 1, 0, 1, 0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "say which column is the target, as in --target zone; it has 'rooms', 'city', 'price', 'zone'"),
        ({"target": "Price"}, "target is 'Price', and there is no such column; did you mean 'price'"),
        ({"target": "tax"}, "there is no such column; it has 'rooms'"),
        ({"target": "price", "ignore": ["citi"]}, "ignore is 'citi'.*did you mean 'city'"),
        ({"target": "price", "ignore": ["price"]}, "both the target and to be ignored"),
        ({"target": "price", "ignore": ["rooms", "city", "zone"]}, "no columns besides the target"),
        ({"target": "price"}, "'city' holds text .*--ignore city"),
        ({"target": "city", "ignore": ["zone"]}, "target 'city' has the single class 'Oslo'"),
        ({"target": "city", "ignore": ["zone"], "task": "regression"}, "holds text; regression needs numbers"),
        ({"target": "price", "task": "classification", "ignore": ["city", "zone"]}, "holds fractions"),
        ({"target": "price", "n_samples": 5}, "n_samples is 5"),
    ],
)
def test_table_errors(table, arguments, message):
    with pytest.raises(InputError, match=message):
        load_dataset(table, **arguments)


def test_columns_without_a_name(table):
    table.write_text(",a,y\n0,1.5,2.5\n1,2.5,3.5\n")
    with pytest.raises(InputError, match="column 1 has no name; name it, or leave it out with --ignore ''"):
        load_dataset(table, "y")
    assert load_dataset(table, "y", ignore=[""]).feature_names == ("a",)


@pytest.mark.parametrize(
    ("source", "arguments", "message"),
    [
        ("digts", {}, "'digts' is no dataset and no file; did you mean 'digits'"),
        ("nothing_like_it", {}, "is no dataset and no file; known are digits"),
        (".", {}, "'.' is a folder"),
        ("iris", {"target": "y"}, "target is 'y', but 'iris' is no file; leave target out"),
        ("xor", {"ignore": ["x0"]}, "ignore is"),
        ("iris", {"noise": 0.5}, "noise is 0.5, but 'iris' is not generated"),
        ("iris", {"task": "sorting"}, "task is 'sorting'; it must be classification or regression"),
        ("none.csv", {"target": "y"}, "there is no file none.csv"),
    ],
)
def test_errors(source, arguments, message):
    with pytest.raises(InputError, match=message):
        load_dataset(source, **arguments)


def test_a_near_file_is_named(table, monkeypatch):
    monkeypatch.chdir(table.parent)
    with pytest.raises(InputError, match=r"'houses.cvs' is no dataset and no file; did you mean 'houses.csv'\?"):
        load_dataset("houses.cvs")


def test_missing_scikit_learn(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sklearn.datasets", None)
    monkeypatch.setitem(__import__("sys").modules, "sklearn", None)
    assert load_dataset("xor").X.shape == (500, 2)
    with pytest.raises(MissingExtraError, match=r"the dataset 'moons' needs scikit-learn: pip install 'tileprop\[sklearn\]'"):
        load_dataset("moons")
