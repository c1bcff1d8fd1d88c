"""Tables as plain text and by rich, with whatever names users choose."""

import io
import sys

import pytest
from tileprop.trainer.runs.report import print_table

pytestmark = pytest.mark.plain


def test_plain(capsys):
    print_table("Title", [("a", "1.5"), ("long name", "22")], ("name", "value"))
    print_table("Other", [("key", "left"), ("k", "l")])
    assert capsys.readouterr().out == (
        "Title\n  name       value\n  a            1.5\n  long name     22\nOther\n  key  left\n  k    l\n"
    )


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_rich(monkeypatch):
    pytest.importorskip("rich")
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("TERM", "dumb")
    print_table("Title [red]", [("[bold]name[/bold]", "1.5"), ("x" * 200, "2")], ("name", "value"))
    text = sys.stdout.getvalue()
    assert "[bold]name[/bold]" in text
    assert "Title [red]" in text
    assert text.count("x") == 200  # folded, not cut


def test_a_terminal_without_rich(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setattr("tileprop.trainer.runs.report.available", lambda module: False)
    print_table("Title", [("a", "1")])
    assert sys.stdout.getvalue() == "Title\n  a  1\n"
