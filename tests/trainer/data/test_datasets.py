"""Datasets by name and by file, and the errors about sources that do not fit."""

import numpy as np
import pytest
from tileprop.trainer import InputError, MissingExtraError
from tileprop.trainer.data.datasets import NAMES, load_dataset
from tileprop.trainer.tables.dialects import ReadingOptions
from tileprop.trainer.tables.kinds import ColumnChoices

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
    "plane": (500, 2, 0),
    "hills": (500, 2, 0),
    "wave": (500, 1, 0),
}


@pytest.mark.parametrize("name", NAMES)
def test_named(name):
    dataset = load_dataset(name)
    rows, features, classes = SHAPES[name]
    assert dataset.rows.shape == (rows, features)
    assert dataset.y.shape == (rows,)
    assert len(dataset.column_names) == features
    assert len(dataset.class_names) == classes
    assert dataset.task == ("classification" if classes else "regression")
    assert dataset.y.dtype == (np.int64 if classes else np.float64)


def test_named_classes_keep_their_names():
    iris = load_dataset("iris")
    assert iris.class_names == ("setosa", "versicolor", "virginica")
    assert iris.column_names[0] == "sepal length (cm)"


def test_generated_options():
    dataset = load_dataset("xor", n_samples=40, noise=0.0, seed=3)
    assert len(dataset.rows) == 40
    assert not np.array_equal(dataset.rows, load_dataset("xor", n_samples=40, noise=0.0, seed=4).rows)


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "houses.csv"
    path.write_text("rooms,city,price,zone\n" + "".join(f"{i},Oslo,{i * 1.5},{'abc'[i % 3]}\n" for i in range(12)))
    return path


def test_table(table):
    dataset = load_dataset(table, "price")
    assert (dataset.name, dataset.task, dataset.target_name) == ("houses", "regression", "price")
    assert dataset.column_names == ("rooms", "city", "zone")
    assert dataset.take(np.array([3, 1])).to_pydict() == {"rooms": [3, 1], "city": ["Oslo", "Oslo"], "zone": ["a", "b"]}
    assert dataset.y.tolist() == [i * 1.5 for i in range(12)]
    assert load_dataset(table, "zone").class_names == ("a", "b", "c")


def test_the_task_can_be_chosen(table):
    path = table.with_name("counts.csv")
    path.write_text("a,n\n" + "".join(f"{i},{i % 4}\n" for i in range(12)))
    assert load_dataset(path, "n").task == "classification"
    dataset = load_dataset(path, "n", task="regression")
    assert (dataset.task, dataset.class_names, dataset.y.dtype) == ("regression", (), np.float64)
    assert load_dataset("digits", task="regression").y.max() == 9.0


def write(table, text):
    table.write_text(text)
    return table


def test_rows_without_a_target_are_left_out(table):
    dataset = load_dataset(write(table, "a,y\n1,0.5\n2,NA\n3,\n4,1.5\n"), "y")
    assert dataset.y.tolist() == [0.5, 1.5]
    assert dataset.rows.to_pydict() == {"a": [1, 4]}
    assert dataset.notes == ("2 of 4 rows have no target, and are left out",)
    dataset = load_dataset(write(table, "a,y\n1,x\n2,NA\n3,None\n4,\n5,-\n"), "y")
    assert dataset.class_names == ("-", "None", "x")
    with pytest.raises(InputError, match="target column 'y' is empty in all 2 rows"):
        load_dataset(write(table, "a,y\n1,?\n2,\n"), "y", reading=ReadingOptions(na=("?",)))


def test_several_targets(table):
    text = "a,b,c,y\n" + "".join(f"{i},{'yes' if i % 2 else 'no'},{i // 5},{i * 0.5}\n" for i in range(10))
    dataset = load_dataset(write(table, text), "b,c")
    assert (dataset.task, dataset.target_names) == ("multilabel", ("b", "c"))
    assert dataset.class_names == ("no", "yes", "0", "1")
    assert dataset.y.tolist() == [[i % 2, i // 5] for i in range(10)]
    dataset = load_dataset(table, "a,y")
    assert (dataset.task, dataset.y.shape, dataset.class_names) == ("regression", (10, 2), ())
    with pytest.raises(InputError, match="column 1 has 10 values; each label needs exactly two"):
        load_dataset(table, "a,c", task="multilabel")
    assert load_dataset(write(table, '"a,b",c\n1.5,2\n2.5,3\n'), "a,b").target_names == ("a,b",)


def test_targets_that_look_like_classes_or_money(table):
    dataset = load_dataset(write(table, "a,y\n" + "1,0.0\n2,1.0\n" * 5), "y")
    assert dataset.task == "regression"
    assert "--task classification" in dataset.notes[-1]
    assert load_dataset(table, "y", task="classification").class_names == ("0", "1")
    write(table, "a,y\n" + "".join(f"{i},$1{i}.50\n" for i in range(5)))
    with pytest.raises(InputError, match=r"text that looks like money or percentages, such as '\$10.50'.*--numeric 'y'"):
        load_dataset(table, "y")
    assert load_dataset(table, "y", choices=ColumnChoices(numeric=("y",))).y.tolist() == [10.5, 11.5, 12.5, 13.5, 14.5]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["inf", "1.5", "2"], "holds infinite numbers, first in row 1"),
        (["10:30:00"] * 3, "holds values of type time"),
        (["2020-01-01"] * 3, "holds values of type date32"),
    ],
)
def test_bad_targets(table, values, message):
    with pytest.raises(InputError, match=f"target column 'y' {message}"):
        load_dataset(write(table, "a,y\n" + "".join(f"0,{value}\n" for value in values)), "y")


