"""Numbers and dates in text: their style, and what they are."""

import datetime

import pytest
from tileprop.trainer.tables.numbers import guess_date_format, guess_style, to_dates, to_numbers

pa = pytest.importorskip("pyarrow")
pytestmark = pytest.mark.plain


def texts(values):
    return pa.chunked_array([pa.array(values, pa.string())])


@pytest.mark.parametrize(
    ("values", "numbers"),
    [
        (["1", "-2.5", "+3", "4e2", ".5", "6."], [1, -2.5, 3, 400, 0.5, 6]),
        (["1,900,915", "2,000", "7"], [1900915, 2000, 7]),
        (["1,900,915.25", "12"], [1900915.25, 12]),
        (["151,0", "2", "-3,25"], [151, 2, -3.25]),
        (["1.900,5", "3"], [1900.5, 3]),
        (["1 900,5", "1\u00a0000", "2"], [1900.5, 1000, 2]),
        (["1'900.5", "2"], [1900.5, 2]),
        (["$14.50", "$1,000", "3"], [14.5, 1000, 3]),
        (["12 %", "3%"], [12, 3]),
        (["14,50 €", "3 €"], [14.5, 3]),
    ],
)
def test_numbers(values, numbers):
    style, share = guess_style(texts(values))
    assert share == 1.0
    found, unreadable = to_numbers(texts(values), style)
    assert found.to_pylist() == numbers
    assert unreadable == 0


@pytest.mark.parametrize("values", [["a", "b"], ["1,5", "2.5.3", "x"], ["2020-01-01"], []])
def test_no_numbers(values):
    assert guess_style(texts(values))[0] is None


def test_a_few_other_entries_are_missing():
    values = [str(i) for i in range(99)] + ["unknown"]
    style, share = guess_style(texts(values))
    assert share == 0.99
    found, unreadable = to_numbers(texts(values), style)
    assert unreadable == 1
    assert found.to_pylist() == [*range(99), None]


def test_a_style_may_be_told():
    style, _ = guess_style(texts(["1,500", "2,250"]))
    assert to_numbers(texts(["1,500"]), style)[0].to_pylist() == [1500]
    style, _ = guess_style(texts(["1,500", "2,250"]), decimal=",")
    assert to_numbers(texts(["1,500"]), style)[0].to_pylist() == [1.5]
    style, _ = guess_style(texts(["1_500", "20"]), thousands="_")
    assert to_numbers(texts(["1_500"]), style)[0].to_pylist() == [1500]


@pytest.mark.parametrize(
    ("values", "first"),
    [
        (["2020-12-31", "2021-01-01"], (2020, 12, 31, 0, 0)),
        (["31.12.2020", "1.2.2021"], (2020, 12, 31, 0, 0)),
        (["12/31/2020", "1/2/2021"], (2020, 12, 31, 0, 0)),
        (["1/2/2021", "31/12/2020"], (2021, 2, 1, 0, 0)),
        (["31/12/2020 10:30"], (2020, 12, 31, 10, 30)),
        (["5 Jan 2020"], (2020, 1, 5, 0, 0)),
        (["Jan 5, 2020"], (2020, 1, 5, 0, 0)),
    ],
)
def test_dates(values, first):
    style = guess_date_format(texts(values))
    found, unreadable = to_dates(texts(values), style)
    assert found.to_pylist()[0] == datetime.datetime(*first)
    assert unreadable == 0


@pytest.mark.parametrize("values", [["a"], ["1.5", "2.5"], ["31.12.2020", "soon"], ["12-34-56"], []])
def test_no_dates(values):
    assert guess_date_format(texts(values)) is None
