import math

import pytest
from tileprop.trainer.runs.page import markup

pytestmark = pytest.mark.plain


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "\N{EN DASH}"),
        (math.nan, "\N{EN DASH}"),
        (math.inf, "∞"),
        (-math.inf, "\N{MINUS SIGN}∞"),
        (0.0, "0"),
        (0.123456, "0.1235"),
        (-3.5, "\N{MINUS SIGN}3.5"),
        (1234.56, "1235"),
        (123456.7, "123,457"),
        (1.5e13, "1.5e+13"),
        (2e-7, "2e-07"),
    ],
)
def test_numbers(value, written):
    assert markup.number(value) == written


def test_shares():
    assert (markup.share(1.0), markup.share(0.12345), markup.share(math.nan)) == ("1.000", "0.123", "\N{EN DASH}")


def test_texts_are_no_markup():
    assert markup.text("<b>\x00&\"'") == "&lt;b&gt;\\x00&amp;&quot;&#x27;"
    assert markup.cut("<" * 100, 5) == "&lt;" * 4 + "…"


def test_a_section_without_parts_is_nothing():
    assert markup.section("a", "A", ["", ""]) == ""
