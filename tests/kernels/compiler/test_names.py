"""The private names of Numba: each is in the table of docs/numba.md, and a missing one is noticed."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from tileprop.kernels.compiler.jit import STOCK

ROOT = Path(__file__).parents[3]
PRIVATE = ROOT / "kernels" / "compiler" / "private"
TEXT = (ROOT / "docs" / "numba.md").read_text()
TABLE = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]*)`", TEXT))))


def imported() -> set[str]:
    """What the private way imports from Numba's inside."""
    files = [path for path in PRIVATE.glob("*.py") if path.name != "names.py"]
    nodes = [node for path in files for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
    return {alias.name for node in nodes if (node.module or "").startswith("numba.") for alias in node.names}


@pytest.mark.plain
def test_each_name_is_in_the_documentation():
    assert len(imported()) > 10
    assert imported() <= TABLE, imported() - TABLE


@pytest.mark.skipif(STOCK, reason="about the private way of compiling")
def test_each_attribute_is_looked_for(monkeypatch):
    from tileprop.kernels.compiler.private import names

    names.check_names()
    monkeypatch.setitem(names._ATTRIBUTES, names.compiler.CompileResult, "no_such_name")
    with pytest.raises(AttributeError, match="no_such_name"):
        names.check_names()
