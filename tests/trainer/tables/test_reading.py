"""Files with tables: what is read, and what is said about files that do not fit."""

import gzip
import io
import sys

import pytest
from tileprop.trainer import InputError, MissingExtraError
from tileprop.trainer.tables.dialects import ReadingOptions
from tileprop.trainer.tables.reading import as_table, is_table, kind_of, read_table

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")
pytestmark = pytest.mark.plain


@pytest.mark.parametrize(
    "content",
    [
        "a,b c,Größe\n1,2.5,x\n-3,4e2,y\n",
        "\ufeffa,b c,Größe\r\n1,2.5,x\r\n-3,4e2,y\r\n",
        "a;b c;Größe\n1;2.5;x\n-3;4e2;y",
        '"a","b c","Größe"\n"1","2.5","x"\n"-3","4e2","y"\n\n',
        "a\tb c\tGröße\n1\t 2.5 \tx\n-3\t400\ty\n",
        "a|b c|Größe|\n1|2.5|x|\n-3|4e2|y|\n",
        "Title\na;b c;Größe;;\n1;2.5;x;;\n-3;4e2;y;;\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
def test_csv(text_file, content, encoding):
    content = content.removeprefix("\ufeff") if encoding != "utf-8" else content
    table = read_table(text_file(content, encoding=encoding)).table
    assert table.column_names == ["a", "b c", "Größe"]
    assert table.to_pydict() == {"a": [1, -3], "b c": [2.5, 400.0], "Größe": ["x", "y"]}


@pytest.mark.parametrize("name", ["t.csv.gz", "t.txt.gz", "t.TSV.GZ"])
def test_compressed(text_file, name):
    assert read_table(text_file(gzip.compress(b"a\tb\n1\t2\n"), name)).table.to_pydict() == {"a": [1], "b": [2]}


@pytest.mark.parametrize("zipped", [False, True])
def test_standard_input(monkeypatch, zipped):
    content = b"a,b\n1,2\n"
    stream = io.TextIOWrapper(io.BytesIO(gzip.compress(content) if zipped else content))
    monkeypatch.setattr(sys, "stdin", stream)
    assert read_table(__import__("pathlib").Path("-")).table.to_pydict() == {"a": [1], "b": [2]}


def test_kinds_of_files(tmp_path):
    for name in ("a.csv", "a.TSV", "a.txt", "a.csv.gz", "a.parquet", "-", "a.b.csv"):
        assert is_table(tmp_path / name if name != "-" else __import__("pathlib").Path("-"))
    for name in ("a.npy", "a.gz", "a.parquet.gz", "csv", "a.csv.zip"):
        assert kind_of(tmp_path / name) is None


def test_text_stays_as_it_is(text_file):
    table = read_table(text_file('a,y\n1,NA\n,"None"\nNA,x\n')).table
    assert table.to_pydict() == {"a": [1, None, None], "y": ["NA", "None", "x"]}


def test_missing_entries_of_numbers(text_file):
    table = read_table(text_file('a,b\n1,?\n"",2\nNA,-\n3,""\n')).table
    assert table.to_pydict() == {"a": [1, None, None, 3], "b": [None, 2, None, None]}
    table = read_table(text_file("a\n1\n-9\n"), ReadingOptions(na=("-9",))).table
    assert table.to_pydict() == {"a": [1, None]}


def test_types_are_found_from_all_rows(text_file):
    table = read_table(text_file("a\n" + "1\n" * 800_000 + "1.5\n")).table  # longer than the blocks that pyarrow reads
    assert str(table.schema.field("a").type) == "double"


def test_later_rows_of_another_encoding(text_file):
    path = text_file(("a,b\n" + "1,e\n" * 100_000 + "1,é\n").encode("cp1252"))
    read = read_table(path)
    assert read.table.column("b")[-1].as_py() == "é"
    assert "cp1252" in read.notes[-1]


def test_a_row_longer_than_a_block(text_file):
    names = [f"x{i}".ljust(800, ".") for i in range(2_000)]
    table = read_table(text_file(",".join(names) + "\n" + ",".join(["1." + "5" * 800] * len(names)) + "\n")).table
    assert table.column_names == names
    assert table.num_rows == 1


def test_line_breaks_within_values(text_file):
    assert read_table(text_file('a,y\n1,"k\nl"\n2,m\n')).table.column("y").to_pylist() == ["k\nl", "m"]


def test_columns_without_a_name(text_file):
    read = read_table(text_file(",a,,\n0,1.5,,\n1,2.5,,\n"))
    assert read.table.column_names == ["column 1", "a"]
    assert any("2 empty column(s)" in note for note in read.notes)
    assert any("'column 1'" in note for note in read.notes)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "cannot be read: it is empty"),
        ("\n\n", "cannot be read: it is empty"),
        ("a,b\n", "holds no rows"),
        ("a,b,a\n1,2,3\n", "several columns of the same name: 'a'"),
        ("a,b\n1,2\n3\n", "Expected 2 columns, got 1: 3"),
    ],
)
def test_unreadable(text_file, content, message):
    with pytest.raises(InputError, match=f"data.csv.*{message}"):
        read_table(text_file(content))


def test_bytes_that_are_no_text(text_file):
    with pytest.raises(InputError, match=r"data.csv (is not text|cannot be read)"):
        read_table(text_file(bytes(range(256)) * 4))


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"PAR1" + b"\xff" * 40 + b"PAR1", lambda b: b""])
def test_damaged_parquet(tmp_path, damage):
    path = tmp_path / "data.parquet"
    parquet.write_table(pa.table({"a": list(range(1000))}), path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match=r"data.parquet cannot be read"):
        read_table(path)


def test_damaged_gzip(text_file):
    with pytest.raises(InputError, match="cannot be read"):
        read_table(text_file(gzip.compress(b"a,b\n1,2\n" * 1000)[:-20], "t.csv.gz"))
    with pytest.raises(InputError, match="cannot be read"):
        read_table(text_file("a,b\n1,2\n", "t.csv.gz"))


def test_the_index_of_pandas_is_no_column(tmp_path):
    pandas = pytest.importorskip("pandas")
    path = tmp_path / "data.parquet"
    frame = pandas.DataFrame({"patient": [7, 8], "a": [1, 2]})
    frame.set_index("patient").to_parquet(path)
    assert read_table(path).table.column_names == ["a"]
    frame.index = [5, 9]
    frame.to_parquet(path)
    assert read_table(path).table.column_names == ["patient", "a"]


def test_options_are_for_text(tmp_path):
    path = tmp_path / "data.parquet"
    parquet.write_table(pa.table({"a": [1]}), path)
    with pytest.raises(InputError, match=r"sep is given, but .* is not a text file"):
        read_table(path, ReadingOptions(sep=";"))


def test_missing_pyarrow(text_file, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"reading tables needs pyarrow: pip install 'tileprop\[tables\]'"):
        read_table(text_file("a\n1\n"))


def test_frames():
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    columns = {"a": [1, 2], "b": ["x", None]}
    wanted = {"a": [1, 2], "b": ["x", None]}
    for frame in (columns, pa.table(columns), pandas.DataFrame(columns), polars.DataFrame(columns)):
        assert as_table(frame).to_pydict() == wanted
    mixed = pandas.DataFrame({"a": [1, "x", None], 5: [1.5, float("nan"), 2.5]})
    assert as_table(mixed).to_pydict() == {"a": ["1", "x", None], "5": [1.5, None, 2.5]}
    with pytest.raises(InputError, match="X is int; it must be a table of pandas, polars or pyarrow"):
        as_table(3)