def test_fingerprints(table):
    dataset = load_dataset(table, "price")
    same = table.with_name("other name.csv")
    same.write_text(table.read_text().replace("\n", "\r\n"))
    assert load_dataset(same, "price").fingerprint() == dataset.fingerprint()
    for old, new in (("Oslo", "Rome"), ("rooms", "room"), ("1.5", "1.25")):
        same.write_text(table.read_text().replace(old, new, 1))
        assert load_dataset(same, "price").fingerprint() != dataset.fingerprint()


def test_arrays(tmp_path):
    X, T = np.arange(12.0).reshape(6, 2), np.arange(12.0).reshape(6, 2) ** 2
    np.savez(tmp_path / "data.npz", X=X, T=T)
    dataset = load_dataset(tmp_path / "data.npz")
    assert (dataset.task, dataset.y.shape, dataset.column_names) == ("regression", (6, 2), ("x0", "x1"))
    assert dataset.target_names == ("T0", "T1")
    np.savez(tmp_path / "data.npz", X=X, T=np.eye(2)[[0, 1, 1, 0, 1, 0]])
    assert load_dataset(tmp_path / "data.npz").y.tolist() == [0, 1, 1, 0, 1, 0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "say which column is the target, for example --target zone; it has 'rooms', 'city', 'price', 'zone'"),
        ({"target": "Price"}, "target is 'Price', but there is no such column; did you mean 'price'"),
        ({"target": "tax"}, "there is no such column; it has 'rooms'"),
        ({"target": "price", "choices": ColumnChoices(ignore=("citi",))}, "ignore is 'citi'.*did you mean 'city'"),
        ({"target": "price", "choices": ColumnChoices(ignore=("price",))}, "both the target and ignored"),
        ({"target": "price", "choices": ColumnChoices(ignore=("rooms", "city", "zone"))}, "no columns besides the target"),
        ({"target": "price,zone"}, "targets 'price', 'zone' are partly text and partly numbers"),
        ({"target": "zone,zone"}, "names a column twice"),
        ({"target": "zone", "choices": ColumnChoices(numeric=("rom",))}, "numeric is 'rom'.*did you mean 'rooms'"),
        ({"target": "city"}, "target 'city' has only the class 'Oslo'"),
        ({"target": "city", "task": "regression"}, "holds text; regression needs numbers"),
        ({"target": "price", "task": "classification"}, "holds fractions"),
        ({"target": "price", "n_samples": 5}, "n_samples is 5"),
    ],
)
def test_table_errors(table, arguments, message):
    with pytest.raises(InputError, match=message):
        load_dataset(table, **arguments)


def test_columns_without_a_name(table):
    table.write_text(",a,y\n0,1.5,2.5\n1,2.5,3.5\n")
    assert load_dataset(table, "y").column_names == ("column 1", "a")


@pytest.mark.parametrize(
    ("source", "arguments", "message"),
    [
        ("digts", {}, "'digts' is no dataset and no file; did you mean 'digits'"),
        ("nothing_like_it", {}, "is no dataset and no file; known are digits"),
        (".", {}, "'.' is a folder without Parquet or Arrow files"),
        ("iris", {"target": "y"}, "target is 'y', but 'iris' is no file; leave target out"),
        ("xor", {"choices": ColumnChoices(ignore=("x0",))}, "ignore is"),
        ("xor", {"reading": ReadingOptions(sep=";")}, "sep is ';', but 'xor' is no file"),
        ("iris", {"noise": 0.5}, "noise is 0.5, but 'iris' is not generated"),
        ("iris", {"task": "sorting"}, "task is 'sorting'; it must be one of classification, regression, multilabel"),
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
    assert load_dataset("xor").rows.shape == (500, 2)
    with pytest.raises(MissingExtraError, match=r"the dataset 'moons' needs scikit-learn: pip install 'tileprop\[sklearn\]'"):
        load_dataset("moons")
