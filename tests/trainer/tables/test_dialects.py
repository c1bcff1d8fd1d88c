"""How a text file is read: what is guessed from its first lines, and what is said about it."""

import pytest
from tileprop.trainer import InputError
from tileprop.trainer.tables.dialects import ReadingOptions, guess_dialect

pytestmark = pytest.mark.plain


def guess(text, encoding="utf-8", **options):
    return guess_dialect(text.encode(encoding), True, ReadingOptions(**options))


@pytest.mark.parametrize(
    ("text", "separator"),
    [
        ("a,b\n1,2\n", ","),
        ("a;b\n1;2\n", ";"),
        ("a\tb\n1\t2\n", "\t"),
        ("a|b\n1|2\n", "|"),
        ("a b\n1 2\n", " "),
        ('"height, cm";z;y\n1;2;3\n', ";"),
        ('"a;b",c\n"1;2",3\n', ","),
        ("x;z;price\n1;2;1,5\n2;3;2,5\n", ";"),
        ("x;z;price\n1,5;2,5;3,5\n2,0;3,0;4,0\n", ";"),
        ("note\nsome words, and more\nnothing\n", ","),
        ("a\n1\n2\n", ","),
        ("sep=;\na;b\n1;2\n", ";"),
        ("a;y\n1;\n2;\n", ";"),
        ("SEP=|\na|b\n1|2\n", "|"),
    ],
)
def test_separator(text, separator):
    assert guess(text).separator == separator


def test_what_is_guessed_is_said():
    notes = " ".join(guess("Report\nx;price\n1;1,5\n").notes)
    assert "separated by semicolons" in notes
    assert "decimal comma" in notes
    assert "title row is skipped: 'Report'" in notes
    assert guess("x,price\n1,1.5\n").notes == ()
    assert guess("x;price\n1;1,5\n", sep=";", decimal=",").notes == ()


@pytest.mark.parametrize(
    ("text", "skipped"),
    [
        ("a,b\n1,2\n", 0),
        ("Sales 2020;;\na;b;c\n1;2;3\n", 1),
        ("Sales\nby month\na,b\n1,2\n", 2),
        ("Sales\n\na,b\n1,2\n", 1),
        ("sep=;\nSales\na;b\n1;2\n", 2),
        ("a\n1\n2\n", 0),
    ],
)
def test_title_rows(text, skipped):
    assert guess(text).skip_rows == skipped


def test_given_rows_are_skipped():
    dialect = guess("Sales\nby, month\na,b\n1,2\n", skip_rows=2)
    assert (dialect.skip_rows, dialect.names) == (2, None)


@pytest.mark.parametrize(
    ("text", "is_data"),
    [
        ("5.1,3.5,setosa\n4.9,3.0,setosa\n", True),
        ("1.5,2,-7\n1,2,3\n", True),
        ("5,NA,x\n6,1.5,y\n", True),
        ("3\n4\n", True),
        ("a,b\n1,2\n", False),
        ("0,1,2\n5,6,7\n", False),
        ("city,2019,2020,2021\nOslo,1,2,3\n", False),
        ("id,2019\n1,5\n", False),
        ("x,y\na,b\n", False),
        ("name,value\n", False),
    ],
)
def test_header(text, is_data):
    assert (guess(text).names is not None) == is_data


def test_columns_without_a_header_are_numbered():
    dialect = guess("5.1,3.5,setosa\n4.9,3.0,setosa\n")
    assert dialect.names == ("c1", "c2", "c3")
    assert "looks like data" in dialect.notes[0]
    assert guess("a,b\n1,2\n", header=False).names == ("c1", "c2")
    assert guess("1,2\n3,4\n", header=True).names is None


@pytest.mark.parametrize(
    ("text", "decimal"),
    [
        ("a;b\n1,5;2\n", ","),
        ("a;b\n1,5;2.5\n", "."),
        ("a;b\n1.500,5;2\n1,25;3\n", ","),
        ("a;b\n1,500;2\n", "."),
        ("a,b\n1.5,2\n", "."),
        ("a;b\nx;y\n", "."),
    ],
)
def test_decimal(text, decimal):
    assert guess(text).decimal == decimal


@pytest.mark.parametrize(
    ("raw", "encoding"),
    [
        ("a,ä\n1,2\n".encode(), "utf-8"),
        ("\ufeffa,ä\n1,2\n".encode(), "utf-8"),
        ("a,ä\n1,2\n".encode("utf-16"), "utf-16"),
        ("a,b\n1,2\n".encode("utf-16-le"), "utf-16-le"),
        ("a,b\n1,2\n".encode("utf-16-be"), "utf-16-be"),
        ("a,ä\n1,2\n".encode("cp1252"), "cp1252"),
    ],
)
def test_encoding(raw, encoding):
    dialect = guess_dialect(raw, True, ReadingOptions())
    assert dialect.encoding == encoding
    assert bool(dialect.notes) == (encoding != "utf-8")


def test_a_sample_may_end_within_a_letter():
    raw = "a,b\nä,ö\n".encode()
    assert guess_dialect(raw[:-2], False, ReadingOptions()).encoding == "utf-8"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sep": ";;"}, "sep is ';;'; it must be one character"),
        ({"decimal": "x"}, "decimal is 'x'"),
        ({"thousands": "1"}, "thousands is '1'"),
        ({"thousands": "."}, "both '.'"),
        ({"thousands": ",", "decimal": ","}, "both ','"),
        ({"skip_rows": -1}, "skip_rows is -1"),
        ({"encoding": "klingon"}, "encoding is 'klingon'"),
    ],
)
def test_options_that_cannot_be(options, message):
    with pytest.raises(InputError, match=message):
        ReadingOptions(**options)


def test_text_of_another_encoding_than_given():
    with pytest.raises(InputError, match="encoding is 'utf-8', but byte 3 is not valid in it"):
        guess_dialect("a,ä\n".encode("cp1252"), True, ReadingOptions(encoding="utf-8"))
