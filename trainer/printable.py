"""Text from elsewhere on a terminal: names of columns, classes, data sets and files may hold anything."""

from __future__ import annotations


def printable(text: str) -> str:
    """The same with an escape, as Python writes them, for each control character, which a terminal might obey."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
