"""CSV and Parquet files: what is read, and what is said about files that do not fit."""

import io

import numpy as np
import pytest
from tileprop.trainer import InputError, MissingExtraError
from tileprop.trainer.data.tables import check_finite, feature_matrix, read_table, target_values, write_csv

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")
pytestmark = pytest.mark.plain


@pytest.fixture
def csv(tmp_path):
    def write(content, name="data.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(content.encode(encoding))
        return path

    return write


@pytest.mark.parametrize(
    "content",
    [
        "a,b c,Größe\n1,2.5,x\n-3,4e2,y\n",
        "\ufeffa,b c,Größe\r\n1,2.5,x\r\n-3,4e2,y\r\n",
        "a;b c;Größe\n1;2.5;x\n-3;4e2;y",
        '"a","b c","Größe"\n"1","2.5","x"\n"-3","4e2","y"\n\n',
        "a\tb c\tGröße\n1\t 2.5 \tx\n-3\t400\ty\n",
    ],
)
def test_csv(csv, content):
    path = csv(content)
    table = read_table(path)
    assert table.column_names == ["a", "b c", "Größe"]
    X = feature_matrix(table, ["b c", "a"], path)
    assert X.dtype == np.float64
    assert X.tolist() == [[2.5, 1.0], [400.0, -3.0]]
    assert target_values(table, "Größe", path).tolist() == ["x", "y"]


def test_tsv_takes_the_tab_alone(csv):
    assert read_table(csv("a,b\tc\n1\t2\n", "data.tsv")).column_names == ["a,b", "c"]


def test_types_are_found_from_all_rows(csv):
    path = csv("a\n" + "1\n" * 800_000 + "1.5\n")  # longer than the blocks that pyarrow reads
    assert feature_matrix(read_table(path), ["a"], path)[-1, 0] == 1.5


def test_line_breaks_within_values(csv):
    path = csv('a,y\n1,"k\nl"\n2,m\n')
    assert target_values(read_table(path), "y", path).tolist() == ["k\nl", "m"]


def test_parquet(tmp_path):
    path = tmp_path / "data.parquet"
    columns = {
        "f": pa.array([1.5, 2.5], pa.float32()),
        "u": pa.array([1, 255], pa.uint8()),
        "b": pa.array([True, False]),
        "d": pa.array([1.25, -2.5]).cast(pa.decimal128(6, 2)),
        "c": pa.array(["p", "q"]).dictionary_encode(),
        "__index_level_0__": pa.array([7, 8]),
    }
    parquet.write_table(pa.table(columns), path)
    table = read_table(path)
    assert table.column_names == ["f", "u", "b", "d", "c"]
    assert feature_matrix(table, list("fubd"), path).tolist() == [[1.5, 1.0, 1.0, 1.25], [2.5, 255.0, 0.0, -2.5]]
    assert target_values(table, "c", path).tolist() == ["p", "q"]
    assert target_values(table, "b", path).dtype == bool
    assert target_values(table, "d", path).tolist() == [1.25, -2.5]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "cannot be read: Empty CSV file"),
        ("\n\n", "cannot be read"),
        ("a,b\n", "holds no rows"),
        ("a,b,a\n1,2,3\n", "two columns named 'a'"),
        ("1.5,2,-7\n1,2,3\n", "begins with a line of numbers"),
        ("a,b\n1,2\n3\n", "Expected 2 columns, got 1: 3"),
    ],
)
def test_unreadable(csv, content, message):
    with pytest.raises(InputError, match=f"data.csv.*{message}"):
        read_table(csv(content))


def test_numbered_columns_are_a_header(csv):
    assert read_table(csv("0,1,2\n5,6,7\n")).column_names == ["0", "1", "2"]


@pytest.mark.parametrize(("content", "encoding"), [("ä,b\n1,2\n", "latin-1"), ("ab,b\n1,2\n", "utf-16")])
def test_other_encodings(csv, content, encoding):
    with pytest.raises(InputError, match=r"data.csv (is not UTF-8 text|cannot be read)"):
        read_table(csv(content, encoding=encoding))


