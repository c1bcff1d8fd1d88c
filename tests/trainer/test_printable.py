"""Control characters from names are shown, and not obeyed."""

import pytest
from tileprop.trainer.printable import printable

pytestmark = pytest.mark.plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("größe 価格 a b", "größe 価格 a b"),
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\nb\tc\r\0\x7f\x9b", "a\\nb\\tc\\r\\x00\\x7f\\x9b"),
        ("evil\u202egnp.exe\u200b", "evil\\u202egnp.exe\\u200b"),
        ("no utf-8: \udcff", "no utf-8: \\udcff"),
        ("", ""),
    ],
)
def test_printable(text, shown):
    assert printable(text) == shown
    assert printable(shown) == shown