def test_values_in_other_encodings(csv):
    path = csv("a,y\n1,é\n2,e\n", encoding="latin-1")
    with pytest.raises(InputError, match="'y' holds bytes that are not UTF-8 text"):
        target_values(read_table(path), "y", path)


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"PAR1" + b"\xff" * 40 + b"PAR1", lambda b: b""])
def test_damaged_parquet(tmp_path, damage):
    path = tmp_path / "data.parquet"
    parquet.write_table(pa.table({"a": list(range(1000))}), path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match=r"data.parquet cannot be read"):
        read_table(path)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (["1", "", "3"], "column 'a b' has missing, NaN or infinite entries in 1 of 3 rows, first in row 2"),
        (["nan", "2", "inf"], "in 2 of 3 rows, first in row 1"),
        (["1", "2", "-inf"], "in 1 of 3 rows, first in row 3"),
        (["1", "1e999", "2"], "in 1 of 3 rows, first in row 2"),
        (["", "", ""], "'a b' is empty in all 3 rows"),
        (["1", "unknown", "3"], "'a b' holds text \\('unknown' in row 2\\); encode it as numbers$"),
        (["2020-01-01"] * 3, "'a b' holds values of type date32"),
    ],
)
def test_bad_features(csv, column, message):
    path = csv("a b,c\n" + "".join(f"{value},0\n" for value in column))
    with pytest.raises(InputError, match=message):
        feature_matrix(read_table(path), ["c", "a b"], path)


def test_text_may_be_ignored_in_training(csv):
    path = csv("my city,y\nOslo,1\n")
    with pytest.raises(InputError, match=r"or leave it out with --ignore 'my city'$"):
        feature_matrix(read_table(path), ["my city"], path, can_ignore=True)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["x", "", "y"], "target column 'y' has missing, NaN or infinite entries in 1 of 3 rows, first in row 2"),
        (["x", "NA", "y"], "in 1 of 3 rows, first in row 2"),
        (["x", '""', "y"], "in 1 of 3 rows, first in row 2"),
        (["1", "", ""], "in 2 of 3 rows, first in row 2"),
        (["1.5", "inf", "nan"], "in 2 of 3 rows, first in row 2"),
        (["", "", ""], "in 3 of 3 rows"),
        (["10:30:00"] * 3, "'y' holds values of type time"),
    ],
)
def test_bad_targets(csv, values, message):
    path = csv("a,y\n" + "".join(f"0,{value}\n" for value in values))
    with pytest.raises(InputError, match=message):
        target_values(read_table(path), "y", path)


def test_nan_among_the_targets(tmp_path):
    path = tmp_path / "data.parquet"
    parquet.write_table(pa.table({"y": [1.5, float("nan"), None]}), path)
    with pytest.raises(InputError, match=r"target column 'y' has .* in 2 of 3 rows, first in row 2"):
        target_values(read_table(path), "y", path)


def test_quoted_missing_words_are_classes(csv):
    path = csv('a,y\n0,"NA"\n0,"null"\n')
    assert target_values(read_table(path), "y", path).tolist() == ["NA", "null"]


def test_check_finite_counts_columns():
    X = np.array([[1.0, np.nan, np.inf], [np.nan, 2.0, 3.0]])
    with pytest.raises(InputError, match=r"f: column 'a' \(and 2 more columns\) has .* 1 of 2 rows, first in row 2"):
        check_finite(X, "abc", "f")
    check_finite(np.ones((2, 3)), "abc", "f")


def test_write_csv_round_trip(tmp_path):
    columns = {"prediction": np.array(['a"b', "ü,\n"]), "probability_x": np.array([0.1, 1 / 3])}
    file = io.BytesIO()
    write_csv(columns, file)
    path = tmp_path / "out.csv"
    path.write_bytes(file.getvalue())
    table = read_table(path)
    assert table.column("prediction").to_pylist() == ['a"b', "ü,\n"]
    assert table.column("probability_x").to_pylist() == [0.1, 1 / 3]


def test_missing_pyarrow(csv, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"reading .csv files needs pyarrow: pip install 'tileprop\[tables\]'"):
        read_table(csv("a\n1\n"))
